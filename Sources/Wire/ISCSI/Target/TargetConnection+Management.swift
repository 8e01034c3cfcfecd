import Octets
import SCSI

// Task management and logout (RFC 7143, 11.5 and 11.14).
extension TargetConnection {
  func manage(_ header: BasicHeaderSegment) {
    guard let session, let port = session.port else { return }
    let function = TaskManagementFunction(rawValue: header.function)
    let response: TaskManagementResponse
    switch function {
    case .abortTask: response = abortTask(header, session)
    case .abortTaskSet, .clearTaskSet, .logicalUnitReset, .clearACA:
      if LogicalUnit.isServed(header.lun) {
        response = manageLogicalUnit(function, session, port)
      } else {
        response = .noSuchLogicalUnit
      }
    case .targetWarmReset, .targetColdReset:
      node.abortAllTasks()
      port.resetTarget()
      response = .complete
    case .taskReassign: response = .reassignmentNotSupported
    case nil: response = .notSupported
    }
    if let function { note(.taskManagement(function)) }

    var answer = BasicHeaderSegment(.taskManagementResponse)
    answer.initiatorTaskTag = header.initiatorTaskTag
    answer.response = response.rawValue
    send(answer)
    if function == .targetColdReset { node.dropAll() } else { node.runReadyTasks() }
  }

  private func abortTask(_ header: BasicHeaderSegment, _ session: TargetSession) -> TaskManagementResponse {
    if let task = session.task(header.referencedTaskTag) {
      node.abort([task])
      return .complete
    }
    // It may have been overtaken by this request.
    return session.skip(header.refCmdSN, before: header.cmdSN, on: self) ? .complete : .noSuchTask
  }

  private func manageLogicalUnit(
    _ function: TaskManagementFunction?, _ session: TargetSession, _ port: any TargetPort
  ) -> TaskManagementResponse {
    switch function {
    case .abortTaskSet:
      node.abort(Array(session.tasks.values))
      port.abortTaskSet()
    case .clearTaskSet:
      let losers = node.sessions.filter { $0 !== session && !$0.tasks.isEmpty }.compactMap { $0.port }
      node.abortAllTasks()
      port.clearTaskSet(losers: losers)
    case .logicalUnitReset:
      node.abortAllTasks()
      port.resetLogicalUnit()
    default: return .notSupported  // there is never an auto contingent allegiance
    }
    return .complete
  }

  func logOut(_ header: BasicHeaderSegment) {
    guard let session else { return }
    var answer = BasicHeaderSegment(.logoutResponse)
    answer.initiatorTaskTag = header.initiatorTaskTag
    var closing: [TargetConnection] = []
    switch header.function {
    case 0: closing = session.connections
    case 1:
      closing = session.connections.filter { $0.cid == header.cid }
      answer.response = closing.isEmpty ? 1 : 0
    default: answer.response = 2  // connections are not recovered
    }
    send(answer)
    if closing.contains(where: { $0 === self }) { note(.loggedOut) }
    for connection in closing { connection.end() }
  }
}

extension TargetNode {
  /// Forgets tasks without a word to their initiators.
  func abort(_ tasks: [TargetTask]) {
    for task in tasks {
      task.session.remove(task)
      task.session.forgetHeld(task.tag)
      taskSet.remove(task)
    }
  }

  func abortAllTasks() {
    for session in sessions { abort(Array(session.tasks.values)) }
  }

  /// Ends all sessions: TARGET COLD RESET.
  func dropAll() {
    for session in sessions {
      for connection in session.connections { connection.drop(.reset) }
    }
  }
}
