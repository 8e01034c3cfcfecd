import CardProtocol
import ISO7816
import Octets

/// A card that was reached over some transport: whole commands in, whole responses out.
///
/// It decides between short, extended and chained commands by what the card's ATR and the transport allow, follows 61xx,
/// and repeats once with the right Le on 6Cxx (ISO/IEC 7816-4, 5.3.2 to 5.3.4). Blocking; one thread at a time.
public final class CardConnection {
  private let transport: any APDUTransport
  /// The card's answer to reset.
  public private(set) var answerToReset: ATR
  private var capabilities: CardCapabilities?
  /// The most data that the card takes in one command, as its application said when it was selected.
  private var longestData: Int?

  /// The most octets a response may bring together by GET RESPONSE, against a card that never ends.
  private static let responseLimit = 65_536
  /// The most pieces it may come in: four times as many as whole pieces of 256 octets would be.
  private static let pieceLimit = 1_024

  /// Resets the card behind `transport` and reads its ATR.
  public init(_ transport: any APDUTransport) throws(CardError) {
    self.transport = transport
    answerToReset = try CardConnection.readAnswer(transport)
    capabilities = CardConnection.capabilities(answerToReset)
  }

  /// Resets the card: its security state is gone.
  public func reset() throws(CardError) {
    answerToReset = try CardConnection.readAnswer(transport)
    capabilities = CardConnection.capabilities(answerToReset)
  }

  /// Historical bytes that tell nothing leave the card with short commands alone.
  private static func capabilities(_ answer: ATR) -> CardCapabilities? {
    (try? answer.historicalBytes())?.capabilities
  }

  private static func readAnswer(_ transport: any APDUTransport) throws(CardError) -> ATR {
    do {
      let octets = try transport.reset()
      guard let atr = try? ATR(parsing: octets.span.bytes) else {
        throw CardTransportError(
          .protocolViolation, operation: "reset", cardMayHaveChanged: false,
          remedy: "The card's answer to reset is malformed; clean its contacts and insert it again.")
      }
      return atr
    } catch let error as CardTransportError {
      throw CardError(error, operation: "reset")
    } catch {
      throw .unexpectedAnswer("reset")
    }
  }

  /// Selects an application, and learns from its answer how long commands to it may be (GlobalPlatform 2.3.1, 11.9.3.1).
  ///
  /// - Returns: the response, whatever its status word.
  public func select(applicationID: [UInt8], operation: String) throws(CardError) -> ResponseAPDU {
    let response = try exchange(.select(applicationID: applicationID), operation: operation)
    longestData = CardConnection.longestData(response.data.span.bytes)
    return response
  }

  /// 9F65 inside A5 inside 6F; `nil` where the card does not say.
  private static func longestData(_ control: RawSpan) -> Int? {
    guard let template = try? BERTLV.firstValue(of: 0x6F, in: control),
      let proprietary = try? BERTLV.firstValue(of: 0xA5, in: template),
      let length = try? BERTLV.firstValue(of: 0x9F65, in: proprietary), (1...2).contains(length.byteCount)
    else { return nil }
    return length.octets.reduce(0) { $0 << 8 | Int($1) }
  }

  /// Whether the card and the way to it take extended-length commands. T=0 carries none as they stand: a chain does what
  /// they would (ISO/IEC 7816-3, 12.2).
  public var takesExtendedLength: Bool {
    transport.limits.allowsExtended && capabilities?.extendedLength == true && answerToReset.protocols != [0]
  }

  /// The most octets of command data that one unchained command can carry: 255 for a card that has not said more.
  public var dataOctetsPerCommand: Int {
    guard takesExtendedLength, let longestData else { return CommandAPDU.shortDataLimit }
    return max(CommandAPDU.shortDataLimit, min(transport.limits.commandOctets - 9, longestData))
  }

  /// Sends one command and answers the whole response, whatever its status word.
  ///
  /// - Throws: ``CardError`` only when no whole response came; `operation` names it there.
  public func exchange(_ command: CommandAPDU, operation: String) throws(CardError) -> ResponseAPDU {
    var response = try send(command, operation)
    if let le = response.status.correctLe {
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

  /// One command, cut into a chain where it is too long for the card or the reader.
  private func send(_ command: CommandAPDU, _ operation: String) throws(CardError) -> ResponseAPDU {
    let needsExtended = command.data.count > CommandAPDU.shortDataLimit || (command.le ?? 0) > CommandAPDU.shortLeLimit
    let isTooLong = command.data.count > dataOctetsPerCommand
    guard needsExtended, !takesExtendedLength || isTooLong else { return try transmit(command, operation) }
    guard isTooLong else {
      var short = command
      short.le = command.le.map { min($0, 256) }
      return try transmit(short, operation)
    }
    guard capabilities?.commandChaining == true else {
      throw CardError(
        .tooLong, operation: operation, cardMayHaveChanged: false,
        remedy: "The card takes neither extended lengths nor chains; the command is too long for it.")
    }
    return try sendChain(command, operation)
  }

  private func sendChain(_ command: CommandAPDU, _ operation: String) throws(CardError) -> ResponseAPDU {
    var start = 0
    while true {
      let end = min(start + 255, command.data.count)
      let isLast = end == command.data.count
      let part = CommandAPDU(
        cla: isLast ? command.cla : command.cla | 0x10, ins: command.ins, p1: command.p1, p2: command.p2,
        data: Array(command.data[start..<end]), le: isLast ? command.le.map { min($0, 256) } : nil)
      let response = try transmit(part, operation)
      if isLast || response.status != .ok { return response }
      start = end
    }
  }

  /// Follows 61xx until the response is whole.
  private func collect(
    _ first: ResponseAPDU, of command: CommandAPDU, _ operation: String
  ) throws(CardError) -> ResponseAPDU {
    var response = first
    var whole = first.data
    var pieces = 0
    let getResponseClass = command.cla & 0x03
    while let waiting = response.status.bytesAvailable {
      let next = CommandAPDU(cla: getResponseClass, ins: 0xC0, p1: 0, p2: 0, le: waiting)
      response = try transmit(next, operation)
      pieces += 1
      guard pieces <= CardConnection.pieceLimit, !response.data.isEmpty || response.status.bytesAvailable == nil,
        whole.count + response.data.count <= CardConnection.responseLimit
      else { throw .unexpectedAnswer(operation) }
      whole += response.data
    }
    return ResponseAPDU(data: whole, status: response.status)
  }

  private func transmit(_ command: CommandAPDU, _ operation: String) throws(CardError) -> ResponseAPDU {
    let octets: [UInt8]
    do { octets = try command.encoded() } catch {
      throw CardError(
        .tooLong, operation: operation, cardMayHaveChanged: false, remedy: "The command is longer than any APDU can be."
      )
    }
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
