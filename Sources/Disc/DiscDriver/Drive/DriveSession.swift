import Octets
import SCSI

/// One medium in one drive, from the moment it was found ready until it is changed: typed commands over a
/// ``SCSI/CDBTransport``, emulated or real.
///
/// Blocking, and not for more than one thread at a time, as the transport is. When the drive reports that the medium
/// changed or that it was reset (UNIT ATTENTION), the command was not executed, everything the host knew of the
/// disc may be wrong, and what the drive had not flushed may be lost: the session then fails with
/// ``DiscError/Code/mediumChanged`` for good. Nothing is ever sent twice by itself.
public final class DriveSession {
  /// What the drive says it is.
  public let inquiry: InquiryData
  /// Number and size of the medium's blocks.
  public let capacity: Capacity
  /// Octets in a block.
  public var blockSize: Int { Int(capacity.blockSize) }

  let transport: any CDBTransport
  private let maximumTransfer: Int
  private var ended: DiscError?
  private var canVerify = true

  /// Begins a session with the medium in the drive. Attentions that the drive raised before are
  /// taken note of here: they tell of a past that this session does not know.
  ///
  /// - Parameters:
  ///   - maximumTransfer: the most octets a command transfers, for transports with a limit; at least one block. 128 KiB
  ///     is what any SCSI host adapter takes, and what stays in a processor's cache between one copy and the next: with
  ///     an emulated disc, commands of 1 MiB cost twice the processor time.
  ///   - startsMedium: whether to start a medium that stands still; without that it is ``DiscError/Code/busy``.
  public init(
    _ transport: any CDBTransport, maximumTransfer: Int = 128 << 10, startsMedium: Bool = true
  ) throws(DiscError) {
    self.transport = transport
    inquiry = try DriveSession.inquire(transport)
    try DriveSession.awaitReadiness(transport, startsMedium: startsMedium)
    capacity = try DriveSession.readCapacity(transport)
    let blockSize = Int(capacity.blockSize)
    let (octets, overflow) = capacity.blockCount.multipliedReportingOverflow(by: UInt64(capacity.blockSize))
    guard !overflow, octets <= UInt64(Int64.max), blockSize <= 1 << 16 else {
      throw DiscError(
        .unsupported, "the drive reports \(capacity.blockCount) blocks of \(blockSize) octets",
        remedy: "use a disc with blocks of at most 64 KiB")
    }
    self.maximumTransfer = max(blockSize, min(maximumTransfer / blockSize, 0xFFFF) * blockSize)
  }

  /// Reads consecutive blocks.
  ///
  /// - Parameters:
  ///   - first: the first block.
  ///   - buffer: filled completely; a whole number of blocks.
  public func read(from first: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(DiscError) {
    let operation = "cannot read block \(first) and those after it"
    try check(first, buffer.count, operation)
    var done = 0
    while done < buffer.count {
      let count = min(buffer.count - done, maximumTransfer)
      let range = BlockRange(first: first + UInt64(done / blockSize), count: UInt32(count / blockSize))
      var part = MutableRawSpan(_unsafeBytes: UnsafeMutableRawBufferPointer(rebasing: buffer[done..<(done + count)]))
      let outcome = try execute(.read(range), dataIn: &part, operation)
      guard outcome.transferred == count else { throw DriveSession.shortAnswer(operation) }
      done += count
    }
  }

  /// Writes consecutive blocks. They may lie in the drive's cache until ``synchronize()``.
  ///
  /// - Parameters:
  ///   - first: the first block.
  ///   - bytes: a whole number of blocks.
  public func write(to first: UInt64, from bytes: UnsafeRawBufferPointer) throws(DiscError) {
    let operation = "cannot write block \(first) and those after it"
    try check(first, bytes.count, operation)
    var done = 0
    while done < bytes.count {
      let count = min(bytes.count - done, maximumTransfer)
      let range = BlockRange(first: first + UInt64(done / blockSize), count: UInt32(count / blockSize))
      let part = RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: bytes[done..<(done + count)]))
      do {
        try execute(.write(range), dataOut: part, isWrite: true, operation)
      } catch {
        var error = error
        if done > 0 { error.discMayHaveChanged = true }
        throw error
      }
      done += count
    }
  }

  /// Has the drive check that consecutive blocks can be read from the medium. Drives that cannot are not asked twice.
  public func verify(_ first: UInt64, count: UInt32) throws(DiscError) {
    let operation = "cannot verify block \(first) and those after it"
    var next = first
    var left = count
    while left > 0, canVerify {
      let range = BlockRange(first: next, count: min(left, 0xFFFF))
      guard let cdb = CDB.verify(range, .none) else { return }
      do {
        try execute(cdb, operation)
      } catch {
        guard error.sense?.code == .invalidOperationCode else { throw error }
        canVerify = false
      }
      next += UInt64(range.count)
      left -= range.count
    }
  }

  /// Returns when everything written is on the medium (SYNCHRONIZE CACHE).
  public func synchronize() throws(DiscError) {
    do {
      try execute(.synchronizeWholeCache, isWrite: true, "cannot flush the drive's cache")
    } catch {
      // A drive without a cache may not know the command: what it accepted is on the medium.
      guard error.sense?.code == .invalidOperationCode else { throw error }
    }
  }
}

// MARK: - Commands

