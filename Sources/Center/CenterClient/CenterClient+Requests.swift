import AsyncHTTPClient
import Cryptography
import Formats
import Foundation
import NIOCore
import NIOHTTP1

/// One request, which may be sent any number of times.
struct CenterRequest {
  var method: HTTPMethod
  /// The path, with its query.
  var target: String
  /// What is being done, for people.
  var operation: String
  var token: CenterToken?
  /// Under which the centre does it once.
  var key: OperationID?
  var body: [UInt8]?
  /// What stands in the header field Authorization, where it is no token.
  var authorization: String?
  /// How long an answer may take; `nil` for as long as usual.
  var time: TimeAmount?
  /// Whether it is sent once and no more: nothing depends on it.
  var isTriedOnce = false
  /// The most octets of an answer.
  var answerLimit = 128 * 1024

  static func get(_ target: String, _ operation: String, _ token: CenterToken?) -> CenterRequest {
    CenterRequest(method: .GET, target: target, operation: operation, token: token)
  }

  static func post(
    _ target: String, _ operation: String, _ token: CenterToken?, key: OperationID? = nil, _ body: some Encodable
  ) throws(CenterClientError) -> CenterRequest {
    let octets: Data
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      octets = try encoder.encode(body)
    } catch {
      throw CenterClientError(.invalid, operation, remedy: "What is asked for cannot be written down.")
    }
    return CenterRequest(
      method: .POST, target: target, operation: operation, token: token, key: key, body: Array(octets))
  }
}

/// The body of a problem (RFC 9457) as far as a client goes by it.
private struct ProblemDocument: Decodable {
  var type: String
  var detail: String
  var request: String?
}

extension CenterClient {
  /// Sends a request until it is answered, and reads the answer.
  ///
  /// - Throws: ``CenterClientError``; `problem` with the centre's reason for everything but 2xx.
  func ask<Answer: Decodable>(_ request: CenterRequest, as type: Answer.Type) async throws(CenterClientError) -> Answer
  {
    let octets = try await octets(request)
    do { return try JSONDecoder().decode(type, from: Data(octets)) } catch { throw CenterClient.invalid(request) }
  }

  /// Sends a request until it is answered, and answers the body of a success.
  private func octets(_ request: CenterRequest) async throws(CenterClientError) -> [UInt8] {
    let clock = ContinuousClock()
    let start = clock.now
    let end = request.isTriedOnce ? start : start + patience.retryTime
    var (tries, hasTold) = (0, false)
    while true {
      tries += 1
      var pause = patience.pause(after: tries, chance: chance())
      do {
        return try await attempt(request)
      } catch let busy as BusyError {
        if let seconds = busy.retryAfter { pause = max(pause, .seconds(min(max(seconds, 0), 30))) }
        if clock.now + pause > end { throw busy.error }
      } catch let error as CenterClientError {
        throw error
      } catch {
        guard !Task.isCancelled else { throw CenterClient.cancelled(request) }
        guard !CenterClient.isDistrust(error) else {
          throw CenterClientError(
            .notTheCenter, request.operation,
            remedy:
              "The server's certificate is not from an authority that is trusted here; check address and authority.")
        }
        guard !CenterClient.isWithoutTLS(error) else {
          throw CenterClientError(
            .notTheCenter, request.operation,
            remedy: "What answers at \(address) does not speak TLS; check the port, or begin the address with http:// "
              + "if it is on this machine.")
        }
        if clock.now + pause > end { throw unreachable(request) }
      }
      if !hasTold, clock.now - start >= CenterClient.quietTime {
        hasTold = true
        onWait()
      }
      do { try await clock.sleep(for: pause) } catch { throw CenterClient.cancelled(request) }
    }
  }

  /// The centre could not do it just now.
  private struct BusyError: Error {
    var error: CenterClientError
    var retryAfter: Int?
  }

