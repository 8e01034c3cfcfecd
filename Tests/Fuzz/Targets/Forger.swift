import Cryptography
import ISO7816
import Octets
import SecureChannel

/// Somebody who knows a session's keys, and so gets past its MACs with messages that no honest end would send.
///
/// Also a second opinion: it computes what Amendment D, 6.2 says with nothing but the engine's primitives.
struct Forger {
  static let staticSlots = StaticKeySlots(
    enc: KeySlot(rawValue: 1), mac: KeySlot(rawValue: 2), dek: KeySlot(rawValue: 3))
  static let sessionSlots = SessionKeySlots(
    enc: KeySlot(rawValue: 4), mac: KeySlot(rawValue: 5), rmac: KeySlot(rawValue: 6))
  static let hostChallenge: [UInt8] = (0..<16).map { 0xA0 | $0 }

  private let engine: OpenSSLEngine
  private let mode: SecureChannelMode
  /// The MAC chaining value: the whole C-MAC of the command before.
  private var chaining = [UInt8](repeating: 0, count: 16)

  /// An engine that holds the key set of every session here.
  static func makeEngine() throws -> OpenSSLEngine {
    let engine = OpenSSLEngine(random: SeededRandom(seed: 1))
    for (start, slot) in [(0x00, staticSlots.enc), (0x40, staticSlots.mac), (0x80, staticSlots.dek)] {
      let key = (0..<16).map { UInt8(start + $0) }
      try engine.load(key.span.bytes, into: slot)
    }
    return engine
  }

  /// The session that `authenticate`, an honest EXTERNAL AUTHENTICATE, opens.
  init(_ mode: SecureChannelMode, cardChallenge: [UInt8], authenticate: CommandAPDU) throws {
    engine = try Forger.makeEngine()
    self.mode = mode
    let context = Array(Forger.hostChallenge.prefix(mode.octets)) + cardChallenge
    for (constant, source, target) in [
      (UInt8(0x04), Forger.staticSlots.enc, Forger.sessionSlots.enc),
      (0x06, Forger.staticSlots.mac, Forger.sessionSlots.mac),
      (0x07, Forger.staticSlots.mac, Forger.sessionSlots.rmac),
    ] {
      // Label ‖ 00 ‖ L = 128 bits; the engine adds the counter (Amendment D, 4.1.5).
      let prefix = [UInt8](repeating: 0, count: 11) + [constant, 0x00, 0x00, 0x80]
      try engine.derive(
        source, prefix: prefix.span.bytes, counterOctets: 1, suffix: context.span.bytes, length: 16, into: target)
    }
    let cryptogram = Array(authenticate.data.prefix(mode.octets))
    let mac = try commandMAC(
      [authenticate.cla, authenticate.ins, authenticate.p1, authenticate.p2], isExtended: false, cryptogram)
    guard Array(authenticate.data.dropFirst(mode.octets)) == Array(mac.prefix(mode.octets)) else {
      throw FuzzFinding(description: "the C-MAC of EXTERNAL AUTHENTICATE is the standard's")
    }
    chaining = mac
  }

  /// Remembers the last command's C-MAC.
  mutating func advance(_ mac: [UInt8]) { chaining = mac }

  /// All 16 octets of a C-MAC.
  func commandMAC(_ header: [UInt8], isExtended: Bool, _ data: [UInt8]) throws -> [UInt8] {
    let length = data.count + mode.octets
    let low = UInt8(truncatingIfNeeded: length)
    let lengthField = isExtended ? [0, UInt8(truncatingIfNeeded: length >> 8), low] : [low]
    return try cmac(Forger.sessionSlots.mac, chaining + header + lengthField, data)
  }

  /// An R-MAC as it travels.
  func responseMAC(_ data: [UInt8], _ status: StatusWord) throws -> [UInt8] {
    Array(try cmac(Forger.sessionSlots.rmac, chaining + data, [status.sw1, status.sw2]).prefix(mode.octets))
  }

  /// Whole blocks under S-ENC as the session's first command (`direction` 00) or its response (80).
  func encrypted(_ blocks: [UInt8], direction: UInt8) throws -> [UInt8] {
    try transformed(blocks, direction) { (bytes, iv) throws(CryptoError) in
      try engine.encryptCBC(Forger.sessionSlots.enc, iv: iv, &bytes)
    }
  }

