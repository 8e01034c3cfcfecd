import Octets
import SCSI
import TestSupport
import Testing

@Suite struct DriveCommandTests {
  static func parse(_ octets: [UInt8]) throws(CDBError) -> DriveCommand { try DriveCommand(parsing: octets.span.bytes) }

  static let meanings: [(CDB?, DriveCommand)] = [
    (.testUnitReady, .testUnitReady),
    (.requestSense(allocation: 18), .requestSense(descriptors: false, allocation: 18)),
    (.inquiry(allocation: 0xFFFF), .inquiry(allocation: 0xFFFF)),
    (.inquiry(page: .unitSerialNumber, allocation: 9), .inquiryPage(0x80, allocation: 9)),
    (.readCapacity10, .readCapacity10),
    (.readCapacity16(allocation: .max), .readCapacity16(allocation: .max)),
    (.synchronizeCache(BlockRange(first: 5, count: 6)), .synchronizeCache(BlockRange(first: 5, count: 6))),
    (.startStopUnit(start: true, loadEject: true), .startStopUnit(.init(loadEject: true, start: true))),
    (.preventAllowMediumRemoval(prevent: true), .preventAllowMediumRemoval(prevent: true)),
    (.reportLUNs(allocation: 16), .reportLUNs(select: 0, allocation: 16)),
    (.readMediaSerialNumber(allocation: 70), .readMediaSerialNumber(allocation: 70)),
    (.verify(BlockRange(first: 1, count: 2), .oneBlock), .verify(BlockRange(first: 1, count: 2), .oneBlock)),
    (
      .writeAndVerify(BlockRange(first: 1, count: 2), comparing: false),
      .writeAndVerify(BlockRange(first: 1, count: 2), comparing: false)
    ),
    (
      .modeSense(page: 0x0A, long: true, allocation: 300),
      .modeSense(
        .init(page: 0x0A, isLong: true, allocation: 300))
    ),
  ]

  @Test func everyBuilderMeansItsCommand() throws {
    for (cdb, command) in DriveCommandTests.meanings {
      #expect(try #require(cdb).withBytes { try DriveCommand(parsing: $0) } == command)
    }
  }

  @Test func transfersKeepTheirRangeInEveryForm() throws {
    var random = SystemRandomNumberGenerator()
    for form in TransferForm.allCases {
      for _ in 0..<500 {
        let range = BlockRange(
          first: UInt64.random(in: 0...UInt64.max >> UInt64.random(in: 0...63, using: &random)),
          count: UInt32.random(in: 0...UInt32.max >> UInt32.random(in: 0...31, using: &random)))
        guard form.holds(range) else { continue }
        let fua = form != .six && Bool.random()
        let read = try #require(CDB.read(range, form: form, forceUnitAccess: fua))
        #expect(read.count == form.rawValue)
        #expect(try read.withBytes { try DriveCommand(parsing: $0) } == .read(range, forceUnitAccess: fua))
        let write = try #require(CDB.write(range, form: form, forceUnitAccess: fua))
        #expect(try write.withBytes { try DriveCommand(parsing: $0) } == .write(range, forceUnitAccess: fua))
        #expect(try CDB.read(range).withBytes { try DriveCommand(parsing: $0) } == .read(range, forceUnitAccess: false))
      }
    }
  }

  /// CDB, octet and bit that the drive must point to.
  static let badFields: [(String, UInt16, UInt8?)] = [
    ("000000000004", 5, 2),  // NACA
    ("0000", 2, nil),  // cut short
    ("030200001200", 1, 1),  // beside DESC
    ("120200002400", 1, 1),  // CMDDT
    ("120080002400", 2, nil),  // page code without EVPD
    ("25000000000100000000", 5, 0),  // address without PMI
    ("25000000000000000100", 8, 0),  // PMI
    ("28200000000000000100", 1, 5),  // RDPROTECT
    ("2A800000000000000100", 1, 7),  // WRPROTECT
    ("2E040000000000000100", 1, 2),  // BYTCHK 10b
    ("2F040000000000000100", 1, 2),  // BYTCHK 10b
    ("9E110000000000000000000000200000", 1, 4),  // another service action
    ("AB0200000000000001040000", 1, 4),  // another service action
    ("1B0000000800", 4, 3),  // beside POWER CONDITION
    ("1E0000000200", 4, 1),  // a medium changer
    ("A00003000000000010000000", 2, nil),  // SELECT REPORT 03h
  ]

  @Test func badFieldsArePointedTo() throws {
    for (hex, octet, bit) in DriveCommandTests.badFields {
      let octets = try #require(Hex.decode(hex))
      #expect(throws: CDBError.invalidField(.init(octet: octet, bit: bit)), "\(hex)") {
        try DriveCommandTests.parse(octets)
      }
    }
  }

  @Test func everyUnknownOperationCodeIsRefused() {
    for code in UInt8.min...UInt8.max where OperationCode(rawValue: code) == nil {
      #expect(throws: CDBError.unknownOperationCode) {
        try DriveCommandTests.parse([code] + [UInt8](repeating: 0, count: 15))
      }
    }
    #expect(throws: CDBError.unknownOperationCode) { try DriveCommandTests.parse([]) }
  }

  @Test func shortCDBsAreRefusedAndLongOnesCut() throws {
    for code in OperationCode.allCases {
      for count in 1..<code.cdbOctets {
        #expect(throws: CDBError.self) {
          try DriveCommandTests.parse([code.rawValue] + [UInt8](repeating: 0, count: count - 1))
        }
      }
    }
    #expect(try DriveCommandTests.parse([0] + [UInt8](repeating: 0, count: 15)) == .testUnitReady)
  }

  @Test func transferTellsHowMuchMoves() {
    let range = BlockRange(first: 0, count: 3)
    #expect(DriveCommand.read(range, forceUnitAccess: false).transfer(blockSize: 512) == .toHost(1536))
    #expect(DriveCommand.write(range, forceUnitAccess: false).transfer(blockSize: 2048) == .toDrive(6144))
    #expect(DriveCommand.verify(range, .none).transfer(blockSize: 512) == .none)
    #expect(DriveCommand.verify(range, .blocks).transfer(blockSize: 512) == .toDrive(1536))
    #expect(DriveCommand.verify(range, .oneBlock).transfer(blockSize: 512) == .toDrive(512))
    #expect(
      DriveCommand.read(BlockRange(first: 0, count: .max), forceUnitAccess: false).transfer(blockSize: .max)
        == .toHost(UInt64(UInt32.max) * UInt64(UInt32.max)))
    #expect(DriveCommand.inquiry(allocation: 5).transfer(blockSize: 512) == .toHost(5))
    #expect(DriveCommand.testUnitReady.transfer(blockSize: 512) == .none)
  }

  @Test func randomOctetsAreACommandOrAnError() {
    var random = Randomness("SCSI commands")
    for _ in 0..<20_000 {
      _ = try? DriveCommandTests.parse(random.octets(upTo: 20))
    }
  }
}
