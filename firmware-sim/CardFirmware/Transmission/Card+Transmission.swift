import CardProtocol
import ISO7816
import Octets
import SecureChannel

/// The way in and out: lengths, chaining, secure channel, response chaining. What a command does is elsewhere.
extension Card {
  /// Executes one command APDU; the whole response is in ``response`` afterwards.
  public func process(_ command: RawSpan) {
    response.wipe()
    let status: StatusWord
    do {
      status = try receive(command)
    } catch {
      response.wipe()
      status = error
    }
    do { try response.append(status.rawValue) } catch { response.truncate(to: 0) }
  }

  /// Takes in one APDU: answers GET RESPONSE, collects a chain, and executes what is whole.
  private func receive(_ command: RawSpan) throws(StatusWord) -> StatusWord {
    guard command.byteCount <= Int(profile.commandOctets) else { throw .wrongLength }
    let view = try CommandView(command)
    let header = view.header
    guard header.classByte.isValid else { throw .classNotSupported }
    guard header.classByte.logicalChannel == 0 else { throw .logicalChannelNotSupported }
    if header.ins == Instruction.getResponse.rawValue, transmission.chain == nil {
      return try getResponse(header, view.data)
    }
    transmission.sent = 0
    output.wipe()
    guard try collect(header, view.data) else { return .ok }
    return try finish(header)
  }

  /// Adds data to the command at hand (ISO/IEC 7816-4, 5.3.3).
  ///
  /// - Returns: whether the command is whole.
  private func collect(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) -> Bool {
    if let chain = transmission.chain {
      guard chain.isContinued(by: header) else {
        transmission.chain = nil
        input.wipe()
        throw .lastCommandOfChainExpected
      }
    } else {
      input.wipe()
    }
    do {
      try input.append(data)
    } catch {
      transmission.chain = nil
      input.wipe()
      throw .wrongLength
    }
    transmission.chain = header.classByte.isChained ? header : nil
    return !header.classByte.isChained
  }

  /// Takes the secure channel off, executes, puts it on again, and hands out the first part of the answer.
  private func finish(_ last: CommandHeader) throws(StatusWord) -> StatusWord {
    defer { input.wipe() }
    var header = last
    // A chain is one command: its C-MAC is over the length that the whole has, in the coding that such a length needs.
    if input.count > CommandAPDU.shortDataLimit { header.isExtended = true }
    let (plain, isProtected) = try unprotect(header)
    var status: StatusWord
    do {
      status = try input.withBytes { (data) throws(StatusWord) in try execute(plain, data) }
    } catch {
      output.wipe()
      status = error
    }
    wipeWorkingKeys()
    if isProtected { try protect(status) }
    transmission.status = status
    return try deliver(header.le)
  }

  /// GET RESPONSE (ISO/IEC 7816-4, 11.7.1): the next part of the answer.
  private func getResponse(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) -> StatusWord {
    guard header.p1p2 == 0 else { throw .incorrectP1P2 }
    guard data.byteCount == 0 else { throw .wrongLength }
    guard output.count > transmission.sent else { throw .conditionsNotSatisfied }
    return try deliver(header.le ?? 256)
  }

  /// Moves up to Le octets of the answer into ``response``.
  private func deliver(_ le: Int?) throws(StatusWord) -> StatusWord {
    let waiting = output.count - transmission.sent
    let room = response.capacity - 2
    let part = min(le ?? 0, waiting, room)
    try output.withBytes { (answer) throws(StatusWord) in
      try writing { () throws(OctetError) in
        try response.append(answer.extracting(transmission.sent..<(transmission.sent + part)))
      }
    }
    transmission.sent += part
    let left = waiting - part
    if left > 0 { return .bytesAvailable(left > 255 ? 0 : UInt8(left)) }
    output.wipe()
    transmission.sent = 0
    return transmission.status
  }

  private func wipeWorkingKeys() {
    engine.erase(EngineSlot.working)
    engine.erase(EngineSlot.derived)
    engine.erase(EngineSlot.deeper)
  }
}
