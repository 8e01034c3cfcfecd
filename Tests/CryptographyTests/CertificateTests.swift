import Cryptography
import Foundation
import Octets
import SecureChannel
import Testing

@Suite struct CertificateTests {
  /// 2026-01-01 to 2046-01-01 UTC.
  private static let decades: ClosedRange<UInt64> = 1_767_225_600...2_398_377_600
  private static let now: UInt64 = 1_800_000_000

  private func makeAuthority(seed: UInt64 = 1) throws -> CertificateAuthority {
    try CertificateAuthority(name: "Warifu Test CA", validity: Self.decades, random: SeededRandom(seed: seed))
  }

  private func issue(
    _ authority: borrowing CertificateAuthority, subject: String = "Card 5741520000000001",
    role: Certificate.Role = .cardSignature, validity: ClosedRange<UInt64> = decades
  ) throws -> Certificate {
    let random = SeededRandom(seed: 99)
    let key = try SigningKey(random: random).verificationKey
    return try authority.issue(
      subject: subject, publicKey: key, role: role, validity: validity, serial: .init(random: random))
  }

  @Test func saysWhatWasCertified() throws {
    let authority = try makeAuthority()
    let certificate = try issue(authority)
    let read = try Certificate(der: certificate.der)
    #expect(read == certificate)
    #expect(read.subject == "Card 5741520000000001")
    #expect(read.issuer == "Warifu Test CA")
    #expect(read.validity == Self.decades)
    #expect(read.publicKey == (try SigningKey(random: SeededRandom(seed: 99)).verificationKey))
    #expect(!read.isAuthority)
    #expect(read.usage == [.digitalSignature, .contentCommitment])
    #expect(read.role == .cardSignature)
    #expect(authority.certificate.role == nil)
    #expect(authority.certificate.isAuthority)
    #expect(authority.certificate.usage == [.keyCertSign, .cRLSign])
    #expect(authority.certificate.subject == authority.certificate.issuer)
  }

