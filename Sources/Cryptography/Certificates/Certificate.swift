import COpenSSL
import Octets
import SecureChannel

/// An X.509 version 3 certificate (RFC 5280) of a P-256 key.
///
/// Reading one checks its form only; whether it is to be believed says ``verify(chainTo:at:role:)``.
public struct Certificate: Hashable, Sendable {
  /// A certificate's serial number: 1 to 20 octets, big-endian, positive (RFC 5280, 4.1.2.2).
  public struct Serial: Hashable, Sendable, CustomStringConvertible {
    /// The number without leading zeros.
    public let octets: [UInt8]

    /// The number of these octets; `nil` for zero, or one that needs over 20 octets in DER.
    public init?(octets: [UInt8]) {
      let significant = Array(octets.drop { $0 == 0 })
      guard let first = significant.first, significant.count + (first >= 0x80 ? 1 : 0) <= 20 else { return nil }
      self.octets = significant
    }

    /// A new number of 126 random bits.
    public init(random: any RandomSource) {
      var octets = random.octets(16)
      octets[0] = octets[0] & 0x3F | 0x40
      self.octets = octets
    }

    /// Hexadecimal digits.
    public var description: String { Hex.encode(octets) }
  }

  /// The certificate as it travels, DER.
  public let der: [UInt8]
  /// Common name of whoever holds the key.
  public let subject: String
  /// Common name of whoever signed.
  public let issuer: String
  /// Its number, unique under its issuer.
  public let serial: Serial
  /// First and last second of validity, since 1970 UTC.
  public let validity: ClosedRange<UInt64>
  /// The certified key.
  public let publicKey: VerificationKey
  /// Whether the key may sign certificates (basicConstraints).
  public let isAuthority: Bool
  /// What the key may do; empty when the certificate does not say.
  public let usage: KeyUsage
  /// What it is for; `nil` when it does not say, or says anything but one of our roles.
  public let role: Role?

  /// Reads a certificate.
  ///
  /// - Throws: ``CertificateError/malformed`` for anything else, octets after the end too.
  public init(der: [UInt8]) throws(CertificateError) {
    let certificate = try X509Certificate(der: der)
    guard certificate.isWellFormed else { throw .malformed }
    self.der = der
    subject = try certificate.subjectCommonName()
    issuer = try certificate.issuerCommonName()
    serial = try certificate.serial()
    validity = try certificate.validity()
    publicKey = try certificate.publicKey()
    isAuthority = certificate.isAuthority
    usage = certificate.usage
    role = certificate.role
  }

  /// Checks that `authority`'s key signed this certificate for `role`, that both are in force at `time` (seconds since
  /// 1970 UTC) and that the extensions of both allow it (RFC 5280, 6.1). `authority` is taken as trusted.
  ///
  /// The role is asked for each time, because the authority certifies card holders too: a chain alone makes nobody the
  /// centre (decision 0006).
  ///
  /// - Throws: ``CertificateError/notAuthentic``, ``CertificateError/notYetValid`` or ``CertificateError/expired``.
  public func verify(chainTo authority: Certificate, at time: UInt64, role: Role) throws(CertificateError) {
    try X509Certificate(der: der).verify(chainTo: X509Certificate(der: authority.der))
    guard self.role == role, usage == role.usage, !isAuthority else { throw .notAuthentic }
    for certificate in [authority, self] {
      guard time >= certificate.validity.lowerBound else { throw .notYetValid }
      guard time <= certificate.validity.upperBound else { throw .expired }
    }
  }
}
