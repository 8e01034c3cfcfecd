import CardProtocol
import Cryptography
import ISO7816
import Octets
import SecureChannel
import Testing

/// Further key sets 02 to 0F: what their holders may do (decision 0008), and how they come and go.
@Suite struct FurtherKeySetTests {
  private static let keys = SeededRandom(seed: 900).octets(48)

  /// An issued card with set 02.
  private func delegated() throws -> Bench {
    let bench = try Bench.issued()
    let session = try bench.open()
    try #require(try session.status(try session.putKey(0x02, Self.keys, count: 3)) == .ok)
    bench.reset()
    return bench
  }

  @Test func delegateBringsSoftwareAndReads() throws {
    let bench = try delegated()
    let session = try bench.open(version: 0x02, keys: Self.keys)
    #expect(try session.store(Bench.object(.createFile, Bench.fileDescription(0x0505, size: 3))).status == .ok)
    #expect(try session.status(.select(file: 0x0505)) == .ok)
    #expect(try session.status(.updateBinary(offset: 0, data: [1, 2, 3])) == .ok)
    #expect(try session.status(.getStatus([.issuerDomain, .applications])) == .ok)
    #expect(try session.status(.generateKeyPair(.signature, readOnly: true)) == .ok)
    #expect(try session.status(.verify(.pin, value: Bench.pin)) == .ok)
    #expect(try session.status(.handOverCode(index: 0)) == .ok)
  }

  @Test func delegateDoesNothingElse() throws {
    let bench = try delegated()
    let session = try bench.open(version: 0x02, keys: Self.keys)
    let before = bench.flash.content
    let other = SeededRandom(seed: 901).octets(48)
    let file = Bench.object(.createFile, Bench.fileDescription(0x0505, size: 3))
    for objects in [
      try Bench.charge(2, Array(try Bench.records().prefix(1))), Bench.object(.issuerCertificate, [0x30, 0]),
      Bench.object(.referenceData, Bench.pin + Bench.puk), file + Bench.object(.issuerCertificate, [0x30, 0]),
      Bench.object(.centerVerificationKey, try Bench.center().publicKey),
    ] {
      #expect(try session.store(objects).status == .securityStatusNotSatisfied)
    }
    for command in [
      try session.putKey(KeyVersion.individualKey, Bench.individualKey), try session.putKey(0x53, Bench.individualKey),
      try session.putKey(0x03, other, count: 3), try session.putKey(0x03, other, count: 3, replacing: 0x02),
      .generateKeyPair(.authentication), .deleteCode(index: 0), .deleteKey(version: 0x51), .deleteKey(version: 0x01),
      .deleteKey(version: 0x03), .setApplicationLock(true), .setStatus(.cardLocked, serial: try bench.serial),
      .setStatus(.terminated, serial: try bench.serial),
    ] {
      #expect(try session.status(command) == .securityStatusNotSatisfied)
    }
    #expect(bench.flash.content == before)
  }

  @Test func delegateReplacesAndDeletesItself() throws {
    let bench = try delegated()
    let other = SeededRandom(seed: 902).octets(96)
    var session = try bench.open(version: 0x02, keys: Self.keys)
    #expect(try session.status(try session.putKey(0x02, other, count: 3, replacing: 0x02)) == .ok)
    session = try bench.open(version: 0x02, keys: other)
    #expect(try session.status(.deleteKey(version: 0x02)) == .ok)
    // The session talks on, and administers nothing more.
    #expect(try session.status(.getData(.applicationStatus)) == .ok)
    #expect(try session.status(.getStatus(.issuerDomain)) == .securityStatusNotSatisfied)
    #expect(try session.status(.deleteKey(version: 0x02)) == .securityStatusNotSatisfied)
    let opening = CommandAPDU(cla: 0x80, ins: 0x50, p1: 0x02, data: Bench.puk, le: 256)
    #expect(try bench.status(opening) == .referencedDataNotFound)
  }

  /// The issuer moves a set to another version in one write.
  @Test func replacementUnderAnotherVersion() throws {
    let bench = try delegated()
    let session = try bench.open()
    let other = SeededRandom(seed: 903).octets(72)
    #expect(try session.status(try session.putKey(0x03, other, count: 3, replacing: 0x04)) == .referencedDataNotFound)
    #expect(try session.status(try session.putKey(0x03, other, count: 3, replacing: 0x02)) == .ok)
    #expect(try session.status(try session.putKey(0x02, other, count: 3)) == .ok)
    #expect(try session.status(try session.putKey(0x02, other, count: 3, replacing: 0x03)) == .conditionsNotSatisfied)
    for old: UInt8 in [0x01, 0x30, 0x51, 0xFF] {
      #expect(try session.status(try session.putKey(0x04, other, count: 3, replacing: old)) == .incorrectP1P2)
    }
    #expect(try bench.open(version: 0x03, keys: other).status(.getStatus(.issuerDomain)) == .ok)
  }

  /// DELETE by D0 and D2 (11.2.2.3.2): whole further sets and idle generation keys go, everything else stays.
  @Test func whichKeysGo() throws {
    let bench = try delegated()
    let session = try bench.open()
    try #require(try session.status(try session.putKey(0x53, Bench.individualKey)) == .ok)
    func delete(_ data: [UInt8], p2: UInt8 = 0) throws -> UInt16 {
      try session.status(CommandAPDU(cla: 0x80, ins: 0xE4, p2: p2, data: data)).rawValue
    }
    let rows: [([UInt8], UInt16)] = [
      ([0xD2, 1, 0x01], 0x6985), ([0xD2, 1, 0x40], 0x6985), ([0xD2, 1, 0x30], 0x6A88), ([0xD2, 1, 0xFF], 0x6A88),
      ([0xD2, 1, 0x03], 0x6A88), ([0xD0, 1, 1, 0xD2, 1, 0x02], 0x6985), ([0xD0, 1, 1], 0x6985),
      ([0xD2, 1, 0x51], 0x6985), ([0xD2, 1, 0x54], 0x6A88), ([0xD0, 1, 2, 0xD2, 1, 0x53], 0x6A88),
      ([0xD2, 2, 0, 2], 0x6A80), ([0xD0, 1, 1, 0xD2], 0x6A80), ([0xD2, 1, 2, 0xD0, 1, 1], 0x6A80), ([0xD2, 0], 0x6A80),
      ([0x4F, 8] + CardProtocol.applicationID, 0x6985), ([0x4F, 8] + CardProtocol.issuerDomainID, 0x6985),
      ([0x4F, 5, 1, 2, 3, 4, 5], 0x6A88), ([0x4F, 1, 1], 0x6A80),
      ([0xD0, 1, 1, 0xD2, 1, 0x53], 0x9000), ([0xD2, 1, 0x53], 0x6A88),
      ([0xD2, 1, 0x02], 0x9000), ([0xD2, 1, 0x02], 0x6A88),
    ]
    for (data, word) in rows { #expect(try delete(data) == word, "\(data)") }
    #expect(try delete([0xD2, 1, 0x02], p2: 0x80) == 0x6A88)
    #expect(try delete([0xD2, 1, 0x02], p2: 0x01) == 0x6A86)
  }
}
