import ISO7816
import Octets

/// Both readers of a command agree, and what they read is written back the same.
enum APDUTarget {
  static func run(_ input: [UInt8]) throws {
    try command(input)
    guard let response = try? ResponseAPDU(parsing: input.span.bytes) else {
      return try promise(input.count < 2, "two octets are a response")
    }
    try promise(response.encoded == input, "a response is written back as it was")
  }

  private static func command(_ input: [UInt8]) throws {
    let parsed = try? CommandAPDU(parsing: input.span.bytes)
    do {
      let view = try CommandView(input.span.bytes)
      let data = view.data.octets
      let seen = CommandAPDU(cla: view.cla, ins: view.ins, p1: view.p1, p2: view.p2, data: data, le: view.le)
      try promise(parsed == seen, "firmware and host read a command alike")
    } catch let status as StatusWord {
      try promise(status == .wrongLength && parsed == nil, "what one refuses, the other refuses")
    }
    guard let parsed else { return }
    let octets = try parsed.encoded()
    try promise(try CommandAPDU(parsing: octets.span.bytes) == parsed, "a command is read back as it was written")
    try promise(octets.count <= input.count, "a command is written in its shortest form")
  }
}
