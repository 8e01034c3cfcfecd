import CardDriver
import ISO7816

/// Why something with a centre on the network did not work.
///
/// The message never holds a code, a key, a token or a person's name.
public struct CenterClientError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What went wrong.
  public enum Code: Hashable, Sendable {
    /// The address is none, or would send secrets over a network in clear.
    case invalid
    /// No answer came in the time that there was, however often it was tried.
    case unreachable
    /// The centre would not do it; the kind is one of the problems that its document names.
    case problem(String)
    /// The centre answered what its document does not know, or more than there can be.
    case answerInvalid
    /// The centre did not prove to be the one that it should be, or its message was not for this request (C9).
    case notTheCenter
    /// The centre wanted something of the card that is no part of this.
    case foreignCommand
    /// The card, or the way to it, failed.
    case card
    /// A file could not be read or written.
    case file
    /// The caller gave up.
    case cancelled
  }

  /// What went wrong.
  public var code: Code
  /// What was being done, for people.
  public var operation: String
  /// What to do about it, a sentence for people.
  public var remedy: String
  /// The id under which the centre's log has the request.
  public var requestID: String?
  /// What failed at the card.
  public var card: CardErrorSummary?
  /// Whether card or centre may have changed: the same operation, asked for again, finds out.
  public var mayHaveChanged: Bool

  /// What failed at a card, as far as it tells one failure from another.
  public struct CardErrorSummary: Hashable, Sendable {
    /// The card's status word, if it gave one.
    public var statusWord: UInt16?
    /// What to do about it.
    public var remedy: String
  }

  /// An error; see the properties.
  public init(
    _ code: Code, _ operation: String, remedy: String, requestID: String? = nil, mayHaveChanged: Bool = false
  ) {
    self.code = code
    self.operation = operation
    self.remedy = remedy
    self.requestID = requestID
    self.mayHaveChanged = mayHaveChanged
  }

  /// One or two sentences.
  public var description: String { "\(operation) failed. \(remedy)" }

  /// What failed at a card.
  init(_ error: CardError, _ operation: String, mayHaveChanged: Bool) {
    self.init(.card, operation, remedy: error.remedy, mayHaveChanged: mayHaveChanged || error.cardMayHaveChanged)
    card = CardErrorSummary(statusWord: error.status?.rawValue, remedy: error.remedy)
  }
}
