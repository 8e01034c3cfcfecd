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

  /// What is to be done.
  struct Order {
    /// Where the card is to be.
    var place = Place.inside
    /// Whether it was ordered out since orders were last taken; it may be to be inside again by now.
    var isEjected = false
  }

  /// Rings with every order that changes something.
  let alarm: Alarm
  private let state: Mutex<(order: Order, line: StreamSocket?)>

  init(at address: SocketAddress) throws(SocketError) {
    alarm = try Alarm(at: address)
    state = Mutex((Order(), nil))
  }

  /// What is to be done now; tells of each time out once. The alarm is silent again.
  func take() -> Order {
    alarm.silence()
    return state.withLock { state in
      defer { state.order.isEjected = false }
      return state.order
    }
  }

  /// Whether the card is to stay where it is, as far as anybody ordered.
  var isToStay: Bool { state.withLock { $0.order.place == .inside && !$0.order.isEjected } }

  /// Orders the card to a place. Whoever waits for the reader is woken, unless that is no news. `gone` is for good.
  func move(to place: Place) {
    let (isNews, line) = state.withLock { state -> (Bool, StreamSocket?) in
      guard state.order.place != .gone, state.order.place != place else { return (false, nil) }
      state.order.place = place
      if place == .outside { state.order.isEjected = true }
      return (true, state.line)
    }
    guard isNews else { return }
    line?.interrupt()
    alarm.ring()
  }

  /// Lets orders reach whoever waits at `line` while `body` runs; does nothing when the card was ordered elsewhere by now.
  func whileInterruptible(at line: StreamSocket, _ body: () -> Void) {
    let isWanted = state.withLock { state -> Bool in
      guard state.order.place == .inside, !state.order.isEjected else { return false }
      state.line = line
      return true
    }
    guard isWanted else { return }
    body()
    state.withLock { $0.line = nil }
  }
}
