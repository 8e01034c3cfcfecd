import Octets
import SecureChannel

/// AES-256-XTS (IEEE 1619, SP 800-38E): a storage place encrypted unit by unit, each as long as its plaintext.
///
/// It hides what a file holds and nothing more: a changed unit decrypts to noise, unnoticed.
public struct XTS: ~Copyable, @unchecked Sendable {
  // Sendable: the contexts have one owner, and every use of them is a mutation.

  /// Octets of a key: one for the data, one for the tweak, which must differ.
  public static let keyOctets = 64
  /// Lengths of a unit in octets.
  public static let unitOctets = 16...(1 << 24)

  private let encryption: CipherContext
  private let decryption: CipherContext

  /// XTS under `key`.
  ///
  /// - Throws: ``CryptoError/badLength`` unless it has 64 octets, ``CryptoError/badKey`` when its halves are alike.
  public init(key: borrowing Secret) throws(CryptoError) {
    guard key.count == XTS.keyOctets else { throw .badLength }
    let areHalvesAlike = key.withBytes { constantTimeEqual($0.extracting(0..<32), $0.extracting(32..<64)) }
    guard !areHalvesAlike else { throw .badKey }
    let encryption = try XTS.context(key, encrypting: true)
    let decryption = try XTS.context(key, encrypting: false)
    self.encryption = encryption
    self.decryption = decryption
  }

  /// Encrypts one unit in place; `tweak` is its number.
  ///
  /// - Throws: ``CryptoError/badLength`` for a length outside ``unitOctets``.
  public mutating func encrypt(_ unit: inout MutableRawSpan, tweak: UInt64) throws(CryptoError) {
    try XTS.pass(&unit, tweak, through: encryption)
  }

  /// Decrypts one unit in place.
  public mutating func decrypt(_ unit: inout MutableRawSpan, tweak: UInt64) throws(CryptoError) {
    try XTS.pass(&unit, tweak, through: decryption)
  }

  /// An encrypted copy of one unit.
  public mutating func encrypt(_ unit: [UInt8], tweak: UInt64) throws(CryptoError) -> [UInt8] {
    try XTS.pass(unit, tweak, through: encryption)
  }

  /// A decrypted copy of one unit.
  public mutating func decrypt(_ unit: [UInt8], tweak: UInt64) throws(CryptoError) -> [UInt8] {
    try XTS.pass(unit, tweak, through: decryption)
  }

  private static func context(_ key: borrowing Secret, encrypting: Bool) throws(CryptoError) -> CipherContext {
    let context = try CipherContext()
    try key.withUnsafeBytes { (key) throws(CryptoError) in
      guard let start = key.baseAddress?.assumingMemoryBound(to: UInt8.self) else { throw .badLength }
      try context.start(Algorithms.aes256XTS, key: start, iv: nil, encrypting: encrypting)
    }
    return context
  }

  private static func pass(
    _ unit: [UInt8], _ tweak: UInt64, through context: borrowing CipherContext
  ) throws(CryptoError) -> [UInt8] {
    var copy = unit
    try withMutableBytes(&copy) { (bytes) throws(CryptoError) in try pass(bytes, tweak, through: context) }
    return copy
  }

  private static func pass(
    _ unit: inout MutableRawSpan, _ tweak: UInt64, through context: borrowing CipherContext
  ) throws(CryptoError) {
    try unit.withUnsafeMutableBytes { (bytes) throws(CryptoError) in try pass(bytes, tweak, through: context) }
  }

  private static func pass(
    _ unit: UnsafeMutableRawBufferPointer, _ tweak: UInt64, through context: borrowing CipherContext
  ) throws(CryptoError) {
    guard unitOctets.contains(unit.count) else { throw .badLength }
    try withMutableBytes(ofNew: Block.self) { (iv) throws(CryptoError) in
      // The number of the unit, least octet first (IEEE 1619, 5.1).
      for index in 0..<8 { iv[index] = UInt8(truncatingIfNeeded: tweak >> (8 * index)) }
      try context.restart(iv: iv)
      try context.update(unit)
    }
  }
}
