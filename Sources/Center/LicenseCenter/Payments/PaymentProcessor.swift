import Formats

/// Whoever moves money between a holder's means of payment and the centre: a card network, a bank, or the embedded
/// ``SimulatedProcessor``.
///
/// A payment has the name that the centre gave it, and is authorised, captured and voided under that name; a refund has
/// a name of its own. Every request may be repeated: the first one that takes effect decides, and all later ones of its
/// name get its answer. That is how the centre finds out what became of a request whose answer it never heard.
public protocol PaymentProcessor: Sendable {
  /// Its name in the ledger: 1 to 64 octets, the same for ever.
  var name: String { get }

  /// Whether `method` is one of this processor's. Asks nobody.
  func accepts(_ method: PaymentMethod) -> Bool

  /// Sets `amount` aside on a means of payment.
  ///
  /// - Throws: ``PaymentFailure``; then it may have happened all the same.
  func authorise(
    _ payment: OperationID, _ amount: Money, from method: PaymentMethod
  ) async throws(PaymentFailure) -> PaymentAnswer

  /// Takes the whole of what was set aside.
  ///
  /// - Throws: ``PaymentFailure``; then it may have happened all the same.
  func capture(_ payment: OperationID) async throws(PaymentFailure) -> PaymentAnswer

  /// Lets go what was set aside. A payment that was never authorised, never will be from now on.
  ///
  /// - Throws: ``PaymentFailure``; then it may have happened all the same.
  func void(_ payment: OperationID) async throws(PaymentFailure) -> PaymentAnswer

  /// Pays `amount` of a captured payment back to where it came from. All refunds of a payment together are at most its
  /// amount.
  ///
  /// - Throws: ``PaymentFailure``; then it may have happened all the same.
  func refund(
    _ refund: OperationID, _ amount: Money, of payment: OperationID
  ) async throws(PaymentFailure) -> PaymentAnswer

  /// Where a payment stands; `nil` for one that the processor never heard of. Changes nothing.
  func standing(of payment: OperationID) async throws(PaymentFailure) -> PaymentStanding?
}

/// What a processor says to a request: the same to every repetition of it.
public enum PaymentAnswer: Hashable, Sendable {
  /// It is done.
  case approved
  /// It is not done and never will be.
  case declined(PaymentDecline)
}

/// Why a processor does not do what it was asked.
public enum PaymentDecline: String, Hashable, Sendable, CaseIterable {
  /// Whoever issued the means of payment refuses.
  case refused
  /// The means of payment is past its date.
  case expired
  /// The payment is not in the state that this needs, or not large enough.
  case impossible
}

/// No answer came. Whether the request took effect is unknown until the same one is answered.
public enum PaymentFailure: Error, Hashable, Sendable {
  /// The time for an answer is over.
  case timedOut
  /// The processor cannot be reached.
  case unreachable
}

/// A payment as its processor has it.
public struct PaymentStanding: Hashable, Sendable {
  /// How far a payment has come.
  public enum State: String, Hashable, Sendable {
    /// The amount is set aside.
    case authorised
    /// It will never be authorised.
    case declined
    /// The amount is taken.
    case captured
    /// Nothing is set aside any more.
    case voided
  }

  /// How far it has come.
  public var state: State
  /// What was asked for; `nil` for a payment that was voided before it was authorised.
  public var amount: Money?
  /// How much of it was paid back, in minor units.
  public var refunded: Int64

  /// A payment.
  public init(state: State, amount: Money?, refunded: Int64 = 0) {
    self.state = state
    self.amount = amount
    self.refunded = refunded
  }
}

/// A holder's means of payment, as the processor names it: a token that is worth nothing elsewhere.
public struct PaymentMethod: Hashable, Sendable {
  /// The most octets of a token.
  public static let maximumOctetCount = 512

  /// The processor's name for it.
  public let token: String

  /// The means of payment with this token; `nil` unless it is 1 to 512 octets of text without control characters.
  public init?(token: String) {
    guard (1...PaymentMethod.maximumOctetCount).contains(token.utf8.count),
      token.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
    else { return nil }
    self.token = token
  }
}

extension PaymentMethod: CustomStringConvertible {
  /// Says nothing of the token.
  public var description: String { "PaymentMethod(redacted)" }
}
