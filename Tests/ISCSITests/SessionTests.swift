import ISCSI
import Octets
import SCSI
import Testing

/// The order of commands, task management, pings and the end (RFC 7143, 4.2.2, 11.5, 11.14, 11.18).
@Suite struct SessionTests {
  private func node() throws -> TargetNode { TargetNode(name: unitTargetName, device: try TestDevice()) }

  private func session(_ node: TargetNode, isid: UInt64 = 1, _ keys: [(String, String)] = []) throws -> Initiator {
    let initiator = try Initiator(node)
    initiator.isid = ISID(rawValue: isid)
    #expect(try initiator.logIn(keys).header.loginStatus == .success)
    try initiator.settle()
    return initiator
  }

  @Test func commandsAreDeliveredInTheirOrderWhateverWayTheyCome() throws {
    let node = try node()
    let first = try session(node, isid: 1, [("MaxConnections", "2")])
    let second = try Initiator(node)
    second.isid = first.isid
    second.tsih = first.tsih
    second.cid = 2
    try second.logIn()
    second.cmdSN = first.cmdSN &+ 1
    // The later command comes first, and waits.
    #expect(try second.send(second.command(Blocks.read10(0, 1), read: 512)).isEmpty)
    let write = first.command(Blocks.write10(0, 1), write: 512)
    let answer = try first.send(write, [UInt8](repeating: 0xA5, count: 512))
    #expect(answer.first?.header.status == 0)
    // It answers on the connection on which it came, and reads what was written before it.
    #expect(try second.received().first?.data == [UInt8](repeating: 0xA5, count: 512))
  }

  @Test func numbersOutsideTheWindowAreAsIfNeverSent() throws {
    let node = try node()
    let initiator = try session(node)
    let next = initiator.cmdSN
    for wrong in [next &- 1, next &+ 128, next &+ 0x4000_0000] {
      initiator.cmdSN = wrong
      #expect(try initiator.send(initiator.command([0, 0, 0, 0, 0, 0])).isEmpty)
    }
    initiator.cmdSN = next
    let answer = try #require(try initiator.send(initiator.command([0, 0, 0, 0, 0, 0])).first?.header)
    #expect(answer.expCmdSN == next &+ 1)
    #expect(answer.maxCmdSN == next &+ 128)
  }

  @Test func orderedTasksWaitAndAreWaitedFor() throws {
    let node = try node()
    let initiator = try session(node)
    let write = initiator.command(Blocks.write10(0, 1), write: 512)
    let asked = try #require(try initiator.send(write).first?.header)
    var ordered = initiator.command(Blocks.read10(0, 1), read: 512)
    ordered.taskAttribute = .ordered
    #expect(try initiator.send(ordered).isEmpty)
    #expect(try initiator.send(initiator.command(Blocks.read10(0, 1), read: 512)).isEmpty)
    var urgent = initiator.command([0, 0, 0, 0, 0, 0])
    urgent.taskAttribute = .headOfQueue
    #expect(try initiator.send(urgent).count == 1)
    let answers = try initiator.send(
      initiator.dataOut(for: write, at: 0, number: 0, asked: asked), [UInt8](repeating: 7, count: 512))
    #expect(answers.map(\.header.opcode) == [.scsiResponse, .dataIn, .dataIn])
    #expect(answers[1].header.initiatorTaskTag == ordered.initiatorTaskTag)
    #expect(answers[1].data == [UInt8](repeating: 7, count: 512))
  }

  @Test func thousandsOfTasksThatBecomeReadyAtOnceNeedNoDeeperStack() throws {
    let node = try node()
    let blocker = try session(node, isid: 1)
    let others = try (2...31).map { try session(node, isid: $0) }
    var write = blocker.command(Blocks.write10(0, 1), write: 512)
    write.taskAttribute = .ordered
    let asked = try #require(try blocker.send(write).first?.header)
    for other in others {
      for _ in 0..<256 {
        var header = other.command([0, 0, 0, 0, 0, 0])
        header.isImmediate = true
        other.give(other.encode(header))
      }
      #expect(try other.received().isEmpty)
    }
    let answer = try blocker.send(
      blocker.dataOut(for: write, at: 0, number: 0, asked: asked), [UInt8](repeating: 7, count: 512))
    #expect(answer.map(\.header.status) == [0])
    for other in others { #expect(try other.received().count == 256) }
  }

  @Test func whatComesTooEarlyIsKeptInBoundsOnly() throws {
    let initiator = try session(try node())
    initiator.cmdSN &+= 1
    var early = initiator.request(.nopOut)
    #expect(
      try initiator.send(early, [UInt8](repeating: 1, count: 16_385)).first?.header.rejectReason == .longOperationReject
    )
    early.initiatorTaskTag = initiator.nextTag()
    #expect(try initiator.send(early, [UInt8](repeating: 1, count: 16_384)).isEmpty)
    initiator.cmdSN &-= 2
    let answers = try initiator.send(initiator.command([0, 0, 0, 0, 0, 0]))
    #expect(answers.map(\.header.opcode) == [.scsiResponse, .nopIn])
  }

