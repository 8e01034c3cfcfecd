/// Why a certificate is not taken, or could not be made.
public enum CertificateError: Error, Equatable {
  /// The octets are no X.509 certificate, or one without what ours have: P-256, a common name, version 3.
  case malformed
  /// A name, serial or validity that X.509 does not allow.
  case badContent
  /// It does not chain to the authority, or is not for the role asked about. Nothing more is said.
  case notAuthentic
  /// It chains, but is not valid yet at the time asked about.
  case notYetValid
  /// It chains, but is not valid any more at the time asked about.
  case expired
  /// The authority's key does not belong to its certificate, or that is no authority's.
  case badAuthority
  /// OpenSSL failed.
  case failed
}

/// What a certified key may do (RFC 5280, 4.2.1.3).
public struct KeyUsage: OptionSet, Hashable, Sendable {
  /// Bit i of the certificate's BIT STRING is bit i here.
  public let rawValue: UInt16

  /// The usages of these bits.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// Answering challenges, signing what is checked at once.
  public static let digitalSignature = KeyUsage(rawValue: 1 << 0)
  /// Signing what is kept: orders, licences.
  public static let contentCommitment = KeyUsage(rawValue: 1 << 1)
  /// Signing certificates.
  public static let keyCertSign = KeyUsage(rawValue: 1 << 5)
  /// Signing revocation lists.
  public static let cRLSign = KeyUsage(rawValue: 1 << 6)
}
