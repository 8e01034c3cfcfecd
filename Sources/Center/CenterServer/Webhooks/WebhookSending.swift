import AsyncHTTPClient
import LicenseCenter
import NIOCore
import NIOHTTP1

/// Brings one message to a receiver.
public protocol WebhookSending: Sendable {
  /// Whether the receiver took it: answered 200 to 299 in time. A redirection is no such answer, since whoever signs a
  /// message decides where it goes.
  func send(_ body: [UInt8], headers: [(name: String, value: String)], to url: String) async -> Bool
}

/// Sends over HTTP, and over TLS with the receiver's certificate verified.
struct WebhookClient: WebhookSending {
  let client: HTTPClient

  static func configuration() -> HTTPClient.Configuration {
    HTTPClient.Configuration(
      redirectConfiguration: .disallow, timeout: .init(connect: .seconds(5), read: .seconds(10), write: .seconds(10)))
  }

  func send(_ body: [UInt8], headers: [(name: String, value: String)], to url: String) async -> Bool {
    var request = HTTPClientRequest(url: url)
    request.method = .POST
    request.headers = HTTPHeaders(headers + [("content-type", "application/json"), ("user-agent", "warifu")])
    request.body = .bytes(ByteBuffer(bytes: body))
    guard let response = try? await client.execute(request, timeout: .seconds(15)) else { return false }
    return (200...299).contains(response.status.code)
  }
}
