import DiscEmulator
import DriveFirmware
import SCSI
import Testing

@Suite struct DriveAnswerTests {
  @Test(arguments: [PeripheralType.opticalMemory, .directAccess])
  func inquiry(_ type: PeripheralType) throws {
    let configuration = DriveConfiguration(peripheralType: type, serialNumber: "SN-7")
    let drive = EmulatedDrive(configuration: configuration)
    let data = try drive.fetch(.inquiry(), upTo: 36).data
    let inquiry = try InquiryData(parsing: data.span.bytes)
    #expect(inquiry.peripheralType == type)
    #expect(inquiry.isRemovable)
    #expect(inquiry.vendor == "WARIFU")
    #expect(inquiry.product == "MO DRIVE")

    let pages = try drive.fetch(.inquiry(page: .supportedPages), upTo: 252).data
    #expect(pages == [type.rawValue, 0x00, 0, 7, 0x00, 0x80, 0x83, 0x86, 0xB0, 0xB1, 0xB2])
    let serial = try drive.fetch(.inquiry(page: .unitSerialNumber), upTo: 252).data
    #expect(serial == [type.rawValue, 0x80, 0, 4] + Array("SN-7".utf8))
    let identification = try drive.fetch(.inquiry(page: .deviceIdentification), upTo: 252).data
    let page = try VitalProductData(parsing: identification.span.bytes)
    #expect(
      try Designator.list(parsing: page.content)
        == [Designator(type: 1, codeSet: 2, octets: Array("WARIFU  MO DRIVESN-7".utf8))])
  }

  @Test func answersAreCutToAllocationAndRoom() throws {
    let drive = try EmulatedDrive.ready(try memoryDisc())
    let whole = try drive.fetch(.inquiry(), upTo: 36).data
    #expect(try drive.fetch(.inquiry(allocation: 5), upTo: 36).data == Array(whole.prefix(5)))
    #expect(try drive.fetch(.inquiry(), upTo: 7).data == Array(whole.prefix(7)))
    #expect(try drive.fetch(.inquiry(allocation: 0), upTo: 36).data.isEmpty)
    #expect(try drive.fetch(.readCapacity16(allocation: 12), upTo: 32).data.count == 12)
    #expect(try drive.fetch(.readMediaSerialNumber(allocation: 4), upTo: 100).data == [0, 0, 0, 16])
  }

  @Test(arguments: MediumGeometry.all) func capacity(_ geometry: MediumGeometry) throws {
    let drive = try EmulatedDrive.ready(try memoryDisc(geometry))
    let expected = Capacity(blockCount: UInt64(geometry.blockCount), blockSize: geometry.blockSize)
    #expect(try lend(drive.fetch(.readCapacity10, upTo: 8).data) { try Capacity.parse(short: $0) } == expected)
    let long = try drive.fetch(.readCapacity16(), upTo: 32).data
    #expect(long.count == 32)
    #expect(try Capacity(parsingLong: long.span.bytes) == expected)
  }

  /// Megabytes, octets to the block, blocks, bands, spares, octets in all.
  @Test func geometriesAreThoseOfTheStandards() {
    let table: [[UInt64]] = [
      [128, 512, 248_826, 1, 1_024, 127_398_912], [230, 512, 446_325, 10, 1_025, 228_518_400],
      [540, 512, 1_041_500, 18, 2_250, 533_248_000], [640, 2048, 310_352, 11, 2_244, 635_600_896],
      [1300, 2048, 605_846, 18, 4_437, 1_240_772_608], [2300, 2048, 1_063_146, 12, 10_098, 2_177_323_008],
    ]
    let ours = MediumGeometry.all.map {
      [$0.nominalMegabytes, $0.blockSize, $0.blockCount, $0.bandCount, $0.spareCount].map(UInt64.init) + [$0.userOctets]
    }
    #expect(ours == table)
  }

  @Test func theMediumIDComesFromTheFactoryRecord() throws {
    let drive = try EmulatedDrive.ready(try memoryDisc())
    let data = try drive.fetch(.readMediaSerialNumber(), upTo: 260).data
    #expect(data == [0, 0, 0, 16] + mediumID)
    #expect(try MediaSerialNumber(parsing: data.span.bytes).octets == mediumID)
  }

  @Test(arguments: [false, true]) func modeSenseTellsTypeAndProtection(isLong: Bool) throws {
    let disc = try memoryDisc(.mb640)
    let drive = try EmulatedDrive.ready(disc)
    func parameters(_ cdb: CDB) throws -> ModeParameters {
      try lend(drive.fetch(cdb, upTo: 255).data) { try ModeParameters(parsing: $0, isLong: isLong) }
    }
    let all = try parameters(.modeSense(long: isLong))
    #expect(all.mediumType == .opticalRewritable)
    #expect(all.isWriteProtected == false)
    #expect(all.supportsForceUnitAccess)
    #expect(all.capacity == Capacity(blockCount: 310_352, blockSize: 2048))
    #expect(all.pages.count == 112)
    let caching = try parameters(.modeSense(page: 0x08, long: isLong)).pages
    #expect(caching.prefix(3) == [0x08, 18, 0x04], "what is written is lasting only after SYNCHRONIZE CACHE")
    #expect(try parameters(.modeSense(page: 0x0A, long: isLong)).pages.prefix(2) == [0x0A, 10])
    disc.protection.isWhole = true
    #expect(try parameters(.modeSense(long: isLong)).isWriteProtected)
    try drive.eject()
    let empty = try parameters(.modeSense(long: isLong))
    #expect(empty.mediumType == .none)
    #expect(empty.capacity == nil)
  }

  @Test func reportLUNs() throws {
    let drive = EmulatedDrive()
    let data = try drive.fetch(.reportLUNs(), upTo: 64).data
    #expect(data == [0, 0, 0, 8] + [UInt8](repeating: 0, count: 12))
  }

  @Test func writeAndVerifyReallyCompares() throws {
    let disc = try memoryDisc()
    let drive = try EmulatedDrive.ready(disc)
    let range = BlockRange(first: 5, count: 300)  // more than the scratch memory holds
    let data = pattern(300 * 512)
    #expect(try drive.send(try #require(.writeAndVerify(range)), data.span.bytes).status == .good)
    #expect(try drive.send(try #require(.verify(range, .blocks)), data.span.bytes).status == .good)
    var other = data
    other[512 * 299 + 511] ^= 1
    #expect(
      try drive.send(try #require(.verify(range, .blocks)), other.span.bytes).senseData
        == SenseData(.miscompareDuringVerify, information: 304))
    #expect(try drive.code(try #require(.verify(range, .none))) == nil)
    #expect(try drive.send(try #require(.writeAndVerify(range, comparing: false)), other.span.bytes).status == .good)
    #expect(same(try drive.read(300, at: 5).data, other))
  }

  @Test func forceUnitAccessSynchronises() throws {
    let medium = FaultyMedium(try memoryDisc())
    let drive = try EmulatedDrive.ready(medium)
    let data = pattern(512)
    #expect(try drive.write(data, at: 0).status == .good)
    #expect(medium.synchronizations == 0)
    let range = BlockRange(first: 0, count: 1)
    #expect(try drive.send(.write(range, forceUnitAccess: true), data.span.bytes).status == .good)
    #expect(medium.synchronizations == 1)
  }

  @Test(arguments: TransferForm.allCases) func everyFormReadsAndWrites(_ form: TransferForm) throws {
    let drive = try EmulatedDrive.ready(try memoryDisc())
    let range = BlockRange(first: 77, count: 256)
    let data = pattern(256 * 512, seed: UInt8(form.rawValue))
    #expect(try drive.send(try #require(.write(range, form: form)), data.span.bytes).status == .good)
    let (outcome, read) = try drive.fetch(try #require(.read(range, form: form)), upTo: data.count)
    #expect(outcome.transferred == data.count)
    #expect(same(read, data))
  }

  @Test func readingAndWritingNothingSucceeds() throws {
    let drive = try EmulatedDrive.ready(try memoryDisc())
    #expect(try drive.code(.read(BlockRange(first: 0, count: 0))) == nil)
    #expect(try drive.code(.write(BlockRange(first: 0, count: 0))) == nil)
    #expect(try drive.code(try #require(.verify(BlockRange(first: 0, count: 0), .blocks))) == nil)
  }
}
