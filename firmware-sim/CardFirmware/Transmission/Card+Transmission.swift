import CardProtocol
import ISO7816
import Octets
import SecureChannel

/// The way in: lengths, channels, chaining, secure channel. What a command does is elsewhere.
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

  /// Takes in one APDU: hands out what waits of an answer, collects a chain, and executes what is whole.
  private func receive(_ command: RawSpan) throws(StatusWord) -> StatusWord {
    guard command.byteCount <= Int(profile.commandOctets) else { throw .wrongLength }
    let view = try CommandView(command)
    let header = view.header
    // A TPDU of T=0 has one octet for its length: what is longer comes in ENVELOPEs (ISO/IEC 7816-3, 12.2.7).
    if profile.transmissionProtocol == .t0, header.isExtended { throw .wrongLength }
    guard header.classByte.isValid else { throw .classNotSupported }
    guard channels.isOpen(header.classByte.logicalChannel) else { throw .logicalChannelNotSupported }
    channels.enter(header.classByte.logicalChannel)
    if header.ins == Instruction.getResponse.rawValue, transmission.chain == nil {
      if transmission.envelope != nil { dropCommand() }
      return try getResponse(header, view.data)
    }
    if let announced = transmission.announced, announced.isRepeated(by: header), view.data.byteCount == 0 {
      return try deliver(expectation(header, isAlone: true), of: header)
    }
    dropAnswer()
    guard try collect(header, view.data) else { return .ok }
    return try finish(header, isAlone: view.data.byteCount == 0)
  }

  /// Adds data to the command at hand (ISO/IEC 7816-4, 5.3.3).
  ///
  /// - Returns: whether the command is whole.
  private func collect(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) -> Bool {
    let isInChain = transmission.chain != nil
    if let chain = transmission.chain {
      guard chain.isContinued(by: header) else {
        dropCommand()
        throw .lastCommandOfChainExpected
      }
    } else if transmission.envelope?.isContinued(by: header) != true {
      dropCommand()
    }
    do {
      try input.append(data)
    } catch {
      dropCommand()
      throw .wrongLength
    }
    transmission.chain = header.classByte.isChained ? header : nil
    transmission.envelope = header.isUnfinishedEnvelope(data, isInChain: isInChain) ? header : nil
    return transmission.chain == nil && transmission.envelope == nil
  }

  /// Takes the envelope and the secure channel off, executes, and hands out the first part of the answer.
  ///
  /// - Parameter isAlone: whether the last APDU came without data.
  private func finish(_ last: CommandHeader, isAlone: Bool) throws(StatusWord) -> StatusWord {
    defer { input.wipe() }
    var header = last
    if header.ins == Instruction.envelope.rawValue { header = try openEnvelope(header) }
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
    transmission.channel = channels.number
    return try deliver(expectation(last, isAlone: isAlone), of: last)
  }

  /// Leaves in `input` the data of the command that came in ENVELOPEs (ISO/IEC 7816-4, 11.7.2).
  ///
  /// - Returns: its header. Inside is one whole command of the same logical channel, no part of a chain, and none of the
  ///   commands that are about transmission; else 6A80, or 6700 when it is no APDU at all.
  private func openEnvelope(_ envelope: CommandHeader) throws(StatusWord) -> CommandHeader {
    guard !envelope.classByte.isProprietary else { throw .classNotSupported }
    guard envelope.p1p2 == 0 else { throw .incorrectP1P2 }
    guard envelope.classByte.secureMessaging == .none else { throw .secureMessagingNotSupported }
    var start = 0
    var end = 0
    let header = try input.withBytes { (octets) throws(StatusWord) in
      let view = try CommandView(octets)
      start = view.isExtended && view.data.byteCount > 0 ? 7 : 5
      end = start + view.data.byteCount
      return view.header
    }
    let kind = header.classByte
    guard kind.isValid, !kind.isChained, kind.logicalChannel == channels.number,
      header.ins != Instruction.envelope.rawValue, header.ins != Instruction.getResponse.rawValue
    else { throw .incorrectData }
    input.keep(start..<end)
    return header
  }

  private func dropCommand() {
    transmission.chain = nil
    transmission.envelope = nil
    input.wipe()
  }

  private func wipeWorkingKeys() {
    engine.erase(EngineSlot.working)
    engine.erase(EngineSlot.derived)
    engine.erase(EngineSlot.deeper)
  }
}

extension CommandHeader {
  /// Whether more ENVELOPEs follow: without chaining, the end is one that is empty (ISO/IEC 7816-4, 11.7.2). One that will
  /// be refused is no beginning.
  fileprivate func isUnfinishedEnvelope(_ data: RawSpan, isInChain: Bool) -> Bool {
    ins == Instruction.envelope.rawValue && p1p2 == 0 && !classByte.isProprietary && classByte.secureMessaging == .none
      && !classByte.isChained && !isInChain && data.byteCount > 0
  }
}
