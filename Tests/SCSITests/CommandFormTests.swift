import Octets
import SCSI
import TestSupport
import Testing

@Suite struct CommandFormTests {
  static var forms: [CommandForm] {
    var forms: [CommandForm] = []
    CommandForm.forEach { forms.append($0) }
    return forms
  }

  static func octets(_ number: UInt128, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: number >> UInt128(8 * (count - 1 - $0))) }
  }

  /// The table is written as numbers: each has exactly the CDB's length, and begins with its code and service action.
  @Test func usageBeginsWithTheOperationCode() {
    for form in CommandFormTests.forms {
      let count = form.operation.cdbOctets
      let usage = CommandFormTests.octets(form.usage, count)
      #expect(usage[0] == form.operation.rawValue, "\(form)")
      #expect(form.usage >> UInt128(8 * count - 1) <= 1, "\(form)")
      if let action = form.serviceAction { #expect(usage[1] & 0x1F == action, "\(form)") }
      #expect(usage[count - 1] == 0, "the control octet of \(form)")
    }
    #expect(Set(CommandFormTests.forms).count == CommandFormTests.forms.count)
    #expect(Set(CommandFormTests.forms.map(\.operation)) == Set(OperationCode.allCases))
  }

  /// Every bit of every CDB: heeded ones never fail as not heeded, all others are pointed to.
  @Test func everyBitIsHeededOrRefused() {
    for form in CommandFormTests.forms {
      let count = form.operation.cdbOctets
      let usage = CommandFormTests.octets(form.usage, count)
      var base = [UInt8](repeating: 0, count: count)
      base[0] = form.operation.rawValue
      base[1] = form.serviceAction ?? 0
      for index in 1..<count {
        for bit in 0..<8 as Range<UInt8> where usage[index] & 1 << bit == 0 {
          if form.serviceAction != nil, index == 1, bit < 5 { continue }
          var cdb = base
          cdb[index] |= 1 << bit
          #expect(throws: CDBError.invalidField(.init(octet: UInt16(index), bit: bit)), "\(form), \(index).\(bit)") {
            try DriveCommand(parsing: cdb.span.bytes)
          }
        }
      }
    }
  }

  @Test func transfersAreToldForEveryCommand() throws {
    let range = BlockRange(first: 1, count: 3)
    let cases: [(DriveCommand, DataTransfer)] = [
      (.compareAndWrite(range, forceUnitAccess: false), .toDrive(3072)),
      (.orWrite(range, forceUnitAccess: false), .toDrive(1536)),
      (.writeSame(.init(range)), .toDrive(512)),
      (.writeSame(.init(range, withoutData: true)), .none),
      (.write(BlockRange(first: 1, count: 0), forceUnitAccess: false), .none),
      (.erase(range, toEnd: false), .none),
      (.formatUnit(.init()), .none),
      (.formatUnit(.init(hasParameterList: true)), .listToDrive(atMost: 262_144)),
      (.reassignBlocks(longAddresses: false, longList: false), .listToDrive(atMost: 262_144)),
      (.modeSelect(.init(isLong: false, parameterListLength: 16)), .toDrive(16)),
      (.persistentReserveOut(.clear, scopeAndType: 0, parameterListLength: 24), .toDrive(24)),
      (.persistentReserveIn(.readKeys, allocation: 8), .toHost(8)),
      (.readDefectData(.init(primary: true, grown: true, format: 0, isLong: true, allocation: 70)), .toHost(70)),
      (.mediumScan(.init(first: 0, forWritten: true, parameterListLength: 8)), .toDrive(8)),
    ]
    for (command, transfer) in cases { #expect(command.transfer(blockSize: 512) == transfer, "\(command)") }
  }

  @Test func longFormsMeanWhatShortOnesMean() throws {
    let range = BlockRange(first: 0x0102_0304, count: 0x0506)
    let cdbs: [(String, DriveCommand)] = [
      ("AE020102030400000506 0000", .writeAndVerify(range, comparing: true)),
      ("8E0000000000010203040000050600 00", .writeAndVerify(range, comparing: false)),
      ("AF060102030400000506 0000", .verify(range, .oneBlock)),
      ("8F0200000000010203040000050600 00", .verify(range, .blocks)),
      ("34020102030400050600", .preFetch(range)), ("9000000000000102030400000506 0000", .preFetch(range)),
      ("9106000000000102030400000506 0000", .synchronizeCache(range)),
      ("41000102030400050600", .writeSame(.init(range))),
      ("9309000000000102030400000506 0000", .writeSame(.init(range, isUnmapping: true, withoutData: true))),
      ("8B08000000000102030400000506 0000", .orWrite(range, forceUnitAccess: true)),
      (
        "8918000000000102030400000006 0000",
        .compareAndWrite(.init(first: 0x0102_0304, count: 6), forceUnitAccess: true)
      ),
      ("2C000102030400050600", .erase(range, toEnd: false)),
      ("AC0401020304000000000000", .erase(.init(first: 0x0102_0304, count: 0), toEnd: true)),
      ("38100102030400000800", .mediumScan(.init(first: 0x0102_0304, forWritten: true, parameterListLength: 8))),
      ("0B1F02030000", .seek(0x1F_0203)), ("2B000102030400000000", .seek(0x0102_0304)),
      ("043B00000000", .formatUnit(.init(hasParameterList: true, isLongList: true, isListComplete: true, format: 3))),
      ("070300000000", .reassignBlocks(longAddresses: true, longList: true)),
      (
        "B71D000000090000 010000 00",
        .readDefectData(.init(primary: true, grown: true, format: 5, startIndex: 9, isLong: true, allocation: 256))
      ),
      ("1B0000003700", .startStopUnit(.init(powerCondition: 3, withoutFlush: true, loadEject: true, start: true))),
      ("551100000000000010 00", .modeSelect(.init(isSaving: true, isLong: true, parameterListLength: 16))),
      ("5E03000000000001 0000", .persistentReserveIn(.readFullStatus, allocation: 256)),
      ("5F0415000000000018 00", .persistentReserveOut(.preempt, scopeAndType: 0x15, parameterListLength: 24)),
      (
        "A30C832A00000000040000 00",
        .reportSupportedOperationCodes(.init(.either, operationCode: 0x2A, withTimeouts: true, allocation: 1024))
      ),
      ("A30D80000000000000100000", .reportSupportedTaskManagementFunctions(extended: true, allocation: 16)),
      ("9E1200000000000000050000001800 00", .getLBAStatus(first: 5, allocation: 24)),
      ("0301000012 00", .requestSense(descriptors: true, allocation: 18)),
    ]
    for (hex, command) in cdbs {
      let octets = try #require(Hex.decode(hex.filter { $0 != " " }), "\(hex)")
      #expect(try DriveCommand(parsing: octets.span.bytes) == command, "\(hex)")
    }
  }

  @Test func identitiesAreTransportIDs() throws {
    let name = Array("iqn.2007-10.com.github:x".utf8)
    let identity = try #require(InitiatorIdentity(iSCSIName: name, isid: [0x80, 0x12, 0x34, 0x56, 0, 0x0A]))
    let octets = identity.transportID
    #expect(octets.prefix(4) == [0x45, 0, 0, 44])
    #expect(octets.count == 48)
    #expect(Array(octets[4..<(4 + 24 + 17)]) == name + Array(",i,0x80123456000a".utf8))
    #expect(octets.suffix(3) == [0, 0, 0])
    #expect(InitiatorIdentity(transportID: octets) == identity)
    #expect(InitiatorIdentity(iSCSIName: [], isid: [0, 0, 0, 0, 0, 0]) == nil)
    #expect(InitiatorIdentity(iSCSIName: [0x61], isid: [0, 0, 0, 0, 0]) == nil)
    #expect(InitiatorIdentity(iSCSIName: [0x61, 0], isid: [0, 0, 0, 0, 0, 0]) == nil)
    #expect(InitiatorIdentity(iSCSIName: .init(repeating: 0x61, count: 224), isid: [0, 0, 0, 0, 0, 0]) == nil)
    #expect(InitiatorIdentity(transportID: .init(repeating: 0, count: 23)) == nil)
    #expect(InitiatorIdentity(transportID: .init(repeating: 0, count: 26)) == nil)
    #expect(InitiatorIdentity(local: 1) != InitiatorIdentity(local: 2))
  }

  @Test func senseInDescriptorsReadsAsInTheFixedFormat() throws {
    let all: [SenseData] = [
      SenseData(.noSense), SenseData(.writeProtected, information: 0x1_0203_0405),
      SenseData(.invalidFieldInCDB, fieldPointer: .init(octet: 2, bit: 5)),
      SenseData(.invalidFieldInParameterList, fieldPointer: .init(octet: 300, isInParameterList: true)),
      SenseData(.writeError, information: 9, isDeferred: true),
    ]
    for sense in all {
      let buffer = OctetBuffer(capacity: 64)
      try sense.append(descriptorsTo: buffer)
      #expect(try buffer.withBytes { try SenseData(parsing: $0) } == sense)
      #expect(buffer.count == 8 + Int(buffer[7] ?? 0))
    }
    let list = all[3].fixedFormat
    #expect(try SenseData(parsing: list.span.bytes) == all[3])
  }
}
