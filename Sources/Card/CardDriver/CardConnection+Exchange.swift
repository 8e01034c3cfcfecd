import CardProtocol
import ISO7816
import Octets

/// Whole exchanges: the form of a command, and a response from its pieces.
extension CardConnection {
  /// The most octets a response may bring together by GET RESPONSE, against a card that never ends.
  private static let responseLimit = 65_536
  /// The most pieces it may come in: four times as many as whole pieces of 256 octets would be.
  private static let pieceLimit = 1_024

  /// Sends one command and answers the whole response, whatever its status word.
  ///
  /// A command of a secure channel goes once, whatever comes: repeated, it would be a replay, and end the channel.
  ///
  /// - Throws: ``CardError`` only when no whole response came; `operation` names it there.
  public func exchange(_ command: CommandAPDU, operation: String) throws(CardError) -> ResponseAPDU {
    var response = try send(command, operation)
    if let le = response.status.correctLe, !ClassByte(rawValue: command.cla).isSecured {
      var corrected = command
      corrected.le = le
      response = try send(corrected, operation)
    }
    return try collect(response, of: command, operation)
  }

  /// Sends one command and answers its data.
  ///
  /// - Throws: ``CardError`` also for every status word but 9000.
  public func data(_ command: CommandAPDU, operation: String) throws(CardError) -> [UInt8] {
    let response = try exchange(command, operation: operation)
    guard response.status == .ok else { throw CardError(response.status, operation: operation) }
    return response.data
  }

  // MARK: Forms

  /// One command: as it is where card and reader take it so, else in a chain, else in envelopes.
  private func send(_ command: CommandAPDU, _ operation: String) throws(CardError) -> ResponseAPDU {
    var command = command
    command.le = command.le.map { min($0, dataOctetsPerResponse) }
    guard command.data.count > dataOctetsPerCommand else { return try transmit(command, operation) }
    if capabilities?.commandChaining == true { return try sendChain(command, operation) }
    if capabilities?.extendedLength == true { return try sendEnvelopes(command, operation) }
    throw CardError(
      .tooLong, operation: operation, cardMayHaveChanged: false,
      remedy: "The card takes neither extended lengths nor chains; the command is too long for it.")
  }

  /// The command in parts of 255 octets of data (ISO/IEC 7816-4, 5.3.3).
  private func sendChain(_ command: CommandAPDU, _ operation: String) throws(CardError) -> ResponseAPDU {
    var start = 0
    while true {
      let end = min(start + CommandAPDU.shortDataLimit, command.data.count)
      let isLast = end == command.data.count
      let part = CommandAPDU(
        cla: isLast ? command.cla : command.cla | 0x10, ins: command.ins, p1: command.p1, p2: command.p2,
        data: Array(command.data[start..<end]), le: isLast ? command.le.map { min($0, CommandAPDU.shortLeLimit) } : nil)
      let response = try transmit(part, operation)
      if isLast || response.status != .ok { return response }
      start = end
    }
  }

  /// The whole extended command in ENVELOPEs, and an empty one that ends them (ISO/IEC 7816-4, 11.8.2).
  private func sendEnvelopes(_ command: CommandAPDU, _ operation: String) throws(CardError) -> ResponseAPDU {
    let envelopes: [CommandAPDU]
    do { envelopes = try CommandAPDU.envelopes(of: command) } catch { throw .longerThanAny(operation) }
    for envelope in envelopes.dropLast() {
      let response = try transmit(envelope, operation)
      guard response.status == .ok else { return response }
    }
    return try transmit(envelopes[envelopes.count - 1], operation)
  }

  // MARK: Pieces

  /// Follows 61xx until the response is whole.
  private func collect(
    _ first: ResponseAPDU, of command: CommandAPDU, _ operation: String
  ) throws(CardError) -> ResponseAPDU {
    var response = first
    var whole = first.data
    var pieces = 0
    let cla = ClassByte(rawValue: command.cla).plain
    while let waiting = response.status.bytesAvailable {
      var next = CommandAPDU(cla: cla, ins: 0xC0, le: waiting)
      response = try transmit(next, operation)
      if let le = response.status.correctLe {
        next.le = le
        response = try transmit(next, operation)
      }
      pieces += 1
      guard pieces <= CardConnection.pieceLimit, !response.data.isEmpty || response.status.bytesAvailable == nil,
        whole.count + response.data.count <= CardConnection.responseLimit
      else { throw .unexpectedAnswer(operation) }
      whole += response.data
    }
    return ResponseAPDU(data: whole, status: response.status)
  }

  // MARK: One APDU

  private func transmit(_ command: CommandAPDU, _ operation: String) throws(CardError) -> ResponseAPDU {
    var command = command
    // T=0 has no room for Le beside data: the card answers 61xx, and GET RESPONSE asks (ISO/IEC 7816-3, 12.2.5).
    if usesT0, !command.data.isEmpty { command.le = nil }
    let octets: [UInt8]
    do { octets = try command.encoded() } catch { throw .longerThanAny(operation) }
    guard octets.count <= transport.limits.commandOctets else {
      throw CardError(
        .tooLong, operation: operation, cardMayHaveChanged: false,
        remedy: "The reader carries at most \(transport.limits.commandOctets) octets; send it in parts.")
    }
    let answer: [UInt8]
    do { answer = try transport.transmit(octets) } catch { throw CardError(error, operation: operation) }
    do { return try ResponseAPDU(parsing: answer.span.bytes) } catch { throw .unexpectedAnswer(operation) }
  }
}

extension CardError {
  fileprivate static func longerThanAny(_ operation: String) -> CardError {
    CardError(
      .tooLong, operation: operation, cardMayHaveChanged: false, remedy: "The command is longer than any APDU can be.")
  }
}

extension ClassByte {
  /// Whether the command says that it is protected, in whatever way.
  fileprivate var isSecured: Bool { secureMessaging != .none }

  /// The interindustry class of the same logical channel and nothing else: that of GET RESPONSE and ENVELOPE.
  fileprivate var plain: UInt8 {
    ClassByte(isProprietary: false, channel: logicalChannel)?.rawValue ?? 0
  }
}
