import Formats
import Identifiers

/// A payment processor that moves no money and is honest about everything else: what it has said it keeps to, across
/// restarts too, and what it has done it does not do again.
///
/// How a request goes is in the means of payment, see ``SimulatedMethod``. Its books are tables of their own, which
/// nothing else of the centre reads or writes; they may stand in the centre's database or in another.
public struct SimulatedProcessor: PaymentProcessor {
  private let database: any Database

  /// The processor whose books are in `database`.
  public init(database: any Database) { self.database = database }

  /// `simulated`.
  public var name: String { "simulated" }

  /// Whether the token is of the form that ``SimulatedMethod`` describes.
  public func accepts(_ method: PaymentMethod) -> Bool { SimulatedMethod(token: method.token) != nil }

  /// Sets an amount aside.
  public func authorise(
    _ payment: OperationID, _ amount: Money, from method: PaymentMethod
  ) async throws(PaymentFailure) -> PaymentAnswer {
    guard let method = SimulatedMethod(token: method.token) else { return .declined(.impossible) }
    return try await perform { transaction in
      let row = try SimulatedPayment.begin(transaction, payment, method, amount)
      guard row.amount == nil || row.amount == amount else { return Reply(.declined(.impossible)) }
      return try row.take(.authorise, transaction) { turn in
        switch (row.state, turn) {
        case (.authorised?, _), (.captured?, _): .approved
        case (.declined?, _): .declined(row.decline ?? .refused)
        case (.voided?, _): .declined(.impossible)
        case (nil, .decline): .declined(.refused)
        case (nil, .expired): .declined(.expired)
        case (nil, _): .approved
        }
      }
    }
  }

  /// Takes what was set aside.
  public func capture(_ payment: OperationID) async throws(PaymentFailure) -> PaymentAnswer {
    try await perform { transaction in
      guard let row = try SimulatedPayment.find(transaction, payment) else { return Reply(.declined(.impossible)) }
      return try row.take(.capture, transaction) { turn in
        switch (row.state, turn) {
        case (.captured?, _): .approved
        case (.authorised?, .decline): .declined(.refused)
        case (.authorised?, .expired): .declined(.expired)
        case (.authorised?, _): .approved
        default: .declined(row.decline ?? .impossible)
        }
      }
    }
  }

  /// Lets go what was set aside.
  public func void(_ payment: OperationID) async throws(PaymentFailure) -> PaymentAnswer {
    try await perform { transaction in
      let row = try SimulatedPayment.begin(transaction, payment, SimulatedMethod(), nil)
      return try row.take(.void, transaction) { _ in row.state == .captured ? .declined(.impossible) : .approved }
    }
  }

  /// Pays back.
  public func refund(
    _ refund: OperationID, _ amount: Money, of payment: OperationID
  ) async throws(PaymentFailure) -> PaymentAnswer {
    try await perform { transaction in
      guard let row = try SimulatedPayment.find(transaction, payment), row.state == .captured, amount.minorUnits > 0,
        amount.currency == row.amount?.currency
      else { return Reply(.declined(.impossible)) }
      return try row.payBack(refund, amount, transaction)
    }
  }

  /// Where a payment stands.
  public func standing(of payment: OperationID) async throws(PaymentFailure) -> PaymentStanding? {
    do {
      return try await database.read { transaction in
        guard let row = try SimulatedPayment.find(transaction, payment), let state = row.state else { return nil }
        return PaymentStanding(state: state, amount: row.amount, refunded: row.refunded)
      }
    } catch {
      throw .unreachable
    }
  }

  /// Books a request, then answers it or keeps silent. A processor whose books cannot be reached is not there.
  private func perform(
    _ body: @escaping @Sendable (any Transaction) throws -> Reply
  ) async throws(PaymentFailure) -> PaymentAnswer {
    let reply: Reply
    do { reply = try await database.write(body) } catch { throw .unreachable }
    guard reply.isHeard else { throw .timedOut }
    return reply.answer
  }
}

/// What the processor made of a request, and whether anybody hears of it.
private struct Reply {
  var answer: PaymentAnswer
  var isHeard = true

  init(_ answer: PaymentAnswer, isHeard: Bool = true) {
    self.answer = answer
    self.isHeard = isHeard
  }
}

/// A row of the processor's book of payments.
private struct SimulatedPayment {
  var payment: OperationID
  var method: SimulatedMethod
  /// `nil` for one that was voided before it was authorised.
  var amount: Money?
  /// `nil` while nothing is decided.
  var state: PaymentStanding.State?
  var decline: PaymentDecline?
  var refunded: Int64

  init(_ row: SQLRow) throws {
    payment = try row.value("payment") { OperationID(octets: $0) }
    method = try row.value("method") { (text: String) in SimulatedMethod(token: text) }
    amount = try row.optionalNumber("amount", as: Int64.self) == nil ? nil : try row.money("amount")
    state = PaymentStanding.State(rawValue: try row.text("state"))
    decline = PaymentDecline(rawValue: try row.text("decline"))
    refunded = try row.number("refunded")
  }

