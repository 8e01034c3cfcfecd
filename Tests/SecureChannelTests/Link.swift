import Cryptography
import ISO7816
import Octets
import SecureChannel

/// A random source that gives the same octets every time: the card's challenge in a published session.
final class FixedRandom: RandomSource {
  private let octets: [UInt8]

  init(_ octets: [UInt8]) { self.octets = octets }

  func fill(_ buffer: UnsafeMutableRawBufferPointer) {
    for index in 0..<buffer.count { buffer[index] = octets[index % octets.count] }
  }
}

/// A key set in the clear, as tests have it.
struct KeySet: Sendable {
  static let staticSlots = StaticKeySlots(
    enc: KeySlot(rawValue: 1), mac: KeySlot(rawValue: 2), dek: KeySlot(rawValue: 3))
  static let sessionSlots = SessionKeySlots(
    enc: KeySlot(rawValue: 4), mac: KeySlot(rawValue: 5), rmac: KeySlot(rawValue: 6))

  var enc: [UInt8]
  var mac: [UInt8]
  var dek: [UInt8]

  init(enc: [UInt8], mac: [UInt8], dek: [UInt8]) {
    self.enc = enc
    self.mac = mac
    self.dek = dek
  }

  /// Keys of `octets` octets that count up from 00, 40 and 80.
  init(octets: Int) {
    func key(_ start: UInt8) -> [UInt8] { (0..<octets).map { start + UInt8($0) } }
    self.init(enc: key(0x00), mac: key(0x40), dek: key(0x80))
  }

  func load(into engine: OpenSSLEngine) throws {
    try engine.load(enc.span.bytes, into: Self.staticSlots.enc)
    try engine.load(mac.span.bytes, into: Self.staticSlots.mac)
    try engine.load(dek.span.bytes, into: Self.staticSlots.dek)
  }
}

/// The least firmware around a ``SecureChannelCard``: octets in, octets out.
final class TestCard {
  let engine: OpenSSLEngine
  var channel: SecureChannelCard
  /// What the application does with a plain command.
  var application: (CommandHeader, [UInt8]) -> ResponseAPDU = { _, data in ResponseAPDU(data: data, status: .ok) }
  /// The plain commands that reached the application.
  private(set) var executed: [CommandAPDU] = []
  /// Set for a pseudo-random challenge.
  var sequenceCounter: (value: UInt32, applicationID: [UInt8])?
  var diversificationData = [UInt8](repeating: 0, count: 10)
  var keyVersion: UInt8 = 0x30
  private let command = OctetBuffer(capacity: 70_000)
  private let response = OctetBuffer(capacity: 70_000)

  init(_ keys: KeySet, random: any RandomSource = SeededRandom(seed: 30)) throws {
    engine = OpenSSLEngine(random: random)
    try keys.load(into: engine)
    channel = SecureChannelCard(
      engine: engine, staticKeys: KeySet.staticSlots, sessionKeys: KeySet.sessionSlots)
  }

  /// What PUT KEY does to a key it receives.
  func decryptSensitiveData(_ data: [UInt8]) throws -> [UInt8] {
    var data = data
    var span = data.mutableSpan
    var bytes = span.mutableBytes
    try channel.decryptSensitiveData(&bytes)
    return data
  }

  func transmit(_ octets: [UInt8]) -> [UInt8] {
    response.removeAll()
    var status = StatusWord.ok
    do throws(StatusWord) { status = try process(octets) } catch {
      response.removeAll()
      status = error
    }
    return response.withBytes { $0.octets } + [status.sw1, status.sw2]
  }

  private func process(_ octets: [UInt8]) throws(StatusWord) -> StatusWord {
    let view = try CommandView(octets.span.bytes)
    let header = view.header
    guard header.classByte.isValid else { throw .classNotSupported }
    switch (header.ins, header.classByte.isProprietary) {
    case (0x50, true):
      try initializeUpdate(header, view.data)
      return .ok
    case (0x82, true):
      try channel.externalAuthenticate(header, data: view.data)
      return .ok
    default:
      return try execute(header, view.data)
    }
  }

