import Octets

// Full feature phase: what each PDU of an initiator leads to.
extension TargetConnection {
  func handleRequest(
    _ header: BasicHeaderSegment, _ data: RawSpan, _ delivery: Delivery, isAuthentic: Bool
  ) {
    guard let session else { return }
    guard let opcode = header.opcode, opcode.isFromInitiator else { return reject(header, .commandNotSupported) }
    if session.isDiscovery, ![.textRequest, .logoutRequest, .nopOut].contains(opcode) { return breakOff(header) }
    switch opcode {
    case .dataOut:
      handleData(header, data, delivery, isAuthentic: isAuthentic)
    case .loginRequest:
      breakOff(header)
    case .snackRequest:
      // Nothing is kept to be sent again (error recovery level 0).
      reject(header, .snackReject)
    case .nopOut where header.initiatorTaskTag == BasicHeaderSegment.noTag:
      // The answer to our ping: that it came is enough.
      break
    default:
      // RFC 7143, 7.8: said and forgotten; the initiator sends it again.
      guard isAuthentic else { return reject(header, .dataDigestError) }
      order(header, data, delivery)
    }
  }

  /// Delivers a command when its turn has come, and those that it kept waiting.
  private func order(_ header: BasicHeaderSegment, _ data: RawSpan, _ delivery: Delivery) {
    guard let session else { return }
    switch session.turn(of: header) {
    case .never: return
    case .now:
      deliver(header, data, begin(header, data, delivery))
      while let next = self.session?.takeHeld() {
        next.connection.deliver(next.header, next.data.span.bytes, next.task)
      }
    case .later:
      // Data of a task are counted; of others no more are kept than a text may have.
      guard header.opcode == .scsiCommand || data.byteCount <= node.limits.textOctets else {
        return reject(header, .longOperationReject)
      }
      let task = begin(header, data, delivery)
      if header.opcode == .scsiCommand, task == nil { return }
      session.hold(
        .init(connection: self, header: header, data: task == nil ? data.octets : [], task: task))
    }
  }

  /// Makes the task of a SCSI command, with the data that came along; `nil` for other requests, and if there can be no
  /// such task.
  private func begin(_ header: BasicHeaderSegment, _ data: RawSpan, _ delivery: Delivery) -> TargetTask? {
    guard header.opcode == .scsiCommand, let session else { return nil }
    let limit = Int(node.limits.commands) * 2
    guard session.tasks.count < limit else {
      reject(header, .tooManyImmediateCommands)
      return nil
    }
    guard session.task(header.initiatorTaskTag) == nil, header.initiatorTaskTag != BasicHeaderSegment.noTag,
      header.isWrite || header.dataSegmentOctets == 0
    else {
      reject(header, .protocolError)
      return nil
    }
    let task: TargetTask
    if case .placed(_, let made) = delivery {
      task = made
    } else {
      task = TargetTask(header, on: self, of: session, limits: node.limits)
      // There was no room for the data when they began to come; that there is some now does not bring them back.
      if case .passedOver = delivery, task.wantedOctets > 0 { task.refuse(.taskSetFull) }
    }
    guard task.receiveImmediate(header.dataSegmentOctets, parameters),
      !task.isUnsolicitedOpen || !parameters.initialR2T
    else {
      reject(header, .protocolError)
      return nil
    }
    session.add(task)
    // Lent data are good for this call only, and are enough if they are all.
    if case .lent = delivery, !mayExecuteAtOnce(task) { keep(data, of: task) }
    return task
  }

  /// Whether a task needs nothing but its turn, and has it.
  private func mayExecuteAtOnce(_ task: TargetTask) -> Bool {
    task.isComplete && node.taskSet.mayRun(task) && !isCongested
      && (task.header.isImmediate || session?.expCmdSN == task.header.cmdSN &+ 1)
  }

  private func keep(_ data: RawSpan, of task: TargetTask) {
    guard task.wantedOctets > 0, data.byteCount > 0 else { return }
    memory(of: task).copy(data, to: 0)
  }

  /// Where a task's data are put together.
  func memory(of task: TargetTask) -> any TransferMemory {
    if let memory = task.memory { return memory }
    let memory = outlet.makeMemory(octets: task.wantedOctets)
    task.memory = memory
    return memory
  }

  private func deliver(_ header: BasicHeaderSegment, _ data: RawSpan, _ task: TargetTask?) {
    switch header.opcode {
    case .scsiCommand:
      guard let task else { return }
      task.isDelivered = true
      if task.isComplete, node.taskSet.mayRun(task), !isCongested {
        execute(task, data)
      } else {
        node.taskSet.add(task)
        askForData(task)
      }
    case .taskManagementRequest: manage(header)
    case .textRequest: handleText(header, data)
    case .logoutRequest: logOut(header)
    case .nopOut:
      guard header.initiatorTaskTag != BasicHeaderSegment.noTag else { return }
      var answer = BasicHeaderSegment(.nopIn)
      answer.lun = header.lun
      answer.initiatorTaskTag = header.initiatorTaskTag
      answer.targetTransferTag = BasicHeaderSegment.noTag
      send(answer, data: data.extracting(0..<min(data.byteCount, parameters.initiatorSegmentOctets)))
    default: reject(header, .commandNotSupported)
    }
  }
}

// Data-Out and Ready To Transfer (RFC 7143, 11.7 and 11.8).
extension TargetConnection {
  func handleData(_ header: BasicHeaderSegment, _ data: RawSpan, _ delivery: Delivery, isAuthentic: Bool) {
    guard let task = session?.task(header.initiatorTaskTag), task.connection === self else {
      // What a task had asked for may come when the task is gone.
      if header.targetTransferTag != BasicHeaderSegment.noTag, !node.hasMade(header.targetTransferTag) {
        reject(header, .invalidField)
      }
      return
    }
    guard task.expects(header, parameters) else { return reject(header, .protocolError) }
    if isAuthentic, let offset = task.place(of: header, parameters) {
      if case .lent = delivery, offset < task.wantedOctets { memory(of: task).copy(data, to: offset) }
      task.receive(header, isWhole: true)
    } else {
      if !isAuthentic { reject(header, .dataDigestError) }
      task.receive(header, isWhole: false)
    }
    askForData(task)
    guard task.isDelivered, task.isComplete, node.taskSet.mayRun(task), !isCongested else { return }
    execute(task)
  }

  /// Asks for as much of a task's data as may be under way.
  func askForData(_ task: TargetTask) {
    while let next = task.ask(parameters, tag: node.makeTransferTag) {
      var request = BasicHeaderSegment(.readyToTransfer)
      request.lun = task.header.lun
      request.initiatorTaskTag = task.tag
      request.targetTransferTag = next.transferTag
      request.dataSN = next.number
      request.bufferOffset = UInt32(next.offset)
      request.desiredDataTransferLength = UInt32(next.octets)
      send(request, advances: false)
    }
  }
}
