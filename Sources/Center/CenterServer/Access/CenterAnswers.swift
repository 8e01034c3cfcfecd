import Formats
import LicenseCenter

/// Keeps answers in the centre's database, sealed, for 48 hours.
public struct CenterAnswers: AnswerKeeping {
  private let idempotency: Idempotency

  /// The answers of a centre.
  public init(_ center: Center) { idempotency = center.idempotency }

  /// The answer kept for a request; `nil` for one that is new.
  public func answer(to request: KeyedRequest) async throws -> KeptAnswer? {
    try await CenterAnswers.telling(reuse: {
      try await idempotency.answer(scope: request.scope, key: try request.idempotencyKey, digest: request.digest)
        .map(KeptAnswer.init)
    })
  }

  /// Keeps an answer durably, unless another call was quicker.
  public func keep(_ answer: KeptAnswer, for request: KeyedRequest) async throws -> KeptAnswer {
    try await CenterAnswers.telling(reuse: {
      KeptAnswer(
        try await idempotency.run(scope: request.scope, key: try request.idempotencyKey, digest: request.digest) { _ in
          (answer.status, answer.body)
        })
    })
  }

  private static func telling<R>(reuse body: () async throws -> R) async throws -> R {
    do { return try await body() } catch let error as CenterError where error.code == .keyReused {
      throw KeyReusedError()
    }
  }
}

extension KeyedRequest {
  /// The key, as the centre's services know keys.
  var idempotencyKey: IdempotencyKey {
    get throws(Problem) {
      guard let key = IdempotencyKey(octets: key.octets) else { throw Problem(.invalid, "The key is too short.") }
      return key
    }
  }
}

extension KeptAnswer {
  /// An answer that the centre kept.
  init(_ answer: IdempotentAnswer) { self.init(status: answer.status, body: answer.body) }
}
