import ISO7816
import Octets

/// What both ends of an open session compute alike: MACs, initialisation vectors, padding (Amendment D, 6.2.4 to 6.2.7).
struct SecureMessaging {
  let engine: any CryptoEngine
  let keys: SessionKeySlots
  let mode: SecureChannelMode
  var level: SecurityLevel
  /// The MAC chaining value: the last command's whole C-MAC; zeros before EXTERNAL AUTHENTICATE (6.2.3).
  private var chaining = Block(repeating: 0)
  /// The encryption counter: 1 for the first command after EXTERNAL AUTHENTICATE, one more for each, with or without
  /// data (6.2.6).
  private var counter: UInt64 = 0

  init(engine: any CryptoEngine, keys: SessionKeySlots, mode: SecureChannelMode, level: SecurityLevel) {
    self.engine = engine
    self.keys = keys
    self.mode = mode
    self.level = level
  }

  /// The C-MAC of a command: CMAC(S-MAC, chaining value ‖ CLA INS P1 P2 Lc ‖ data), all 16 octets (6.2.4).
  ///
  /// The class is that of the basic logical channel with secure messaging indicated; Lc counts the C-MAC too, and is
  /// coded as on the wire, one octet or three.
  func commandMAC(_ header: CommandHeader, _ data: RawSpan) throws(CryptoError) -> Block {
    var prefix = InlineArray<23, UInt8>(repeating: 0)
    for index in 0..<16 { prefix[index] = chaining[index] }
    prefix[16] = header.classByte.secured.onBasicChannel.rawValue
    prefix[17] = header.ins
    prefix[18] = header.p1
    prefix[19] = header.p2
    let length = data.byteCount + mode.octets
    var prefixCount = 21
    if header.isExtended {
      prefix[21] = UInt8(truncatingIfNeeded: length >> 8)
      prefix[22] = UInt8(truncatingIfNeeded: length)
      prefixCount = 23
    } else {
      prefix[20] = UInt8(truncatingIfNeeded: length)
    }
    var mac = Block(repeating: 0)
    try engine.cmac(keys.mac, prefix.span.bytes.extracting(0..<prefixCount), data, into: &mac)
    return mac
  }

  /// Takes note that a command with this C-MAC went through.
  mutating func advance(_ mac: Block) {
    chaining = mac
  }

  /// Counts a command of the session; call it for every one, before its initialisation vector is wanted.
  mutating func countCommand() {
    counter &+= 1
  }

  /// The R-MAC of a response: CMAC(S-RMAC, chaining value ‖ data ‖ SW1 SW2) (6.2.5).
  func responseMAC(dataAndStatus: RawSpan) throws(CryptoError) -> Block {
    let prefix = chaining
    var mac = Block(repeating: 0)
    try engine.cmac(keys.rmac, prefix.span.bytes, dataAndStatus, into: &mac)
    return mac
  }

  /// The initialisation vector of the command counted last: its number encrypted under S-ENC (6.2.6).
  func commandVector() throws(CryptoError) -> Block {
    try vector(direction: 0x00)
  }

  /// That of its response: the same with the first octet 80 (6.2.7).
  func responseVector() throws(CryptoError) -> Block {
    try vector(direction: 0x80)
  }

  private func vector(direction: UInt8) throws(CryptoError) -> Block {
    var block = Block(repeating: 0)
    block[0] = direction
    for index in 0..<8 { block[15 - index] = UInt8(truncatingIfNeeded: counter >> UInt64(8 * index)) }
    try engine.encryptBlock(keys.enc, &block)
    return block
  }

  /// Whether `tag`, `mode.octets` long, is the front of `mac`. Takes constant time.
  func matches(_ mac: Block, _ tag: RawSpan) -> Bool {
    constantTimeEqual(mac.span.bytes.extracting(0..<mode.octets), tag)
  }

  /// Forgets the session keys.
  func eraseKeys() {
    engine.erase(keys.enc)
    engine.erase(keys.mac)
    engine.erase(keys.rmac)
  }
}

/// Padding method 2 of ISO/IEC 9797-1: 80, then zeros up to a whole block (GlobalPlatform 2.3.1, B.2.3).
enum Padding {
  static let blockOctets = 16

  /// Octets after padding `count` octets: at least one more.
  static func paddedCount(_ count: Int) -> Int { (count / blockOctets + 1) * blockOctets }

  /// Octets before the padding of `data`, or `nil` when there is no padding.
  static func unpaddedCount(_ data: RawSpan) -> Int? {
    var end = data.byteCount
    let earliest = max(0, end - blockOctets)
    while end > earliest {
      end -= 1
      switch data[octet: end] {
      case 0x00: continue
      case 0x80: return end
      default: return nil
      }
    }
    return nil
  }
}