extension DriveSession {
  private func check(_ first: UInt64, _ octets: Int, _ operation: String) throws(DiscError) {
    guard octets % blockSize == 0, first <= capacity.blockCount,
      UInt64(octets / blockSize) <= capacity.blockCount - first
    else {
      throw DiscError(.invalidArgument, operation, remedy: "name whole blocks that the disc has")
    }
  }

  @discardableResult
  func execute(
    _ cdb: CDB, dataOut: RawSpan = RawSpan(), isWrite: Bool = false, _ operation: String
  ) throws(DiscError) -> CDBOutcome {
    var nothing = MutableRawSpan()
    return try execute(cdb, dataOut: dataOut, dataIn: &nothing, isWrite: isWrite, operation)
  }

  private func execute(
    _ cdb: CDB, dataOut: RawSpan = RawSpan(), dataIn: inout MutableRawSpan, isWrite: Bool = false, _ operation: String
  ) throws(DiscError) -> CDBOutcome {
    if let ended { throw ended }
    do {
      return try DriveSession.execute(transport, cdb, dataOut: dataOut, dataIn: &dataIn, isWrite: isWrite, operation)
    } catch {
      if error.code == .mediumChanged {
        ended = error
        ended?.discMayHaveChanged = false
      }
      throw error
    }
  }

  /// What a drive answers; `nil` if it does not know the question.
  func fetch(_ cdb: CDB, upTo count: Int, _ operation: String) throws(DiscError) -> [UInt8]? {
    var data = [UInt8](repeating: 0, count: count)
    do {
      var span = data.mutableSpan
      var bytes = span.mutableBytes
      let outcome = try execute(cdb, dataIn: &bytes, operation)
      return Array(data.prefix(max(0, outcome.transferred)))
    } catch {
      guard error.code == .refused else { throw error }
      return nil
    }
  }

  /// Executes a command; a recovered error is a success.
  private static func execute(
    _ transport: any CDBTransport, _ cdb: CDB, dataOut: RawSpan, dataIn: inout MutableRawSpan, isWrite: Bool,
    _ operation: String
  ) throws(DiscError) -> CDBOutcome {
    let outcome: CDBOutcome
    do {
      outcome = try transport.execute(cdb, dataOut: dataOut, dataIn: &dataIn)
    } catch {
      throw DiscError(error, operation)
    }
    let isRecovered = outcome.senseData.map { $0.key == .recoveredError || $0.key == .completed } ?? false
    guard outcome.status == .good || isRecovered else { throw DiscError(outcome, operation, isWrite: isWrite) }
    return outcome
  }

  private static func fetch(
    _ transport: any CDBTransport, _ cdb: CDB, upTo count: Int, _ operation: String
  ) throws(DiscError) -> [UInt8] {
    var data = [UInt8](repeating: 0, count: count)
    var span = data.mutableSpan
    var bytes = span.mutableBytes
    let outcome = try execute(transport, cdb, dataOut: RawSpan(), dataIn: &bytes, isWrite: false, operation)
    return Array(data.prefix(max(0, outcome.transferred)))
  }

  private static func inquire(_ transport: any CDBTransport) throws(DiscError) -> InquiryData {
    let operation = "cannot learn what drive this is"
    let answer = try fetch(transport, .inquiry(), upTo: InquiryData.octetCount, operation)
    guard let inquiry = try? InquiryData(parsing: answer.span.bytes) else { throw shortAnswer(operation) }
    guard inquiry.peripheralType == .opticalMemory || inquiry.peripheralType == .directAccess else {
      throw DiscError(.unsupported, operation, remedy: "it is no disc drive; name one")
    }
    return inquiry
  }

  private static func awaitReadiness(_ transport: any CDBTransport, startsMedium: Bool) throws(DiscError) {
    let operation = "cannot use the drive"
    var nothing = MutableRawSpan()
    var failure: DiscError?
    // A drive holds a few attentions at most, one for each thing that happened.
    for _ in 0..<8 {
      do {
        _ = try execute(
          transport, .testUnitReady, dataOut: RawSpan(), dataIn: &nothing, isWrite: false, operation)
        return
      } catch {
        failure = error
        if error.code == .mediumChanged { continue }
        guard startsMedium, error.sense?.code == .initializingCommandRequired else { throw error }
        _ = try execute(
          transport, .startStopUnit(start: true), dataOut: RawSpan(), dataIn: &nothing, isWrite: false, operation)
      }
    }
    throw failure ?? shortAnswer(operation)
  }

  private static func readCapacity(_ transport: any CDBTransport) throws(DiscError) -> Capacity {
    let operation = "cannot learn the disc's capacity"
    let short = try fetch(transport, .readCapacity10, upTo: Capacity.shortOctetCount, operation)
    do {
      if let capacity = try Capacity.parse(short: short.span.bytes) { return capacity }
      let long = try fetch(transport, .readCapacity16(), upTo: Capacity.longOctetCount, operation)
      return try Capacity(parsingLong: long.span.bytes)
    } catch let error as DiscError {
      throw error
    } catch {
      throw shortAnswer(operation)
    }
  }

  private static func shortAnswer(_ operation: String) -> DiscError {
    DiscError(.driveFailure, operation, remedy: "the drive's answer makes no sense; try again, or use another drive")
  }
}
