import Octets

/// A volatile place for one secret key inside a ``CryptoEngine``.
///
/// Firmware and protocol code name keys by slot only; the engine owns the bytes and wipes them.
public struct KeySlot: RawRepresentable, Hashable, Sendable {
  /// The slot's number, below ``CryptoEngine/slotCount``.
  public let rawValue: UInt8

  /// The slot with this number.
  public init(rawValue: UInt8) { self.rawValue = rawValue }
}

/// Why an engine could not do what it was asked.
public enum CryptoError: Error, Equatable {
  /// The slot holds no key, or one of another kind or length than the operation needs.
  case noSuchKey
  /// A length that the primitive does not allow.
  case badLength
  /// A MAC, wrapped key or signature did not verify. Nothing more is said.
  case notAuthentic
  /// A point or scalar that is none of the curve's.
  case badKey
  /// The primitive's provider failed.
  case failed
}

/// An AES block, a CMAC tag, an initialisation vector.
public typealias Block = InlineArray<16, UInt8>
/// A SHA-256 digest, or an AES-256 key on its way into a slot.
public typealias Block32 = InlineArray<32, UInt8>
/// An ECDSA P-256 signature, r ‖ s, each 32 octets big-endian.
public typealias P256Signature = InlineArray<64, UInt8>
/// A P-256 public key, uncompressed: 04 ‖ x ‖ y (SEC 1, 2.3.3).
public typealias P256PublicKey = InlineArray<65, UInt8>

/// The primitives that Wire and firmware compute with: OpenSSL on the host, mbedTLS on the board.
///
/// Symmetric keys live in numbered slots and never come back out. Lengths are in octets. One engine serves one
/// thread at a time. Class-bound, because Embedded Swift allows existentials of classes only.
public protocol CryptoEngine: AnyObject {
  /// How many key slots there are.
  var slotCount: UInt8 { get }

  /// Takes a copy of `key` (16, 24 or 32 octets) into `slot`, replacing what was there.
  func load(_ key: RawSpan, into slot: KeySlot) throws(CryptoError)

  /// Wipes a slot. Erasing an empty one does nothing.
  func erase(_ slot: KeySlot)

  /// The length of the key in `slot`, or `nil` if it is empty.
  func keyLength(_ slot: KeySlot) -> Int?

  /// AES-CMAC over `first` ‖ `second` (SP 800-38B, RFC 4493).
  func cmac(_ slot: KeySlot, _ first: RawSpan, _ second: RawSpan, into tag: inout Block) throws(CryptoError)

  /// SP 800-108r1 KBKDF in counter mode with CMAC: block i is CMAC(key, prefix ‖ [i] ‖ suffix), i from 1, written in
  /// `counterOctets` (1 or 4) octets; `output` (at most 255 blocks) is filled from the front.
  func derive(
    _ slot: KeySlot, prefix: RawSpan, counterOctets: Int, suffix: RawSpan, into output: inout MutableRawSpan
  ) throws(CryptoError)

  /// The same, straight into another slot (`length` 16, 24 or 32), so that the key never leaves the engine.
  func derive(
    _ slot: KeySlot, prefix: RawSpan, counterOctets: Int, suffix: RawSpan, length: Int, into target: KeySlot
  ) throws(CryptoError)

  /// AES on one block (ECB); for initialisation vectors and key check values only.
  func encryptBlock(_ slot: KeySlot, _ block: inout Block) throws(CryptoError)

  /// AES-CBC without padding, in place; `data` is a multiple of 16.
  func encryptCBC(_ slot: KeySlot, iv: Block, _ data: inout MutableRawSpan) throws(CryptoError)

  /// The inverse of ``encryptCBC(_:iv:_:)``.
  func decryptCBC(_ slot: KeySlot, iv: Block, _ data: inout MutableRawSpan) throws(CryptoError)

  /// AES-KW (RFC 3394, default initial value): `wrapped` is 8 octets longer than `key`, which is a multiple of 8, at
  /// least 16.
  func wrap(_ slot: KeySlot, _ key: RawSpan, into wrapped: inout MutableRawSpan) throws(CryptoError)

  /// Unwraps into `key`, which is 8 octets shorter; on ``CryptoError/notAuthentic`` it holds zeros.
  func unwrap(_ slot: KeySlot, _ wrapped: RawSpan, into key: inout MutableRawSpan) throws(CryptoError)

  /// Unwraps straight into another slot.
  func unwrap(_ slot: KeySlot, _ wrapped: RawSpan, into target: KeySlot) throws(CryptoError)

  /// SHA-256 over `first` ‖ `second`.
  func sha256(_ first: RawSpan, _ second: RawSpan, into digest: inout Block32) throws(CryptoError)

  /// Fills `output` from the engine's random source.
  func random(into output: inout MutableRawSpan) throws(CryptoError)

  /// A new P-256 key pair; `privateKey` is the scalar, 32 octets big-endian.
  func generateP256(privateKey: inout Block32, publicKey: inout P256PublicKey) throws(CryptoError)

  /// ECDSA P-256 over a SHA-256 `digest`.
  func signP256(privateKey: RawSpan, digest: RawSpan, into signature: inout P256Signature) throws(CryptoError)

  /// Checks an ECDSA P-256 `signature` (64 octets) over a `digest` (32) under `publicKey` (65).
  ///
  /// - Throws: ``CryptoError/notAuthentic`` when it is not good, ``CryptoError/badKey`` for a point not on the curve.
  func verifyP256(publicKey: RawSpan, digest: RawSpan, signature: RawSpan) throws(CryptoError)
}
