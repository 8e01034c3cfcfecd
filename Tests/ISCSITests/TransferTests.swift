import ISCSI
import Octets
import SCSI
import Testing

/// How data move between initiator and drive (RFC 7143, 4.2.5, 11.7, 11.8).
@Suite struct TransferTests {
  private func session(_ keys: [(String, String)] = [], limits: TargetLimits = TargetLimits()) throws -> (
    TargetNode, Initiator
  ) {
    let node = TargetNode(name: unitTargetName, device: try TestDevice(), limits: limits)
    let initiator = try Initiator(node)
    #expect(try initiator.logIn(keys).header.loginStatus == .success)
    try initiator.settle()
    return (node, initiator)
  }

  private static let pattern = (0..<16_384).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }

  private func contents(_ initiator: Initiator, _ count: Int) throws -> [UInt8] {
    let answers = try initiator.send(initiator.command(Blocks.read10(0, UInt16(count / 512)), read: count))
    return answers.filter { $0.header.opcode == .dataIn }.flatMap(\.data)
  }

  @Test func dataMayComeWithTheCommand() throws {
    let (_, initiator) = try session()
    let data = Array(Self.pattern.prefix(4096))
    for piece in [Int.max, 1000, 47] {
      let answer = try initiator.send(initiator.command(Blocks.write10(0, 8), write: 4096), data, piece: piece)
      #expect(answer.map(\.header.opcode) == [.scsiResponse])
      #expect(answer.first?.header.status == 0)
      #expect(try contents(initiator, 4096) == data)
    }
  }

  @Test func theRestIsAskedForBurstByBurst() throws {
    let (_, initiator) = try session([("MaxBurstLength", "4096"), ("MaxOutstandingR2T", "2")])
    let data = Self.pattern
    let command = initiator.command(Blocks.write10(0, 32), write: 16_384)
    var asked = try initiator.send(command, Array(data.prefix(1024))).map(\.header)
    #expect(asked.map(\.bufferOffset) == [1024, 5120])
    #expect(asked.map(\.desiredDataTransferLength) == [4096, 4096])
    #expect(asked.map(\.dataSN) == [0, 1])
    var answers: [PDU] = []
    while let next = asked.first {
      asked.removeFirst()
      let start = Int(next.bufferOffset)
      let end = start + Int(next.desiredDataTransferLength)
      let middle = min(start + 2000, end)
      answers = try initiator.send(
        initiator.dataOut(for: command, at: start, number: 0, asked: next, isFinal: middle == end),
        Array(data[start..<middle]))
      if middle < end {
        answers = try initiator.send(
          initiator.dataOut(for: command, at: middle, number: 1, asked: next), Array(data[middle..<end]), piece: 700)
      }
      asked += answers.map(\.header).filter { $0.opcode == .readyToTransfer }
    }
    #expect(answers.last?.header.opcode == .scsiResponse)
    #expect(answers.last?.header.status == 0)
    #expect(answers.last?.header.dataSN == 4)
    #expect(try contents(initiator, 16_384) == data)
  }

  @Test func dataMayComeUnaskedForUpToTheFirstBurst() throws {
    let (_, initiator) = try session([("InitialR2T", "No"), ("ImmediateData", "No"), ("FirstBurstLength", "4096")])
    let data = Array(Self.pattern.prefix(8192))
    let command = initiator.command(Blocks.write10(0, 16), write: 8192, isFinal: false)
    #expect(try initiator.send(command).isEmpty)
    #expect(
      try initiator.send(initiator.dataOut(for: command, at: 0, number: 0, isFinal: false), Array(data[..<2048]))
        .isEmpty)
    let asked = try initiator.send(initiator.dataOut(for: command, at: 2048, number: 1), Array(data[2048..<4096]))
    #expect(asked.map(\.header.bufferOffset) == [4096])
    let end = try initiator.send(
      initiator.dataOut(for: command, at: 4096, number: 0, asked: asked.first?.header), Array(data[4096...]))
    #expect(end.first?.header.status == 0)
    #expect(try contents(initiator, 8192) == data)
  }

  @Test func whatWasNotAgreedIsRejected() throws {
    let (_, initiator) = try session([("ImmediateData", "No")])
    let immediate = try initiator.send(
      initiator.command(Blocks.write10(0, 1), write: 512), Array(Self.pattern.prefix(512)))
    #expect(immediate.first?.header.rejectReason == .protocolError)
    let unasked = try initiator.send(initiator.command(Blocks.write10(0, 1), write: 512, isFinal: false))
    #expect(unasked.first?.header.rejectReason == .protocolError)
    let login = try initiator.send(initiator.loginRequest(.operational))
    #expect(login.first?.header.rejectReason == .protocolError)
    #expect(initiator.outlet.isClosed)
  }

  @Test func readDataComeInSegmentsAndBursts() throws {
    let (_, initiator) = try session([("MaxRecvDataSegmentLength", "1024"), ("MaxBurstLength", "2048")])
    let answers = try initiator.send(initiator.command(Blocks.read10(0, 10), read: 5120))
    #expect(answers.map(\.data.count) == [1024, 1024, 1024, 1024, 1024])
    #expect(answers.map(\.header.isFinal) == [false, true, false, true, true])
    #expect(answers.map(\.header.hasStatus) == [false, false, false, false, true])
    #expect(answers.map(\.header.dataSN) == [0, 1, 2, 3, 4])
    #expect(answers.map(\.header.bufferOffset) == [0, 1024, 2048, 3072, 4096])
  }

  @Test func residualsSayHowFarExpectationsWereOff() throws {
    let (_, initiator) = try session()
    let less = try initiator.send(initiator.command(Blocks.read10(0, 2), read: 600)).first
    #expect(less?.data.count == 600)
    #expect(less?.header.residual == .overflow(424))
    let more = try initiator.send(initiator.command(Blocks.read10(0, 1), read: 700)).first
    #expect(more?.data.count == 512)
    #expect(more?.header.residual == .underflow(188))
    let none = try initiator.send(initiator.command([0, 0, 0, 0, 0, 0], read: 10)).first
    #expect(none?.header.residual == .underflow(10))
    let failed = try initiator.send(initiator.command(Blocks.read10(0xFFFF_0000, 1), read: 512)).first
    #expect(failed?.header.status == 2)
    #expect(failed?.header.residual == .underflow(512))
    #expect(failed?.data.count == 20)
    #expect(Array(failed?.data.prefix(3) ?? []) == [0, 18, 0x70 | (failed?.data[2] ?? 0) & 0x80])
  }

  @Test func damagedPDUsAreNoticed() throws {
    let (_, initiator) = try session([("HeaderDigest", "CRC32C"), ("DataDigest", "CRC32C")])
    // A ping whose data were changed on their way is rejected, and counts as never sent.
    let ping = initiator.request(.nopOut)
    var octets = initiator.encode(ping, Array("ping".utf8))
    octets[53] ^= 1
    initiator.give(octets)
    #expect(try initiator.received().map(\.header.rejectReason) == [.dataDigestError])
    initiator.give(initiator.encode(ping, Array("ping".utf8)))
    #expect(try initiator.received().first?.data == Array("ping".utf8))

    // Of a command's data: the command ends with B/47/05 when all have come.
    let command = initiator.command(Blocks.write10(0, 2), write: 1024)
    let asked = try #require(try initiator.send(command).first?.header)
    for piece in [Int.max, 100] {
      let isLast = piece == 100
      var data = initiator.encode(
        initiator.dataOut(for: command, at: isLast ? 512 : 0, number: isLast ? 1 : 0, asked: asked, isFinal: isLast),
        [UInt8](repeating: 1, count: 512))
      if !isLast { data[100] ^= 1 }
      initiator.give(data, piece: piece)
    }
    let answers = try initiator.received()
    #expect(answers.first?.header.rejectReason == .dataDigestError)
    let sense = Array(answers.last?.data.dropFirst(2) ?? [])
    #expect(try SenseData(parsing: sense.span.bytes).code == SenseCode(.abortedCommand, 0x47, 0x05))

    // Behind a damaged header nothing can be believed.
    var header = initiator.encode(initiator.request(.nopOut))
    header[17] ^= 1
    initiator.give(header)
    #expect(initiator.outlet.isClosed)
  }

  @Test func memoryIsNeverTakenForWhatAStrangerOnlyAnnounces() throws {
    var limits = TargetLimits()
    limits.transferOctets = 65_536
    limits.waitingOctets = 100_000
    let (_, initiator) = try session(limits: limits)
    // A command that claims four gibibytes.
    var huge = initiator.command(Blocks.write10(0, 0xFFFF), write: 1)
    huge.expectedDataTransferLength = UInt32.max
    #expect(try initiator.send(huge).first?.header.status == 2)
    #expect(initiator.outlet.largestMemory == 0)
    // The second of two has to wait for its memory.
    #expect(
      try initiator.send(initiator.command(Blocks.write10(0, 128), write: 65_536)).first?.header.opcode
        == .readyToTransfer)
    let second = try initiator.send(initiator.command(Blocks.write10(0, 128), write: 65_536)).first
    #expect(second?.header.status == SCSIStatus.taskSetFull.rawValue)
    // Announced and too long.
    var segment = initiator.request(.nopOut)
    segment.dataSegmentOctets = 262_145
    initiator.give(segment.withBytes { $0.octets })
    #expect(initiator.outlet.isClosed)
  }

  @Test func nothingIsDoneWhileNobodyReads() throws {
    let (node, initiator) = try session()
    initiator.outlet.isCongested = true
    let octets = initiator.encode(initiator.command(Blocks.read10(0, 8), read: 4096))
    #expect(initiator.connection.receive(octets.span.bytes) == 0)
    initiator.outlet.isCongested = false
    initiator.connection.resume()
    #expect(initiator.connection.receive(octets.span.bytes) == octets.count)
    #expect(try initiator.received().first?.data.count == 4096)
    #expect(node.connections.count == 1)
  }

  @Test func allSessionsTogetherHaveABoundToo() throws {
    var limits = TargetLimits()
    limits.memoryOctets = 100_000
    limits.shareOctets = 1_024
    let (node, first) = try session(limits: limits)
    let second = try Initiator(node)
    second.isid = ISID(rawValue: 2)
    try second.logIn()
    try second.settle()
    func write(_ initiator: Initiator, _ blocks: UInt16) throws -> UInt8? {
      let command = initiator.command(Blocks.write10(0, blocks), write: Int(blocks) * 512)
      let answer = try #require(try initiator.send(command).first?.header)
      return answer.opcode == .readyToTransfer ? nil : answer.status
    }
    #expect(try write(first, 128) == nil)
    #expect(try write(second, 128) == SCSIStatus.taskSetFull.rawValue)
    // Its share everybody has.
    #expect(try write(second, 2) == nil)

    // What waits to be sent to others who do not read.
    second.outlet.octetsInUse = 99_000
    let long = try second.send(second.command(Blocks.read10(0, 8), read: 4_096)).first?.header
    #expect(long?.status == SCSIStatus.taskSetFull.rawValue)
    #expect(try second.send(second.command(Blocks.read10(0, 2), read: 1_024)).first?.data.count == 1_024)
    second.outlet.octetsInUse = 95_000
    #expect(try second.send(second.command(Blocks.read10(0, 8), read: 4_096)).first?.data.count == 4_096)
  }

  @Test func dataThatWerePassedOverAreNotTakenForWritten() throws {
    var limits = TargetLimits()
    limits.waitingOctets = 1_024
    let (node, first) = try session([("MaxConnections", "2"), ("ImmediateData", "Yes")], limits: limits)
    let second = try Initiator(node)
    second.tsih = first.tsih
    second.cid = 2
    try second.logIn()
    let large = first.command(Blocks.write10(8, 2), write: 1_024)
    let asked = try #require(try first.send(large).first?.header)
    // There is no room when these data begin to come,
    second.cmdSN = first.cmdSN
    let octets = second.encode(second.command(Blocks.write10(0, 1), write: 512), [UInt8](repeating: 0xA5, count: 512))
    second.give(Array(octets[..<200]))
    // and there is some when they end.
    let data = [UInt8](repeating: 1, count: 1_024)
    #expect(try first.send(first.dataOut(for: large, at: 0, number: 0, asked: asked), data).first?.header.status == 0)
    second.give(Array(octets[200...]))
    #expect(try second.received().first?.header.status == SCSIStatus.taskSetFull.rawValue)
  }

  @Test func defectsInAFormatThatIsNotThereAreRefusedWithSense() throws {
    let (_, initiator) = try session()
    for (cdb, octets) in [
      ([0x37, 0, 0x19, 0, 0, 0, 0, 0, 64, 0], 64), ([0xB7, 0x19, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0], 64),
      ([0x37, 0, 0x1F, 0, 0, 0, 0, 0xFF, 0xFF, 0], 65_535),
    ] as [([UInt8], Int)] {
      let answers = try initiator.send(initiator.command(cdb, read: octets))
      let answer = try #require(answers.first)
      #expect(answers.count == 1 && answer.header.opcode == .scsiResponse)
      #expect(answer.header.status == SCSIStatus.checkCondition.rawValue)
      // 1/1C/00, DEFECT LIST NOT FOUND; none of the octets that were expected came.
      #expect(answer.data[4] & 0x0F == 1 && Array(answer.data[14...15]) == [0x1C, 0x00])
      #expect(answer.header.residual == .underflow(UInt32(octets)))
    }
    #expect(try initiator.send(initiator.command([0, 0, 0, 0, 0, 0])).first?.header.status == 0)
  }
}
