import ISO7816
import Octets
import SecureChannel

/// The card executes what carries a right C-MAC and right padding, and nothing else, whoever made it.
enum ChannelCardTarget {
  static func run(_ input: [UInt8]) throws {
    guard input.count >= 5 else { return }
    let session = try FuzzSession(input[0])
    // 80 leaves the class to chance; without it, it is that of a secured command.
    let cla = input[0] & 0x80 == 0 ? 0x84 : input[1]
    let header = CommandHeader(
      cla: cla, ins: input[2], p1: input[3], p2: input[4], isExtended: session.isExtended)
    let body = try session.body(input[5...], direction: 0x00)
    let mac = try session.forger.commandMAC(
      [header.classByte.secured.onBasicChannel.rawValue, header.ins, header.p1, header.p2],
      isExtended: session.isExtended, body)
    let message = body + (session.isForged ? mac.prefix(session.mode.octets) : [])
    let expected = try expectation(of: header, body, in: session)

    let buffer = OctetBuffer(capacity: 65_600)
    try buffer.append(message.span.bytes)
    let plainHeader: CommandHeader
    do {
      plainHeader = try session.card.unwrap(header, data: buffer)
    } catch {
      return try promise(expected == nil, "what is authentic is taken, not refused with \(error)")
    }
    let plain = buffer.withBytes { $0.octets }
    try promise(plain == expected, "only what is authentic is taken, and as it was meant")
    try promise(plainHeader.classByte.secureMessaging == .none, "a plain command has a plain class")
    if session.level.contains(.commandMAC) { session.forger.advance(mac) }
    try answer(plain, input[3], session)
  }

  /// What the card must make of a command; `nil` when it must refuse.
  private static func expectation(
    of header: CommandHeader, _ body: [UInt8], in session: FuzzSession
  ) throws -> [UInt8]? {
    guard header.classByte.logicalChannel == 0 else { return nil }
    guard session.level.contains(.commandMAC) else {
      let message = header.classByte.secureMessaging
      guard message == .none else { return nil }
      return try sent(body, header, session)
    }
    guard header.classByte.isGlobalPlatformSecured, session.isForged else { return nil }
    return try session.forger.opened(
      body, isEncrypted: session.level.contains(.commandDecryption), direction: 0x00)
  }

  /// At level 00 all octets are the command's data, a MAC among them too.
  private static func sent(
    _ body: [UInt8], _ header: CommandHeader, _ session: FuzzSession
  ) throws -> [UInt8] {
    guard session.isForged else { return body }
    let mac = try session.forger.commandMAC(
      [header.classByte.secured.onBasicChannel.rawValue, header.ins, header.p1, header.p2],
      isExtended: session.isExtended, body)
    return body + mac.prefix(session.mode.octets)
  }

  /// The response is protected just as the level says.
  private static func answer(_ data: [UInt8], _ choice: UInt8, _ session: FuzzSession) throws {
    let status: StatusWord = choice & 1 == 0 ? .ok : .conditionsNotSatisfied
    let buffer = OctetBuffer(capacity: 65_700)
    try buffer.append(data.span.bytes)
    try session.card.wrap(buffer, status: status)
    let sent = buffer.withBytes { $0.octets }
    guard session.level.contains(.responseMAC) else {
      return try promise(sent == data, "without R-MAC a response goes as it is")
    }
    guard status.carriesResponseMAC else { return try promise(sent.isEmpty, "an error word goes alone") }
    let body = Array(sent.dropLast(session.mode.octets))
    try promise(
      Array(sent.suffix(session.mode.octets)) == session.forger.responseMAC(body, status), "the R-MAC is right")
    let opened = try session.forger.opened(
      body, isEncrypted: session.level.contains(.responseEncryption), direction: 0x80)
    try promise(opened == data, "a response says what the card said")
  }
}
