import Cryptography
import Octets

/// What a request was answered with.
public struct IdempotentAnswer: Hashable, Sendable {
  /// The status, as HTTP has it.
  public var status: Int
  /// The body.
  public var body: [UInt8]
  /// Whether this is the answer to an earlier sending of the same request: then nothing was done now.
  public var isRepeated: Bool
}

/// Answers a repeated request as it was answered the first time, with nothing done twice.
///
/// The answer is stored in the transaction that makes the change, so that a crash leaves both or neither. It is kept for
/// 48 hours: the 24 that are promised, and as much for a clock that is set.
public struct Idempotency: Sendable {
  let context: CenterContext

  /// How long an answer is kept, in seconds.
  public static let keptSeconds: UInt64 = 48 * 3600
  private static let operation = "Answering a request"

  /// Does what a request asks for, or answers what an earlier sending was answered.
  ///
  /// - Parameters:
  ///   - scope: who asks; the same key of another client is another key.
  ///   - digest: over everything that the request asks for: method, path and body.
  ///   - body: makes the change. A refusal that it returns is kept and repeated as a success is; when it throws, nothing is
  ///     changed or kept, and the same request can be tried again.
  /// - Throws: ``CenterError/Code/keyReused`` when the key came with another digest before; whatever `body` throws.
  public func run(
    scope: String, key: IdempotencyKey, digest: [UInt8],
    _ body: @escaping @Sendable (any Transaction) throws -> (status: Int, body: [UInt8])
  ) async throws(CenterError) -> IdempotentAnswer {
    let context = context
    let names: [[UInt8]]
    do {
      names = try ClientLookup.idempotencyKeys(key, scope: scope, context.keys)
    } catch {
      throw CenterError(error, during: Idempotency.operation)
    }
    // Looked for first, though nearly every request is new: under a key that was used before nothing is tried, which the
    // time it takes could tell of. Whoever sends the same at the same time has his turn after this one.
    return try await context.database.write { transaction in
      if let answer = try Idempotency.earlier(transaction, context, names, digest) { return answer }
      let answer = try body(transaction)
      if let newest = names.first { try Idempotency.keep(answer, transaction, context, newest, digest) }
      return IdempotentAnswer(status: answer.status, body: answer.body, isRepeated: false)
    }
  }

  /// What an earlier sending of the request was answered; `nil` for one that is new.
  ///
  /// - Throws: ``CenterError/Code/keyReused`` when the key came with another digest before.
  public func answer(
    scope: String, key: IdempotencyKey, digest: [UInt8]
  ) async throws(CenterError) -> IdempotentAnswer? {
    let context = context
    return try await context.database.read { transaction in
      try Idempotency.earlier(
        transaction, context, try ClientLookup.idempotencyKeys(key, scope: scope, context.keys), digest)
    }
  }

  /// Forgets the answers that need not be kept any longer, and says how many those were.
  @discardableResult
  public func forgetExpired() async throws(CenterError) -> Int {
    let now = context.clock.now()
    return try await context.database.write { transaction in
      try transaction.run(
        "DELETE FROM idempotent_answers WHERE kept_until < $1 RETURNING status", [.number(now)]
      ).count
    }
  }

  /// Keeps the answer, in place of one under the same name that need not be kept any longer.
  private static func keep(
    _ answer: (status: Int, body: [UInt8]), _ transaction: any Transaction, _ context: CenterContext, _ name: [UInt8],
    _ digest: [UInt8]
  ) throws {
    let (end, isOver) = context.clock.now().addingReportingOverflow(keptSeconds)
    let sealed = try context.vault.seal(answer.body, .answer, row: name)
    try transaction.tell(
      """
      INSERT INTO idempotent_answers (name, digest, status, body, kept_until) VALUES ($1, $2, $3, $4, $5)
      ON CONFLICT (name) DO UPDATE SET digest = $2, status = $3, body = $4, kept_until = $5
      """,
      [.blob(name), .blob(digest), .number(answer.status), .blob(sealed), .number(isOver ? .max : end)])
  }

  /// What was answered under one of these names; answers of before a rotation lie under older ones.
  private static func earlier(
    _ transaction: any Transaction, _ context: CenterContext, _ names: [[UInt8]], _ digest: [UInt8]
  ) throws -> IdempotentAnswer? {
    let now = SQLValue.number(context.clock.now())
    for name in names {
      let row = try transaction.first(
        "SELECT * FROM idempotent_answers WHERE name = $1 AND kept_until >= $2", [.blob(name), now])
      guard let row else { continue }
      guard try row.octets("digest") == digest else {
        throw CenterError(
          .keyReused, operation, remedy: "This idempotency key came with another request before; take a new one.")
      }
      let body = try context.vault.open(try row.octets("body"), .answer, row: name)
      return IdempotentAnswer(status: try row.number("status"), body: body.withBytes { $0.octets }, isRepeated: true)
    }
    return nil
  }
}
