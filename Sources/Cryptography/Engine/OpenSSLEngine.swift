import COpenSSL
import Octets
import SecureChannel

/// The ``CryptoEngine`` of the host, on OpenSSL.
///
/// Keys are expanded once, when first used, and wiped when their slot is erased or loaded anew, or the engine goes.
/// Symmetric operations allocate nothing once a slot has been used the same way before. Not thread-safe.
public final class OpenSSLEngine: CryptoEngine {
  /// How many key slots there are.
  public var slotCount: UInt8 { 64 }

  let randomSource: any RandomSource
  private var slots = InlineArray<64, AESKey> { _ in AESKey() }
  private let hash: DigestContext

  /// An engine with empty slots that draws keys, nonces and challenges from `random`.
  public init(random: any RandomSource) {
    randomSource = random
    hash = DigestContext()
  }

  /// Takes a copy of `key` (16, 24 or 32 octets) into `slot`.
  public func load(_ key: RawSpan, into slot: KeySlot) throws(CryptoError) {
    let index = try index(slot)
    try key.withUnsafeBytes { (bytes) throws(CryptoError) in try slots[index].load(bytes) }
  }

  /// Wipes a slot.
  public func erase(_ slot: KeySlot) {
    guard slot.rawValue < slotCount else { return }
    slots[Int(slot.rawValue)].erase()
  }

  /// The length of the key in `slot`, or `nil` if it is empty.
  public func keyLength(_ slot: KeySlot) -> Int? {
    guard slot.rawValue < slotCount else { return nil }
    let length = slots[Int(slot.rawValue)].length
    return length == 0 ? nil : length
  }

  /// SHA-256 over `first` ‖ `second`.
  public func sha256(_ first: RawSpan, _ second: RawSpan, into digest: inout Block32) throws(CryptoError) {
    try withBytes(first, second) { (first, second) throws(CryptoError) in
      try withMutableBytes(&digest) { (digest) throws(CryptoError) in
        try hash.restart()
        try hash.update(first)
        try hash.update(second)
        try hash.finish(into: digest)
      }
    }
  }

  /// Fills `output` from the engine's random source.
  public func random(into output: inout MutableRawSpan) throws(CryptoError) {
    output.withUnsafeMutableBytes { randomSource.fill($0) }
  }

  /// Runs `body` on the slot, in place.
  @inline(__always)
  func withSlot(
    _ slot: KeySlot, _ body: (inout AESKey) throws(CryptoError) -> Void
  ) throws(CryptoError) {
    try body(&slots[index(slot)])
  }

  private func index(_ slot: KeySlot) throws(CryptoError) -> Int {
    guard slot.rawValue < slotCount else { throw .noSuchKey }
    return Int(slot.rawValue)
  }
}
