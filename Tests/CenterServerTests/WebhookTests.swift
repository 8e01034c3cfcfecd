import Cryptography
import Formats
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Octets
import SecureChannel
import ServiceLifecycle
import Synchronization
import Testing

@testable import CenterServer
@testable import LicenseCenter

/// A clock that a test moves.
private final class MovedClock: CenterClock {
  private let time = Mutex<UInt64>(1_800_000_000)

  func now() -> UInt64 { time.withLock { $0 } }
  func advance(by seconds: UInt64) { time.withLock { $0 += seconds } }
}

/// A receiver that takes what it is told to take.
private final class Receiver: WebhookSending {
  struct Received: Sendable {
    var body: [UInt8]
    var headers: [String: String]
    var sequence: Int64 {
      if case .integer(let number) = JSON(parsing: body)?["sequence"] { number } else { -1 }
    }
  }

  let all = Mutex<[Received]>([])
  let refusals = Mutex(0)
  var sequences: [Int64] { all.withLock { $0.map(\.sequence) } }

  func send(_ body: [UInt8], headers: [(name: String, value: String)], to url: String) async -> Bool {
    let refuses = refusals.withLock { left in
      defer { left = max(0, left - 1) }
      return left > 0
    }
    guard !refuses else { return false }
    all.withLock {
      $0.append(Received(body: body, headers: Dictionary(headers.map { ($0.name, $0.value) }) { first, _ in first }))
    }
    return true
  }
}

