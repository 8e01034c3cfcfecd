import Octets
import SCSI

// SCSI commands: from the drive's answer to Data-In and SCSI Response (RFC 7143, 11.4 and 11.7).
extension TargetConnection {
  /// Executes a task all of whose data are there: in its memory, or in `lent`.
  func execute(_ task: TargetTask, _ lent: RawSpan = RawSpan()) {
    guard let session, let port = session.port else { return }
    session.remove(task)
    node.taskSet.remove(task)
    defer { if !node.taskSet.isEmpty { node.runReadyTasks() } }
    // Aborted by another initiator's reset or PREEMPT AND ABORT: then nothing is said of it.
    guard task.generation == port.taskSetGeneration else { return }
    if let refusal = task.refusal { return refuse(task, refusal) }
    guard LogicalUnit.isServed(task.header.lun) else { return executeElsewhere(task, port) }

    switch task.transfer {
    case .toHost(let octets): executeReading(task, port, min(octets, UInt64(node.limits.transferOctets)))
    case .none, .toDrive, .listToDrive:
      var outcome: CDBOutcome?
      if let memory = task.memory {
        memory.withBytes { outcome = run(task, port, dataOut: $0.extracting(0..<task.wantedOctets)) }
      } else {
        outcome = run(task, port, dataOut: lent.extracting(0..<min(task.wantedOctets, lent.byteCount)))
      }
      guard let outcome else { return }
      let moved = outcome.status == .good ? task.intendedOctets : UInt64(task.wantedOctets)
      respond(to: task, outcome, moved: moved)
    }
  }

  /// Executes a command that brings no data to the initiator.
  private func run(_ task: TargetTask, _ port: any TargetPort, dataOut: RawSpan) -> CDBOutcome? {
    var nothing = MutableRawSpan()
    return run(task, port, dataOut: dataOut, dataIn: &nothing)
  }

  /// Executes a command; `nil` if it has no outcome at all: then the initiator hears nothing more, as of a drive without
  /// power.
  private func run(
    _ task: TargetTask, _ port: any TargetPort, dataOut: RawSpan, dataIn: inout MutableRawSpan
  ) -> CDBOutcome? {
    let cdb = task.header.cdb
    do throws(DriveTransportError) {
      return try port.execute(cdb: cdb.span.bytes, dataOut: dataOut, dataIn: &dataIn)
    } catch {
      drop(.lost)
      return nil
    }
  }

  private func executeReading(_ task: TargetTask, _ port: any TargetPort, _ octets: UInt64) {
    guard octets > 0 else {
      if let outcome = run(task, port, dataOut: RawSpan()) { respond(to: task, outcome, moved: 0) }
      return
    }
    let limits = node.limits
    guard octets <= limits.shareOctets || outlet.octetsInUse + Int(octets) <= limits.memoryOctets else {
      return refuse(task, .taskSetFull)
    }
    let memory = outlet.makeMemory(octets: Int(octets))
    var outcome: CDBOutcome?
    memory.withMutableBytes { outcome = run(task, port, dataOut: RawSpan(), dataIn: &$0) }
    guard let outcome else { return }
    let moved = max(0, min(outcome.transferred, memory.count))
    answer(task, outcome, memory, moved)
  }

  /// Sends what the drive read, as much as the initiator expects, and the status.
  private func answer(_ task: TargetTask, _ outcome: CDBOutcome, _ memory: any TransferMemory, _ moved: Int) {
    let expected = task.header.isRead ? Int(task.expectedReadOctets) : 0
    let octets = min(moved, expected)
    guard octets > 0 else { return respond(to: task, outcome, moved: UInt64(moved)) }
    let residual = Residual(moved: UInt64(moved), expected: UInt64(expected))
    var offset = 0
    var number: UInt32 = 0
    while offset < octets {
      let burstEnd = (offset / parameters.maxBurstOctets + 1) * parameters.maxBurstOctets
      let end = min(octets, burstEnd, offset + parameters.initiatorSegmentOctets)
      var data = BasicHeaderSegment(.dataIn)
      data.isFinal = end == octets || end == burstEnd
      data.initiatorTaskTag = task.tag
      data.targetTransferTag = BasicHeaderSegment.noTag
      data.dataSN = number
      data.bufferOffset = UInt32(offset)
      // The last data carry the status, if there is no more to say than that all went well.
      let endsTask = end == octets && outcome.status == .good
      if endsTask {
        data.hasStatus = true
        data.status = outcome.status.rawValue
        data.residual = residual
      }
      send(data, memory, offset..<end, advances: endsTask)
      offset = end
      number &+= 1
    }
    if outcome.status != .good { respond(to: task, outcome, moved: UInt64(moved), dataPDUs: number) }
  }

