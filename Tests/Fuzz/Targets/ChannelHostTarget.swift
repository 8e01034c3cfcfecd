import ISO7816
import Octets
import SecureChannel

/// The host believes a response that carries a right R-MAC, an error word that came alone, and nothing else.
enum ChannelHostTarget {
  static func run(_ input: [UInt8]) throws {
    guard input.count >= 3 else { return }
    let session = try FuzzSession(input[0])
    if input[0] & 0x80 != 0 { return try open(input, session.mode) }
    let wrapped = try session.host.wrap(CommandAPDU(cla: 0x80, ins: 0xE2, p1: 0x80, p2: 0x00, data: [1, 2, 3]))
    if session.level.contains(.commandMAC) {
      let body = Array(wrapped.data.dropLast(session.mode.octets))
      session.forger.advance(
        try session.forger.commandMAC([wrapped.cla, wrapped.ins, wrapped.p1, wrapped.p2], isExtended: false, body))
    }
    let status = StatusWord(input[1], input[2])
    let body = try session.body(input[3...], direction: 0x80)
    let mac = session.isForged ? try session.forger.responseMAC(body, status) : []
    let response = ResponseAPDU(data: body + mac, status: status)
    let expected = try expectation(of: response, body, in: session)
    do {
      let plain = try session.host.unwrap(response)
      try promise(plain.status == status && plain.data == expected, "only what is authentic is believed")
      try promise(session.host.isOpen, "what is authentic leaves the session open")
    } catch let error as SecureChannelError {
      try promise(expected == nil, "what is authentic is believed, not refused with \(error)")
      try promise(!session.host.isOpen, "what is not authentic ends the session")
    }
  }

  private static func expectation(
    of response: ResponseAPDU, _ body: [UInt8], in session: FuzzSession
  ) throws -> [UInt8]? {
    guard session.level.contains(.responseMAC) else { return response.data }
    guard response.status.carriesResponseMAC else { return response.data.isEmpty ? [] : nil }
    guard session.isForged else { return nil }
    return try session.forger.opened(
      body, isEncrypted: session.level.contains(.responseEncryption), direction: 0x80)
  }

  /// Octets from outside never open a session.
  private static func open(_ input: [UInt8], _ mode: SecureChannelMode) throws {
    var host = SecureChannelHost(
      engine: try Forger.makeEngine(), staticKeys: Forger.staticSlots, sessionKeys: Forger.sessionSlots, mode: mode,
      level: .full, keyVersion: 0, hostChallenge: Array(Forger.hostChallenge.prefix(mode.octets)))
    let response = ResponseAPDU(data: Array(input[3...]), status: StatusWord(input[1], input[2]))
    let authenticate = try? host.externalAuthenticate(after: response)
    try promise(authenticate == nil && !host.isOpen, "without the keys nobody opens a session")
  }
}
