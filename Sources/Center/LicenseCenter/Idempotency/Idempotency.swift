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
    // Nearly every request is new. So it is made at once; that it is not shows when its answer is to be kept, or by what
    // it fails by. Whoever sends the same at the same time has his turn after this one, and finds its answer.
    do {
      return try await run(names, digest, afterLookingFor: names.dropFirst(), body)
    } catch {
      if error.code == .keyReused { return try await run(names, digest, afterLookingFor: names[...], body) }
      guard let answer = try await earlier(names, digest, unlessFoundOut: error) else { throw error }
      return answer
    }
  }

  /// Makes the change unless one of `looked` was answered, and keeps its answer under the newest name.
  ///
  /// - Throws: ``CenterError/Code/keyReused`` when an answer under the newest name is kept already: nothing was changed.
  private func run(
    _ names: [[UInt8]], _ digest: [UInt8], afterLookingFor looked: ArraySlice<[UInt8]>,
    _ body: @escaping @Sendable (any Transaction) throws -> (status: Int, body: [UInt8])
  ) async throws(CenterError) -> IdempotentAnswer {
    let context = context
    return try await context.database.write { transaction in
      // Answers of before a rotation lie under older names.
      for name in looked {
        if let answer = try Idempotency.earlier(transaction, context, name, digest) { return answer }
      }
      let answer = try body(transaction)
      if let newest = names.first {
        guard try Idempotency.keep(answer, transaction, context, newest, digest) else { throw Idempotency.reused }
      }
      return IdempotentAnswer(status: answer.status, body: answer.body, isRepeated: false)
    }
  }

  /// What a request that failed now was answered earlier: the first sending may be what it failed by.
  ///
  /// - Parameter failure: what it failed by, which counts when nobody can find out.
  private func earlier(
    _ names: [[UInt8]], _ digest: [UInt8], unlessFoundOut failure: CenterError
  ) async throws(CenterError) -> IdempotentAnswer? {
    let context = context
    do {
      return try await context.database.read { transaction in
        for name in names {
          if let answer = try Idempotency.earlier(transaction, context, name, digest) { return answer }
        }
        return nil
      }
    } catch {
      throw error.code == .keyReused ? error : failure
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
      for name in try ClientLookup.idempotencyKeys(key, scope: scope, context.keys) {
        if let answer = try Idempotency.earlier(transaction, context, name, digest) { return answer }
      }
      return nil
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
  ///
  /// - Returns: `false` where there is one that must.
  private static func keep(
    _ answer: (status: Int, body: [UInt8]), _ transaction: any Transaction, _ context: CenterContext, _ name: [UInt8],
    _ digest: [UInt8]
  ) throws -> Bool {
    let now = context.clock.now()
    let (end, isOver) = now.addingReportingOverflow(keptSeconds)
    let sealed = try context.vault.seal(answer.body, .answer, row: name)
    return try transaction.change(
      """
      INSERT INTO idempotent_answers (name, digest, status, body, kept_until) VALUES ($1, $2, $3, $4, $5)
      ON CONFLICT (name) DO UPDATE SET digest = $2, status = $3, body = $4, kept_until = $5
      WHERE idempotent_answers.kept_until < $6
      """,
      [
        .blob(name), .blob(digest), .number(answer.status), .blob(sealed), .number(isOver ? .max : end), .number(now),
      ]) > 0
  }

  private static var reused: CenterError {
    CenterError(
      .keyReused, operation, remedy: "This idempotency key came with another request before; take a new one.")
  }

  private static func earlier(
    _ transaction: any Transaction, _ context: CenterContext, _ name: [UInt8], _ digest: [UInt8]
  ) throws -> IdempotentAnswer? {
    let row = try transaction.first(
      "SELECT * FROM idempotent_answers WHERE name = $1 AND kept_until >= $2",
      [.blob(name), .number(context.clock.now())])
    guard let row else { return nil }
    guard try row.octets("digest") == digest else { throw reused }
    let body = try context.vault.open(try row.octets("body"), .answer, row: name)
    return IdempotentAnswer(status: try row.number("status"), body: body.withBytes { $0.octets }, isRepeated: true)
  }
}
