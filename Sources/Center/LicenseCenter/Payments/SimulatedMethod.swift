/// A means of payment of the ``SimulatedProcessor``: its token says how each request about it will go.
///
/// The token is `simulated` or `simulated:` and, separated by `;`, for each kind of request what becomes of the first
/// try, the second and so on: `simulated:authorise=time-out,answer-lost;capture=answer-lost`. Tries beyond those are
/// approved.
public struct SimulatedMethod: Hashable, Sendable {
  /// What becomes of one try.
  public enum Turn: String, Hashable, Sendable, CaseIterable {
    /// It is done, and the answer says so.
    case approve
    /// It is refused.
    case decline
    /// It is refused because the means of payment is past its date.
    case expired
    /// The request is lost: nothing is done, and no answer comes.
    case timeOut = "time-out"
    /// It is done, and the answer is lost.
    case answerLost = "answer-lost"
  }

  /// A kind of request.
  public enum Request: String, Hashable, Sendable, CaseIterable {
    /// ``PaymentProcessor/authorise(_:_:from:)``
    case authorise
    /// ``PaymentProcessor/capture(_:)``
    case capture
    /// ``PaymentProcessor/void(_:)``
    case void
    /// ``PaymentProcessor/refund(_:_:of:)``
    case refund
  }

  /// What becomes of the tries of each kind of request.
  public var turns: [Request: [Turn]]

  /// A means of payment that goes like this, and is good for everything else.
  public init(
    authorise: [Turn] = [], capture: [Turn] = [], void: [Turn] = [], refund: [Turn] = []
  ) {
    turns = [.authorise: authorise, .capture: capture, .void: void, .refund: refund].filter { !$0.value.isEmpty }
  }

  /// What `token` spells; `nil` for a token of somebody else.
  public init?(token: String) {
    let parts = token.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.first.map(String.init) == SimulatedMethod.scheme else { return nil }
    turns = [:]
    guard parts.count == 2 else { return }
    for clause in parts[1].split(separator: ";", omittingEmptySubsequences: false) {
      let sides = clause.split(separator: "=", omittingEmptySubsequences: false)
      guard sides.count == 2, let request = Request(rawValue: String(sides[0])), turns[request] == nil else {
        return nil
      }
      var tries: [Turn] = []
      for word in sides[1].split(separator: ",", omittingEmptySubsequences: false) {
        guard let turn = Turn(rawValue: String(word)) else { return nil }
        tries.append(turn)
      }
      turns[request] = tries
    }
  }

  /// The token; `nil` when it would be longer than a token may be.
  public var method: PaymentMethod? { PaymentMethod(token: token) }

  var token: String {
    let clauses = Request.allCases.compactMap { request in
      turns[request].map { "\(request.rawValue)=" + $0.map(\.rawValue).joined(separator: ",") }
    }
    return clauses.isEmpty
      ? SimulatedMethod.scheme : "\(SimulatedMethod.scheme):" + clauses.joined(separator: ";")
  }

  /// What becomes of the try with this number, from 0.
  func turn(_ request: Request, try number: Int) -> Turn {
    let tries = turns[request] ?? []
    return tries.indices.contains(number) ? tries[number] : .approve
  }

  private static let scheme = "simulated"
}
