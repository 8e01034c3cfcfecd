import DriveFirmware
import Octets
import SCSI

/// Whatever three initiators send a drive, and hands and resets do to it meanwhile: every command has an outcome that makes
/// sense, the medium is asked for nothing that it does not have, nothing protected is written, and the medium's id stays.
enum DriveTarget {
  private static let identifier: [UInt8] = (0..<16).map { 0xA0 + $0 }

  static func run(_ input: [UInt8]) throws {
    guard let record = FactoryRecord(mediumID: identifier, manufactured: 0) else { return }
    let medium = HollowMedium(record)
    let drive = DriveController(configuration: DriveConfiguration(peripheralType: .directAccess, scratchOctets: 16_384))
    try drive.insert(medium)
    let nexuses = [
      drive.connect(), drive.connect(InitiatorIdentity(local: 7), reportsResiduals: true), drive.connect(),
    ]
    var reader = OctetReader(input.span.bytes)
    while let control = try? reader.u8() {
      if control & 0xF0 == 0xF0 {
        act(Int(control & 0x0F), drive, medium, nexuses)
      } else {
        try execute(&reader, control, drive, nexuses[Int(control & 0x03) % 3])
      }
      if let violation = medium.violation { throw FuzzFinding(description: violation) }
    }
    try checkIdentifier(drive, medium)
  }

  /// Something other than a command.
  private static func act(_ what: Int, _ drive: DriveController, _ medium: HollowMedium, _ nexuses: [Nexus]) {
    switch what {
    case 0: drive.powerOn()
    case 1: drive.reset(.logicalUnit)
    case 2: drive.reset(.target)
    case 3: drive.reset(.nexusLoss(nexuses[1]))
    case 4: drive.abortTaskSet(of: nexuses[0])
    case 5: drive.clearTaskSet(by: nexuses[0], losers: nexuses)
    case 6: _ = try? drive.eject()
    case 7: _ = try? drive.pullOut()
    case 8: _ = drive.takeEjected()
    case 9: medium.isWriteProtected.toggle()
    default: if drive.medium == nil { try? drive.insert(medium) }
    }
  }

  /// One command: octets of its CDB, of its data, and room for its answer come from the input.
  private static func execute(
    _ reader: inout OctetReader, _ control: UInt8, _ drive: DriveController, _ nexus: Nexus
  ) throws {
    guard let shape = try? reader.u8() else { return }
    let cdb = octets(&reader, Int(shape & 0x0F) + 1)
    var data: [UInt8] = []
    if control & 0x04 != 0 {
      data = [UInt8](repeating: control, count: [0, 24, 511, 512, 1024, 4096, 8192, 16_384][Int(shape >> 4 & 7)])
    } else if control & 0x08 != 0 {
      data = octets(&reader, Int(shape >> 4) * 4)
    }
    var room = [UInt8](repeating: 0, count: shape & 0x80 != 0 ? 8192 : Int(control))
    var span = room.mutableSpan
    var bytes = span.mutableBytes
    let outcome = try drive.execute(cdb: cdb.span.bytes, dataOut: data.span.bytes, dataIn: &bytes, from: nexus)
    try promise((0...room.count).contains(outcome.transferred), "no more is transferred than there is room for")
    switch outcome.status {
    case .good, .reservationConflict: break
    case .conditionMet: try promise(cdb[0] == OperationCode.mediumScan.rawValue, "only a scan meets conditions")
    case .checkCondition:
      guard let sense = outcome.senseData else { throw FuzzFinding(description: "unreadable sense data") }
      try promise(sense.code != .internalTargetFailure, "the drive does not fail: \(cdb)")
    default: throw FuzzFinding(description: "status \(outcome.status.rawValue)")
    }
    _ = (try? DriveCommand(parsing: cdb.span.bytes))?.transfer(blockSize: 512)
  }

  private static func octets(_ reader: inout OctetReader, _ count: Int) -> [UInt8] {
    (try? reader.take(min(count, reader.remaining)))?.octets ?? []
  }

  private static func checkIdentifier(_ drive: DriveController, _ medium: HollowMedium) throws {
    drive.powerOn()
    if drive.medium == nil { try drive.insert(medium) }
    let nexus = drive.connect()
    var answer = [UInt8](repeating: 0, count: 20)
    for _ in 0..<2 {
      var span = answer.mutableSpan
      var bytes = span.mutableBytes
      _ = try CDB.readMediaSerialNumber().withBytes {
        try drive.execute(cdb: $0, dataOut: RawSpan(), dataIn: &bytes, from: nexus)
      }
    }
    try promise(answer == [0, 0, 0, 16] + identifier, "the medium's id stays")
  }
}
