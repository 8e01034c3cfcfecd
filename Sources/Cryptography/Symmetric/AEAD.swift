import Octets
import SecureChannel

/// AES-256-GCM for one message at a time: nonce (12) ‖ ciphertext ‖ tag (16), under a key of 32 octets.
///
/// The nonce is random, so one key is good for at most 2³² messages (SP 800-38D, 8.3).
public enum AEAD {
  /// Octets that sealing adds.
  public static let overhead = GCMContext.nonceOctets + GCMContext.tagOctets

  /// `plaintext` sealed together with `associatedData`, which is not part of the result.
  public static func seal(
    _ plaintext: borrowing Secret, key: borrowing Secret, associatedData: [UInt8] = [], random: any RandomSource
  ) throws(CryptoError) -> [UInt8] {
    try plaintext.withUnsafeBytes { (plaintext) throws(CryptoError) in
      try seal(plaintext, key: key, associatedData: associatedData, random: random)
    }
  }

  /// The same for a plaintext that lies in an array.
  public static func seal(
    _ plaintext: [UInt8], key: borrowing Secret, associatedData: [UInt8] = [], random: any RandomSource
  ) throws(CryptoError) -> [UInt8] {
    try plaintext.span.bytes.withUnsafeBytes { (plaintext) throws(CryptoError) in
      try seal(plaintext, key: key, associatedData: associatedData, random: random)
    }
  }

  /// The plaintext inside `sealed`.
  ///
  /// - Throws: ``CryptoError/notAuthentic`` for another key, other associated data or changed octets.
  public static func open(
    _ sealed: [UInt8], key: borrowing Secret, associatedData: [UInt8] = []
  ) throws(CryptoError) -> Secret {
    var gcm = try key.withUnsafeBytes { (key) throws(CryptoError) in try GCMContext(key: key, encrypting: false) }
    return try open(sealed, by: &gcm, associatedData: associatedData)
  }

  static func open(
    _ sealed: [UInt8], by gcm: inout GCMContext, associatedData: [UInt8]
  ) throws(CryptoError) -> Secret {
    guard sealed.count >= overhead else { throw .notAuthentic }
    return try Secret(count: sealed.count - overhead) { (plaintext) throws(CryptoError) in
      try withBytes(sealed) { (sealed) throws(CryptoError) in
        try withBytes(associatedData) { (associatedData) throws(CryptoError) in
          guard let nonce = sealed.baseAddress?.assumingMemoryBound(to: UInt8.self) else { throw .notAuthentic }
          let body = UnsafeRawBufferPointer(rebasing: sealed[GCMContext.nonceOctets...])
          try gcm.open(body, nonce: nonce, associatedData: associatedData, into: plaintext)
        }
      }
    }
  }

  private static func seal(
    _ plaintext: UnsafeRawBufferPointer, key: borrowing Secret, associatedData: [UInt8], random: any RandomSource
  ) throws(CryptoError) -> [UInt8] {
    var gcm = try key.withUnsafeBytes { (key) throws(CryptoError) in try GCMContext(key: key, encrypting: true) }
    return try seal(plaintext, by: &gcm, associatedData: associatedData, random: random)
  }

  static func seal(
    _ plaintext: UnsafeRawBufferPointer, by gcm: inout GCMContext, associatedData: [UInt8], random: any RandomSource
  ) throws(CryptoError) -> [UInt8] {
    var sealed = [UInt8](repeating: 0, count: plaintext.count + overhead)
    try withMutableBytes(&sealed) { (sealed) throws(CryptoError) in
      let nonce = UnsafeMutableRawBufferPointer(rebasing: sealed[..<GCMContext.nonceOctets])
      random.fill(nonce)
      guard let start = nonce.baseAddress?.assumingMemoryBound(to: UInt8.self) else { throw .failed }
      try withBytes(associatedData) { (associatedData) throws(CryptoError) in
        let body = UnsafeMutableRawBufferPointer(rebasing: sealed[GCMContext.nonceOctets...])
        try gcm.seal(plaintext, nonce: start, associatedData: associatedData, into: body)
      }
    }
    return sealed
  }
}
