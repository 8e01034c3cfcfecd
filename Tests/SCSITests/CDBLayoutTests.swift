import Octets
import SCSI
import Testing

/// The octets of SPC-3/SPC-4 and SBC-3's tables, field by field.
@Suite struct CDBLayoutTests {
  static let range = BlockRange(first: 0x0102_0304, count: 0x0506)

  static let layouts: [(String, CDB?, String)] = [
    ("TEST UNIT READY", .testUnitReady, "000000000000"),
    ("REQUEST SENSE", .requestSense(allocation: 252), "03000000FC00"),
    ("INQUIRY", .inquiry(allocation: 0x0124), "120000012400"),
    ("INQUIRY, page 83h", .inquiry(page: .deviceIdentification, allocation: 0xFF), "12018300FF00"),
    ("READ CAPACITY (10)", .readCapacity10, "25000000000000000000"),
    ("READ CAPACITY (16)", .readCapacity16(allocation: 32), "9E100000000000000000000000200000"),
    ("READ (6)", .read(BlockRange(first: 0x1F_0203, count: 7), form: .six), "081F02030700"),
    ("READ (6), 256", .read(BlockRange(first: 1, count: 256), form: .six), "080000010000"),
    ("WRITE (6)", .write(BlockRange(first: 0x1F_0203, count: 7), form: .six), "0A1F02030700"),
    ("READ (10)", .read(range, form: .ten), "28000102030400050600"),
    ("READ (10), FUA", .read(range, form: .ten, forceUnitAccess: true), "28080102030400050600"),
    ("READ (12)", .read(range, form: .twelve), "A80001020304000005060000"),
    ("READ (16)", .read(range, form: .sixteen), "88000000000001020304000005060000"),
    ("WRITE (10)", .write(range, form: .ten), "2A000102030400050600"),
    ("WRITE (12), FUA", .write(range, form: .twelve, forceUnitAccess: true), "AA0801020304000005060000"),
    ("WRITE (16)", .write(range, form: .sixteen), "8A000000000001020304000005060000"),
    ("WRITE AND VERIFY (10)", .writeAndVerify(range, comparing: true), "2E020102030400050600"),
    ("VERIFY (10)", .verify(range, .none), "2F000102030400050600"),
    ("VERIFY (10), BYTCHK 01b", .verify(range, .blocks), "2F020102030400050600"),
    ("VERIFY (10), BYTCHK 11b", .verify(range, .oneBlock), "2F060102030400050600"),
    ("SYNCHRONIZE CACHE (10)", .synchronizeCache(range), "35000102030400050600"),
    ("SYNCHRONIZE CACHE, all", .synchronizeWholeCache, "35000000000000000000"),
    ("MODE SENSE (6)", .modeSense(page: 0x08, allocation: 0xC0), "1A000800C000"),
    ("MODE SENSE (10)", .modeSense(page: 0x3F, long: true, allocation: 0x0102), "5A003F00000000010200"),
    ("START STOP UNIT, eject", .startStopUnit(start: false, loadEject: true), "1B0000000200"),
    ("START STOP UNIT, start", .startStopUnit(start: true), "1B0000000100"),
    ("PREVENT", .preventAllowMediumRemoval(prevent: true), "1E0000000100"),
    ("REPORT LUNS", .reportLUNs(allocation: 0x1000), "A00000000000000010000000"),
    ("READ MEDIA SERIAL NUMBER", .readMediaSerialNumber(allocation: 0x104), "AB0100000000000001040000"),
  ]

  @Test func buildersMakeThePublishedOctets() throws {
    for (name, cdb, octets) in CDBLayoutTests.layouts {
      #expect(try #require(cdb, "\(name)").withBytes { Hex.encode($0.octets) } == octets, "\(name)")
    }
  }

  @Test func rangesTakeTheSmallestFormThatHoldsThem() {
    #expect(TransferForm.fitting(BlockRange(first: 0, count: 1)) == .ten)
    #expect(TransferForm.fitting(BlockRange(first: 0, count: 0x1_0000)) == .twelve)
    #expect(TransferForm.fitting(BlockRange(first: 0x1_0000_0000, count: 1)) == .sixteen)
    #expect(CDB.read(BlockRange(first: 0x20_0000, count: 1), form: .six) == nil)
    #expect(CDB.read(BlockRange(first: 0x1F_FFFF, count: 2), form: .six) == nil)
    #expect(CDB.read(BlockRange(first: 0, count: 0), form: .six) == nil)
    #expect(CDB.write(BlockRange(first: 0, count: 1), form: .six, forceUnitAccess: true) == nil)
    #expect(CDB.write(BlockRange(first: 0x1_0000_0000, count: 1), form: .twelve) == nil)
    #expect(CDB.verify(BlockRange(first: 0, count: 0x1_0000), .none) == nil)
    #expect(CDB(octets: [1, 2, 3]) == nil)
  }

  @Test func rangesNeverOverflow() {
    #expect(BlockRange(first: .max, count: .max).isWithin(.max) == false)
    #expect(BlockRange(first: 9, count: 1).isWithin(10))
    #expect(BlockRange(first: 9, count: 2).isWithin(10) == false)
    #expect(BlockRange(first: 10, count: 0).isWithin(10) == false)
    #expect(BlockRange(first: .max, count: 1).overlaps(BlockRange(first: 0, count: .max)) == false)
    #expect(BlockRange(first: 4, count: 2).overlaps(BlockRange(first: 5, count: 1)))
    #expect(BlockRange(first: 4, count: 1).overlaps(BlockRange(first: 5, count: 1)) == false)
    #expect(BlockRange(first: 4, count: 0).overlaps(BlockRange(first: 4, count: 1)) == false)
  }
}

extension CDB {
  init(hex: String) throws {
    let octets = try #require(Hex.decode(hex))
    self = try #require(CDB(octets: octets))
  }
}
