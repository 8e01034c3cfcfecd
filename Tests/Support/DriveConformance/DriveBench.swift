import Octets
import SCSI

/// The drive at hand, and how a check asks it.
final class DriveBench {
  let drive: DriveUnderTest
  let transport: any CDBTransport
  let capacity: Capacity

  /// Connects, takes note of what the drive has to tell first, and learns the capacity.
  init(_ drive: DriveUnderTest) throws {
    self.drive = drive
    transport = try drive.connect()
    try DriveBench.settle(transport)
    let short = try DriveBench.answer(transport, .readCapacity10, upTo: Capacity.shortOctetCount)
    guard let capacity = try Capacity.parse(short: short.span.bytes), capacity.blockSize <= 1 << 16 else {
      throw Unmet("the medium is none of ours", #line)
    }
    self.capacity = capacity
  }

  var blockSize: Int { Int(capacity.blockSize) }

  /// Blocks amid the medium that checks may write to, at least 64, not among the protected.
  var playground: UInt64 {
    let middle = capacity.blockCount / 3
    guard let protected = drive.protected, middle + 4096 > protected.first, middle < protected.first + 4096 else {
      return middle
    }
    return protected.first + UInt64(protected.count) + 4096
  }

  /// Another initiator's way to the drive, with nothing pending.
  func otherInitiator() throws -> any CDBTransport {
    let other = try drive.connect()
    try DriveBench.settle(other)
    return other
  }

  /// Takes the attentions that a new initiator finds, and starts the medium if need be.
  private static func settle(_ transport: any CDBTransport) throws {
    for _ in 0..<8 {
      let outcome = try transport.execute(.testUnitReady)
      if outcome.status == .good { return }
      if outcome.senseData?.code == .initializingCommandRequired {
        _ = try transport.execute(.startStopUnit(start: true))
      }
    }
    throw Unmet("the drive does not become ready", #line)
  }

  private static func answer(
    _ transport: any CDBTransport, _ cdb: CDB, upTo count: Int, line: Int = #line
  ) throws -> [UInt8] {
    let (outcome, data) = try transport.fetch(cdb, upTo: count)
    guard outcome.status == .good else { throw Unmet("it is refused: \(outcome.text)", line) }
    return data
  }
}

// MARK: - Asking

extension DriveBench {
  /// A CDB of octets in hexadecimal.
  func cdb(_ hex: String, line: Int = #line) throws -> CDB {
    guard let octets = Hex.decode(hex.filter { $0 != " " }), let cdb = CDB(octets: octets) else {
      throw Unmet("no CDB: \(hex)", line)
    }
    return cdb
  }

  /// A CDB of 10, 12 or 16 octets that names blocks as READ and WRITE do, told by its operation code in hexadecimal.
  ///
  /// - Parameter flags: its second octet.
  func cdb(_ operation: String, _ range: BlockRange, flags: UInt8 = 0, line: Int = #line) throws -> CDB {
    func bigEndian(_ value: UInt64, _ width: Int) -> [UInt8] {
      (1...width).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (width - $0))) }
    }
    guard let code = Hex.decode(operation)?.first else { throw Unmet("no operation code: \(operation)", line) }
    let count = UInt64(range.count)
    let rest: [UInt8] =
      switch code >> 5 {
      case 1, 2: bigEndian(range.first, 4) + [0] + bigEndian(count, 2) + [0]
      case 4: bigEndian(range.first, 8) + bigEndian(count, 4) + [0, 0]
      default: bigEndian(range.first, 4) + bigEndian(count, 4) + [0, 0]
      }
    guard let cdb = CDB(octets: [code, flags] + rest) else { throw Unmet("no CDB: \(operation)", line) }
    return cdb
  }

  /// What the drive answers, GOOD.
  func answer(_ cdb: CDB, upTo count: Int, line: Int = #line) throws -> [UInt8] {
    try DriveBench.answer(transport, cdb, upTo: count, line: line)
  }

  /// A command without data that ends GOOD.
  func demandGood(_ cdb: CDB, on other: (any CDBTransport)? = nil, line: Int = #line) throws {
    let outcome = try (other ?? transport).execute(cdb)
    guard outcome.status == .good else { throw Unmet("it is refused: \(outcome.text)", line) }
  }

  /// A command that sends data and ends GOOD.
  func demandGood(_ cdb: CDB?, sending data: [UInt8], on other: (any CDBTransport)? = nil, line: Int = #line) throws {
    guard let cdb else { throw Unmet("no such CDB", line) }
    let outcome = try (other ?? transport).send(cdb, data.span.bytes)
    guard outcome.status == .good else { throw Unmet("it is refused: \(outcome.text)", line) }
  }

  /// A command that fails with this code.
  @discardableResult
  func demandCheck(
    _ code: SenseCode, _ cdb: CDB?, sending data: [UInt8] = [], on other: (any CDBTransport)? = nil, line: Int = #line
  ) throws -> SenseData {
    guard let cdb else { throw Unmet("no such CDB", line) }
    return try demandCheck(code, try (other ?? transport).send(cdb, data.span.bytes), line: line)
  }

  /// A command that fetches data and fails with this code.
  @discardableResult
  func demandCheck(_ code: SenseCode, _ cdb: CDB?, fetching count: Int, line: Int = #line) throws -> SenseData {
    guard let cdb else { throw Unmet("no such CDB", line) }
    return try demandCheck(code, try transport.fetch(cdb, upTo: count).outcome, line: line)
  }

  private func demandCheck(_ code: SenseCode, _ outcome: CDBOutcome, line: Int) throws -> SenseData {
    guard outcome.status == .checkCondition, let sense = outcome.senseData, sense.code == code else {
      throw Unmet("it ends with \(outcome.text), not \(code)", line)
    }
    return sense
  }

  /// Blocks, read with the shortest CDB that takes them.
  func read(_ range: BlockRange, line: Int = #line) throws -> [UInt8] {
    let count = Int(range.count) * blockSize
    let data = try answer(.read(range), upTo: count, line: line)
    try demand(data.count, is: count, "octets read", line: line)
    return data
  }

  /// Runs `body` with blocks whose content is put back afterwards.
  func lending(_ count: UInt32, _ body: (BlockRange) throws -> Void) throws {
    let range = BlockRange(first: playground, count: count)
    let before = try read(range)
    do { try body(range) } catch {
      _ = try? transport.send(.write(range), before.span.bytes)
      throw error
    }
    try demandGood(.write(range), sending: before)
  }

  /// Octets for so many blocks, each block another and others for another seed.
  func pattern(_ count: UInt32, seed: UInt8) -> [UInt8] {
    var state = UInt32(seed) &* 2_654_435_761 | 1
    return (0..<(Int(count) * blockSize)).map { _ in
      state = state &* 1_664_525 &+ 1_013_904_223
      return UInt8(truncatingIfNeeded: state >> 24)
    }
  }

  /// Demands that something is so.
  func demand(_ condition: Bool, _ otherwise: @autoclosure () -> String, line: Int = #line) throws {
    guard condition else { throw Unmet(otherwise(), line) }
  }

  /// Demands that two things are the same.
  func demand<Value: Equatable>(_ value: Value, is wanted: Value, _ what: String = "it", line: Int = #line) throws {
    guard value == wanted else { throw Unmet("\(what): \(value), not \(wanted)", line) }
  }

  /// Demands that two runs of octets are the same, without printing them.
  func demand(octets: [UInt8], are wanted: [UInt8], _ what: String, line: Int = #line) throws {
    guard octets != wanted else { return }
    let place = zip(octets, wanted).enumerated().first { $1.0 != $1.1 }?.offset ?? min(octets.count, wanted.count)
    throw Unmet("\(what) differs from octet \(place) on (\(octets.count) octets, \(wanted.count) wanted)", line)
  }
}

extension CDBOutcome {
  /// The status, with its reason.
  var text: String { senseData.map { "CHECK CONDITION \($0.code)" } ?? "status \(Hex.encode([status.rawValue]))" }
}

/// What was not so, and where that was found out.
struct Unmet: Error, CustomStringConvertible {
  let description: String

  init(_ what: String, _ line: Int) { description = "\(what) (line \(line))" }
}
