import ChallengeAccess
import Formats
import ISO7816
import SecureChannel

/// Why the centre did not do what it was asked.
///
/// The message never holds a code, a key or a person's name.
public struct CenterError: Error, Hashable, Sendable {
  /// What went wrong.
  public enum Code: Hashable, Sendable {
    /// The request itself is malformed or contradicts itself.
    case invalid
    /// There is no such card, title, charge or licence.
    case notFound
    /// The same operation was asked for with other content, or the thing is not in the state that this needs.
    case conflict
    /// A limit of the card is reached (P16).
    case limitReached
    /// The card did not prove to be the one it should be: S13 of the seeds (P6).
    case notCertified
    /// The card refused a command.
    case cardRefused
    /// The line to the card broke.
    case cardUnreachable
    /// The holder's means of payment was refused; nothing was sold.
    case paymentDeclined
    /// The payment processor did not answer: whether the money is set aside is not known yet.
    case paymentUnknown
    /// Storage could not be read or written; nothing was changed.
    case storage
    /// The line to the database broke while it made a change durable, and nobody could say afterwards whether it had.
    /// Asking for the same operation again finds out.
    case unknownOutcome
    /// The caller gave up before anything was begun.
    case cancelled
    /// What was stored is not what the centre wrote.
    case damaged
    /// The clock is behind what is on record already.
    case clockSetBack
    /// A retrieval code or a ticket is good for nothing here. Whether it is unknown, used or expired is not said.
    case refused
    /// Too many codes were tried; so many seconds until the next may be.
    case tooManyAttempts(retryAfter: UInt64)
    /// The same idempotency key came with another request before (HTTP's 422).
    case keyReused
    /// The passphrase does not open the key store, or a key it should hold is missing.
    case keyStore
    /// Access was denied. The reason is for the log; to the outside every denial is the same.
    case denied(AccessDenial)
  }

  /// What went wrong.
  public var code: Code
  /// What was being done, for people.
  public var operation: String
  /// What to do about it, a sentence for people.
  public var remedy: String
  /// The card's status word, where it refused.
  public var statusWord: StatusWord?
  /// Whether the card may have changed.
  public var cardMayHaveChanged: Bool

  /// An error of the centre.
  public init(
    _ code: Code, _ operation: String, remedy: String, statusWord: StatusWord? = nil, cardMayHaveChanged: Bool = false
  ) {
    self.code = code
    self.operation = operation
    self.remedy = remedy
    self.statusWord = statusWord
    self.cardMayHaveChanged = cardMayHaveChanged
  }

  /// Makes any error one of the centre's; its own pass through.
  init(_ error: any Error, during operation: String) {
    switch error {
    case let error as CenterError: self = error
    case let error as FormatError:
      self.init(.invalid, operation, remedy: error.description)
    case let error as MoneyError:
      let reason = error == .overflow ? "The amount is too large." : "The amounts are in different currencies."
      self.init(.invalid, operation, remedy: reason)
    case let error as PostgreSQLError:
      self.init(.storage, operation, remedy: error.remedy)
    case CryptoError.notAuthentic:
      self.init(.damaged, operation, remedy: "A stored value is not authentic; restore the centre from a backup.")
    case is CryptoError:
      self.init(.keyStore, operation, remedy: "Check the installation of OpenSSL and run it again.")
    default:
      self.init(.storage, operation, remedy: "Check the disk and the centre's folder, then run it again.")
    }
  }
}

extension CenterError: CustomStringConvertible {
  /// One or two sentences.
  public var description: String {
    let word = statusWord.map { " (status word \(String($0.rawValue, radix: 16, uppercase: true)))" } ?? ""
    return "\(operation) failed\(word). \(remedy)"
  }
}
