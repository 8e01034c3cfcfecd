import SecureChannel

/// The centre's certification authority: a P-256 key and its self-signed certificate.
public struct CertificateAuthority: ~Copyable, Sendable {
  /// The certificate that others trust.
  public let certificate: Certificate

  private let key: SigningKey

  /// A new authority called `name`; `random` gives key and serial number.
  ///
  /// - Throws: ``CertificateError/badContent`` for a name of none or over 64 characters, or a validity past the year 9999.
  public init(
    name: String, validity: ClosedRange<UInt64>, random: any RandomSource
  ) throws(CertificateError) {
    let key: SigningKey
    do { key = try SigningKey(random: random) } catch { throw .failed }
    try self.init(name: name, validity: validity, key: key, random: random)
  }

  /// A new authority called `name` of a key that there is already; `random` gives the serial number.
  ///
  /// - Throws: As ``init(name:validity:random:)``.
  public init(
    name: String, validity: ClosedRange<UInt64>, key: consuming SigningKey, random: any RandomSource
  ) throws(CertificateError) {
    let content = CertificateContent(
      subject: name, issuer: name, publicKey: key.verificationKey, authorityKey: key.verificationKey,
      kind: .authority, validity: validity, serial: .init(random: random))
    certificate = try content.signed(by: key)
    self.key = key
  }

  /// An authority from a key store.
  ///
  /// - Throws: ``CertificateError/badAuthority`` when the key is another's, or the certificate is no authority's.
  public init(certificate: Certificate, key: consuming SigningKey) throws(CertificateError) {
    guard certificate.publicKey == key.verificationKey, certificate.isAuthority else { throw .badAuthority }
    self.certificate = certificate
    self.key = key
  }

  /// Certifies that `publicKey` belongs to `subject` and is for `role` only.
  ///
  /// Only the bare point is needed: a card's private key never leaves the card. Whether the holder has it is for the
  /// caller to check first.
  ///
  /// - Throws: ``CertificateError/badContent`` for a name of none or over 64 characters, or a validity past the year
  ///   9999.
  public borrowing func issue(
    subject: String, publicKey: VerificationKey, role: Certificate.Role, validity: ClosedRange<UInt64>,
    serial: Certificate.Serial
  ) throws(CertificateError) -> Certificate {
    let content = CertificateContent(
      subject: subject, issuer: certificate.subject, publicKey: publicKey, authorityKey: certificate.publicKey,
      kind: .holder(role), validity: validity, serial: serial)
    return try content.signed(by: key)
  }

  /// The private key as PKCS #8, for the key store.
  public borrowing func exportKey() throws(CryptoError) -> Secret {
    try key.exportPKCS8()
  }
}
