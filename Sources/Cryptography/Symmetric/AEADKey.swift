import Octets
import SecureChannel
import Synchronization

/// AES-256-GCM under one key for many messages, as ``AEAD`` has them: the key is expanded once each way.
public final class AEADKey: Sendable {
  private let sealing: Mutex<GCMContext>
  private let opening: Mutex<GCMContext>

  /// Expands `key`, 32 octets. What OpenSSL makes of it is wiped when this goes.
  ///
  /// - Throws: ``CryptoError/badLength``.
  public init(_ key: borrowing Secret) throws(CryptoError) {
    sealing = Mutex(
      try key.withUnsafeBytes { (key) throws(CryptoError) in try GCMContext(key: key, encrypting: true) })
    opening = Mutex(
      try key.withUnsafeBytes { (key) throws(CryptoError) in try GCMContext(key: key, encrypting: false) })
  }

  /// The same as ``AEAD/seal(_:key:associatedData:random:)``.
  public func seal(
    _ plaintext: borrowing Secret, associatedData: [UInt8] = [], random: any RandomSource
  ) throws(CryptoError) -> [UInt8] {
    try plaintext.withUnsafeBytes { (plaintext) throws(CryptoError) in
      try seal(plaintext, associatedData, random)
    }
  }

  /// The same for a plaintext that lies in an array.
  public func seal(
    _ plaintext: [UInt8], associatedData: [UInt8] = [], random: any RandomSource
  ) throws(CryptoError) -> [UInt8] {
    try withBytes(plaintext) { (plaintext) throws(CryptoError) in try seal(plaintext, associatedData, random) }
  }

  /// The same as ``AEAD/open(_:key:associatedData:)``.
  public func open(_ sealed: [UInt8], associatedData: [UInt8] = []) throws(CryptoError) -> Secret {
    try opening.withLock { (gcm) throws(CryptoError) in
      try AEAD.open(sealed, by: &gcm, associatedData: associatedData)
    }
  }

  private func seal(
    _ plaintext: UnsafeRawBufferPointer, _ associatedData: [UInt8], _ random: any RandomSource
  ) throws(CryptoError) -> [UInt8] {
    try sealing.withLock { (gcm) throws(CryptoError) in
      try AEAD.seal(plaintext, by: &gcm, associatedData: associatedData, random: random)
    }
  }
}
