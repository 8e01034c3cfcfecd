import CardDriver
import CardProtocol
import ISO7816
import Identifiers
import Octets

/// What a verb would do to a card, as `--dry-run` tells it: commands without their bodies, and what they would cost.
struct CardPlan: Report {
  /// One command on its way to the card.
  struct Step: Encodable {
    /// Its name in its standard, as traces tell it.
    let name: String
    /// CLA INS P1 P2, before any secure channel changes CLA.
    let header: String
    /// Octets of plain data. Never the data: there may be secrets in it.
    let octets: Int
    /// Whether it goes through the secure channel of card and centre.
    let isSecured: Bool
    /// How often it is sent.
    let times: Int
  }

  /// What is used up if all goes well, and what a wrong secret would take.
  struct Cost: Encodable {
    /// Codes that are charged.
    var codes = 0
    /// What is billed for them.
    var money: String?
    /// Tries of the PIN that a wrong PIN takes, of those that are left.
    var pinTries = 0, pinTriesLeft: Int?
    /// The same of the PUK.
    var pukTries = 0, pukTriesLeft: Int?
  }

  let dryRun = true
  let card: String
  let action: String
  let commands: [Step]
  let cost: Cost

  /// A plan.
  init(_ serial: CardSerial, _ action: String, _ commands: [Step], cost: Cost = Cost()) {
    card = serial.description
    self.action = action
    self.commands = commands
    self.cost = cost
  }

  var text: String {
    let table = Columns.table(
      ["COMMAND", "HEADER", "DATA", "TIMES"],
      commands.map { step in
        [
          step.name, step.header,
          step.octets == 0 ? "none" : Words.count(step.octets, "octet"), "\(step.times)",
        ]
      })
    return Columns.fields([("Card", card), ("Would", action), ("Cost", cost.text)]) + table + "Nothing was changed.\n"
  }
}

extension CardPlan.Cost {
  var text: String {
    var parts: [String] = []
    if codes > 0 { parts.append(Words.count(codes, "code")) }
    if let money { parts.append(money) }
    for (name, tries, left) in [("PIN", pinTries, pinTriesLeft), ("PUK", pukTries, pukTriesLeft)] where tries > 0 {
      let rest = left.map { " of the \($0) left" } ?? ""
      parts.append("\(tries)\(rest) if the \(name) is wrong")
    }
    return parts.isEmpty ? "nothing" : parts.joined(separator: ", ")
  }
}

extension CardPlan.Step {
  /// A command as it would be sent.
  init(_ command: CommandAPDU, secured: Bool = false, times: Int = 1) {
    name = command.schema.name + (secured ? " (secured)" : "")
    header = Hex.encode([command.cla, command.ins, command.p1, command.p2])
    octets = command.data.count
    isSecured = secured
    self.times = times
  }

  /// Selecting the application, in clear.
  static let select = CardPlan.Step(.select(applicationID: CardProtocol.applicationID))

  /// What opens the channel between centre and card, and has the card say who it is.
  static let channel: [CardPlan.Step] = [
    .select, CardPlan.Step(.getData(.cardRecognitionData)),
    CardPlan.Step(
      CommandAPDU(
        cla: 0x80, ins: Instruction.initializeUpdate.rawValue, p1: KeyVersion.individualSet,
        data: [UInt8](repeating: 0, count: 8), le: 256)),
    CardPlan.Step(
      CommandAPDU(
        cla: 0x84, ins: Instruction.externalAuthenticate.rawValue, p1: 0x33, data: [UInt8](repeating: 0, count: 16))),
    CardPlan.Step(.getData(.applicationStatus), secured: true),
  ]

  /// STORE DATA of so many octets of objects, inside the channel.
  static func store(octets: Int) -> CardPlan.Step {
    let block = 239
    return CardPlan.Step(
      .storeData(block: [UInt8](repeating: 0, count: min(octets, block)), number: 0, isLast: octets <= block),
      secured: true, times: max(1, (octets + block - 1) / block))
  }

  /// PUT KEY of `count` AES keys of `octets` octets, inside the channel.
  static func putKey(version: UInt8, count: Int = 1, octets: Int = 32) -> CardPlan.Step {
    let key = CommandAPDU.EncryptedKey(
      keyOctets: UInt8(clamping: octets), ciphertext: [UInt8](repeating: 0, count: (octets + 15) / 16 * 16),
      checkValue: [0, 0, 0])
    return CardPlan.Step(
      .putKey(version: version, [CommandAPDU.EncryptedKey](repeating: key, count: count)), secured: true)
  }

  /// The place of a PIN or PUK in a command.
  static let reference = [UInt8](repeating: 0xFF, count: CardProtocol.pinOctets)

  /// VERIFY of the PIN.
  static let verify = CardPlan.Step(.verify(.pin, value: reference))
}
