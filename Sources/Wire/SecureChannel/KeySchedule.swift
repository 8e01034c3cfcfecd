import Octets

/// SCP03's data derivation scheme: SP 800-108 in counter mode with CMAC (Amendment D, 4.1.5).
///
/// The input of each block is label (11 zeros and a constant) ‖ 00 ‖ L (2 octets, in bits) ‖ i (1) ‖ context.
enum KeySchedule {
  /// The derivation constant, last octet of the label (table 4-1).
  enum Purpose: UInt8 {
    case cardCryptogram = 0x00
    case hostCryptogram = 0x01
    case cardChallenge = 0x02
    case encryptionKey = 0x04
    case commandMACKey = 0x06
    case responseMACKey = 0x07
  }

  /// What both sides prove to each other that they have the keys with.
  struct Cryptograms {
    let card: Block
    let host: Block
  }

  /// Derives S-ENC, S-MAC and S-RMAC into their slots (6.2.1), and from S-MAC both cryptograms (6.2.2).
  static func openSession(
    _ engine: any CryptoEngine, from keys: StaticKeySlots, into session: SessionKeySlots, _ challenges: ChallengePair
  ) throws(CryptoError) -> Cryptograms {
    let octets = challenges.octets
    let context = octets.span.bytes.extracting(0..<(2 * challenges.mode.octets))
    try deriveKey(engine, keys.enc, .encryptionKey, context, into: session.enc)
    try deriveKey(engine, keys.mac, .commandMACKey, context, into: session.mac)
    try deriveKey(engine, keys.mac, .responseMACKey, context, into: session.rmac)
    return Cryptograms(
      card: try deriveOctets(engine, session.mac, .cardCryptogram, context, challenges.mode),
      host: try deriveOctets(engine, session.mac, .hostCryptogram, context, challenges.mode))
  }

  /// Derives a cryptogram (6.2.2.2, 6.2.2.3) or a pseudo-random challenge (6.2.2.1): the first `mode.octets` octets of
  /// the answer, zeros after them.
  static func deriveOctets(
    _ engine: any CryptoEngine, _ key: KeySlot, _ purpose: Purpose, _ context: RawSpan, _ mode: SecureChannelMode
  ) throws(CryptoError) -> Block {
    let prefix = prefix(purpose, octets: mode.octets)
    var block = Block(repeating: 0)
    var span = block.mutableSpan
    var bytes = span.mutableBytes
    var output = bytes._mutatingExtracting(0..<mode.octets)
    try engine.derive(key, prefix: prefix.span.bytes, counterOctets: 1, suffix: context, into: &output)
    return block
  }

  private static func deriveKey(
    _ engine: any CryptoEngine, _ key: KeySlot, _ purpose: Purpose, _ context: RawSpan, into slot: KeySlot
  ) throws(CryptoError) {
    guard let length = engine.keyLength(key) else { throw .noSuchKey }
    let prefix = prefix(purpose, octets: length)
    try engine.derive(
      key, prefix: prefix.span.bytes, counterOctets: 1, suffix: context, length: length, into: slot)
  }

  private static func prefix(_ purpose: Purpose, octets: Int) -> InlineArray<15, UInt8> {
    var prefix = InlineArray<15, UInt8>(repeating: 0)
    let bits = octets * 8
    prefix[11] = purpose.rawValue
    prefix[13] = UInt8(truncatingIfNeeded: bits >> 8)
    prefix[14] = UInt8(truncatingIfNeeded: bits)
    return prefix
  }
}

/// Host challenge ‖ card challenge: the context of all of a session's derivations.
struct ChallengePair {
  /// The sizes of both.
  let mode: SecureChannelMode
  /// Both challenges, in the first 2 × `mode.octets` octets.
  private(set) var octets = InlineArray<32, UInt8>(repeating: 0)

  /// Both challenges, `mode.octets` long; what is missing is zero.
  init(host: RawSpan, card: RawSpan, mode: SecureChannelMode) {
    self.mode = mode
    for index in 0..<min(host.byteCount, mode.octets) { octets[index] = host[octet: index] }
    for index in 0..<min(card.byteCount, mode.octets) { octets[mode.octets + index] = card[octet: index] }
  }
}

/// A key check value: three octets that tell keys apart without telling what they are (Amendment D, 4.1.4; B.6 of
/// GlobalPlatform 2.3.1).
public enum KeyCheckValue {
  /// Octets of a key check value.
  public static let octetCount = 3

  /// The check value of the key in `slot`: the first octets of sixteen 01 octets encrypted under it.
  public static func of(_ slot: KeySlot, _ engine: any CryptoEngine) throws(CryptoError) -> InlineArray<3, UInt8> {
    var block = Block(repeating: 0x01)
    try engine.encryptBlock(slot, &block)
    return [block[0], block[1], block[2]]
  }
}
