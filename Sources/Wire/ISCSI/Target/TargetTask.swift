import SCSI

/// One SCSI command on its way through the target, with the data that it brings.
///
/// Data come in order: what the command itself carries, what follows unasked for, then what each Ready To Transfer asks
/// for (RFC 7143, 4.2.5).
final class TargetTask {
  let header: BasicHeaderSegment
  let session: TargetSession
  let connection: TargetConnection
  /// The drive's count of aborted task sets when the command came.
  let generation: UInt32
  /// What the drive is going to move.
  let transfer: DataTransfer
  /// Why the command is not to be executed.
  private(set) var refusal: Refusal?
  /// Octets that the command as such takes from the initiator.
  private(set) var intendedOctets: UInt64 = 0
  /// Octets that the drive wants of the initiator's data; the rest is passed over.
  private(set) var wantedOctets = 0
  /// Octets of data that have come.
  private(set) var receivedOctets = 0
  /// Where the data are, once there are any.
  var memory: (any TransferMemory)?
  /// Whether data go on coming unasked for.
  private(set) var isUnsolicitedOpen: Bool
  /// What has been asked for and has not come, in order.
  private(set) var asked: [Asked] = []
  /// When it was first seen to wait for data, of which none has come since.
  private var waitsSince: UInt64?
  /// Whether its turn among the session's commands has come.
  var isDelivered = false

  private var nextDataSN: UInt32 = 0
  private var nextR2TSN: UInt32 = 0

  /// One Ready To Transfer.
  struct Asked {
    let transferTag: UInt32
    let offset: Int
    let octets: Int
    let number: UInt32
  }

  /// Why a command is not executed.
  enum Refusal {
    /// 5/24/00: it moves more than any command may.
    case tooLong
    /// The status TASK SET FULL.
    case taskSetFull
    /// B/47/05: data did not come as they were sent.
    case damagedData
  }

  init(_ header: BasicHeaderSegment, on connection: TargetConnection, of session: TargetSession, limits: TargetLimits) {
    self.header = header
    self.session = session
    self.connection = connection
    generation = session.port?.taskSetGeneration ?? 0
    let cdb = header.cdb
    transfer = session.port?.transfer(of: cdb.span.bytes) ?? .none
    isUnsolicitedOpen = header.isWrite && !header.isFinal
    let expected = header.isWrite ? UInt64(header.expectedDataTransferLength) : 0
    switch transfer {
    case .none, .toHost: return
    case .toDrive(let octets): intendedOctets = octets
    case .listToDrive(let most): intendedOctets = min(expected, most)
    }
    let octets = min(intendedOctets, expected)
    if octets > UInt64(limits.transferOctets) {
      refusal = .tooLong
    } else if session.waitingOctets + Int(octets) > limits.waitingOctets
      || (session.waitingOctets + Int(octets) > limits.shareOctets
        && connection.node.waitingOctets + Int(octets) > limits.memoryOctets)
    {
      refusal = .taskSetFull
    } else {
      wantedOctets = Int(octets)
    }
  }

  var tag: UInt32 { header.initiatorTaskTag }

  /// Octets that the initiator says it is going to send.
  var expectedOctets: Int { header.isWrite ? Int(header.expectedDataTransferLength) : 0 }

  /// Sees to it that the command is not executed.
  func refuse(_ reason: Refusal) { refusal = refusal ?? reason }

  /// Whether all data are there that will come.
  var isComplete: Bool {
    !isUnsolicitedOpen && asked.isEmpty && (refusal != nil || receivedOctets >= wantedOctets)
  }

  /// Notes data that came with the command; `false` if there may not be so many.
  func receiveImmediate(_ count: Int, _ parameters: OperationalParameters) -> Bool {
    guard count <= expectedOctets, count <= parameters.firstBurstOctets, count == 0 || parameters.immediateData else {
      return false
    }
    receivedOctets = count
    return true
  }

  /// Whether a Data-Out PDU is one that may come now.
  func expects(_ data: BasicHeaderSegment, _ parameters: OperationalParameters) -> Bool {
    if data.targetTransferTag == BasicHeaderSegment.noTag {
      let limit = min(parameters.firstBurstOctets, expectedOctets)
      return isUnsolicitedOpen && data.dataSegmentOctets <= limit && Int(data.bufferOffset) <= limit
    }
    return asked.contains { $0.transferTag == data.targetTransferTag }
  }

