import Foundation
import ISO7816
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
  static func withReader<R>(_ body: (Reader) throws -> R) throws -> R {
    let daemon = try theDaemon()
    guard let slot = free.withLock({ $0.popLast() }) else { throw NoFreeReader() }
    defer { free.withLock { $0.append(slot) } }
    return try body(Reader(name: daemon.readers[slot], port: daemon.ports[slot]))
  }

  /// Lends a reader with a card in it.
  static func withCard<R>(_ card: any APDUTransport, _ body: (Reader) throws -> R) throws -> R {
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
struct Reader {
  var name: String
  var port: UInt16

  /// Puts a card in, and waits until programs can see it.
  func insert(_ card: any APDUTransport) throws -> InsertedCard {
    let inserted = try InsertedCard(card, port: port)
    try PrivateDaemon.waitForCard(true, in: name)
    return inserted
  }

  /// Takes it out, and waits until programs can see that.
  func eject(_ card: InsertedCard) throws {
    card.eject()
    try PrivateDaemon.waitForCard(false, in: name)
  }
}