@Suite struct WebhookTests {
  private func withCenter(_ body: (Center, MovedClock, OperationID) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "warifu-webhook-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let (clock, random) = (MovedClock(), SeededRandom(seed: 5))
    let passphrase = Array("correct horse".utf8)
    let created = try await CenterFolder.create(
      at: folder.appending(path: "center").path, name: "Test", passphrase: Secret(copying: passphrase), cost: .test,
      random: random, clock: clock)
    let center = try await created.open(passphrase: Secret(copying: passphrase), random: random, clock: clock)
    try await body(center, clock, try #require(OperationID(octets: random.octets(16))))
    try center.close()
  }

  private func change(_ center: Center) async throws {
    _ = try await center.titles.register(
      name: "t", version: "1", type: .data, seller: "S", price: Money(minorUnits: 7, currency: .yen))
  }

  /// Brings what waits now to `sender`.
  private func deliver(_ center: Center, _ clock: MovedClock, _ sender: any WebhookSending) async throws {
    let courier = WebhookCourier(
      center.webhooks, clock: clock,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    while try await courier.deliver(by: sender) {}
  }

  @Test func everyChangeIsToldOnceInOrderAndSigned() async throws {
    try await withCenter { center, clock, operation in
      try await change(center)
      let (number, secret) = try await center.webhooks.register(url: "https://shop.example/w", operationID: operation)
      let again = try await center.webhooks.register(url: "https://shop.example/w", operationID: operation)
      #expect(again.number == number && again.secret == secret)
      await #expect(throws: CenterError.self) {
        _ = try await center.webhooks.register(url: "https://shop.example/other", operationID: operation)
      }
      for _ in 0..<70 { try await change(center) }
      let receiver = Receiver()
      try await deliver(center, clock, receiver)
      let first = try #require(receiver.sequences.first)
      #expect(receiver.sequences == (first..<first + 70).map { $0 })
      let one = try #require(receiver.all.withLock { $0.last })
      #expect(JSON(parsing: one.body)?["type"] == "title.register")
      #expect(one.headers["webhook-id"] == "\(center.facts.centerID)-\(one.sequence)")
      // Whoever has the secret can check it with any HMAC.
      let key = try #require(Data(base64Encoded: String(secret.dropFirst(6))))
      let id = one.headers["webhook-id"] ?? ""
      let signed = "\(id).\(one.headers["webhook-timestamp"] ?? "").\(String(decoding: one.body, as: UTF8.self))"
      let outcome = try await Program.run(
        [
          "python3", "-c",
          "import hmac,sys,base64;print(base64.b64encode(hmac.new(bytes.fromhex(sys.argv[1]),sys.stdin.buffer.read(),'sha256').digest()).decode())",
          Hex.encode(key),
        ], input: signed)
      #expect("v1,\(outcome.output.trimmingCharacters(in: .newlines))" == one.headers["webhook-signature"])
      try await deliver(center, clock, receiver)
      #expect(receiver.sequences.count == 70)
    }
  }

  @Test func refusedMessageIsTriedAgainLaterEachTimeAndNothingIsSkipped() async throws {
    try await withCenter { center, clock, operation in
      let (number, _) = try await center.webhooks.register(url: "http://127.0.0.1/w", operationID: operation)
      for _ in 0..<3 { try await change(center) }
      let receiver = Receiver()
      receiver.refusals.withLock { $0 = 2 }
      try await deliver(center, clock, receiver)
      #expect(receiver.sequences.isEmpty && receiver.refusals.withLock { $0 } == 1)
      clock.advance(by: 7)
      try await deliver(center, clock, receiver)
      #expect(receiver.sequences.isEmpty && receiver.refusals.withLock { $0 } == 0)
      clock.advance(by: 7)
      try await deliver(center, clock, receiver)
      #expect(receiver.sequences.isEmpty)
      clock.advance(by: 7)
      try await deliver(center, clock, receiver)
      let first = try #require(receiver.sequences.first)
      #expect(receiver.sequences == [first, first + 1, first + 2])
      let webhook = try #require(try await center.webhooks.webhooks().first)
      #expect(webhook.number == number && webhook.failures == 0 && webhook.state == .active)
      #expect(webhook.told == first + 2)
    }
  }

  @Test func receiverThatTakesNothingIsSuspendedAndGoesOnWhereItWas() async throws {
    try await withCenter { center, clock, operation in
      let (number, _) = try await center.webhooks.register(url: "http://localhost/w", operationID: operation)
      try await change(center)
      var waited: [UInt64] = []
      while try await center.webhooks.webhooks().first?.state == .active {
        let start = clock.now()
        var batches = try await center.webhooks.take()
        while batches.isEmpty {
          clock.advance(by: 1 + (clock.now() - start) / 50)
          batches = try await center.webhooks.take()
        }
        waited.append(clock.now() - start)
        try await center.webhooks.settle(try #require(batches.first), delivered: 0)
      }
      #expect(waited.count == Webhooks.failureLimit && waited[1] >= 5 && waited[5] >= 80)
      #expect(try #require(waited.max()) <= 28_000 && waited.reduce(0, +) > 86_400)
      #expect(try await center.webhooks.take().isEmpty)
      try await center.webhooks.resume(number)
      let receiver = Receiver()
      try await deliver(center, clock, receiver)
      #expect(receiver.all.withLock { $0.first.flatMap { JSON(parsing: $0.body)?["type"] } } == "title.register")
      try await center.webhooks.end(number)
      try await change(center)
      #expect(try await center.webhooks.take().isEmpty)
      await #expect(throws: CenterError.self) { try await center.webhooks.resume(number) }
      _ = try await center.verify()
    }
  }

  /// Two servers on one database: what one has taken, the other leaves alone until the lease is over.
  @Test func batchIsOneCouriersAloneUntilItsLeaseIsOver() async throws {
    try await withCenter { center, clock, operation in
      _ = try await center.webhooks.register(url: "https://shop.example/w", operationID: operation)
      try await change(center)
      let lost = try #require(try await center.webhooks.take().first)
      #expect(try await center.webhooks.take().isEmpty)
      clock.advance(by: Webhooks.leaseSeconds)
      let taken = try #require(try await center.webhooks.take().first)
      #expect(taken.messages == lost.messages)
      try await center.webhooks.settle(lost, delivered: 0)
      #expect(try await center.webhooks.webhooks().first?.failures == 0)
      try await center.webhooks.settle(taken, delivered: 1)
      #expect(try await center.webhooks.take().isEmpty)
    }
  }

  @Test func onlySecureReceiversAndNothingOfThemInClear() async throws {
    try await withCenter { center, _, operation in
      for url in [
        "http://shop.example/w", "ftp://127.0.0.1/w", "https:///w", "nonsense", "http://127.0.0.1.evil.example/",
      ] {
        await #expect(throws: CenterError.self, "\(url)") {
          _ = try await center.webhooks.register(url: url, operationID: operation)
        }
      }
      let (_, secret) = try await center.webhooks.register(url: "https://shop.example/w?t=hush", operationID: operation)
      let octets = try #require(Data(base64Encoded: String(secret.dropFirst(6))))
      let rows = try await center.context.database.read { transaction in
        try transaction.run("SELECT url, secret FROM webhooks", []).flatMap { row in
          try row.octets("url") + row.octets("secret")
        }
      }
      #expect(Data(rows).range(of: Data("hush".utf8)) == nil && Data(rows).range(of: octets) == nil)
    }
  }

  /// Over a real line: taken, refused, and sent elsewhere, which counts as refused.
  @Test func messagesGoOverHTTP() async throws {
    try await withCenter { center, clock, operation in
      let seen = Mutexed<[UInt8]>()
      let (ports, told) = AsyncStream.makeStream(of: Int.self)
      let shop = Application(
        responder: CallbackResponder<BasicRequestContext> { request, _ in
          guard request.uri.path == "/w" else {
            return Response(status: .temporaryRedirect, headers: [.location: "/w"])
          }
          seen.set(Array(buffer: try await request.body.collect(upTo: 1 << 16)))
          return Response(status: .noContent)
        }, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
        onServerRunning: { told.yield($0.localAddress?.port ?? 0) },
        logger: Logger(label: "shop") { _ in SwiftLogNoOpLogHandler() })
      let courier = WebhookCourier(
        center.webhooks, clock: clock, pause: .milliseconds(5),
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
      let group = ServiceGroup(
        services: [shop, courier], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
      let running = Task { try await group.run() }
      var port = 0
      for await number in ports {
        port = number
        break
      }
      let elsewhere = try #require(OperationID(octets: operation.octets.reversed()))
      _ = try await center.webhooks.register(url: "http://127.0.0.1:\(port)/elsewhere", operationID: elsewhere)
      try await Task.sleep(for: .milliseconds(200))
      _ = try await center.webhooks.register(url: "http://127.0.0.1:\(port)/w", operationID: operation)
      #expect(seen.value == nil)
      try await change(center)
      for _ in 0..<3_000 where seen.value == nil { try await Task.sleep(for: .milliseconds(20)) }
      // A refusal is noted only after it was heard.
      for _ in 0..<3_000 {
        if try await center.webhooks.webhooks().first?.failures == 1 { break }
        try await Task.sleep(for: .milliseconds(20))
      }
      await group.triggerGracefulShutdown()
      try await running.value
      #expect(JSON(parsing: seen.value ?? [])?["type"] == "title.register")
      let webhooks = try await center.webhooks.webhooks()
      #expect(webhooks.map(\.failures) == [1, 0])
    }
  }
}
