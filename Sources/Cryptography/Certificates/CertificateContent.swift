import COpenSSL
import SecureChannel

/// Everything that a certificate of ours says, before it is signed.
struct CertificateContent {
  /// What the key may do.
  enum Kind {
    /// Certify holders.
    case authority
    /// One thing.
    case holder(Certificate.Role)
  }

  var subject: String
  var issuer: String
  var publicKey: VerificationKey
  /// The key that will sign.
  var authorityKey: VerificationKey
  var kind: Kind
  var validity: ClosedRange<UInt64>
  var serial: Certificate.Serial

  /// The last second of the year 9999, where ASN.1's calendar ends.
  private static let lastSecond: UInt64 = 253_402_300_799

  /// The certificate: version 3, ECDSA with SHA-256.
  func signed(by key: borrowing SigningKey) throws(CertificateError) -> Certificate {
    let certificate = try X509Certificate()
    try X509Certificate.check(X509_set_version(certificate.pointer, 2))
    try setSerial(certificate)
    try setValidity(certificate)
    try setName(X509_get_subject_name(certificate.pointer), subject)
    try setName(X509_get_issuer_name(certificate.pointer), issuer)
    try setPublicKey(certificate)
    try addExtensions(certificate)
    // X509_sign answers the signature's length.
    guard X509_sign(certificate.pointer, key.key.pointer, Algorithms.sha256) > 0 else {
      throw X509Certificate.failure()
    }
    return try Certificate(der: encode(certificate))
  }

  private func setSerial(_ certificate: borrowing X509Certificate) throws(CertificateError) {
    let number = withBytes(serial.octets) { bytes in
      BN_bin2bn(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(bytes.count), nil)
    }
    defer { BN_free(number) }
    guard number != nil, BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate.pointer)) != nil else {
      throw X509Certificate.failure()
    }
  }

  private func setValidity(_ certificate: borrowing X509Certificate) throws(CertificateError) {
    guard validity.upperBound <= CertificateContent.lastSecond else { throw .badContent }
    guard ASN1_TIME_set(X509_getm_notBefore(certificate.pointer), Int(validity.lowerBound)) != nil,
      ASN1_TIME_set(X509_getm_notAfter(certificate.pointer), Int(validity.upperBound)) != nil
    else { throw X509Certificate.failure() }
  }

  private func setName(_ name: OpaquePointer?, _ commonName: String) throws(CertificateError) {
    let utf8 = Array(commonName.utf8)
    guard !utf8.isEmpty, !utf8.contains(0) else { throw .badContent }
    let result = utf8.withUnsafeBufferPointer {
      X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, $0.baseAddress, Int32($0.count), -1, 0)
    }
    try X509Certificate.check(result, else: .badContent)
  }

  private func setPublicKey(_ certificate: borrowing X509Certificate) throws(CertificateError) {
    let key: P256Key
    do {
      key = try withBytes(publicKey.octets) { (octets) throws(CryptoError) in try P256Key(publicKey: octets) }
    } catch { throw .badContent }
    try X509Certificate.check(X509_set_pubkey(certificate.pointer, key.pointer))
  }

  private func encode(_ certificate: borrowing X509Certificate) throws(CertificateError) -> [UInt8] {
    let length = i2d_X509(certificate.pointer, nil)
    guard length > 0 else { throw X509Certificate.failure() }
    return [UInt8](unsafeUninitializedCapacity: Int(length)) { buffer, count in
      var cursor = buffer.baseAddress
      count = i2d_X509(certificate.pointer, &cursor) == length ? Int(length) : 0
    }
  }
}

/// Extensions (RFC 5280, 4.2).
extension CertificateContent {
  private func addExtensions(_ certificate: borrowing X509Certificate) throws(CertificateError) {
    try addBasicConstraints(certificate)
    try addKeyUsage(certificate)
    if case .holder(let role) = kind { try addRole(role, to: certificate) }
    try addSubjectKeyIdentifier(certificate)
    try addAuthorityKeyIdentifier(certificate)
  }

  /// An authority of ours certifies holders only, no further authorities: path length 0.
  private func addBasicConstraints(_ certificate: borrowing X509Certificate) throws(CertificateError) {
    guard let constraints = BASIC_CONSTRAINTS_new() else { throw X509Certificate.failure() }
    defer { BASIC_CONSTRAINTS_free(constraints) }
    if case .authority = kind {
      constraints.pointee.ca = 0xFF
      constraints.pointee.pathlen = ASN1_INTEGER_new()
      try X509Certificate.check(ASN1_INTEGER_set(constraints.pointee.pathlen, 0))
    }
    try add(NID_basic_constraints, UnsafeMutableRawPointer(constraints), isCritical: true, to: certificate)
  }

  private func addKeyUsage(_ certificate: borrowing X509Certificate) throws(CertificateError) {
    guard let bits = ASN1_BIT_STRING_new() else { throw X509Certificate.failure() }
    defer { ASN1_BIT_STRING_free(bits) }
    let usage: KeyUsage =
      switch kind {
      case .authority: [.keyCertSign, .cRLSign]
      case .holder(let role): role.usage
      }
    for bit in 0..<Int32(9) where usage.rawValue & (1 << UInt16(bit)) != 0 {
      try X509Certificate.check(ASN1_BIT_STRING_set_bit(bits, bit, 1))
    }
    try add(NID_key_usage, UnsafeMutableRawPointer(bits), isCritical: true, to: certificate)
  }

  private func addSubjectKeyIdentifier(_ certificate: borrowing X509Certificate) throws(CertificateError) {
    let identifier = try keyIdentifier(of: publicKey)
    defer { ASN1_OCTET_STRING_free(identifier) }
    try add(NID_subject_key_identifier, UnsafeMutableRawPointer(identifier), isCritical: false, to: certificate)
  }

  private func addAuthorityKeyIdentifier(_ certificate: borrowing X509Certificate) throws(CertificateError) {
    guard let identifier = AUTHORITY_KEYID_new() else { throw X509Certificate.failure() }
    defer { AUTHORITY_KEYID_free(identifier) }
    identifier.pointee.keyid = try keyIdentifier(of: authorityKey)
    try add(NID_authority_key_identifier, UnsafeMutableRawPointer(identifier), isCritical: false, to: certificate)
  }

  /// The first 160 bits of SHA-256 over the key's octets (RFC 7093, method 1).
  private func keyIdentifier(
    of key: VerificationKey
  ) throws(CertificateError) -> UnsafeMutablePointer<ASN1_OCTET_STRING> {
    guard let string = ASN1_OCTET_STRING_new() else { throw X509Certificate.failure() }
    let digest = Digest.sha256(key.octets)
    guard ASN1_OCTET_STRING_set(string, digest, 20) == 1 else {
      ASN1_OCTET_STRING_free(string)
      throw X509Certificate.failure()
    }
    return string
  }

  func add(
    _ nid: Int32, _ value: UnsafeMutableRawPointer, isCritical: Bool, to certificate: borrowing X509Certificate
  ) throws(CertificateError) {
    let result = X509_add1_ext_i2d(certificate.pointer, nid, value, isCritical ? 1 : 0, UInt(X509V3_ADD_DEFAULT))
    try X509Certificate.check(result)
  }
}