  private func manage(
    _ initiator: Initiator, _ function: TaskManagementFunction, tag: UInt32 = BasicHeaderSegment.noTag, lun: UInt64 = 0
  ) throws -> PDU? {
    var request = initiator.request(.taskManagementRequest, isImmediate: true)
    request.function = function.rawValue
    request.referencedTaskTag = tag
    request.lun = lun
    return try initiator.send(request).first { $0.header.opcode == .taskManagementResponse }
  }

  @Test func anAbortedTaskIsNotHeardOfAgain() throws {
    let node = try node()
    let initiator = try session(node)
    let write = initiator.command(Blocks.write10(0, 1), write: 512)
    let asked = try #require(try initiator.send(write).first?.header)
    #expect(try manage(initiator, .abortTask, tag: write.initiatorTaskTag)?.header.response == 0)
    #expect(try manage(initiator, .abortTask, tag: write.initiatorTaskTag)?.header.response == 1)
    // What it had asked for is passed over.
    let data = initiator.dataOut(for: write, at: 0, number: 0, asked: asked)
    #expect(try initiator.send(data, [UInt8](repeating: 7, count: 512)).isEmpty)
    var never = data
    never.targetTransferTag = 0x7000_0000
    #expect(try initiator.send(never, [UInt8](repeating: 7, count: 512)).first?.header.rejectReason == .invalidField)
    // An overtaken command counts as received.
    var abort = initiator.request(.taskManagementRequest, isImmediate: true)
    abort.function = TaskManagementFunction.abortTask.rawValue
    abort.referencedTaskTag = 0x1234
    abort.refCmdSN = initiator.cmdSN
    abort.cmdSN = initiator.cmdSN &+ 1
    #expect(try initiator.send(abort).first?.header.response == 0)
    initiator.cmdSN &+= 1
    #expect(try initiator.send(initiator.command([0, 0, 0, 0, 0, 0])).first?.header.status == 0)
  }

  @Test func othersAreToldWhatTheyLost() throws {
    let node = try node()
    let first = try session(node, isid: 1)
    let second = try session(node, isid: 2)
    #expect(try second.send(second.command(Blocks.write10(0, 1), write: 512)).count == 1)
    #expect(try manage(first, .clearTaskSet)?.header.response == 0)
    let lost = try second.send(second.command([0, 0, 0, 0, 0, 0])).first
    #expect(lost.map { Array($0.data[14...15]) } == [0x2F, 0x00])
    #expect(try manage(second, .logicalUnitReset)?.header.response == 0)
    let reset = try first.send(first.command([0, 0, 0, 0, 0, 0])).first
    #expect(reset.map { Array($0.data[14...15]) } == [0x29, 0x03])
    #expect(try manage(first, .logicalUnitReset, lun: 0x0001_0000_0000_0000)?.header.response == 2)
    #expect(try manage(first, .taskReassign)?.header.response == 4)
    #expect(try manage(first, .abortTaskSet)?.header.response == 0)
    #expect(try manage(first, .targetWarmReset)?.header.response == 0)
    #expect(try manage(first, .targetColdReset)?.header.response == 0)
    #expect(first.outlet.isClosed && second.outlet.isClosed)
  }

  @Test func silentInitiatorsArePingedAndGivenUp() throws {
    let node = try node()
    let initiator = try session(node)
    node.tick(1)
    node.tick(30)
    #expect(try initiator.received().isEmpty)
    node.tick(31)
    let ping = try #require(try initiator.received().first?.header)
    #expect(ping.opcode == .nopIn)
    var answer = initiator.request(.nopOut, isImmediate: true)
    answer.initiatorTaskTag = BasicHeaderSegment.noTag
    answer.targetTransferTag = ping.targetTransferTag
    #expect(try initiator.send(answer).isEmpty)
    node.tick(60)
    node.tick(90)
    #expect(try initiator.received().first?.header.opcode == .nopIn)
    node.tick(104)
    #expect(!initiator.outlet.isClosed)
    node.tick(105)
    #expect(initiator.outlet.isClosed)
  }

