import Cryptography
import Formats
import Identifiers
import Octets
import Testing

/// Fixed values that the suites share.
enum Sample {
  static let seed: UInt64 = 0x5741_5249_4655

  static func bytes(_ first: UInt8, _ count: Int) -> [UInt8] { (0..<count).map { first &+ UInt8($0) } }

  static func centerID() throws -> CenterID { try #require(CenterID(octets: bytes(0xC0, 16))) }
  static func serial() throws -> CardSerial { try #require(CardSerial("0123456789ABCDEF")) }
  static func softwareID() throws -> SoftwareID { try #require(SoftwareID(octets: bytes(0x10, 16))) }
  static func mediumID() throws -> MediumID { try #require(MediumID(octets: bytes(0x40, 12))) }
  static func operationID() throws -> OperationID { try #require(OperationID(octets: bytes(0x70, 16))) }

  /// A licence with a made-up body, not signed.
  static func license() throws -> CopyLicense {
    CopyLicense(
      number: 7, centerID: try centerID(), rootVersion: 1, cardSerial: try serial(), softwareID: try softwareID(),
      mediumID: try mediumID(), mediumIDStrength: .hostAsserted, terms: LicenseTerms(expiry: 1_900_000_000),
      certificateCode: bytes(0x20, 16), wrappedCertificationKey: bytes(0x30, 40), wrappedContentKey: bytes(0x50, 40),
      issuedAt: 1_800_000_000)
  }

  static func catalogue() throws -> MasterCatalogue {
    MasterCatalogue(
      centerID: try centerID(), name: "Autumn disc 割符", pressedAt: 1_800_000_000,
      titles: [
        CatalogueTitle(
          softwareID: try softwareID(), name: "openssl", version: "3.0", type: .program, path: "TITLES/0001.ENC",
          plaintextOctets: 1_000_000, ciphertextOctets: 1_000_056, ciphertextDigest: bytes(0, 32),
          price: Money(minorUnits: 1200, currency: .yen)),
        CatalogueTitle(
          softwareID: try #require(SoftwareID(octets: bytes(0x90, 16))), name: "A \"quoted\" / text", version: "1",
          type: .text, path: "TITLES/0002.ENC", plaintextOctets: 0, ciphertextOctets: 56,
          ciphertextDigest: bytes(1, 32), price: .zero(.yen)),
      ])
  }
}

/// Runs `parse` on every truncation, on every single-octet change and on seeded noise around `octets`: it may only
/// answer or throw, and what it answers must encode to exactly what was parsed.
func expectStrict(
  _ octets: [UInt8], rounds: Int = 2000, sourceLocation: SourceLocation = #_sourceLocation,
  _ reencode: ([UInt8]) throws -> [UInt8]
) throws {
  #expect(try reencode(octets) == octets, sourceLocation: sourceLocation)
  for count in 0..<octets.count {
    #expect(throws: FormatError.self, sourceLocation: sourceLocation) { try reencode(Array(octets.prefix(count))) }
  }
  #expect(throws: FormatError.self, sourceLocation: sourceLocation) { try reencode(octets + [0]) }
  let random = SeededRandom(seed: Sample.seed)
  for round in 0..<rounds {
    var noisy = octets
    let choices = random.octets(4)
    let index = (Int(choices[0]) << 8 | Int(choices[1])) % noisy.count
    if round < octets.count { noisy[round] ^= choices[2] | 1 } else { noisy[index] = choices[2] }
    if choices[3] & 7 == 0 { noisy = Array(noisy.prefix(index)) + random.octets(Int(choices[2])) }
    guard let again = try? reencode(noisy) else { continue }
    #expect(again == noisy, "a second way to write a record", sourceLocation: sourceLocation)
  }
}
