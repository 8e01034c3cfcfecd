import CenterServer
import Cryptography
import Formats
import Foundation
import HTTPTypes
import Hummingbird
import Identifiers
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
import Testing

@testable import LicenseCenter

/// A shop that is told of changes, takes what it wants to, and checks signatures.
private final class Shop: Sendable {
  let bodies = Mutex<[JSON]>([])
  let attempts = Mutex(0)
  let takes = Mutex(false)
  private let secret = Mutex("")
  private let port = Mutexed<Int>()

  var url: String { "http://127.0.0.1:\(port.value ?? 0)/hook" }
  var types: [String] { bodies.withLock { $0.compactMap { $0["type"]?.textValue } } }

  func know(_ secret: String) { self.secret.withLock { $0 = secret } }

  /// Runs the shop while `body` does.
  func open(_ body: () async throws -> Void) async throws {
    let (ports, told) = AsyncStream.makeStream(of: Int.self)
    let application = Application(
      responder: CallbackResponder<BasicRequestContext> { request, _ in
        self.attempts.withLock { $0 += 1 }
        let octets = Array(buffer: try await request.body.collect(upTo: 1 << 16))
        guard self.takes.withLock({ $0 }) else { return Response(status: .serviceUnavailable) }
        guard self.isSigned(octets, request.headers), let json = JSON(parsing: octets) else {
          return Response(status: .forbidden)
        }
        self.bodies.withLock { $0.append(json) }
        return Response(status: .noContent)
      }, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { told.yield($0.localAddress?.port ?? 0) },
      logger: Logger(label: "shop") { _ in SwiftLogNoOpLogHandler() })
    let group = ServiceGroup(
      services: [application], logger: Logger(label: "shop") { _ in SwiftLogNoOpLogHandler() })
    let running = Task { try await group.run() }
    for await number in ports {
      port.set(number)
      break
    }
    let result: Result<Void, any Error>
    do { result = .success(try await body()) } catch { result = .failure(error) }
    await group.triggerGracefulShutdown()
    try await running.value
    try result.get()
  }

  private func isSigned(_ body: [UInt8], _ headers: HTTPFields) -> Bool {
    func field(_ name: String) -> String { HTTPField.Name(name).flatMap { headers[$0] } ?? "" }
    guard let key = Data(base64Encoded: String(secret.withLock { $0 }.dropFirst(6))) else { return false }
    let signed = Array("\(field("webhook-id")).\(field("webhook-timestamp")).".utf8) + body
    guard let tag = try? HMAC256.tag(key: Secret(copying: Array(key)), signed) else { return false }
    return field("webhook-signature") == "v1,\(Data(tag).base64EncodedString())"
  }

  /// Waits until something is so.
  func wait(for condition: @Sendable () -> Bool) async throws {
    for _ in 0..<3000 where !condition() { try await Task.sleep(for: .milliseconds(20)) }
    #expect(condition())
  }
}

/// Webhooks from the request that registers them to the receiver, while the server serves.
@Suite struct WebhookServerTests {
  @Test func changesAreToldWhileServingAndAcrossARestart() async throws {
    let shop = Shop()
    try await shop.open {
      let server = try await TestServer.made()
      try await server.serving {
        let made = try await server.done("POST", "/v1/webhooks", ["url": .text(shop.url)])
        shop.know(made["secret"]?.textValue ?? "")
        let listed = try await server.get("/v1/webhooks", as: "counter")
        #expect(!listed.text.contains("whsec_") && listed.json?.list("webhooks").count == 1)
        _ = try await server.title()
        try await shop.wait { shop.attempts.withLock { $0 } >= 1 }
        // What was not taken waits, and is not sent again at once.
        for _ in 0..<3000 {
          let waiting = try await server.read("/v1/webhooks/1/deliveries")
          if waiting["webhook"]?["failures"] == 1 { break }
          try await Task.sleep(for: .milliseconds(20))
        }
        let waiting = try await server.read("/v1/webhooks/1/deliveries")
        #expect(waiting.list("messages").compactMap { $0["type"] } == ["title.register"])
        #expect(waiting["webhook"]?["failures"] == 1 && waiting["webhook"]?["state"] == "active")
        #expect(try #require(waiting["dueAt"]?.integerValue) >= 1_800_000_005)
      }
      let attempts = shop.attempts.withLock { $0 }
      #expect(attempts == 1 && shop.types.isEmpty)
      shop.takes.withLock { $0 = true }
      // Another process would begin like this: nothing that it knows comes from the one before.
      try await server.serving {
        try await Task.sleep(for: .milliseconds(1500))
        #expect(shop.attempts.withLock { $0 } == attempts, "it was not time yet")
        server.clock.advance(by: 60)
        try await shop.wait { shop.types.count == 1 }
        _ = try await server.title()
        try await shop.wait { shop.types.count == 2 }
        #expect(shop.types == ["title.register", "title.register"])
        // It is noted only after the shop has answered.
        var waiting = try await server.read("/v1/webhooks/1/deliveries")
        for _ in 0..<3000 where !waiting.list("messages").isEmpty {
          try await Task.sleep(for: .milliseconds(20))
          waiting = try await server.read("/v1/webhooks/1/deliveries")
        }
        #expect(waiting.list("messages").isEmpty)
        try await server.done("POST", "/v1/webhooks/1/end")
        _ = try await server.title()
        try await Task.sleep(for: .milliseconds(1500))
        #expect(shop.types.count == 2)
      }
    }
  }

  /// Nobody has the centre send anything to where it should not: not in clear, not with a password, not by a redirection.
  @Test func receiversThatAreNotSecureAreRefused() async throws {
    try await TestServer.run { server in
      let state = try await server.auditCount()
      for url in [
        "http://192.0.2.1/w", "http://169.254.169.254/latest", "ftp://127.0.0.1/w", "https://user:word@shop.example/w",
        "https://shop.example/w#here", "file:///etc/passwd", "https:///w", "w",
      ] {
        expectProblem(
          try await server.send("POST", "/v1/webhooks", ["url": .text(url)]), .unprocessable, 422, "\(url)")
      }
      #expect(try await server.auditCount() == state)
    }
  }
}