  static func find(_ transaction: any Transaction, _ payment: OperationID) throws -> SimulatedPayment? {
    try transaction.first("SELECT * FROM simulated_payments WHERE payment = $1", [.blob(payment.octets)])
      .map(SimulatedPayment.init)
  }

  /// The payment, which may be new.
  static func begin(
    _ transaction: any Transaction, _ payment: OperationID, _ method: SimulatedMethod, _ amount: Money?
  ) throws -> SimulatedPayment {
    try transaction.run(
      """
      INSERT INTO simulated_payments (payment, method, amount, currency, state, decline, refunded)
      VALUES ($1, $2, $3, $4, '', '', 0) ON CONFLICT (payment) DO NOTHING
      """,
      [
        .blob(payment.octets), .text(method.token), .number(amount?.minorUnits), .text(amount?.currency.code ?? ""),
      ])
    guard let row = try find(transaction, payment) else {
      throw CenterError(.storage, "Simulating a payment", remedy: "Run it again.")
    }
    return row
  }

  /// Lets the next turn of this kind of request happen, and books what it decides.
  func take(
    _ request: SimulatedMethod.Request, _ transaction: any Transaction,
    _ decide: (SimulatedMethod.Turn) -> PaymentAnswer
  ) throws -> Reply {
    let turn = try nextTurn(request, of: payment, transaction)
    guard turn != .timeOut else { return Reply(.declined(.impossible), isHeard: false) }
    let answer = decide(turn)
    var decline = decline
    var state = state
    switch (request, answer) {
    case (.authorise, .approved) where state == nil: state = .authorised
    case (.authorise, .declined(let reason)) where state == nil: (state, decline) = (.declined, reason)
    case (.capture, .approved): state = .captured
    // A capture that is refused is refused for good: what was set aside is let go.
    case (.capture, .declined(let reason)) where state == .authorised: (state, decline) = (.declined, reason)
    case (.void, .approved) where state != .declined: state = .voided
    default: break
    }
    try transaction.run(
      "UPDATE simulated_payments SET state = $2, decline = $3 WHERE payment = $1",
      [.blob(payment.octets), .text(state?.rawValue ?? ""), .text(decline?.rawValue ?? "")])
    return Reply(answer, isHeard: turn != .answerLost)
  }

  /// Refunds have names of their own, and are decided once each.
  func payBack(_ refund: OperationID, _ sum: Money, _ transaction: any Transaction) throws -> Reply {
    let turn = try nextTurn(.refund, of: refund, transaction)
    guard turn != .timeOut else { return Reply(.declined(.impossible), isHeard: false) }
    let heard = turn != .answerLost
    if let earlier = try transaction.first(
      "SELECT * FROM simulated_refunds WHERE refund = $1", [.blob(refund.octets)])
    {
      let isSame = try earlier.octets("payment") == payment.octets && earlier.integer("amount") == sum.minorUnits
      let decline = isSame ? PaymentDecline(rawValue: try earlier.text("decline")) : .impossible
      return Reply(decline.map { .declined($0) } ?? .approved, isHeard: heard)
    }
    let total = refunded.addingReportingOverflow(sum.minorUnits)
    let fits = !total.overflow && total.partialValue <= (amount?.minorUnits ?? 0)
    let decline: PaymentDecline? =
      switch turn {
      case .decline: .refused
      case .expired: .expired
      case .approve, .timeOut, .answerLost: fits ? nil : .impossible
      }
    try transaction.run(
      "INSERT INTO simulated_refunds (refund, payment, amount, decline) VALUES ($1, $2, $3, $4)",
      [
        .blob(refund.octets), .blob(payment.octets), .integer(sum.minorUnits), .text(decline?.rawValue ?? ""),
      ])
    if decline == nil {
      try transaction.run(
        "UPDATE simulated_payments SET refunded = $2 WHERE payment = $1",
        [.blob(payment.octets), .integer(total.partialValue)])
    }
    return Reply(decline.map { .declined($0) } ?? .approved, isHeard: heard)
  }

  /// Counts the tries of a request and answers how this one goes.
  private func nextTurn(
    _ request: SimulatedMethod.Request, of operation: OperationID, _ transaction: any Transaction
  ) throws -> SimulatedMethod.Turn {
    let rows = try transaction.run(
      """
      INSERT INTO simulated_tries (operation, request, tries) VALUES ($1, $2, 1)
      ON CONFLICT (operation, request) DO UPDATE SET tries = simulated_tries.tries + 1 RETURNING tries
      """, [.blob(operation.octets), .text(request.rawValue)])
    let tries: Int = try rows.first?.number("tries") ?? 1
    return method.turn(request, try: tries - 1)
  }
}
