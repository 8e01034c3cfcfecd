import Cryptography
import Formats
import Identifiers
import Octets
import Testing

@Suite struct ConversionLicenseTests {
  /// Frozen: licences on discs must stay readable.
  private static let frozen =
    "575207010100080000000000000007020010C0C1C2C3C4C5C6C7C8C9CACBCCCDCECF030004000000010400080123456789ABCDEF05001010"
    + "1112131415161718191A1B1C1D1E1F06000C404142434445464748494A4B0700010008000A010000000000000000001E0028303132333435"
    + "363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F50515253545556571F0028505152535455565758595A5B5C5D5E5F606162"
    + "636465666768696A6B6C6D6E6F70717273747576770C0008000000006B49D200"

  private static func license() throws -> ConversionLicense {
    ConversionLicense(
      number: 7, centerID: try Sample.centerID(), rootVersion: 1, cardSerial: try Sample.serial(),
      softwareID: try Sample.softwareID(), mediumID: try Sample.mediumID(), mediumIDStrength: .hostAsserted,
      terms: .unlimited, wrappedMediumKey: Sample.bytes(0x30, 40), wrappedMasterKey: Sample.bytes(0x50, 40),
      issuedAt: 1_800_000_000, signature: Sample.bytes(0x80, 64))
  }

  @Test func encodingIsFrozen() throws {
    #expect(Hex.encode(try Self.license().signedOctets) == Self.frozen)
  }

  @Test func readsBackWhatItWrote() throws {
    var license = try Self.license()
    for strength in MediumIDStrength.allCases {
      license.mediumIDStrength = strength
      license.mediumID = try #require(MediumID(octets: Sample.bytes(0, strength == .hostAsserted ? 1 : 64)))
      let octets = license.encoded
      #expect(try ConversionLicense(parsing: octets.span.bytes) == license)
      #expect(octets.count <= ConversionLicense.maximumOctetCount)
    }
  }

  @Test func parserIsStrictAndNeverTraps() throws {
    try expectStrict(try Self.license().encoded) { try ConversionLicense(parsing: $0.span.bytes).encoded }
  }

  @Test func everyChangedOctetBreaksTheSignature() throws {
    let key = try SigningKey(random: SeededRandom(seed: Sample.seed))
    var license = try Self.license()
    license.signature = try key.sign(license.signedOctets)
    let octets = license.encoded
    #expect(try ConversionLicense.open(octets.span.bytes, under: key.verificationKey) == license)
    for index in octets.indices {
      var changed = octets
      changed[index] ^= 0x01
      #expect(throws: FormatError.self, "octet \(index)") {
        try ConversionLicense.open(changed.span.bytes, under: key.verificationKey)
      }
    }
    let other = try SigningKey(random: SeededRandom(seed: Sample.seed + 1)).verificationKey
    #expect(throws: FormatError(.notAuthentic, "conversion licence")) { try license.verify(under: other) }
  }

  @Test func slotTellsWhichLicenceItHolds() throws {
    let conversion = try Self.license()
    var certificate = try Sample.license()
    certificate.signature = Sample.bytes(0x80, 64)
    for license in [TitleLicense.certificate(certificate), .conversion(conversion)] {
      let octets = license.encoded
      #expect(try TitleLicense(parsing: octets.span.bytes) == license)
      #expect(license.number == 7 && license.issuedAt == 1_800_000_000)
      #expect(license.softwareID == conversion.softwareID && license.mediumID == conversion.mediumID)
      #expect(license.cardSerial == conversion.cardSerial && license.centerID == conversion.centerID)
      try expectStrict(octets) { try TitleLicense(parsing: $0.span.bytes).encoded }
    }
    #expect(TitleLicense.certificate(certificate).profile == .certificate)
    #expect(TitleLicense.conversion(conversion).profile == .conversion)
    let request = LicenseRequest(
      operationID: try Sample.operationID(), cardSerial: try Sample.serial(), softwareID: try Sample.softwareID(),
      mediumID: try Sample.mediumID()
    ).encoded
    #expect(throws: FormatError(.unknownKind, "copy licence")) { try TitleLicense(parsing: request.span.bytes) }
  }

  /// A signature over one kind of licence is none over the other, whatever its fields say.
  @Test func neitherKindPassesForTheOther() throws {
    let key = try SigningKey(random: SeededRandom(seed: Sample.seed))
    var license = try Self.license()
    license.signature = try key.sign(license.signedOctets)
    var octets = license.encoded
    octets[2] = 0x01
    #expect(throws: FormatError.self) { try TitleLicense.open(octets.span.bytes, under: key.verificationKey) }
    #expect(try TitleLicense.open(license.encoded.span.bytes, under: key.verificationKey) == .conversion(license))
  }
}
