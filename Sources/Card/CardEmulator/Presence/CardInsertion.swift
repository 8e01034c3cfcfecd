import Glibc
import Sockets
import Synchronization

/// An emulated card in a slot, on a thread of its own.
///
/// In a slot of pcscd's virtual reader any PC/SC program takes it for a real card. It survives its reader: when pcscd
/// goes, it waits for the next one, keeps what it stores, and forgets what was opened. Several insertions in one process
/// are several cards in several slots.
///
/// The card is this object's alone from ``start()`` until ``stop()`` has returned. Any thread may give the orders.
public final class CardInsertion: Sendable {
  private let orders: PresenceOrders
  private let address: SocketAddress
  /// The worker until it has a thread, then the thread until it was waited for.
  private let life: Mutex<Life>
  /// Where it listens: the port that the system chose, where 0 was asked for; `nil` in a slot of vpcd.
  public let listeningAddress: SocketAddress?

  /// Where the worker is.
  private enum Life: @unchecked Sendable {
    case unstarted(PresenceWorker)
    case running(pthread_t)
    case ended
  }

  /// Prepares an insertion. A card that listens can be called from now on, and answers once it is started.
  ///
  /// - Parameters:
  ///   - card: the card.
  ///   - address: where to insert it.
  ///   - reach: whose connections are wanted. Nothing on the line is encrypted, so other hosts are refused by default.
  ///   - faults: what is to go wrong; counted from now on.
  ///   - log: told what happens, on the card's thread; it should return soon.
  /// - Throws: ``SocketError`` when the address cannot be used at all. That no reader is there yet is no error.
  public init(
    _ card: EmulatedCard, into address: PresenceAddress, reach: SocketReach = .loopback,
    faults: LineFaults = LineFaults(), log: @escaping @Sendable (PresenceEvent) -> Void = { _ in }
  ) throws(SocketError) {
    self.address = address.socket
    orders = try PresenceOrders(at: address.socket)
    let worker = try PresenceWorker(card, into: address, reach: reach, faults: faults, orders, log: log)
    listeningAddress = worker.listeningAddress
    life = Mutex(.unstarted(worker))
  }

  deinit { stop() }

  /// Inserts the card. Does nothing the second time.
  ///
  /// - Throws: ``SocketError`` when the system has no thread to give.
  public func start() throws(SocketError) {
    let reason = life.withLock { life -> Int32 in
      guard case .unstarted(let worker) = life else { return 0 }
      var thread = pthread_t()
      let reason = pthread_create(&thread, nil, { runWorker($0) }, Unmanaged.passRetained(worker).toOpaque())
      if reason == 0 {
        life = .running(thread)
      } else {
        Unmanaged.passUnretained(worker).release()
      }
      return reason
    }
    guard reason == 0 else { throw SocketError(.system(reason), address) }
  }

  /// Takes the card out; it loses its power, whatever it was doing.
  public func eject() { orders.move(to: .outside) }

  /// Puts it in again, not before the reader could notice that it was out.
  public func insert() { orders.move(to: .inside) }

  /// Takes the card out for good, and returns when nothing of this uses it any more.
  public func stop() {
    orders.move(to: .gone)
    let thread = life.withLock { life -> pthread_t? in
      defer { life = .ended }
      if case .running(let thread) = life { return thread } else { return nil }
    }
    if let thread { pthread_join(thread, nil) }
  }
}

/// The thread's whole life.
private func runWorker(_ worker: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let worker else { return nil }
  Unmanaged<PresenceWorker>.fromOpaque(worker).takeRetainedValue().run()
  return nil
}
