import Cryptography
import Formats
import Identifiers
import Octets
import Testing

@Suite struct CopyLicenseTests {
  /// Frozen: licences on discs must stay readable.
  private static let frozen =
    "575201010100080000000000000007020010C0C1C2C3C4C5C6C7C8C9CACBCCCDCECF030004000000010400080123456789ABCDEF05001010"
    + "1112131415161718191A1B1C1D1E1F06000C404142434445464748494A4B0700010008000A010000000000713FB300090010202122232425"
    + "262728292A2B2C2D2E2F0A0028303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F50515253545556570B0028"
    + "505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F70717273747576770C0008000000006B49D200"

  @Test func encodingIsFrozen() throws {
    #expect(Hex.encode(try Sample.license().signedOctets) == CopyLicenseTests.frozen)
  }

  @Test func readsBackWhatItWrote() throws {
    var license = try Sample.license()
    license.signature = Sample.bytes(0x80, 64)
    for strength in MediumIDStrength.allCases {
      license.mediumIDStrength = strength
      let octets = license.encoded
      #expect(try CopyLicense(parsing: octets.span.bytes) == license)
      #expect(octets.count <= CopyLicense.maximumOctetCount)
    }
    license.mediumID = try #require(MediumID(octets: Sample.bytes(0, 64)))
    #expect(license.encoded.count <= CopyLicense.maximumOctetCount)
  }

  @Test func parserIsStrictAndNeverTraps() throws {
    var license = try Sample.license()
    license.signature = Sample.bytes(0x80, 64)
    try expectStrict(license.encoded) { octets in
      try CopyLicense(parsing: octets.span.bytes).encoded
    }
  }

  @Test func everyChangedOctetBreaksTheSignature() throws {
    let key = try SigningKey(random: SeededRandom(seed: Sample.seed))
    var license = try Sample.license()
    license.signature = try key.sign(license.signedOctets)
    let octets = license.encoded
    #expect(try CopyLicense.open(octets.span.bytes, under: key.verificationKey) == license)
    for index in octets.indices {
      var changed = octets
      changed[index] ^= 0x01
      #expect(throws: FormatError.self, "octet \(index)") {
        try CopyLicense.open(changed.span.bytes, under: key.verificationKey)
      }
    }
    let other = try SigningKey(random: SeededRandom(seed: Sample.seed + 1)).verificationKey
    #expect(throws: FormatError(.notAuthentic, "copy licence")) { try license.verify(under: other) }
  }

  @Test func certificateInputIsTheOneOfTheCard() throws {
    let license = try Sample.license()
    let (software, medium, terms) = (license.softwareID.octets, license.mediumID.octets, license.terms.encoded)
    let buffer = OctetBuffer(capacity: 256)
    try buffer.becomeCertificateInput(
      softwareID: software.span.bytes, mediumID: medium.span.bytes, terms: terms.span.bytes)
    #expect(license.certificateInput == buffer.withBytes { $0.octets })
  }

  @Test(
    arguments: [
      ("01000000000000000000", false, nil), ("01010000000000000000", true, nil),
      ("0100000000006B49D200", false, 1_800_000_000), ("0101FFFFFFFFFFFFFFFF", true, UInt64.max),
    ] as [(String, Bool, UInt64?)])
  func termsHaveOneEncoding(text: String, attested: Bool, expiry: UInt64?) throws {
    let octets = try #require(Hex.decode(text))
    let terms = LicenseTerms(requiresAttestedMedium: attested, expiry: expiry)
    #expect(terms.encoded == octets)
    #expect(try LicenseTerms(parsing: octets.span.bytes) == terms)
  }

  @Test(arguments: ["", "01", "02000000000000000000", "01020000000000000000", "0100000000000000000000"])
  func otherTermsAreRefused(text: String) throws {
    let octets = try #require(Hex.decode(text))
    #expect(throws: FormatError.self) { try LicenseTerms(parsing: octets.span.bytes) }
  }
}
