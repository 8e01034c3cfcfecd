import Cryptography
import Formats
import Foundation
import Identifiers
import Octets
import SecureChannel

/// Tells others of every change: a signed message for each record of the audit log, in order, again and again until it is
/// taken.
///
/// Nothing is written for a message but how far each receiver is: the audit log is the queue, so that no change is slower
/// for being told of, and none is forgotten. A message may arrive twice, under the same id.
public struct Webhooks: Sendable {
  let context: CenterContext

  /// How often in a row a message may not be taken before its receiver is told nothing more: about three days.
  public static let failureLimit = 20
  /// How long a batch is its taker's alone.
  public static let leaseSeconds: UInt64 = 120
  /// The most messages of a batch.
  public static let batchLimit = 32
  private static let operation = "Setting up a webhook"

  /// Has a receiver told of every change from now on.
  ///
  /// - Parameter url: `https`, or `http` to this machine, of at most 2048 octets.
  /// - Returns: the webhook's number and its secret, `whsec_` and base64: the receiver checks signatures with it. The same
  ///   operation gives the same ones.
  public func register(url: String, operationID: OperationID) async throws(CenterError) -> (
    number: Int64, secret: String
  ) {
    guard Webhooks.isAcceptable(url) else {
      throw CenterError(.invalid, Webhooks.operation, remedy: "Give a URL of https, or of http to this machine.")
    }
    let context = context
    let digest = Digest.sha256(Array(url.utf8))
    let (number, secret) = try await context.database.write { transaction -> (Int64, [UInt8]) in
      let earlier = try transaction.first(
        "SELECT number, order_digest, secret FROM webhooks WHERE operation = $1", [.blob(operationID.octets)])
      if let earlier {
        guard try earlier.octets("order_digest") == digest else {
          throw CenterError(.keyReused, Webhooks.operation, remedy: "This operation was done before with another URL.")
        }
        let row = bigEndian(UInt64(bitPattern: try earlier.integer("number")))
        let secret = try context.vault.open(try earlier.octets("secret"), .webhookSecret, row: row)
        return (try earlier.integer("number"), secret.withBytes { $0.octets })
      }
      let number = try transaction.nextNumber(of: "webhook")
      let row = bigEndian(UInt64(bitPattern: number))
      let secret = Secret(random: 32, from: context.random)
      let now = context.clock.now()
      try AuditLog.append(transaction, at: now, "webhook.register", subject: number)
      try transaction.run(
        """
        INSERT INTO webhooks (number, operation, order_digest, url, secret, state, told, failures, due_at, made_at)
        VALUES ($1, $2, $3, $4, $5, 'active', $6, 0, $7, $7)
        """,
        [
          .integer(number), .blob(operationID.octets), .blob(digest),
          .blob(try context.vault.seal(Secret(copying: Array(url.utf8)), .webhookURL, row: row)),
          .blob(try context.vault.seal(secret, .webhookSecret, row: row)),
          .integer(try AuditLog.head(transaction).sequence), .number(now),
        ])
      return (number, secret.withBytes { $0.octets })
    }
    return (number, "whsec_" + Data(secret).base64EncodedString())
  }

  /// Has a receiver told nothing more. Saying so again changes nothing.
  public func end(_ number: Int64, operation: OperationID? = nil) async throws(CenterError) {
    try await move(number, to: .ended, "webhook.end", operation)
  }

  /// Has a suspended receiver told of what it missed. The same operation again changes nothing.
  public func resume(_ number: Int64, operation: OperationID? = nil) async throws(CenterError) {
    try await move(number, to: .active, "webhook.resume", operation)
  }

  /// Every webhook, oldest first.
  public func webhooks() async throws(CenterError) -> [Webhook] {
    let context = context
    return try await context.database.read { transaction in
      try transaction.run("SELECT * FROM webhooks ORDER BY number").map { try Webhook($0, context) }
    }
  }

  private func move(
    _ number: Int64, to state: Webhook.State, _ action: String, _ operation: OperationID?
  ) async throws(CenterError) {
    let context = context
    let order = [Array(action.utf8), bigEndian(UInt64(bitPattern: number))]
    try await context.write(once: operation, Webhooks.operation, order) { transaction in
      guard let row = try transaction.first("SELECT * FROM webhooks WHERE number = $1", [.integer(number)]) else {
        throw CenterError(.notFound, Webhooks.operation, remedy: "Check the webhook's number.")
      }
      let now = context.clock.now()
      let current = try Webhook(row, context).state
      guard current != state else { return }
      guard current != .ended else {
        throw CenterError(.conflict, Webhooks.operation, remedy: "It has ended; register it again.")
      }
      try transaction.run(
        "UPDATE webhooks SET state = $2, failures = 0, due_at = $3 WHERE number = $1",
        [.integer(number), .text(state.rawValue), .number(now)])
      try AuditLog.append(transaction, at: now, action, subject: number)
    }
  }

  private static func isAcceptable(_ text: String) -> Bool {
    // A name and a password would stand in every log on the way, and what is behind # goes nowhere.
    guard text.utf8.count <= 2048, let url = URL(string: text), let host = url.host(), !host.isEmpty,
      url.user() == nil, url.password() == nil, url.fragment() == nil
    else { return false }
    return url.scheme == "https" || url.scheme == "http" && ["127.0.0.1", "localhost", "[::1]", "::1"].contains(host)
  }
}

extension Webhook {
  init(_ row: SQLRow, _ context: CenterContext) throws {
    number = try row.integer("number")
    let address = try context.vault.open(
      try row.octets("url"), .webhookURL, row: bigEndian(UInt64(bitPattern: number)))
    url = address.withBytes { String(decoding: $0.octets, as: UTF8.self) }
    state = try row.value("state") { State(rawValue: $0) }
    told = try row.integer("told")
    failures = try row.number("failures")
  }
}
