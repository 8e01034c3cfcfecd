import Octets
import SecureChannel

/// SHA-256 (FIPS 180-4) over octets that come in parts.
public struct SHA256Hasher: ~Copyable {
  private let context = DigestContext()

  /// A hash of nothing yet.
  public init() {}

  /// Takes in `bytes`.
  public mutating func update(_ bytes: RawSpan) {
    bytes.withUnsafeBytes { update($0) }
  }

  /// Takes in `bytes`.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    cannotFail { () throws(CryptoError) in try context.update(bytes) }
  }

  /// The digest, 32 octets.
  public consuming func finalize() -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: Digest.octetCount) { buffer, count in
      guard let start = buffer.baseAddress else { return }
      cannotFail { () throws(CryptoError) in try context.finish(into: start) }
      count = Digest.octetCount
    }
  }

  /// Hashing memory that is there fails only in a broken OpenSSL.
  private func cannotFail(_ body: () throws(CryptoError) -> Void) {
    do { try body() } catch { fatalError("SHA-256 failed") }
  }
}

/// SHA-256 over what lies ready.
public enum Digest {
  /// Octets of a digest.
  public static let octetCount = 32

  /// SHA-256 of `octets`.
  public static func sha256(_ octets: [UInt8]) -> [UInt8] {
    sha256(octets.span.bytes)
  }

  /// SHA-256 of the memory that `bytes` are.
  public static func sha256(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    var hasher = SHA256Hasher()
    hasher.update(bytes)
    return hasher.finalize()
  }

  /// SHA-256 of `bytes`.
  public static func sha256(_ bytes: RawSpan) -> [UInt8] {
    var hasher = SHA256Hasher()
    hasher.update(bytes)
    return hasher.finalize()
  }
}
