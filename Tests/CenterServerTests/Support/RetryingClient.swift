import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization

/// The instances of a centre that are thought to run.
final class Instances: Sendable {
  private let state = Mutex<[Int]>([])
  /// Their ports.
  var ports: [Int] { state.withLock { $0 } }

  init(_ ports: [Int] = []) { set(ports) }
  func set(_ ports: [Int]) { state.withLock { $0 = ports } }
}

/// A client that sends a request again, under the same key and to another instance, until it is answered.
struct RetryingClient: Sendable {
  struct GaveUp: Error { var lastFailure: String }

  let http: HTTPClient
  let instances: Instances
  /// With which instance it begins.
  var number = 0
  /// How long it goes on trying.
  var patience: Duration = .seconds(300)
  /// How often it tries at most.
  var attempts = 1 << 30

  static func configuration(connections: Int) -> HTTPClient.Configuration {
    var configuration = HTTPClient.Configuration()
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connections
    configuration.connectionPool.retryConnectionEstablishment = false
    return configuration
  }

  /// Sends a request until somebody answers it; only that somebody cannot just now is no answer.
  func ask(
    _ method: HTTPMethod, _ target: String, _ headers: [(String, String)] = [], body: String? = nil
  ) async throws -> RawAnswer {
    try await untilAnswered { url in
      let response = try await http.execute(request(method, url + target, headers, body), timeout: .seconds(60))
      let octets = try await response.body.collect(upTo: 1 << 20)
      return RawAnswer(response, Array(buffer: octets))
    }
  }

  /// Downloads what a ticket is good for, going on where a line broke; answers the sealed file.
  func download(_ ticket: String) async throws -> [UInt8] {
    let sealed = Mutex<(octets: [UInt8], tag: String?)>(([], nil))
    let answer = try await untilAnswered { url in
      var headers = [("Authorization", "Ticket \(ticket)")]
      let (count, tag) = sealed.withLock { ($0.octets.count, $0.tag) }
      if count > 0, let tag { headers += [("Range", "bytes=\(count)-"), ("If-Range", tag)] }
      let response = try await http.execute(
        request(.GET, url + "/v1/redemptions/ticket/file", headers, nil), timeout: .seconds(60))
      guard [200, 206].contains(response.status.code) else {
        return RawAnswer(response, Array(buffer: try await response.body.collect(upTo: 1 << 20)))
      }
      sealed.withLock { sealed in
        if response.status == .ok { sealed.octets = [] }
        sealed.tag = response.headers.first(name: "etag")
      }
      for try await piece in response.body { sealed.withLock { $0.octets += Array(buffer: piece) } }
      return RawAnswer(response, [])
    }
    // It was downloaded whole before, and the answer to that got lost: what is here is what there is.
    guard [200, 206, 409, 416].contains(answer.status) else { throw GaveUp(lastFailure: "\(answer.status)") }
    return sealed.withLock { $0.octets }
  }

  private func request(
    _ method: HTTPMethod, _ url: String, _ headers: [(String, String)], _ body: String?
  ) -> HTTPClientRequest {
    var request = HTTPClientRequest(url: url)
    request.method = method
    request.headers = HTTPHeaders(headers)
    if let body {
      request.headers.add(name: "Content-Type", value: "application/json")
      request.body = .bytes(ByteBuffer(string: body))
    }
    return request
  }

  private func untilAnswered(_ attempt: (String) async throws -> RawAnswer) async throws -> RawAnswer {
    let end = ContinuousClock.now + patience
    var (turn, failure) = (number, "nobody listens")
    while ContinuousClock.now < end, turn < number + attempts {
      let ports = instances.ports
      if !ports.isEmpty {
        do {
          let answer = try await attempt("http://127.0.0.1:\(ports[turn % ports.count])")
          guard answer.status == 503 else { return answer }
          failure = "503"
        } catch { failure = "\(error)" }
      }
      turn += 1
      try await Task.sleep(for: .milliseconds(20))
    }
    throw GaveUp(lastFailure: failure)
  }
}

extension RawAnswer {
  /// What a client library received.
  fileprivate init(_ response: HTTPClientResponse, _ body: [UInt8]) {
    let headers = response.headers.map { ($0.name.lowercased(), $0.value) }
    self.init(
      status: Int(response.status.code), headers: Dictionary(headers, uniquingKeysWith: { first, _ in first }),
      body: body)
  }
}
