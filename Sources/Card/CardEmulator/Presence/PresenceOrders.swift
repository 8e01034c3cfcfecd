import Sockets
import Synchronization

/// What the owner of an inserted card wants, on its way to the card's thread.
final class PresenceOrders: Sendable {
  /// Where the card is to be.
  enum Place {
    /// In the reader, or waiting for one.
    case inside
    /// Taken out.
    case outside
    /// Nowhere: the thread is to end.
    case gone
  }

  /// Rings with every order.
  let alarm: Alarm
  private let state: Mutex<(place: Place, line: StreamSocket?)>

  init(at address: SocketAddress) throws(SocketError) {
    alarm = try Alarm(at: address)
    state = Mutex((.inside, nil))
  }

  /// Where the card is to be; the alarm is silent again.
  func take() -> Place {
    alarm.silence()
    return state.withLock { $0.place }
  }

  /// Orders the card to a place. Whoever waits for the reader is woken. `gone` is for good.
  func move(to place: Place) {
    let line = state.withLock { state -> StreamSocket? in
      guard state.place != .gone, state.place != place else { return nil }
      state.place = place
      return state.line
    }
    line?.interrupt()
    alarm.ring()
  }

  /// Lets orders reach whoever waits at `line` while `body` runs; does nothing when the card is to be elsewhere by now.
  func whileInterruptible(at line: StreamSocket, _ body: () -> Void) {
    let isWanted = state.withLock { state -> Bool in
      guard state.place == .inside else { return false }
      state.line = line
      return true
    }
    guard isWanted else { return }
    body()
    state.withLock { $0.line = nil }
  }
}
