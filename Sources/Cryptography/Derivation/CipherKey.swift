import Identifiers
import Octets
import SecureChannel

/// The cipher keys that a retrieval code stands for (P12, P13, P22): made alike in a card and by the seller, so that who
/// holds a card and who holds dedicated software made for the code have the same key (the "secret key of a code").
public enum CipherKey {
  /// Octets of each of them: AES-256.
  public static let octetCount = 32

  /// The right key: KBKDF-CMAC(generation key, "right", code).
  ///
  /// - Parameter code: the retrieval code, 10 octets.
  public static func right(
    generationKey: borrowing Secret, code: [UInt8]
  ) throws(CryptoError) -> Secret {
    try Derivation.kbkdf(generationKey, label: .right, octets: octetCount) { (context) throws(OctetError) in
      try context.appendField(.retrievalCode, code.span.bytes)
    }
  }

  /// The message key: KBKDF-CMAC(right key, "message", ID). Any ID of 0 to 32 octets makes one.
  public static func message(
    rightKey: borrowing Secret, messageID: [UInt8]
  ) throws(CryptoError) -> Secret {
    try Derivation.kbkdf(rightKey, label: .message, octets: octetCount) { (context) throws(OctetError) in
      try context.appendField(.messageID, messageID.span.bytes)
    }
  }

  /// The key that wraps keys for people: KBKDF-CMAC(right, message or shared key, "wrapping"). A card wraps and unwraps
  /// under it (USE KEY); dedicated software does the same with ``KeyWrap``.
  public static func wrapping(_ key: borrowing Secret) throws(CryptoError) -> Secret {
    try Derivation.kbkdf(key, label: .wrapping, octets: octetCount) { _ in }
  }
}
