import ChallengeAccess
import Cryptography
import HTTPTypes
import LicenseCenter
import Logging
import Octets

/// Names requests, counts them and logs them: without addresses, paths, queries, headers or bodies, since those hold codes
/// and tell of persons. What was asked for is in the log as the operation's name.
struct Journal: Sendable {
  let logger: Logger
  let metrics: ServerMetrics
  let random: any RandomSource

  /// A new request's id: 16 random octets in hexadecimal digits.
  func newID() -> String {
    var octets = [UInt8](repeating: 0, count: 16)
    octets.withUnsafeMutableBytes { random.fill($0) }
    return Hex.encode(octets)
  }

  /// A request that was answered.
  func note(
    _ method: HTTPRequest.Method, _ operation: String, _ status: HTTPResponse.Status, _ id: String, nanoseconds: UInt64
  ) {
    let method = Journal.methods.contains(method) ? method.rawValue : "other"
    metrics.count(
      .init(operation: operation, method: method, status: status.code), seconds: Double(nanoseconds) / 1e9)
    logger.info(
      "request",
      metadata: [
        "request": .string(id), "operation": .string(operation), "method": .string(method),
        "status": .stringConvertible(status.code), "microseconds": .stringConvertible(nanoseconds / 1000),
      ])
  }

  /// What a request was answered with instead. Failures of the centre are told in full, which never has a code, a key or a
  /// name in it; of any other error only its type, since nobody knows what it says.
  func note(_ error: any Error, as problem: Problem, request id: String) {
    metrics.count(problem.kind)
    noteDenial(error, request: id)
    guard problem.kind.status.code >= 500 else { return }
    let cause = (error as? CenterError)?.description ?? (error as? Problem)?.kind.rawValue ?? "\(type(of: error))"
    logger.error("request failed", metadata: ["request": .string(id), "cause": .string(cause)])
  }

  /// Why somebody was not let in, which nobody outside hears.
  func noteDenial(_ error: any Error, request id: String) {
    guard let error = error as? CenterError, case .denied(let denial) = error.code else { return }
    logger.notice("access denied", metadata: ["request": .string(id), "reason": .string(denial.rawValue)])
  }

  /// A request, or what was to be one, that was answered before it was whole.
  func refuse(_ problem: Problem) -> RefusedAnswer {
    let id = newID()
    metrics.count(problem.kind)
    metrics.count(.init(operation: "none", method: "other", status: problem.kind.status.code), seconds: 0)
    logger.info(
      "connection refused", metadata: ["request": .string(id), "problem": .string(problem.kind.rawValue)])
    return RefusedAnswer(problem, requestID: id)
  }

  private static let methods: Set<HTTPRequest.Method> = [.get, .head, .post, .put, .delete, .patch, .options]
}
