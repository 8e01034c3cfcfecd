import Cryptography

/// One edition of the centre's public keys: those that stood beside each other until one was rotated.
public struct PublicKeys: Hashable, Sendable {
  /// X.509 certificate (DER) of the certification authority.
  public var authorityCertificate: [UInt8]
  /// X.509 certificate (DER) of the key that signs licences, under that authority.
  public var licenseCertificate: [UInt8]
  /// X.509 certificate (DER) of the key that signs catalogues, under that authority.
  public var catalogueCertificate: [UInt8]
  /// The key that signs times for cards, 65 octets.
  public var timeKey: [UInt8]
}

extension CenterFacts {
  /// The newest edition of the public keys.
  public var current: PublicKeys {
    PublicKeys(
      authorityCertificate: authorityCertificate, licenseCertificate: licenseCertificate,
      catalogueCertificate: catalogueCertificate, timeKey: timeKey)
  }

  /// Every edition, oldest first.
  public var editions: [PublicKeys] { formerKeys + [current] }

  /// The newest edition's number; the first one's is 1.
  var editionNumber: UInt32 { UInt32(clamping: formerKeys.count + 1) }

  /// An edition by its number.
  func edition(_ number: UInt32) throws(CenterError) -> PublicKeys {
    let editions = editions
    guard number >= 1, number <= editions.count else {
      throw CenterError(
        .keyStore, "Looking up the centre's public keys",
        remedy:
          "center.json is older than the database, or newer than this program's start; start it again, or restore.")
    }
    return editions[Int(number) - 1]
  }

  /// The facts with an edition for the newest keys of the store; `nil` when the current one is that.
  ///
  /// Where only one key is new, what was certified beside it is kept, or certified again under a new authority.
  func renewed(for keys: KeyStore, at now: UInt64, random: any RandomSource) throws -> CenterFacts? {
    let newest = (
      authority: try Authority.verificationKey(.authority, keys),
      license: try Authority.verificationKey(.licenseSigning, keys),
      catalogue: try Authority.verificationKey(.catalogueSigning, keys),
      time: try Authority.verificationKey(.timeSigning, keys)
    )
    let root = try Certificate(der: authorityCertificate)
    let isSame =
      try root.publicKey == newest.authority && licenseKey == newest.license && catalogueKey == newest.catalogue
      && timeKey == newest.time.octets
    guard !isSame else { return nil }
    let isSameAuthority = root.publicKey == newest.authority
    let name = authoritySubject
    let authority = try keys.withKey(.authority) { key in
      if isSameAuthority { return try CertificateAuthority(certificate: root, key: SigningKey(pkcs8: key)) }
      return try CertificateAuthority(
        name: name, validity: now...(now + Authority.centerValiditySeconds), key: SigningKey(pkcs8: key), random: random
      )
    }
    let end = authority.certificate.validity.upperBound
    func certify(_ der: [UInt8], _ key: VerificationKey, _ role: Certificate.Role) throws -> [UInt8] {
      let certificate = try Certificate(der: der)
      if isSameAuthority, certificate.publicKey == key { return der }
      return try authority.issue(
        subject: certificate.subject, publicKey: key, role: role, validity: min(now, end)...end,
        serial: .init(random: random)
      ).der
    }
    var renewed = self
    renewed.formerKeys.append(current)
    renewed.authorityCertificate = authority.certificate.der
    renewed.licenseCertificate = try certify(licenseCertificate, newest.license, .licenseSigning)
    renewed.catalogueCertificate = try certify(catalogueCertificate, newest.catalogue, .catalogueSigning)
    renewed.timeKey = newest.time.octets
    return renewed
  }
}