  /// For how many seconds it has been waiting for data now.
  func secondsWithoutData(_ now: UInt64) -> UInt64 {
    guard isDelivered, !isComplete else { return 0 }
    let start = waitsSince ?? now
    waitsSince = start
    return now &- start
  }

  /// Where in the command's data a Data-Out PDU's octets are to go; `nil` if it is not the next one of its sequence, and
  /// so something was lost.
  func place(of data: BasicHeaderSegment, _ parameters: OperationalParameters) -> Int? {
    guard refusal != .damagedData, data.dataSN == nextDataSN, Int(data.bufferOffset) == receivedOctets else {
      return nil
    }
    let end: Int
    if data.targetTransferTag == BasicHeaderSegment.noTag {
      end = min(parameters.firstBurstOctets, expectedOctets)
    } else {
      guard let first = asked.first, first.transferTag == data.targetTransferTag else { return nil }
      end = first.offset + first.octets
    }
    return data.dataSegmentOctets <= end - receivedOctets ? receivedOctets : nil
  }

  /// Notes a Data-Out PDU; `isWhole` if its octets are in their place.
  func receive(_ data: BasicHeaderSegment, isWhole: Bool) {
    waitsSince = nil
    if isWhole { receivedOctets += data.dataSegmentOctets } else { refusal = .damagedData }
    nextDataSN &+= 1
    guard data.isFinal else { return }
    nextDataSN = 0
    if data.targetTransferTag == BasicHeaderSegment.noTag {
      isUnsolicitedOpen = false
    } else if let index = asked.firstIndex(where: { $0.transferTag == data.targetTransferTag }) {
      let ended = asked.remove(at: index)
      if receivedOctets < ended.offset + ended.octets { refusal = .damagedData }
    }
  }

  /// What to ask for next; `nil` if nothing now.
  func ask(_ parameters: OperationalParameters, tag: () -> UInt32) -> Asked? {
    guard isDelivered, !isUnsolicitedOpen, refusal == nil, asked.count < parameters.maxOutstandingR2T else {
      return nil
    }
    let start = asked.last.map { $0.offset + $0.octets } ?? receivedOctets
    guard start < wantedOctets else { return nil }
    let next = Asked(
      transferTag: tag(), offset: start, octets: min(parameters.maxBurstOctets, wantedOctets - start), number: nextR2TSN
    )
    nextR2TSN &+= 1
    asked.append(next)
    return next
  }

  /// Ready To Transfer PDUs sent so far.
  var readyToTransferCount: UInt32 { nextR2TSN }
}

/// The tasks that the drive has to do, in the order in which they came (SAM-5, 8).
final class TaskSet {
  private var tasks: [TargetTask] = []
  /// How many of them are neither simple nor untagged.
  private var orderedCount = 0

  func add(_ task: TargetTask) {
    tasks.append(task)
    if TaskSet.isOrdered(task) { orderedCount += 1 }
  }

  func remove(_ task: TargetTask) {
    guard let index = tasks.firstIndex(where: { $0 === task }) else { return }
    tasks.remove(at: index)
    if TaskSet.isOrdered(task) { orderedCount -= 1 }
  }

  func removeAll(where condition: (TargetTask) -> Bool) {
    tasks.removeAll(where: condition)
    orderedCount = tasks.reduce(0) { TaskSet.isOrdered($1) ? $0 + 1 : $0 }
  }

  func contains(where condition: (TargetTask) -> Bool) -> Bool { tasks.contains(where: condition) }

  /// Whether a task, in the set or about to join it, may be executed now.
  func mayRun(_ task: TargetTask) -> Bool {
    let isOrdered = TaskSet.isOrdered(task)
    if task.header.taskAttribute == .headOfQueue || (orderedCount == 0 && !isOrdered) { return true }
    for other in tasks {
      if other === task { return true }
      if isOrdered || TaskSet.isOrdered(other) { return false }
    }
    return true
  }

  /// The first task that can be executed.
  func nextReady() -> TargetTask? {
    tasks.first { $0.isComplete && !$0.connection.isCongested && mayRun($0) }
  }

  private static func isOrdered(_ task: TargetTask) -> Bool { task.header.taskAttribute == .ordered }
}
