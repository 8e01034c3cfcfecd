import Synchronization

/// The one daemon that this process's own calls of libpcsclite come to, and its readers, each lent to one test at a time.
public enum AdoptedDaemon {
  /// One of its readers.
  public struct Reader: Hashable, Sendable {
    /// What pcscd calls it.
    public var name: String
    /// Where vpcd listens for its card.
    public var port: UInt16
    fileprivate var slot: Int
  }

  /// There are fewer readers than tests that want one.
  public struct NoFreeReader: Error {}

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
  public static func get() throws -> PrivateDaemon { try daemon.get() }

  /// Takes an empty reader. Fewer tests run at once than there are readers.
  public static func borrow() throws -> Reader {
    let daemon = try get()
    guard let slot = free.withLock({ $0.popLast() }) else { throw NoFreeReader() }
    return Reader(name: daemon.readers[slot], port: daemon.ports[slot], slot: slot)
  }

  /// Gives it back, empty again.
  public static func giveBack(_ reader: Reader) { free.withLock { $0.append(reader.slot) } }
}
