import LicenseCenter
import Logging
import ServiceLifecycle

/// What a served centre does without being asked: collects what payments left open, and forgets what need not be kept.
///
/// Each task may be done by several instances at once, and again after a crash.
struct Housekeeping: Service {
  /// One kind of work.
  struct Chore: Sendable {
    var name: String
    var pause: Duration
    /// Does it; answers what there is to say, if anything was done.
    var work: @Sendable () async throws -> Logger.Metadata?
  }

  let chores: [Chore]
  let logger: Logger

  /// The chores of a centre.
  init(_ center: Center, collectsPayments: Bool, logger: Logger) {
    var chores = [
      Chore(name: "answers forgotten", pause: .seconds(600)) {
        let count = try await center.idempotency.forgetExpired()
        return count == 0 ? nil : ["answers": .stringConvertible(count)]
      },
      Chore(name: "files removed", pause: .seconds(3600)) {
        let count = try await center.titleStore.removeOutdated()
        return count == 0 ? nil : ["files": .stringConvertible(count)]
      },
    ]
    if collectsPayments {
      chores.append(
        Chore(name: "payments collected", pause: .seconds(60)) {
          let done = try await center.payments.reconcile()
          guard done.settled > 0 || done.unknown > 0 else { return nil }
          return ["settled": .stringConvertible(done.settled), "unknown": .stringConvertible(done.unknown)]
        })
    }
    self.init(chores: chores, logger: logger)
  }

  init(chores: [Chore], logger: Logger) {
    self.chores = chores
    self.logger = logger
  }

  /// Works until the graceful shutdown; what has begun is brought to its end.
  func run() async throws {
    await withTaskGroup(of: Void.self) { group in
      for chore in chores { group.addTask { await repeatedly(chore) } }
    }
  }

  private func repeatedly(_ chore: Chore) async {
    while !Task.isShuttingDownGracefully, !Task.isCancelled {
      do {
        if let metadata = try await chore.work() { logger.info("\(chore.name)", metadata: metadata) }
      } catch {
        // A server that cannot listen takes everything down with it.
        guard !Task.isCancelled else { return }
        let cause = (error as? CenterError)?.description ?? "\(type(of: error))"
        logger.error("housekeeping waits", metadata: ["chore": .string(chore.name), "cause": .string(cause)])
      }
      try? await cancelWhenGracefulShutdown { try await Task.sleep(for: chore.pause) }
    }
  }
}

/// Tells the service manager that the process is not hung: its threads run, and the database gives some answer. Whether
/// that is a good one is `/ready`'s business, since starting the process anew would bring no server back.
struct Watchdog: Service {
  let center: Center
  let manager: ServiceManager
  let time: Duration

  func run() async throws {
    while !Task.isShuttingDownGracefully, !Task.isCancelled {
      try? await center.expectDatabase()
      manager.tell(.alive)
      try? await cancelWhenGracefulShutdown { try await Task.sleep(for: time / 3) }
    }
    // The server has drained by now; what is left to be done is short.
    manager.tell(.alive)
  }
}