  @Test func chainsToItsAuthorityWhileInForce() throws {
    let authority = try makeAuthority()
    let certificate = try issue(authority, validity: Self.now...(Self.now + 1000))
    for time in [Self.now, Self.now + 1000] {
      try certificate.verify(chainTo: authority.certificate, at: time, role: .cardSignature)
    }
    #expect(throws: CertificateError.notYetValid) {
      try certificate.verify(chainTo: authority.certificate, at: Self.now - 1, role: .cardSignature)
    }
    #expect(throws: CertificateError.expired) {
      try certificate.verify(chainTo: authority.certificate, at: Self.now + 1001, role: .cardSignature)
    }
    #expect(throws: CertificateError.expired) {
      try certificate.verify(chainTo: authority.certificate, at: .max, role: .cardSignature)
    }
  }

  @Test func doesNotChainToAnother() throws {
    let authority = try makeAuthority()
    let namesake = try makeAuthority(seed: 2)
    let certificate = try issue(authority)
    #expect(throws: CertificateError.notAuthentic) {
      try certificate.verify(chainTo: namesake.certificate, at: Self.now, role: .cardSignature)
    }
    #expect(throws: CertificateError.notAuthentic) {
      try authority.certificate.verify(chainTo: certificate, at: Self.now, role: .cardSignature)
    }
  }

  @Test func aHolderCannotCertify() throws {
    let authority = try makeAuthority()
    let random = SeededRandom(seed: 5)
    let key = try SigningKey(random: random)
    let holder = try authority.issue(
      subject: "Holder", publicKey: key.verificationKey, role: .cardAuthentication, validity: Self.decades,
      serial: .init(random: random))
    #expect(throws: CertificateError.badAuthority) {
      _ = try CertificateAuthority(certificate: holder, key: SigningKey(random: SeededRandom(seed: 5)))
    }
  }

  @Test func anyFlippedBitIsNoticed() throws {
    let authority = try makeAuthority()
    let certificate = try issue(authority)
    for bit in 0..<(8 * certificate.der.count) {
      var changed = certificate.der
      changed[bit / 8] ^= 1 << (bit % 8)
      #expect(throws: CertificateError.self, "bit \(bit)") {
        try Certificate(der: changed).verify(chainTo: authority.certificate, at: Self.now, role: .cardSignature)
      }
    }
  }

  @Test func cutAndPaddedOnesAreMalformed() throws {
    let der = try issue(makeAuthority()).der
    for length in 0..<der.count {
      #expect(throws: CertificateError.malformed) { try Certificate(der: Array(der[..<length])) }
    }
    #expect(throws: CertificateError.malformed) { try Certificate(der: der + [0]) }
  }

  @Test func otherKeysThanP256AreMalformed() throws {
    let script = """
      import sys, json, datetime
      from cryptography import x509
      from cryptography.x509.oid import NameOID
      from cryptography.hazmat.primitives import hashes, serialization
      from cryptography.hazmat.primitives.asymmetric import ec, ed25519
      json.load(sys.stdin)
      def make(key, algorithm):
          name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
          start = datetime.datetime(2026, 1, 1)
          builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start.replace(year=2027))
          return builder.sign(key, algorithm).public_bytes(serialization.Encoding.DER).hex()
      print(json.dumps([make(ec.generate_private_key(ec.SECP384R1()), hashes.SHA256()),
                        make(ec.generate_private_key(ec.SECP256K1()), hashes.SHA256()),
                        make(ed25519.Ed25519PrivateKey.generate(), None)]))
      """
    let certificates: [String] = try python(script, 0)
    for certificate in certificates {
      #expect(throws: CertificateError.malformed) { try Certificate(der: hex(certificate)) }
    }
  }

  @Test func namesAndTimesThatX509CannotHoldAreRefused() throws {
    let authority = try makeAuthority()
    for name in ["", String(repeating: "x", count: 65), "a\0b"] {
      #expect(throws: CertificateError.badContent, "\(name)") { _ = try issue(authority, subject: name) }
    }
    #expect(throws: CertificateError.badContent) { _ = try issue(authority, validity: 0...253_402_300_800) }
    let long = try issue(authority, subject: "割符の所持人 № 1", validity: 0...253_402_300_799)
    #expect(try Certificate(der: long.der).validity == 0...253_402_300_799)
    #expect(long.subject == "割符の所持人 № 1")
  }

  @Test(arguments: [
    (["00"], false), (["01"], true), (["00", "01"], true), (Array(repeating: "7f", count: 20), true),
    (Array(repeating: "80", count: 20), false), (Array(repeating: "01", count: 21), false), ([], false),
  ]) func serialsArePositiveAndBounded(octets: [String], isGood: Bool) throws {
    let octets = try hex(octets.joined())
    #expect((Certificate.Serial(octets: octets) != nil) == isGood)
  }

  @Test func anAuthorityComesBackFromItsKeyStore() throws {
    let authority = try makeAuthority()
    let again = try CertificateAuthority(
      certificate: Certificate(der: authority.certificate.der), key: SigningKey(pkcs8: authority.exportKey()))
    try issue(again).verify(chainTo: authority.certificate, at: Self.now, role: .cardSignature)
    #expect(throws: CertificateError.badAuthority) {
      _ = try CertificateAuthority(
        certificate: authority.certificate, key: SigningKey(random: SeededRandom(seed: 77)))
    }
  }

  @Test func opensslAcceptsTheChain() throws {
    let authority = try makeAuthority()
    let certificate = try issue(authority)
    let (accepted, described) = try withTemporaryFolder { folder in
      let (root, leaf) = (folder.appendingPathComponent("root.pem"), folder.appendingPathComponent("leaf.pem"))
      try pem(authority.certificate).write(to: root)
      try pem(certificate).write(to: leaf)
      let accepted = try run(
        "openssl",
        ["verify", "-x509_strict", "-check_ss_sig", "-attime", "\(Self.now)", "-CAfile", root.path, leaf.path])
      let described = try run("openssl", ["x509", "-in", leaf.path, "-noout", "-text"])
      return (String(decoding: accepted, as: UTF8.self), String(decoding: described, as: UTF8.self))
    }
    #expect(accepted.hasSuffix("leaf.pem: OK\n"))
    for part in [
      "Version: 3 (0x2)", "Signature Algorithm: ecdsa-with-SHA256", "Issuer: CN = Warifu Test CA",
      "ASN1 OID: prime256v1", "X509v3 Basic Constraints: critical", "CA:FALSE", "X509v3 Key Usage: critical",
      "Digital Signature, Non Repudiation", "X509v3 Extended Key Usage: critical",
      Certificate.Role.cardSignature.objectIdentifier, "X509v3 Subject Key Identifier",
      "X509v3 Authority Key Identifier",
    ] {
      #expect(described.contains(part), "\(part)")
    }
  }

  private func pem(_ certificate: Certificate) -> Data {
    let base64 = Data(certificate.der).base64EncodedString(options: [.lineLength64Characters, .endLineWithLineFeed])
    return Data("-----BEGIN CERTIFICATE-----\n\(base64)\n-----END CERTIFICATE-----\n".utf8)
  }
}