  /// Sends a SCSI Response, with the sense data if there are some.
  func respond(to task: TargetTask, _ outcome: CDBOutcome, moved: UInt64, dataPDUs: UInt32? = nil) {
    var response = BasicHeaderSegment(.scsiResponse)
    response.initiatorTaskTag = task.tag
    response.status = outcome.status.rawValue
    response.dataSN = dataPDUs ?? task.readyToTransferCount
    let expected = task.header.isRead || task.header.isWrite ? task.header.expectedDataTransferLength : 0
    response.residual = Residual(moved: moved, expected: UInt64(expected))
    guard outcome.status == .checkCondition else { return send(response) }
    var data = InlineArray<20, UInt8>(repeating: 0)
    data[1] = UInt8(SenseData.octetCount)
    for index in 0..<SenseData.octetCount { data[2 + index] = outcome.sense[index] }
    send(response, data: data.span.bytes)
  }

  private func refuse(_ task: TargetTask, _ refusal: TargetTask.Refusal) {
    switch refusal {
    case .tooLong: respond(to: task, .check(SenseData(.invalidFieldInCDB)), moved: 0)
    case .taskSetFull: respond(to: task, CDBOutcome(status: .taskSetFull), moved: 0)
    case .damagedData: respond(to: task, .check(SenseData(.protocolServiceCRCError)), moved: 0)
    }
  }

  /// A command for a logical unit that is not there (SPC-4, 6.4.2; SAM-5, 4.6.4.3).
  private func executeElsewhere(_ task: TargetTask, _ port: any TargetPort) {
    let cdb = task.header.cdb
    switch cdb[0] {
    case OperationCode.reportLUNs.rawValue:
      // REPORT LUNS speaks for all of them.
      guard case .toHost(let octets) = task.transfer else { fallthrough }
      executeReading(task, port, min(octets, UInt64(node.limits.transferOctets)))
    case OperationCode.inquiry.rawValue where cdb[1] & 1 == 0:
      answer(task, LogicalUnit.absentInquiryData, allocation: UInt16(cdb[3]) << 8 | UInt16(cdb[4]))
    case OperationCode.requestSense.rawValue:
      let sense = SenseData(.logicalUnitNotSupported).fixedFormat
      answer(task, sense.span.bytes.octets, allocation: UInt16(cdb[4]))
    default: respond(to: task, .check(SenseData(.logicalUnitNotSupported)), moved: 0)
    }
  }

  private func answer(_ task: TargetTask, _ octets: [UInt8], allocation: UInt16) {
    let count = min(octets.count, Int(allocation))
    guard count > 0 else { return respond(to: task, .good(), moved: 0) }
    let memory = outlet.makeMemory(octets: count)
    memory.copy(octets.span.bytes.extracting(0..<count), to: 0)
    answer(task, .good(transferred: count), memory, count)
  }
}

extension TargetTask {
  /// Octets that the initiator has room for.
  var expectedReadOctets: UInt32 { header.expectedDataTransferLength }
}

extension TaskSet {
  var isEmpty: Bool { !contains { _ in true } }
}

/// The logical units of the target: the drive at LUN 0, and no other.
enum LogicalUnit {
  /// Whether this LUN is the drive's: peripheral device or flat space addressing of 0 (SAM-5, 4.7.7).
  static func isServed(_ lun: UInt64) -> Bool { lun == 0 || lun == 0x4000_0000_0000_0000 }

  /// INQUIRY data that say there is nothing here: peripheral qualifier 011b, device type 1Fh.
  static let absentInquiryData: [UInt8] = [0x7F, 0x00, 0x06, 0x02, 31] + [UInt8](repeating: 0, count: 31)
}

extension SenseCode {
  /// 5/25/00: there is no such logical unit.
  static let logicalUnitNotSupported = SenseCode(.illegalRequest, 0x25, 0x00)
  /// B/47/05: data did not come as they were sent.
  static let protocolServiceCRCError = SenseCode(.abortedCommand, 0x47, 0x05)
}
