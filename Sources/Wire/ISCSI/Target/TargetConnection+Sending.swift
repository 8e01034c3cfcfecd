import Octets
import SCSI

// What leaves: each PDU gets the session's numbers, its digests and its padding here.
extension TargetConnection {
  /// Sends a PDU without data, or with data that are copied.
  ///
  /// - Parameter advances: whether it is a response with a number of its own.
  func send(_ header: BasicHeaderSegment, data: RawSpan = RawSpan(), advances: Bool = true) {
    sendHeader(header, dataOctets: data.byteCount, advances: advances)
    guard data.byteCount > 0 else { return }
    outlet.send(data)
    sendTail(of: data)
  }

  /// Sends a PDU with data that lie in memory, without copying them.
  func send(_ header: BasicHeaderSegment, _ memory: any TransferMemory, _ range: Range<Int>, advances: Bool) {
    sendHeader(header, dataOctets: range.count, advances: advances)
    guard !range.isEmpty else { return }
    outlet.send(memory, range)
    memory.withBytes { sendTail(of: $0.extracting(range)) }
  }

  private func sendHeader(_ header: BasicHeaderSegment, dataOctets: Int, advances: Bool) {
    var header = header
    header.dataSegmentOctets = dataOctets
    header.statSN = statSN
    if advances { statSN &+= 1 }
    if let session {
      header.expCmdSN = session.expCmdSN
      header.maxCmdSN = session.maxCmdSN
    }
    header.withBytes { bytes in
      outlet.send(bytes)
      if phase == .fullFeature, parameters.headerDigest { sendDigest(outlet.digest(of: bytes)) }
    }
  }

  /// Padding and digest.
  private func sendTail(of data: RawSpan) {
    let padding = -data.byteCount & 3
    let zeros = InlineArray<4, UInt8>(repeating: 0)
    if padding > 0 { outlet.send(zeros.span.bytes.extracting(0..<padding)) }
    guard phase == .fullFeature, parameters.dataDigest else { return }
    var checksum = CRC32C()
    outlet.update(&checksum, with: data)
    for _ in 0..<padding { checksum.update(0) }
    sendDigest(checksum.value)
  }

  private func sendDigest(_ value: UInt32) {
    var octets = InlineArray<4, UInt8>(repeating: 0)
    for index in 0..<4 { octets[index] = UInt8(truncatingIfNeeded: value >> UInt32(8 * index)) }
    outlet.send(octets.span.bytes)
  }

  /// Sends back the header of a PDU that cannot be.
  func reject(_ header: BasicHeaderSegment, _ reason: RejectReason) {
    var answer = BasicHeaderSegment(.reject)
    answer.rejectReason = reason
    answer.initiatorTaskTag = BasicHeaderSegment.noTag
    header.withBytes { send(answer, data: $0) }
  }

  /// Asks whether the initiator is still there.
  func ping() {
    pingTag = node.makeTransferTag()
    var question = BasicHeaderSegment(.nopIn)
    question.initiatorTaskTag = BasicHeaderSegment.noTag
    question.targetTransferTag = pingTag
    send(question, advances: false)
  }

  /// Tells that the target ends the session, and ends the connection.
  func sayGoodbye() {
    if phase == .fullFeature, session?.isDiscovery == false {
      var message = BasicHeaderSegment(.asynchronousMessage)
      message.initiatorTaskTag = BasicHeaderSegment.noTag
      message.asynchronousEvent = .willDropSession
      message.asynchronousParameters = (0, UInt16(clamping: parameters.time2Wait), 0)
      send(message)
    }
    end()
  }
}
