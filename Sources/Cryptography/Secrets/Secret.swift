import Octets
import SecureChannel

/// Octets that nobody else may see: owned by exactly one place, wiped when that place lets go, never printed.
///
/// Small secrets lie in memory that is locked where the system allows it, stands between guard pages and stays out of
/// core dumps. A secret never compares with `==`; use ``matches(_:)``.
public struct Secret: ~Copyable, @unchecked Sendable {
  // Sendable: the memory has one owner and is written only while that owner makes or changes it.
  private let storage: UnsafeMutableRawBufferPointer

  /// Octets in it.
  public var count: Int { storage.count }

  /// `count` octets that `fill` writes.
  init(count: Int, filledBy fill: (UnsafeMutableRawBufferPointer) -> Void) {
    storage = SecureMemory.allocate(count)
    fill(storage)
  }

  /// `count` octets that `fill` writes, unless it fails; then everything is wiped at once.
  init(count: Int, filling fill: (UnsafeMutableRawBufferPointer) throws(CryptoError) -> Void) throws(CryptoError) {
    let memory = SecureMemory.allocate(count)
    do {
      try fill(memory)
    } catch {
      SecureMemory.release(memory)
      throw error
    }
    storage = memory
  }

  /// A copy of `bytes`. Wipe the original yourself.
  public init(copying bytes: RawSpan) {
    self.init(count: bytes.byteCount) { target in
      bytes.withUnsafeBytes { target.copyMemory(from: $0) }
    }
  }

  /// A copy of `octets`. The array stays as it is, so use this only for values that lay in clear memory anyway.
  public init(copying octets: [UInt8]) {
    self.init(copying: octets.span.bytes)
  }

  /// `count` octets from `random`.
  public init(random count: Int, from random: any RandomSource) {
    self.init(count: count) { random.fill($0) }
  }

  deinit {
    SecureMemory.release(storage)
  }

  /// Lends the octets; they must not be kept.
  public borrowing func withBytes<R: ~Copyable, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    try body(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(storage)))
  }

  /// Lends the octets to a C function; they must not be kept.
  borrowing func withUnsafeBytes<R: ~Copyable, E: Error>(
    _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    try body(UnsafeRawBufferPointer(storage))
  }

  /// Another secret with the same octets.
  public borrowing func copy() -> Secret {
    withBytes { Secret(copying: $0) }
  }

  /// Whether both hold the same octets, in a time that depends on their lengths only.
  public borrowing func matches(_ other: borrowing Secret) -> Bool {
    withBytes { mine in other.withBytes { constantTimeEqual(mine, $0) } }
  }

  /// Always `Secret(redacted)`.
  public var description: String { "Secret(redacted)" }
}
