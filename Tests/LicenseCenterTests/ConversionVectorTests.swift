import Cryptography
import Formats
import Foundation
import Identifiers
import Octets
import Testing

@testable import LicenseCenter

/// Ku, Ka and the licence that carries them wrapped, frozen and computed by somebody else.
@Suite struct ConversionVectorTests {
  private static let frozenMediumKey = "732F0A3BCAC57A58DA3E46F414DF659ED262AF8AB6F8C21BA9992EDF749F820B"
  private static let frozenMasterKey = "BFFE9488FCC44030515593D241ED8BBFEE9A299A36B0664C42E0DD7E78C08EDC"
  private static let frozenSigned =
    "575207010100080000000000000007020010C0C1C2C3C4C5C6C7C8C9CACBCCCDCECF030004000000010400080123456789AB"
    + "CDEF050010101112131415161718191A1B1C1D1E1F06000C404142434445464748494A4B0700010008000A01000000000000"
    + "0000001E00284EDDF035D2F1F1F24DF0EE3BB519C9A9C62B529F76B4046E5B02AEC97CF3405512AD9D04093791BC1F0028F5"
    + "BDBA39B51EF235B3E8CFE6FDBA610679B8A90E732E9396A1AF531EE2E08368DF8DD4F385A068D80C0008000000006B49D200"

  private let software: SoftwareID
  private let medium: MediumID
  private let keys: KeyStore

  init() throws {
    software = try #require(SoftwareID(octets: Array(0x10..<0x20)))
    medium = try #require(MediumID(octets: Array(0x40..<0x4C)))
    keys = try KeyStore.fixed([.issuerMaster: Array(0x80..<0xA0), .conversionRoot: Array(0xB0..<0xD0)])
  }

  private func mediumKey() throws -> [UInt8] {
    try keys.withKey(.conversionRoot) { try ConversionKeys.mediumKey($0, medium).withBytes { $0.octets } }
  }

  private func masterKey() throws -> [UInt8] {
    try keys.withKey(.conversionRoot) { try ConversionKeys.masterKey($0, software).withBytes { $0.octets } }
  }

  private func license() throws -> ConversionLicense {
    let serial = try #require(CardSerial("0123456789ABCDEF"))
    let request = LicenseRequest(
      operationID: try #require(OperationID(octets: Array(0..<16))), cardSerial: serial, softwareID: software,
      mediumID: medium)
    return try ConversionLicenseMaker.make(
      number: 7, request, .hostAsserted, centerID: try #require(CenterID(octets: Array(0xC0..<0xD0))),
      issuedAt: 1_800_000_000,
      individualKey: try CardKeys.individualKey(of: serial, version: 1, keys),
      masterKey: Secret(copying: try masterKey()), keys: keys)
  }

  /// Frozen: every copy on a disc and every master disc depends on them.
  @Test func M12_conversionKeysAreFrozen() throws {
    #expect(Hex.encode(try mediumKey()) == Self.frozenMediumKey)
    #expect(Hex.encode(try masterKey()) == Self.frozenMasterKey)
    #expect(Hex.encode(try license().signedOctets) == Self.frozenSigned)
  }

  @Test func M12_pythonComputesTheSameKeys() throws {
    let inputs = [
      "issuerMaster": Hex.encode(0x80..<0xA0), "conversionRoot": Hex.encode(0xB0..<0xD0),
      "center": Hex.encode(0xC0..<0xD0), "number": "0000000000000007", "rootVersion": "00000001",
      "serial": "0123456789ABCDEF", "software": Hex.encode(software.octets), "medium": Hex.encode(medium.octets),
      "terms": Hex.encode(LicenseTerms.unlimited.encoded), "issued": "000000006B49D200",
    ]
    let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Reference/conversion_license.py")
    let answer = try runPython(script, input: try JSONEncoder().encode(inputs))
    let computed = try JSONDecoder().decode([String: String].self, from: answer)
    #expect(computed["mediumKey"] == Hex.encode(try mediumKey()))
    #expect(computed["masterKey"] == Hex.encode(try masterKey()))
    #expect(computed["signed"] == Hex.encode(try license().signedOctets))
  }

  /// The same sixteen octets as the one id and as the other make two keys.
  @Test func M12_idsOfTheTwoKindsNeverMeet() throws {
    let sameOctets = try #require(MediumID(octets: software.octets))
    let keys = try keys.withKey(.conversionRoot) { root in
      (
        try ConversionKeys.mediumKey(root, sameOctets).withBytes { $0.octets },
        try ConversionKeys.masterKey(root, software).withBytes { $0.octets }
      )
    }
    #expect(keys.0 != keys.1)
  }
}
