import CardEmulator
import Foundation
import PCSCRig
import Synchronization

/// The daemon of this test process, and its readers, each lent to one test at a time.
enum Slots {
  /// With as many readers as pcscd has at most, programs that watch them all for new ones besides (pcsc_scan does)
  /// watch one thing too many.
  private static let count = 8

  private static let daemon = Result {
    let daemon = try PrivateDaemon.start(slots: count)
    daemon.adopt()
    return daemon
  }
  private static let free = Mutex(Array(0..<count))

  /// The daemon; fails with the reason why there is none.
  static func theDaemon() throws -> PrivateDaemon { try daemon.get() }

  /// Lends an empty reader. Fewer tests run at once than there are readers.
  static func withReader<R>(_ body: (Slot) throws -> R) throws -> R {
    let daemon = try theDaemon()
    guard let slot = free.withLock({ $0.popLast() }) else { throw NoFreeReader() }
    defer { free.withLock { $0.append(slot) } }
    return try body(Slot(name: daemon.readers[slot], port: daemon.ports[slot]))
  }

  /// Lends a reader with a card in it.
  static func withCard<R>(_ card: EmulatedCard, _ body: (Slot) throws -> R) throws -> R {
    try withReader { reader in
      let inserted = try reader.insert(card)
      let result = Result { try body(reader) }
      try reader.eject(inserted)
      return try result.get()
    }
  }
}

struct NoFreeReader: Error {}

/// One reader of the daemon.
struct Slot {
  var name: String
  var port: UInt16

  /// Puts a card in, and waits until programs can see it.
  func insert(
    _ card: EmulatedCard, log: @escaping @Sendable (PresenceEvent) -> Void = { _ in }
  ) throws -> CardInsertion {
    let insertion = try CardInsertion(card, into: .vpcd(host: "127.0.0.1", port: port), log: log)
    try insertion.start()
    try PrivateDaemon.waitForCard(true, in: name)
    return insertion
  }

  /// Takes it out for good, and waits until programs can see that.
  func eject(_ insertion: CardInsertion) throws {
    insertion.stop()
    try PrivateDaemon.waitForCard(false, in: name)
  }
}
