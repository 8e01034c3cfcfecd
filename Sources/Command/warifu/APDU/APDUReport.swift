import CardDriver
import ISO7816
import Octets

/// What was sent and answered, without secrets.
struct APDUReport: Report {
  struct Exchange: Encodable {
    let command: String
    let name: String
    let data: String?
    let status: String
    let meaning: String
    let isDone: Bool

    init(_ command: CommandAPDU, _ response: ResponseAPDU, reveal: Bool) {
      let schema = command.schema
      name = schema.name
      let head = Hex.encode([command.cla, command.ins, command.p1, command.p2])
      let length = command.data.count
      let body = schema.carriesSecret ? "(\(Words.count(length, "octet")) hidden)" : Hex.encode(command.data)
      self.command = length == 0 ? head : "\(head) \(body)"
      let isHidden = schema.answersSecret && !reveal && !response.data.isEmpty
      data = isHidden ? nil : Hex.encode(response.data)
      status = Hex.encode([response.status.sw1, response.status.sw2])
      meaning = String(response.status.meaning.dropFirst(status.count + 2))
      isDone = response.status == .ok || response.status.sw1 == 0x62 || response.status == StatusWord(0x63, 0x10)
    }

    /// An exchange as it went over the line; what is no APDU is hidden.
    init(command: [UInt8], response: [UInt8], reveal: Bool) {
      if let command = try? CommandAPDU(parsing: command.span.bytes),
        let response = try? ResponseAPDU(parsing: response.span.bytes)
      {
        self.init(command, response, reveal: reveal)
      } else {
        self.init(hidden: command.count, status: Hex.encode(response.suffix(2)))
      }
    }

    private init(hidden count: Int, status: String) {
      (command, name, data) = ("(\(Words.count(count, "octet")) hidden)", "no APDU", nil)
      (self.status, meaning, isDone) = (status, "", false)
    }

    /// The exchange in lines for people.
    var text: String {
      let answer =
        switch data {
        case .none: "  (hidden; --reveal shows it)\n"
        case .some(""): ""
        case .some(let digits): APDUReport.wrapped(digits)
        }
      return "> \(name)\n" + APDUReport.wrapped(command) + "< \(status) \(meaning)\n" + answer
    }
  }

  let exchanges: [Exchange]

  var text: String { exchanges.map(\.text).joined() }

  /// Digits in lines of at most 72 columns.
  static func wrapped(_ text: String) -> String {
    var rest = Substring(text)
    var lines = ""
    while !rest.isEmpty {
      lines += "  \(rest.prefix(70))\n"
      rest = rest.dropFirst(70)
    }
    return lines
  }
}
