import ISO7816
import SecureChannel

/// Why something with a card did not work.
public struct CardError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What went wrong.
  public enum Code: Sendable, Equatable {
    /// No response came: see the transport's code.
    case transport(CardTransportError.Code)
    /// The card refused with this status word.
    case refused(StatusWord)
    /// The PIN or PUK was wrong; so many tries are left.
    case wrongReferenceData(triesLeft: Int)
    /// The card answered something that the protocol does not know.
    case unexpectedAnswer
    /// The secure channel did not open, or ended.
    case secureChannel(SecureChannelError)
    /// The command cannot be sent to this card through this reader.
    case tooLong
  }

  /// What went wrong.
  public var code: Code
  /// What was being done, for people: a few words without a full stop.
  public var operation: String
  /// Whether the command may have taken effect on the card.
  public var cardMayHaveChanged: Bool
  /// What to do about it, a sentence for people.
  public var remedy: String

  /// An error; see the properties.
  public init(_ code: Code, operation: String, cardMayHaveChanged: Bool, remedy: String) {
    self.code = code
    self.operation = operation
    self.cardMayHaveChanged = cardMayHaveChanged
    self.remedy = remedy
  }

  /// One sentence: what failed and what to do.
  public var description: String { "\(operation) failed: \(remedy)" }

  /// The card's status word, if it gave one.
  public var status: StatusWord? {
    switch code {
    case .refused(let status), .secureChannel(.refused(let status)): status
    case .wrongReferenceData(let tries): .retriesLeft(UInt8(clamping: tries))
    default: nil
    }
  }
}

extension CardError {
  /// No response came.
  init(_ error: CardTransportError, operation: String) {
    self.init(
      .transport(error.code), operation: operation, cardMayHaveChanged: error.cardMayHaveChanged, remedy: error.remedy)
  }

  /// The card refused. A checking error changes nothing (ISO/IEC 7816-4, 5.6); anything else may have.
  init(_ status: StatusWord, operation: String, remedy: String? = nil) {
    let code: Code = status.retriesLeft.map { .wrongReferenceData(triesLeft: $0) } ?? .refused(status)
    self.init(
      code, operation: operation, cardMayHaveChanged: status.mayHaveChangedTheCard,
      remedy: remedy ?? CardError.remedy(for: status))
  }

  /// The secure channel failed.
  init(_ error: SecureChannelError, operation: String) {
    let mayHaveChanged =
      switch error {
      case .responseNotAuthentic, .unprotectedData, .crypto: true
      default: false
      }
    self.init(
      .secureChannel(error), operation: operation, cardMayHaveChanged: mayHaveChanged, remedy: error.remedy)
  }

  /// The answer has not the form it must have.
  static func unexpectedAnswer(_ operation: String) -> CardError {
    CardError(
      .unexpectedAnswer, operation: operation, cardMayHaveChanged: true,
      remedy: "The card's answer makes no sense; check that it is a Warifu card and try another reader.")
  }

  private static func remedy(for status: StatusWord) -> String {
    switch status {
    case .securityStatusNotSatisfied:
      "The card wants its PIN, or an open channel, first; for a certified copy: the certificate is not for this card."
    case .authenticationMethodBlocked: "The PIN or PUK is blocked; unblock it with the PUK, or ask the issuer."
    case .conditionsNotSatisfied:
      "The card does not allow that in its present state (expired, used, locked or out of order)."
    case .notEnoughMemory: "The card is full; delete codes that are used up."
    case .referencedDataNotFound: "The card has no such key, code or object; check the number."
    case .fileNotFound: "The card has no such application or file; check that it is a Warifu card."
    case .memoryFailure: "The card's memory failed; ask the card what it knows before you repeat anything."
    case let word where word.retriesLeft == 1: "The value is wrong; 1 try is left."
    case let word where word.retriesLeft != nil: "The value is wrong; \(word.retriesLeft ?? 0) tries are left."
    default: "The card answered \(status.meaning)."
    }
  }
}

extension StatusWord {
  /// Whether a command that ended so may have taken effect: all but 64xx and the checking errors that say what was wrong.
  fileprivate var mayHaveChangedTheCard: Bool {
    switch category {
    case .checkingError, .wrongLe: self == .noPreciseDiagnosis
    case .executionError: sw1 != 0x64
    default: true
    }
  }
}
