import Octets
import SCSI
import Testing

/// How a drive's word about its medium travels (docs/drive-attestation.md).
@Suite struct DriveAttestationTests {
  private func attestation() throws -> DriveAttestation {
    try #require(
      DriveAttestation(
        challenge: [UInt8](repeating: 0xC1, count: 16), mediumID: [1, 2, 3, 4], certificate: [0x30, 0x01, 0x00],
        signature: [UInt8](repeating: 0x5A, count: 64)))
  }

  private func encoded(_ attestation: DriveAttestation) throws -> [UInt8] {
    let buffer = OctetBuffer(capacity: 4096)
    try attestation.append(to: buffer)
    return buffer.withBytes { $0.octets }
  }

  private func parse(_ octets: [UInt8]) throws(OctetError) -> DriveAttestation {
    try DriveAttestation(parsing: octets.span.bytes)
  }

  private func parse(list octets: [UInt8]) throws(OctetError) -> DriveAttestation.Challenge {
    try DriveAttestation.Challenge(parsing: octets.span.bytes)
  }

  /// Frozen: drives speak it.
  @Test func theFormIsFrozen() throws {
    let wanted =
      "0000005F" + "0100" + "0010" + String(repeating: "C1", count: 16) + "0004" + "01020304" + "0003" + "300100"
      + String(repeating: "5A", count: 64)
    let octets = try encoded(attestation())
    #expect(Hex.encode(octets) == wanted)
    #expect(try parse(octets) == attestation())
    // What the drive had room for behind it.
    let padded = octets + [UInt8](repeating: 0xEE, count: 100)
    #expect(try parse(padded) == attestation())
  }

  @Test func theLargestHasRoom() throws {
    let largest = try #require(
      DriveAttestation(
        challenge: [UInt8](repeating: 1, count: 64), mediumID: [UInt8](repeating: 2, count: 64),
        certificate: [UInt8](repeating: 3, count: 2048), signature: [UInt8](repeating: 4, count: 64)))
    let octets = try encoded(largest)
    #expect(octets.count == DriveAttestation.maximumOctetCount)
    #expect(try parse(octets) == largest)
  }

  @Test func everyOtherFormIsRefused() throws {
    let octets = try encoded(attestation())
    for count in 0..<octets.count {
      #expect(throws: OctetError.self, "\(count)") { try parse(Array(octets[..<count])) }
    }
    // Lengths, version and reserved octet; not what the signature covers.
    for index in Array(0..<8) + [24, 25, 30, 31] {
      var changed = octets
      changed[index] ^= 0x40
      #expect(throws: OctetError.self, "\(index)") { try parse(changed) }
    }
    for count in [0, 15, 65] {
      #expect(DriveAttestation.Challenge(octets: [UInt8](repeating: 1, count: count)) == nil)
    }
  }

  @Test func theChallengeGoesOutAsAList() throws {
    let challenge = try #require(DriveAttestation.Challenge(octets: [UInt8](repeating: 7, count: 20)))
    let list = challenge.encoded
    #expect(list.prefix(4) == [1, 0, 0, 20] && list.count == 24)
    #expect(try parse(list: list + [0, 0]) == challenge)
    for count in 0..<list.count {
      #expect(throws: OctetError.self) { try parse(list: Array(list[..<count])) }
    }
    for list: [UInt8] in [[2, 0, 0, 16] + list, [1, 1, 0, 16] + list, [1, 0, 0, 15] + list] {
      #expect(throws: OctetError.invalid) { try parse(list: list) }
    }
  }

  @Test func theCommandsAreThoseOfTheStandard() {
    let commands = [
      (CDB.securityProtocolIn(0xF0, 1, allocation: 2250), "A2F000010000000008CA0000"),
      (CDB.securityProtocolOut(0xF0, 1, length: 36), "B5F000010000000000240000"),
    ]
    for (cdb, wanted) in commands { #expect(cdb.withBytes { Hex.encode($0.octets) } == wanted) }
  }
}