  /// What the other end must find inside an authentic `body`; `nil` when it must refuse it.
  func opened(_ body: [UInt8], isEncrypted: Bool, direction: UInt8) throws -> [UInt8]? {
    guard isEncrypted, !body.isEmpty else { return body }
    guard body.count.isMultiple(of: 16) else { return nil }
    let padded = try transformed(body, direction) { (bytes, iv) throws(CryptoError) in
      try engine.decryptCBC(Forger.sessionSlots.enc, iv: iv, &bytes)
    }
    guard let end = padded.lastIndex(where: { $0 != 0 }), padded[end] == 0x80, padded.count - end <= 16 else {
      return nil
    }
    return Array(padded[..<end])
  }

  private func transformed(
    _ blocks: [UInt8], _ direction: UInt8, _ change: (inout MutableRawSpan, Block) throws(CryptoError) -> Void
  ) throws -> [UInt8] {
    var vector = Block(repeating: 0)
    vector[0] = direction
    vector[15] = 1
    try engine.encryptBlock(Forger.sessionSlots.enc, &vector)
    var blocks = blocks
    var span = blocks.mutableSpan
    var bytes = span.mutableBytes
    try change(&bytes, vector)
    return blocks
  }

  private func cmac(_ slot: KeySlot, _ first: [UInt8], _ second: [UInt8]) throws -> [UInt8] {
    var tag = Block(repeating: 0)
    try engine.cmac(slot, first.span.bytes, second.span.bytes, into: &tag)
    return tag.span.bytes.octets
  }
}

/// A session between two honest ends, and the forger who listens. What an input says of it is its first octet: level (3
/// bits), S16 (08), MAC forged (10), body encrypted (20), extended length (40), something of the target's own (80).
final class FuzzSession {
  let level: SecurityLevel
  let isForged: Bool
  let isEncrypted: Bool
  let isExtended: Bool
  let mode: SecureChannelMode
  var card: SecureChannelCard
  var host: SecureChannelHost
  var forger: Forger

  init(_ choice: UInt8) throws {
    level = SecurityLevel.defined[Int(choice & 7) % SecurityLevel.defined.count]
    mode = choice & 0x08 == 0 ? .s8 : .s16
    isForged = choice & 0x10 != 0
    isEncrypted = choice & 0x20 != 0
    isExtended = choice & 0x40 != 0
    card = SecureChannelCard(
      engine: try Forger.makeEngine(), staticKeys: Forger.staticSlots, sessionKeys: Forger.sessionSlots)
    host = SecureChannelHost(
      engine: try Forger.makeEngine(), staticKeys: Forger.staticSlots, sessionKeys: Forger.sessionSlots, mode: mode,
      level: level, keyVersion: 0x30, hostChallenge: Array(Forger.hostChallenge.prefix(mode.octets)))
    let buffer = OctetBuffer(capacity: SecureChannelCard.initializeUpdateOctets)
    let begin = host.initializeUpdate()
    let diversification = [UInt8](repeating: 0x0D, count: InitializeUpdateResponse.diversificationOctets)
    try card.initializeUpdate(
      CommandHeader(cla: begin.cla, ins: begin.ins, p1: begin.p1, p2: begin.p2), hostChallenge: begin.data.span.bytes,
      keyVersion: 0x30, diversificationData: diversification.span.bytes, into: buffer)
    let answer = ResponseAPDU(data: buffer.withBytes { $0.octets }, status: .ok)
    let proof = try host.externalAuthenticate(after: answer)
    try card.externalAuthenticate(
      CommandHeader(cla: proof.cla, ins: proof.ins, p1: proof.p1, p2: proof.p2), data: proof.data.span.bytes)
    try host.confirm(ResponseAPDU(status: .ok))
    forger = try Forger(mode, cardChallenge: host.cardChallenge, authenticate: proof)
  }

  /// `payload` as the body of a message: as it is, or its whole blocks encrypted.
  func body(_ payload: ArraySlice<UInt8>, direction: UInt8) throws -> [UInt8] {
    guard isEncrypted else { return Array(payload) }
    return try forger.encrypted(Array(payload.prefix(payload.count / 16 * 16)), direction: direction)
  }
}
