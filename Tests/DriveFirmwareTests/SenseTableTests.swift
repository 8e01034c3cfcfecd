import DiscEmulator
import DriveFirmware
import SCSI
import Testing

/// Each cause of a failure, and what the drive says about it.
@Suite struct SenseTableTests {
  struct Row: Sendable, CustomTestStringConvertible {
    var cause: String
    var cdb: CDB?
    var data = 0
    var arrange: @Sendable (EmulatedDrive, FaultyMedium, MemoryDisc) throws -> Void = { _, _, _ in }
    var code: SenseCode
    var information: UInt64?
    var pointer: SenseData.FieldPointer?
    var testDescription: String { cause }
  }

  static let total = UInt64(MediumGeometry.mb128.blockCount)
  static let sixteen = BlockRange(first: 100, count: 16)

  static let rows: [Row] = [
    Row(
      cause: "unknown code", cdb: CDB(octets: [0xFF] + .init(repeating: 0, count: 9)), code: .invalidOperationCode,
      pointer: .init(octet: 0)),
    Row(
      cause: "bad field", cdb: CDB(octets: [0x28, 0x20, 0, 0, 0, 0, 0, 0, 1, 0]), code: .invalidFieldInCDB,
      pointer: .init(octet: 1, bit: 5)),
    Row(
      cause: "unknown VPD page", cdb: CDB(octets: [0x12, 1, 0xB5, 0, 255, 0]), code: .invalidFieldInCDB,
      pointer: .init(octet: 2)),
    Row(
      cause: "unknown mode page", cdb: .modeSense(page: 0x2A), code: .invalidFieldInCDB,
      pointer: .init(octet: 2, bit: 5)),
    Row(
      cause: "unknown mode subpage", cdb: CDB(octets: [0x1A, 0, 0x0A, 1, 255, 0]), code: .invalidFieldInCDB,
      pointer: .init(octet: 3)),
    Row(cause: "saved mode values", cdb: CDB(octets: [0x1A, 0, 0xFF, 0, 255, 0]), code: .savingParametersNotSupported),
    Row(
      cause: "read behind the end", cdb: .read(BlockRange(first: total - 1, count: 2)), code: .blockAddressOutOfRange,
      information: total),
    Row(cause: "read far behind the end", cdb: .read(BlockRange(first: .max, count: 1)), code: .blockAddressOutOfRange),
    Row(
      cause: "read nothing behind the end", cdb: .read(BlockRange(first: total, count: 0)),
      code: .blockAddressOutOfRange, information: total),
    Row(
      cause: "write behind the end", cdb: .write(BlockRange(first: total, count: 1)), data: 512,
      code: .blockAddressOutOfRange, information: total),
    Row(
      cause: "verify behind the end", cdb: .verify(BlockRange(first: total + 5, count: 1), .none),
      code: .blockAddressOutOfRange, information: total + 5),
    Row(
      cause: "synchronise behind the end", cdb: .synchronizeCache(BlockRange(first: total, count: 1)),
      code: .blockAddressOutOfRange, information: total),
    Row(cause: "data too short", cdb: .write(sixteen), data: 16 * 512 - 1, code: .dataPhaseError),
    Row(cause: "no room for blocks", cdb: .read(sixteen), code: .dataPhaseError),
    Row(cause: "no data to compare with", cdb: .verify(sixteen, .blocks), data: 512, code: .dataPhaseError),
    Row(
      cause: "not even one block to compare with", cdb: .verify(sixteen, .oneBlock), data: 511, code: .dataPhaseError),
    Row(
      cause: "differs", cdb: .verify(sixteen, .blocks), data: 16 * 512,
      arrange: { _, _, disc in try disc.write(BlockRange(first: 107, count: 1), from: pattern(512).span.bytes) },
      code: .miscompareDuringVerify, information: 107),
    Row(
      cause: "one of them differs", cdb: .verify(sixteen, .oneBlock), data: 512,
      arrange: { _, _, disc in try disc.write(BlockRange(first: 108, count: 1), from: pattern(512).span.bytes) },
      code: .miscompareDuringVerify, information: 108),
    Row(
      cause: "tab set", cdb: .write(sixteen), data: 16 * 512, arrange: { _, _, disc in disc.protection.isWhole = true },
      code: .writeProtected, information: 100),
    Row(
      cause: "range protected", cdb: .write(sixteen), data: 16 * 512,
      arrange: { _, _, disc in
        disc.protection.ranges = [BlockRange(first: 115, count: 9), BlockRange(first: 110, count: 2)]
      }, code: .writeProtected, information: 110),
    Row(
      cause: "range protected from before", cdb: .writeAndVerify(sixteen), data: 16 * 512,
      arrange: { _, _, disc in disc.protection.ranges = [BlockRange(first: 0, count: 101)] }, code: .writeProtected,
      information: 100),
    Row(
      cause: "no medium to test", cdb: .testUnitReady, arrange: { drive, _, _ in try drive.eject() },
      code: .mediumNotPresent),
    Row(
      cause: "no medium to read", cdb: .read(sixteen), arrange: { drive, _, _ in try drive.eject() },
      code: .mediumNotPresent),
    Row(
      cause: "no medium to write", cdb: .write(sixteen), data: 16 * 512, arrange: { drive, _, _ in try drive.eject() },
      code: .mediumNotPresent),
    Row(
      cause: "no medium to measure", cdb: .readCapacity10, arrange: { drive, _, _ in try drive.eject() },
      code: .mediumNotPresent),
    Row(
      cause: "no medium to measure (16)", cdb: .readCapacity16(), arrange: { drive, _, _ in try drive.eject() },
      code: .mediumNotPresent),
    Row(
      cause: "no medium to identify", cdb: .readMediaSerialNumber(), arrange: { drive, _, _ in try drive.eject() },
      code: .mediumNotPresent),
    Row(
      cause: "no medium to synchronise", cdb: .synchronizeWholeCache, arrange: { drive, _, _ in try drive.eject() },
      code: .mediumNotPresent),
    Row(
      cause: "no medium to start", cdb: .startStopUnit(start: true), arrange: { drive, _, _ in try drive.eject() },
      code: .mediumNotPresent),
    Row(
      cause: "locked in", cdb: .startStopUnit(start: false, loadEject: true),
      arrange: { drive, _, _ in _ = try drive.execute(.preventAllowMediumRemoval(prevent: true)) },
      code: .mediumRemovalPrevented),
    Row(
      cause: "medium changed", cdb: .testUnitReady,
      arrange: { drive, medium, _ in
        try drive.eject(); try drive.insert(medium)
      }, code: .mediumMayHaveChanged),
    Row(
      cause: "switched on", cdb: .testUnitReady, arrange: { drive, _, _ in drive.powerCycle() }, code: .powerOnOrReset),
    Row(
      cause: "half-written", cdb: .verify(sixteen, .none),
      arrange: { _, _, disc in try disc.mark(BlockRange(first: 103, count: 1), as: .halfWritten) },
      code: .unrecoveredReadError, information: 103),
    Row(
      cause: "erased", cdb: .verify(sixteen, .none),
      arrange: { _, _, disc in try disc.erase(BlockRange(first: 104, count: 1)) }, code: .blankBlock, information: 104),
    Row(
      cause: "half-written, compared", cdb: .verify(sixteen, .blocks), data: 16 * 512,
      arrange: { _, _, disc in try disc.mark(BlockRange(first: 103, count: 1), as: .halfWritten) },
      code: .unrecoveredReadError, information: 103),
    Row(
      cause: "disk full", cdb: .write(sixteen), data: 16 * 512,
      arrange: { _, medium, _ in medium.writeFailure = .notWritten(block: 102) }, code: .writeError, information: 102),
    Row(
      cause: "host failed at writing", cdb: .write(sixteen), data: 16 * 512,
      arrange: { _, medium, _ in medium.writeFailure = .failure }, code: .internalTargetFailure),
    Row(
      cause: "host failed at reading", cdb: .verify(sixteen, .none),
      arrange: { _, medium, _ in medium.readFailure = .failure }, code: .internalTargetFailure),
    Row(
      cause: "host failed at fdatasync", cdb: .synchronizeWholeCache,
      arrange: { _, medium, _ in medium.synchronizeFailure = .failure }, code: .internalTargetFailure),
    Row(
      cause: "host failed at fdatasync of FUA", cdb: .write(sixteen, forceUnitAccess: true), data: 16 * 512,
      arrange: { _, medium, _ in medium.synchronizeFailure = .failure }, code: .internalTargetFailure),
    Row(
      cause: "host failed at ejecting", cdb: .startStopUnit(start: false, loadEject: true),
      arrange: { _, medium, _ in medium.synchronizeFailure = .failure }, code: .internalTargetFailure),
  ]