  @Test func whoNeverSendsItsDataHoldsNobodyUpForEver() throws {
    let node = try node()
    let good = try session(node, isid: 1)
    let bad = try session(node, isid: 2)
    var write = bad.command(Blocks.write10(0, 2), write: 1_024)
    write.taskAttribute = .ordered
    let asked = try #require(try bad.send(write).first?.header)
    #expect(try good.send(good.command([0, 0, 0, 0, 0, 0])).isEmpty)
    // It answers pings, but that is all; data that do come count.
    func pass(_ seconds: ClosedRange<UInt64>) throws {
      for now in seconds {
        node.tick(now)
        for initiator in [good, bad] {
          var answer = initiator.request(.nopOut, isImmediate: true)
          answer.initiatorTaskTag = BasicHeaderSegment.noTag
          initiator.give(initiator.encode(answer))
        }
      }
    }
    try pass(1...50)
    let half = bad.dataOut(for: write, at: 0, number: 0, asked: asked, isFinal: false)
    bad.give(bad.encode(half, [UInt8](repeating: 1, count: 512)))
    try pass(51...110)
    #expect(!bad.outlet.isClosed)
    try pass(111...111)
    #expect(bad.outlet.isClosed && !good.outlet.isClosed)
    #expect(try good.received().map(\.header.opcode) == [.scsiResponse])
  }

  @Test func logoutEndsAConnectionOrTheSession() throws {
    let node = try node()
    let first = try session(node, isid: 1, [("MaxConnections", "2")])
    let second = try Initiator(node)
    second.isid = first.isid
    second.tsih = first.tsih
    second.cid = 2
    try second.logIn()
    func logOut(_ reason: UInt8, cid: UInt16) throws -> UInt8? {
      var request = first.request(.logoutRequest, isImmediate: true)
      request.function = reason
      request.cid = cid
      return try first.send(request).first?.header.response
    }
    #expect(try logOut(1, cid: 9) == 1)
    #expect(try logOut(2, cid: 2) == 2)
    #expect(try logOut(1, cid: 2) == 0)
    #expect(second.outlet.isClosed && !first.outlet.isClosed)
    #expect(try logOut(0, cid: 1) == 0)
    #expect(first.outlet.isClosed)
    #expect(node.connections.isEmpty)
  }

  @Test func aTargetThatStopsSaysSo() throws {
    let node = try node()
    let initiator = try session(node)
    node.stop()
    let message = try #require(try initiator.received().first?.header)
    #expect(message.opcode == .asynchronousMessage)
    #expect(message.asynchronousEvent == .willDropSession)
    #expect(initiator.outlet.isClosed)
    #expect(node.connections.isEmpty)
  }

  @Test func textsGoOnUnderATag() throws {
    let node = try node()
    let initiator = try session(node, isid: 1, [("MaxRecvDataSegmentLength", "512")])
    var request = initiator.request(.textRequest)
    request.isFinal = false
    request.isContinued = true
    let text = Initiator.text((0..<60).map { ("X-org.example.\($0)", "1") } + [("SendTargets", "All")])
    let more = try #require(try initiator.send(request, Array(text.prefix(300))).first)
    #expect(more.header.targetTransferTag != BasicHeaderSegment.noTag)
    func next(_ pdu: PDU, _ data: [UInt8]) throws -> PDU {
      var request = initiator.request(.textRequest)
      request.targetTransferTag = pdu.header.targetTransferTag
      return try #require(try initiator.send(request, data).first)
    }
    var answer = try next(more, Array(text.dropFirst(300)))
    var whole = answer.data
    while answer.header.isContinued {
      answer = try next(answer, [])
      whole += answer.data
    }
    #expect(answer.header.isFinal)
    let pairs = try TextPair.parse(whole)
    #expect(pairs.count { $0.value == "NotUnderstood" } == 60)
    #expect(pairs.last == TextPair("SendTargets", "Reject"))
    #expect(try next(more, []).header.rejectReason == .invalidField)
  }

  @Test func thereIsNothingAtOtherLUNs() throws {
    let node = try node()
    let initiator = try session(node)
    func ask(_ cdb: [UInt8], _ octets: Int) throws -> PDU? {
      var command = initiator.command(cdb, read: octets)
      command.lun = 0x0005_0000_0000_0000
      return try initiator.send(command).first
    }
    #expect(try ask([0x12, 0, 0, 0, 36, 0], 36)?.data.first == 0x7F)
    #expect(try ask([0xA0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0], 16)?.data.count == 16)
    #expect(try ask([0x03, 0, 0, 0, 18, 0], 18)?.data[12] == 0x25)
    let refused = try ask(Blocks.read10(0, 1), 512)
    #expect(refused.map { Array($0.data[14...15]) } == [0x25, 0x00])
  }
}
