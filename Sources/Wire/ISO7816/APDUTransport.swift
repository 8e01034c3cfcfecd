/// The seam where a card driver and a card, emulated or real, meet: bytes only.
///
/// Blocking and not thread-safe: one exchange at a time, on a thread that may wait.
public protocol APDUTransport: AnyObject {
  /// Switches the card off and on; answers its ATR.
  func reset() throws(CardTransportError) -> [UInt8]

  /// Sends one command APDU as it stands and answers the response, at least two octets.
  func transmit(_ command: [UInt8]) throws(CardTransportError) -> [UInt8]

  /// What the way to the card can carry.
  var limits: CardTransportLimits { get }
}

/// How much one APDU may hold on its way to the card.
public struct CardTransportLimits: Sendable, Hashable {
  /// Largest whole command APDU, in octets.
  public var commandOctets: Int
  /// Largest whole response APDU, in octets.
  public var responseOctets: Int
  /// Whether the reader is able to carry extended-length APDUs at all.
  public var allowsExtended: Bool
  /// The protocol that was negotiated with the card; `nil` where the way there has no say in it.
  public var transmissionProtocol: TransmissionProtocol?

  /// Limits of a transport.
  public init(
    commandOctets: Int, responseOctets: Int, allowsExtended: Bool,
    transmissionProtocol: TransmissionProtocol? = nil
  ) {
    self.commandOctets = commandOctets
    self.responseOctets = responseOctets
    self.allowsExtended = allowsExtended
    self.transmissionProtocol = transmissionProtocol
  }

  /// What vpcd and the in-process emulator carry: frames of up to 65,535 octets.
  public static let wide = CardTransportLimits(commandOctets: 65_535, responseOctets: 65_535, allowsExtended: true)
}

/// Why no response came.
public struct CardTransportError: Error, Sendable, Hashable {
  /// What went wrong.
  public enum Code: Sendable, Hashable {
    /// There is no card.
    case noCard
    /// The card was removed, or lost power, during the exchange.
    case cardRemoved
    /// Another program reset the card.
    case cardWasReset
    /// Another program holds the card.
    case busy
    /// The card answered with bytes that are no response.
    case protocolViolation
    /// The daemon or emulator behind the transport is gone.
    case unavailable
    /// There is no such reader.
    case unknownReader
    /// More than one reader or card answers to what was asked for.
    case ambiguousReader
    /// The card is there and does not answer, or not as its reader understands it.
    case unresponsive
    /// It took too long.
    case timeout
    /// The caller stopped it.
    case cancelled
  }

  /// What went wrong.
  public var code: Code
  /// The operation, for people.
  public var operation: String
  /// Whether the command may have taken effect on the card.
  public var cardMayHaveChanged: Bool
  /// What to do about it, a sentence for people.
  public var remedy: String

  /// An error of a transport.
  public init(_ code: Code, operation: String, cardMayHaveChanged: Bool, remedy: String) {
    self.code = code
    self.operation = operation
    self.cardMayHaveChanged = cardMayHaveChanged
    self.remedy = remedy
  }
}
