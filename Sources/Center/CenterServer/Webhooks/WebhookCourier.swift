import AsyncHTTPClient
import LicenseCenter
import Logging
import ServiceLifecycle

/// Takes messages to receivers as long as the server runs, each receiver's one after the other, all receivers' at once.
public struct WebhookCourier: Service {
  private let webhooks: Webhooks
  private let clock: any CenterClock
  private let pause: Duration
  private let logger: Logger
  private let sender: (any WebhookSending)?

  /// A courier.
  ///
  /// - Parameters:
  ///   - clock: the centre's.
  ///   - pause: how often it looks for something new to tell.
  ///   - sender: how messages go; over HTTP if left out.
  public init(
    _ webhooks: Webhooks, clock: any CenterClock, pause: Duration = .seconds(1), logger: Logger,
    sender: (any WebhookSending)? = nil
  ) {
    self.webhooks = webhooks
    self.clock = clock
    self.pause = pause
    self.logger = logger
    self.sender = sender
  }

  /// Works until the graceful shutdown; what is on its way then is brought there first.
  public func run() async throws {
    if let sender { return await work(sender) }
    let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: WebhookClient.configuration())
    await work(WebhookClient(client: client))
    try await client.shutdown()
  }

  private func work(_ sender: any WebhookSending) async {
    while !Task.isShuttingDownGracefully, !Task.isCancelled {
      var isBusy = false
      do {
        isBusy = try await deliver(by: sender)
      } catch {
        guard !Task.isCancelled else { return }
        // Whatever was taken is taken again when its lease is over.
        logger.error(
          "webhooks wait", metadata: ["cause": .string((error as? CenterError)?.description ?? "\(type(of: error))")])
      }
      if !isBusy { try? await cancelWhenGracefulShutdown { try await Task.sleep(for: pause) } }
    }
  }

  /// Brings what waits now to its receivers; answers whether anything did.
  func deliver(by sender: any WebhookSending) async throws -> Bool {
    let batches = try await webhooks.take()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for batch in batches { group.addTask { try await deliver(batch, sender) } }
      try await group.waitForAll()
    }
    return !batches.isEmpty
  }

  private func deliver(_ batch: WebhookBatch, _ sender: any WebhookSending) async throws {
    var delivered = 0
    for message in batch.messages {
      // The last attempts must be over before another courier may take the batch.
      let now = clock.now()
      guard !Task.isShuttingDownGracefully, now + WebhookCourier.marginSeconds < batch.leaseEnd else {
        return try await webhooks.settle(batch.prefix(delivered), delivered: delivered)
      }
      let headers = try batch.headers(of: message, at: now)
      guard await sender.send(message.body, headers: headers, to: batch.url) else { break }
      delivered += 1
    }
    if delivered < batch.messages.count {
      logger.warning("webhook not taken", metadata: ["webhook": .stringConvertible(batch.webhook)])
    }
    try await webhooks.settle(batch, delivered: delivered)
  }

  /// Longer than one attempt can take.
  private static let marginSeconds: UInt64 = 30
}

extension WebhookBatch {
  /// Its first messages, as if there were no others: the rest was not tried.
  fileprivate func prefix(_ count: Int) -> WebhookBatch {
    var batch = self
    batch.messages = Array(messages.prefix(count))
    return batch
  }
}
