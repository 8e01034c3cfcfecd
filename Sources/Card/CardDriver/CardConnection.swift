import CardProtocol
import ISO7816
import Octets

/// A card that was reached over some transport: whole commands in, whole responses out.
///
/// It decides between short, extended, chained and enveloped commands by what the card says it can do and what the
/// transport carries, follows 61xx, and repeats once with the right Le on 6Cxx (ISO/IEC 7816-4, 5.3.2 to 5.3.4) what no
/// secure channel protects. Blocking; one thread at a time.
public final class CardConnection {
  let transport: any APDUTransport
  /// The card's answer to reset.
  public private(set) var answerToReset: ATR
  private(set) var capabilities: CardCapabilities?
  /// How long APDUs may be, as the card's EF.ATR/INFO says.
  private var information: ExtendedLengthInformation?
  /// The most data that the card takes in one command, as its application said when it was selected.
  private var longestData: Int?

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
    longestData = nil
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

  /// Reads how long APDUs may be from EF.ATR/INFO, of a card whose ATR tells of extended length (ISO/IEC 7816-4, 12.2).
  ///
  /// Whether the ATR says that the file tells them makes no difference: before the edition of 2013 there was no bit for
  /// it. Selects that file: good right after a reset, before anything else is selected. A card that has none, or does not
  /// let it be read, is taken to have no limits but those of its way.
  public func learnLimits() throws(CardError) {
    guard capabilities?.extendedLength == true || capabilities?.extendedLengthInformation == true else { return }
    let operation = "ask the card for its limits"
    guard try exchange(.select(file: CommandAPDU.informationFile), operation: operation).status == .ok else {
      return
    }
    let content = try exchange(.readBinary(offset: 0, count: CommandAPDU.shortLeLimit), operation: operation)
    guard content.status == .ok || content.status.category == .warning else { return }
    let octets = content.data
    guard let value = try? BERTLV.firstValue(of: ExtendedLengthInformation.tag, in: octets.span.bytes),
      let limits = try? ExtendedLengthInformation(parsing: value)
    else { return }
    information = limits
  }

  /// Whether commands go by the rules of T=0 (ISO/IEC 7816-3, 12.2): negotiated so, or all that the card offers.
  var usesT0: Bool {
    if let negotiated = transport.limits.transmissionProtocol { return negotiated == .t0 }
    return (answerToReset.specificProtocol.map { [$0] } ?? answerToReset.protocols) == [0]
  }

  /// Whether the card and the way to it take extended-length commands as they are; T=0 has no coding for them.
  public var takesExtendedLength: Bool {
    transport.limits.allowsExtended && !usesT0 && capabilities?.extendedLength == true
  }

  /// The most octets of command data that one unchained command can carry: 255 for a card that has not said more.
  public var dataOctetsPerCommand: Int {
    let told = information.map { $0.commandOctets - CardConnection.extendedHead }
    guard takesExtendedLength, let longest = longestData ?? told else { return CommandAPDU.shortDataLimit }
    let carried = transport.limits.commandOctets - CardConnection.extendedHead
    return max(CommandAPDU.shortDataLimit, min(carried, longest, told ?? longest))
  }

  /// The most octets of response data in one piece.
  var dataOctetsPerResponse: Int {
    guard takesExtendedLength else { return CommandAPDU.shortLeLimit }
    let carried = transport.limits.responseOctets - 2
    return max(CommandAPDU.shortLeLimit, min(carried, information.map { $0.responseOctets - 2 } ?? carried))
  }

  /// Octets of an extended APDU that are not data: the header, Lc and Le.
  private static let extendedHead = 9

  /// The reader's keypad, if the card is in a reader that has one.
  public var pinPad: (any PINPad)? {
    guard let pad = transport as? any PINPad, !pad.pinPadAbilities.isEmpty else { return nil }
    return pad
  }
}