  private func attempt(_ request: CenterRequest) async throws -> [UInt8] {
    let response = try await send(request)
    let limit = request.answerLimit
    if let length = response.headers.first(name: "content-length").flatMap({ Int($0) }), length > limit {
      throw CenterClient.invalid(request)
    }
    let buffer: ByteBuffer
    do {
      buffer = try await response.body.collect(upTo: limit)
    } catch is NIOTooManyBytesError {
      throw CenterClient.invalid(request)
    }
    let octets = Array(buffer: buffer)
    if (200...299).contains(response.status.code) { return octets }
    let error = problem(octets, response, request)
    // A gateway in front of several instances says 502 or 504 while one of them is gone.
    guard [408, 429, 502, 503, 504].contains(response.status.code) else { throw error }
    throw BusyError(error: error, retryAfter: response.headers.first(name: "retry-after").flatMap { Int($0) })
  }

  /// Sends a request once, and answers when the header of its answer is there.
  func send(
    _ request: CenterRequest, _ headers: [(String, String)] = []
  ) async throws -> HTTPClientResponse {
    var message = HTTPClientRequest(url: address.text + request.target)
    message.method = request.method
    message.headers = HTTPHeaders([("user-agent", "warifu"), ("accept", "*/*")] + headers)
    if let token = request.token { message.headers.add(name: "authorization", value: "Bearer \(token.text)") }
    if let authorization = request.authorization { message.headers.add(name: "authorization", value: authorization) }
    if let key = request.key { message.headers.add(name: "idempotency-key", value: key.description) }
    if let body = request.body {
      message.headers.add(name: "content-type", value: "application/json")
      message.body = .bytes(ByteBuffer(bytes: body))
    }
    return try await http.execute(message, timeout: request.time ?? TimeAmount(patience.requestTime))
  }

  /// What the centre said why not. Its words are shown to people, so that they must be a line and no more.
  func problem(
    _ octets: [UInt8], _ response: HTTPClientResponse, _ request: CenterRequest
  ) -> CenterClientError {
    let prefix = "urn:warifu:problem:"
    guard let document = try? JSONDecoder().decode(ProblemDocument.self, from: Data(octets)),
      document.type.hasPrefix(prefix)
    else {
      return CenterClientError(
        .problem("status-\(response.status.code)"), request.operation,
        remedy: "What answers there with \(response.status.code) is no licence centre; check the address.")
    }
    return CenterClientError(
      .problem(CenterClient.line(document.type.dropFirst(prefix.count), limit: 64)), request.operation,
      remedy: CenterClient.line(document.detail[...], limit: 500),
      requestID: document.request.map { CenterClient.line($0[...], limit: 64) })
  }

  /// A text as one line that no terminal acts on.
  static func line(_ text: Substring, limit: Int) -> String {
    let scalars = text.unicodeScalars.prefix(limit).map { scalar -> Unicode.Scalar in
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse: " "
      default: scalar
      }
    }
    return String(String.UnicodeScalarView(scalars))
  }

  /// Two octets of chance.
  func chance() -> UInt16 {
    let octets = random.octets(2)
    return UInt16(octets[0]) << 8 | UInt16(octets[1])
  }

  /// Whether TLS failed for what the server showed, which no second try will change.
  private static func isDistrust(_ error: any Error) -> Bool {
    let text = String(reflecting: error)
    return text.contains("CERTIFICATE_VERIFY_FAILED") || text.contains("unableToValidateCertificate")
      || text.contains("failedToValidateHostname")
  }

  /// Whether the other side answered in clear where TLS was to begin, which no second try will change.
  private static func isWithoutTLS(_ error: any Error) -> Bool {
    String(reflecting: error).contains("WRONG_VERSION_NUMBER")
  }

  /// For how long a request may go unanswered before somebody is told.
  private static let quietTime = Duration.seconds(2)

  static func invalid(_ request: CenterRequest) -> CenterClientError {
    CenterClientError(
      .answerInvalid, request.operation,
      remedy: "The answer is none that a licence centre gives; check the address.", mayHaveChanged: request.key != nil)
  }

  static func cancelled(_ request: CenterRequest) -> CenterClientError {
    CenterClientError(
      .cancelled, request.operation, remedy: "Run it again to carry on.", mayHaveChanged: request.key != nil)
  }

  /// That no answer came in all the time that there was.
  func unreachable(_ request: CenterRequest) -> CenterClientError {
    CenterClientError(
      .unreachable, request.operation,
      remedy: "No answer came from \(address); check the address and the network, then run it again to carry on.",
      mayHaveChanged: request.key != nil)
  }
}

extension TimeAmount {
  init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    self = .nanoseconds(seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000)
  }
}
