import Cryptography
import Octets
import SecureChannel
import Testing

/// What certificates under one authority may be used for (decision 0006).
@Suite struct CertificateRoleTests {
  /// 2026-01-01 to 2046-01-01 UTC.
  private static let decades: ClosedRange<UInt64> = 1_767_225_600...2_398_377_600
  private static let now: UInt64 = 1_800_000_000

  private func makeAuthority() throws -> CertificateAuthority {
    try CertificateAuthority(name: "Warifu Test CA", validity: Self.decades, random: SeededRandom(seed: 1))
  }

  @Test(arguments: Certificate.Role.allCases) func eachIsGoodForItsOwnRoleOnly(role: Certificate.Role) throws {
    let authority = try makeAuthority()
    let random = SeededRandom(seed: 2)
    let certificate = try authority.issue(
      subject: "Holder", publicKey: SigningKey(random: random).verificationKey, role: role, validity: Self.decades,
      serial: .init(random: random))
    #expect(certificate.role == role)
    #expect(certificate.usage == role.usage)
    for asked in Certificate.Role.allCases {
      if asked == role {
        try certificate.verify(chainTo: authority.certificate, at: Self.now, role: asked)
      } else {
        #expect(throws: CertificateError.notAuthentic, "\(asked)") {
          try certificate.verify(chainTo: authority.certificate, at: Self.now, role: asked)
        }
      }
    }
  }

  @Test func theAuthorityHasNoRole() throws {
    let root = try makeAuthority().certificate
    for role in Certificate.Role.allCases {
      #expect(throws: CertificateError.notAuthentic) { try root.verify(chainTo: root, at: Self.now, role: role) }
    }
  }

  /// Frozen: they stand in every certificate.
  @Test func objectIdentifiersAreFrozen() {
    let arc = "2.25.89859061130956151690575681192292685049"
    #expect(Certificate.Role.allCases.map(\.objectIdentifier) == (1...4).map { "\(arc).\($0)" })
  }

  private struct Question: Encodable {
    var key: String
    var root: String
    var arc: String
  }

  /// Certificates that chain, made elsewhere with the authority's own key: only the first says the role as ours do.
  @Test func whatIsNotExactlyOneCriticalRoleIsNone() throws {
    let authority = try makeAuthority()
    let script = """
      import sys, json, datetime
      from cryptography import x509
      from cryptography.x509.oid import NameOID, ExtendedKeyUsageOID
      from cryptography.hazmat.primitives import hashes, serialization
      from cryptography.hazmat.primitives.asymmetric import ec
      question = json.load(sys.stdin)
      key = serialization.load_der_private_key(bytes.fromhex(question["key"]), None)
      root = x509.load_der_x509_certificate(bytes.fromhex(question["root"]))
      role = lambda last: x509.ObjectIdentifier(question["arc"] + last)
      holder = ec.generate_private_key(ec.SECP256R1()).public_key()
      def make(usages, critical=True, commits=True):
          name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
          start = datetime.datetime(2026, 1, 2)
          builder = x509.CertificateBuilder(root.subject, name, holder, 77, start, start.replace(year=2040))
          builder = (builder
              .add_extension(x509.BasicConstraints(False, None), True)
              .add_extension(x509.KeyUsage(True, commits, *[False] * 7), True)
              .add_extension(x509.SubjectKeyIdentifier.from_public_key(holder), False)
              .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                  root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value), False))
          if usages:
              builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical)
          return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER).hex()
      print(json.dumps([
          make([role(".4")]), make([role(".4")], commits=False), make([role(".4")], critical=False), make([]),
          make([role(".4"), role(".3")]), make([role(".4"), ExtendedKeyUsageOID.CODE_SIGNING]),
          make([role(".4"), role(".4")]), make([role(".5")]), make([role("")]), make([role(".4.1")]),
          make([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])]))
      """
    let question = try authority.exportKey().withBytes { key in
      Question(
        key: spell(key.octets), root: spell(authority.certificate.der),
        arc: String(Certificate.Role.catalogueSigning.objectIdentifier.dropLast(2)))
    }
    let made: [String] = try python(script, question)
    #expect(made.count == 11)
    for (index, certificate) in made.enumerated() {
      let certificate = try Certificate(der: hex(certificate))
      #expect((certificate.role == .catalogueSigning) == (index <= 1), "\(index)")
      if index == 0 {
        try certificate.verify(chainTo: authority.certificate, at: Self.now, role: .catalogueSigning)
      } else {
        #expect(throws: CertificateError.notAuthentic, "\(index)") {
          try certificate.verify(chainTo: authority.certificate, at: Self.now, role: .catalogueSigning)
        }
      }
    }
  }
}
