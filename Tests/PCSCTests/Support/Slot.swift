import CardEmulator
import PCSCRig

/// The readers of this test process's daemon.
enum Slots {
  /// The daemon; fails with the reason why there is none.
  static func theDaemon() throws -> PrivateDaemon { try AdoptedDaemon.get() }

  /// Lends an empty reader.
  static func withReader<R>(_ body: (Slot) throws -> R) throws -> R {
    let reader = try AdoptedDaemon.borrow()
    defer { AdoptedDaemon.giveBack(reader) }
    return try body(Slot(name: reader.name, port: reader.port))
  }

  /// Lends a reader with a card in it.
  static func withCard<R>(_ card: EmulatedCard, _ body: (Slot) throws -> R) throws -> R {
    try withReader { reader in
      try reader.eject(reader.insert(card)) { try body(reader) }
    }
  }
}

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

  /// The same behind `body`. What that throws comes first: it may be why the reader is not as it should be.
  func eject<R>(_ insertion: CardInsertion, after body: () throws -> R) throws -> R {
    let result = Result { try body() }
    let ejection = Result { try eject(insertion) }
    let value = try result.get()
    try ejection.get()
    return value
  }
}
