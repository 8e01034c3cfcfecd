import DiscEmulator
import DriveFirmware
import Octets
import SCSI
import Testing

/// A drive with two initiators, and a medium that fails as it is told.
final class DriveBench {
  let controller: DriveController
  let disc: MemoryDisc
  let medium: FaultyMedium
  let one: Nexus
  let other: Nexus

  init(_ configuration: DriveConfiguration = DriveConfiguration(peripheralType: .directAccess)) throws {
    controller = DriveController(configuration: configuration)
    disc = try memoryDisc()
    medium = FaultyMedium(disc)
    try controller.insert(medium)
    one = controller.connect()
    other = controller.connect()
    _ = (try run(.testUnitReady), try run(.testUnitReady, from: other))
  }

  /// Executes one command, by the first initiator unless told otherwise.
  @discardableResult
  func run(_ cdb: [UInt8], _ data: [UInt8] = [], from nexus: Nexus? = nil) throws -> CDBOutcome {
    var nothing = MutableRawSpan()
    return try controller.execute(
      cdb: cdb.span.bytes, dataOut: data.span.bytes, dataIn: &nothing, from: nexus ?? one)
  }

  /// Executes one command, by the first initiator unless told otherwise.
  @discardableResult
  func run(_ cdb: CDB, _ data: [UInt8] = [], from nexus: Nexus? = nil) throws -> CDBOutcome {
    try run(cdb.withBytes { $0.octets }, data, from: nexus)
  }

  /// Executes one command with an answer of at most `room` octets.
  func fetch(
    _ cdb: [UInt8], _ room: Int = 131_072, from nexus: Nexus? = nil
  ) throws -> (outcome: CDBOutcome, data: [UInt8]) {
    var data = [UInt8](repeating: 0xCC, count: room)
    var span = data.mutableSpan
    var bytes = span.mutableBytes
    let outcome = try controller.execute(cdb: cdb.span.bytes, dataOut: RawSpan(), dataIn: &bytes, from: nexus ?? one)
    return (outcome, Array(data.prefix(outcome.transferred)))
  }

  /// PERSISTENT RESERVE OUT with a list of 24 octets.
  @discardableResult
  func reserve(
    _ action: ReservationAction, type: UInt8 = 0, key: UInt64 = 0, actionKey: UInt64 = 0, from nexus: Nexus? = nil
  ) throws -> CDBOutcome {
    var list = [UInt8](repeating: 0, count: 24)
    for index in 0..<8 {
      list[index] = UInt8(truncatingIfNeeded: key >> UInt64(56 - 8 * index))
      list[8 + index] = UInt8(truncatingIfNeeded: actionKey >> UInt64(56 - 8 * index))
    }
    return try run([0x5F, action.rawValue, type, 0, 0, 0, 0, 0, 24, 0], list, from: nexus)
  }

  /// Puts a page of MODE SELECT (6) into force.
  @discardableResult
  func select(_ page: [UInt8], from nexus: Nexus? = nil) throws -> CDBOutcome {
    try run([0x15, 0x10, 0, 0, UInt8(4 + page.count), 0], [0, 0, 0, 0] + page, from: nexus)
  }

  static let errorRecovery: [UInt8] = [0x01, 0x0A, 0xC4, 8, 0, 0, 0, 0, 8, 0, 0, 0]
  static let control: [UInt8] = [0x0A, 0x0A, 0x02, 0x10, 0x08, 0, 0, 0, 0xFF, 0xFF, 0, 0]
  static let uncached: [UInt8] = [0x08, 0x12, 0x00] + [UInt8](repeating: 0, count: 17)
}

/// Signs whatever it is given with zeros.
private final class SilentSigner: DriveSigner {
  let certificate: [UInt8] = [0x7F, 0x21, 0x00]
  func sign(_ message: RawSpan, into signature: inout MutableRawSpan) throws(DriveSignerFailure) {}
}

