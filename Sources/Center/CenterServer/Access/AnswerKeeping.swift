import Cryptography
import Formats

/// One request that changes something, as it is told from others: repeating it repeats its answer and not its effect.
public struct KeyedRequest: Hashable, Sendable {
  /// Whose request it is: keys of different callers never meet.
  public var scope: String
  /// The caller's name for it.
  public var key: OperationID
  /// Digest over all of the request that decides what is done, 32 octets.
  public var digest: [UInt8]

  /// A request.
  public init(scope: String, key: OperationID, digest: [UInt8]) {
    self.scope = scope
    self.key = key
    self.digest = digest
  }

  /// A request of HTTP; every part stands behind its length.
  init(scope: String, key: OperationID, method: String, target: String, body: [UInt8]) {
    var input: [UInt8] = []
    for part in [Array(method.utf8), Array(target.utf8), body] {
      withUnsafeBytes(of: UInt64(part.count).bigEndian) { input.append(contentsOf: $0) }
      input += part
    }
    self.init(scope: scope, key: key, digest: Digest.sha256(input))
  }
}

/// What a request was answered with.
public struct KeptAnswer: Hashable, Sendable {
  /// The status code.
  public var status: Int
  /// The body, `application/json` below 400 and `application/problem+json` from there on.
  public var body: [UInt8]

  /// An answer.
  public init(status: Int, body: [UInt8]) {
    self.status = status
    self.body = body
  }
}

/// The key of a request was used before with another one.
public struct KeyReusedError: Error, Hashable, Sendable {
  /// The error.
  public init() {}
}

/// Keeps answers for at least 24 hours.
///
/// The server asks before it does anything, and keeps what came of it. In between it may be killed: a service that is
/// asked again under the same operation id does nothing a second time and answers alike.
public protocol AnswerKeeping: Sendable {
  /// The answer kept for a request; `nil` for one that is new.
  ///
  /// - Throws: ``KeyReusedError``, or what the centre throws when it cannot find out.
  func answer(to request: KeyedRequest) async throws -> KeptAnswer?

  /// Keeps an answer durably. Where another call was quicker, its answer is the one that counts, and is returned.
  ///
  /// - Throws: ``KeyReusedError``, or what the centre throws when it cannot keep it.
  func keep(_ answer: KeptAnswer, for request: KeyedRequest) async throws -> KeptAnswer
}