  private func initializeUpdate(_ header: CommandHeader, _ challenge: RawSpan) throws(StatusWord) {
    let diversificationData = diversificationData
    guard let counter = sequenceCounter else {
      return try channel.initializeUpdate(
        header, hostChallenge: challenge, keyVersion: keyVersion,
        diversificationData: diversificationData.span.bytes, into: response)
    }
    let applicationID = counter.applicationID
    try channel.initializeUpdate(
      header, hostChallenge: challenge, keyVersion: keyVersion, diversificationData: diversificationData.span.bytes,
      sequenceCounter: counter.value, applicationID: applicationID.span.bytes, into: response)
  }

  private func execute(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) -> StatusWord {
    command.removeAll()
    do throws(OctetError) {
      // As if the header lay before the data in the same buffer.
      try command.append(repeating: 0xEE, count: 7)
      try command.append(data)
    } catch { throw .wrongLength }
    let plain = try channel.unwrap(header, data: command, from: 7)
    let body = command.withBytes { $0.extracting(7..<$0.byteCount).octets }
    executed.append(
      CommandAPDU(cla: plain.cla, ins: plain.ins, p1: plain.p1, p2: plain.p2, data: body, le: plain.le))
    let answer = application(plain, body)
    let answerData = answer.data
    do throws(OctetError) { try response.append(answerData.span.bytes) } catch { throw .wrongLength }
    try channel.wrap(response, status: answer.status)
    return answer.status
  }
}

/// A host and a card that share a key set, and the way between them.
final class Link {
  let card: TestCard
  let engine: OpenSSLEngine
  var host: SecureChannelHost

  init(
    _ keys: KeySet, _ mode: SecureChannelMode, _ level: SecurityLevel, keyVersion: UInt8 = 0x30, channel: UInt8 = 0,
    hostChallenge: [UInt8]? = nil, cardRandom: any RandomSource = SeededRandom(seed: 30)
  ) throws {
    card = try TestCard(keys, random: cardRandom)
    engine = OpenSSLEngine(random: SeededRandom(seed: 31))
    try keys.load(into: engine)
    host = SecureChannelHost(
      engine: engine, staticKeys: KeySet.staticSlots, sessionKeys: KeySet.sessionSlots, mode: mode, level: level,
      keyVersion: keyVersion, hostChallenge: hostChallenge ?? (0..<mode.octets).map { UInt8($0) }, channel: channel)
  }

  /// Both ends, already open.
  static func opened(
    octets: Int = 16, _ mode: SecureChannelMode = .s8, _ level: SecurityLevel = .full
  ) throws -> Link {
    let link = try Link(KeySet(octets: octets), mode, level)
    try link.open()
    return link
  }

  func transmit(_ command: CommandAPDU) throws -> ResponseAPDU {
    let octets = card.transmit(try command.encoded())
    return try ResponseAPDU(parsing: octets.span.bytes)
  }

  func open() throws {
    let authenticate = try host.externalAuthenticate(after: try transmit(host.initializeUpdate()))
    try host.confirm(try transmit(authenticate))
  }

  func exchange(_ command: CommandAPDU) throws -> ResponseAPDU {
    try host.unwrap(try transmit(try host.wrap(command)))
  }

  var hostIsOpen: Bool { host.isOpen }

  var cardIsOpen: Bool { card.channel.isOpen }

  var cardLevel: SecurityLevel? { card.channel.level }

  /// What the host makes of `response` to a command of its own that never went anywhere else.
  func hostReceives(_ response: ResponseAPDU) throws -> ResponseAPDU {
    _ = try host.wrap(CommandAPDU(cla: 0x80, ins: 0xE2))
    return try host.unwrap(response)
  }

  /// Whether an ordinary exchange still goes through.
  var isAlive: Bool {
    let command = CommandAPDU(cla: 0x80, ins: 0x10, data: [1, 2, 3], le: 256)
    return (try? exchange(command)) == ResponseAPDU(data: [1, 2, 3], status: .ok)
  }
}