/// What `docs/drive.md` calls a drive in its sense table.
enum DriveState: String, CaseIterable, Sendable {
  case ready, empty, changed, reset, lost, cleared, locked, tab, range, data, half, erased, modes, taken, held, excluded
  case preempted, released, full, signing
  case new
  case targetReset = "target reset"
  case softwareProtected = "SWP"
  case noWrite = "no write"
  case noSpare = "no spare"
  case noStorage = "no storage"
  case noLasting = "no lasting"
  case formatCut = "format cut"
  case readCorrected = "read corrected"
  case writeMoved = "write moved"
  case keyCleared = "key cleared"

  /// A drive that is ready, and is of the kind that the state needs.
  func bench() throws -> DriveBench {
    try DriveBench(
      DriveConfiguration(peripheralType: .directAccess, signer: self == .signing ? SilentSigner() : nil))
  }

  /// Brings a drive that is ready into the state.
  func arrange(_ bench: DriveBench) throws {
    switch self {
    case .ready, .signing: break
    case .new, .changed, .reset, .targetReset, .lost, .cleared, .modes, .preempted, .keyCleared, .released:
      try arrangeAttention(bench)
    case .taken, .held, .excluded, .full: try arrangeReservation(bench)
    case .empty: _ = try bench.controller.eject()
    case .locked: try bench.run(.preventAllowMediumRemoval(prevent: true), from: bench.other)
    case .tab: bench.disc.protection.isWhole = true
    case .softwareProtected: #expect(try bench.select(DriveBench.control, from: bench.one).status == .good)
    case .range: bench.disc.protection.ranges = [BlockRange(first: 110, count: 2)]
    case .data: try bench.disc.write(BlockRange(first: 107, count: 1), from: pattern(512).span.bytes)
    case .half: try bench.disc.mark(BlockRange(first: 103, count: 1), as: .halfWritten)
    case .erased: try bench.disc.erase(BlockRange(first: 104, count: 1))
    case .noWrite: bench.medium.writeFailure = .notWritten(block: 102)
    case .noSpare: bench.medium.writeFailure = .noSpareSector(block: 100)
    case .noStorage: bench.medium.writeFailure = .failure
    case .noLasting: bench.medium.synchronizeFailure = .failure
    case .formatCut: bench.medium.readFailure = .formatCorrupted
    case .readCorrected:
      #expect(try bench.select(DriveBench.errorRecovery).status == .good)
      bench.medium.recovery = .correctedRead(block: 101)
    case .writeMoved:
      #expect(try bench.select(DriveBench.errorRecovery).status == .good)
      bench.medium.recovery = .reallocatedWrite(block: 101)
    }
  }

  private func arrangeAttention(_ bench: DriveBench) throws {
    let controller = bench.controller
    switch self {
    case .new: controller.powerOn()
    case .reset: controller.reset(.logicalUnit)
    case .targetReset: controller.reset(.target)
    case .lost: controller.reset(.nexusLoss(bench.one))
    case .cleared: controller.clearTaskSet(by: bench.other, losers: [bench.one])
    case .changed: try controller.insert(try controller.eject())
    case .modes: try bench.select(DriveBench.uncached, from: bench.other)
    default:
      try bench.reserve(.register, actionKey: 1)
      try bench.reserve(.register, actionKey: 2, from: bench.other)
      try bench.reserve(.reserve, type: 5, key: 2, from: bench.other)
      switch self {
      case .keyCleared: try bench.reserve(.clear, key: 2, from: bench.other)
      case .released: try bench.reserve(.release, type: 5, key: 2, from: bench.other)
      default: try bench.reserve(.preempt, type: 5, key: 2, actionKey: 1, from: bench.other)
      }
    }
  }

  private func arrangeReservation(_ bench: DriveBench) throws {
    switch self {
    case .taken: try bench.run([0x16, 0, 0, 0, 0, 0], from: bench.other)
    case .held:
      try bench.reserve(.register, actionKey: 1)
      try bench.reserve(.reserve, type: 1, key: 1)
    case .excluded:
      try bench.reserve(.register, actionKey: 2, from: bench.other)
      try bench.reserve(.reserve, type: 3, key: 2, from: bench.other)
    default:
      for _ in 0..<32 {
        let nexus = bench.controller.connect()
        try bench.run(.testUnitReady, from: nexus)
        #expect(try bench.reserve(.register, actionKey: 3, from: nexus).status == .good)
      }
    }
  }
}
