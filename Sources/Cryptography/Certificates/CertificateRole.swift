import COpenSSL

extension Certificate {
  /// The one thing that a certificate under the centre's authority is for (decision 0006).
  ///
  /// The authority certifies its own signing keys and the keys of every card; that a certificate chains to it says
  /// only that the key is known. The role says what its signatures mean.
  public enum Role: UInt8, CaseIterable, Sendable {
    /// Shows that a card is there: signs only what the card itself has built.
    case cardAuthentication = 1
    /// A card holder's word: signs any digest that the holder's host gives it.
    case cardSignature = 2
    /// The centre's word in copy licences.
    case licenseSigning = 3
    /// The centre's word in catalogues of master discs.
    case catalogueSigning = 4

    /// The arc of the roles: `2.25.` and the UUID 439a39c4-e5b0-44f3-b9b9-0930526294f9 as a number, which nobody has to
    /// register (ITU-T X.667, 7).
    private static let arc = "2.25.89859061130956151690575681192292685049"

    /// Its extended key usage (RFC 5280, 4.2.1.12): the arc of the roles, and the role's number. Never reuse one.
    public var objectIdentifier: String { "\(Role.arc).\(rawValue)" }

    /// What the role does with the key. Signatures that are kept are a commitment; the authentication key only answers.
    public var usage: KeyUsage {
      self == .cardAuthentication ? .digitalSignature : [.digitalSignature, .contentCommitment]
    }
  }
}

extension CertificateContent {
  /// The role as the only extended key usage, critical: who does not know it is to refuse the certificate.
  func addRole(_ role: Certificate.Role, to certificate: borrowing X509Certificate) throws(CertificateError) {
    guard let usages = EXTENDED_KEY_USAGE_new() else { throw X509Certificate.failure() }
    defer { EXTENDED_KEY_USAGE_free(usages) }
    guard let identifier = OBJ_txt2obj(role.objectIdentifier, 1) else { throw X509Certificate.failure() }
    // The list owns what was pushed, and nothing else.
    guard OPENSSL_sk_push(usages, UnsafeRawPointer(identifier)) > 0 else {
      ASN1_OBJECT_free(identifier)
      throw X509Certificate.failure()
    }
    try add(NID_ext_key_usage, UnsafeMutableRawPointer(usages), isCritical: true, to: certificate)
  }
}

extension X509Certificate {
  /// The role; `nil` unless there is exactly one extended key usage, critical, and it is a role.
  var role: Certificate.Role? {
    var criticality: Int32 = 0
    // A second such extension, or none, gives nil.
    guard let extensionValue = X509_get_ext_d2i(pointer, NID_ext_key_usage, &criticality, nil) else { return nil }
    let usages = OpaquePointer(extensionValue)
    defer { EXTENDED_KEY_USAGE_free(usages) }
    guard criticality == 1, OPENSSL_sk_num(usages) == 1, let usage = OPENSSL_sk_value(usages, 0) else { return nil }
    return Certificate.Role.allCases.first { role in
      guard let identifier = OBJ_txt2obj(role.objectIdentifier, 1) else { return false }
      defer { ASN1_OBJECT_free(identifier) }
      return OBJ_cmp(identifier, OpaquePointer(usage)) == 0
    }
  }
}