  @Test(arguments: rows) func eachCauseHasItsSense(_ row: Row) throws {
    let disc = try memoryDisc()
    let medium = FaultyMedium(disc)
    let drive = try EmulatedDrive.ready(medium)
    try row.arrange(drive, medium, disc)
    let outcome = try drive.send(try #require(row.cdb), [UInt8](repeating: 0, count: row.data).span.bytes)
    #expect(outcome.status == .checkCondition)
    #expect(outcome.transferred == 0)
    let sense = try #require(outcome.senseData)
    #expect(sense.code == row.code)
    if let information = row.information { #expect(sense.information == information) }
    #expect(sense.fieldPointer == row.pointer)
  }

  @Test func nothingIsWrittenOfAPartlyProtectedRange() throws {
    let disc = try memoryDisc(protection: WriteProtection(ranges: [BlockRange(first: 10, count: 1)]))
    let medium = FaultyMedium(disc)
    let drive = try EmulatedDrive.ready(medium)
    #expect(try drive.write(pattern(512 * 4), at: 8).senseData == SenseData(.writeProtected, information: 10))
    #expect(medium.writes == 0)
    #expect(try drive.read(4, at: 8).data == [UInt8](repeating: 0, count: 4 * 512))
    #expect(try drive.write(pattern(512 * 2), at: 8).status == .good)
    #expect(try drive.write(pattern(512), at: 11).status == .good)
  }
}
