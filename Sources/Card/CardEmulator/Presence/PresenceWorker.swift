import ISO7816
import Sockets

/// The thread of one inserted card: finds the reader, serves it, and finds it again when it has gone.
final class PresenceWorker {
  private let card: EmulatedCard
  private let address: PresenceAddress
  private let reach: SocketReach
  private let orders: PresenceOrders
  private let log: @Sendable (PresenceEvent) -> Void
  private let listener: ListeningSocket?
  private var faults: FaultSchedule

  /// How long until the next try to find the reader: longer every time, until one is heard.
  private var pause = PresenceWorker.shortestPause
  /// Whether it was said already that there is no reader.
  private var hasComplained = false
  /// How often in a row a reader took it for another card. One that does so again and again must have its own ways.
  private var timesOverlooked = 0
  /// Before this moment the card stays out, so that the reader notices that it was.
  private var returnTime = ContinuousClock.now

  private static let shortestPause = Duration.milliseconds(50)
  private static let longestPause = Duration.seconds(2)
  /// pcscd looks every 400 ms whether the card is there.
  private static let absence = Duration.seconds(1)
  private static let patience = Duration.seconds(5)
  private static let longestSuspicion = 3

  /// - Throws: ``SocketError`` when the address cannot be used at all.
  init(
    _ card: EmulatedCard, into address: PresenceAddress, reach: SocketReach, faults: LineFaults,
    _ orders: PresenceOrders, log: @escaping @Sendable (PresenceEvent) -> Void
  ) throws(SocketError) {
    self.card = card
    self.address = address
    self.reach = reach
    self.orders = orders
    self.log = log
    self.faults = FaultSchedule(faults)
    if address.isListening {
      let listener = try ListeningSocket(at: address.socket, reach: reach)
      log(.listening(listener.address))
      self.listener = listener
    } else {
      try address.socket.check(reach)
      listener = nil
    }
    if let storage = faults.storage { card.plan(storage) }
  }

  /// Where it listens, if it does.
  var listeningAddress: SocketAddress? { listener?.address }

  /// Works until the card is to be nowhere.
  func run() {
    var isOut = false
    while true {
      let order = orders.take()
      if order.isEjected, order.place != .gone, !isOut { leave(.ejected) }
      isOut = order.place == .outside
      switch order.place {
      case .inside: if let socket = findReader() { serve(socket) }
      case .outside: orders.alarm.sleep(nil)
      case .gone: return
      }
    }
  }

  /// One try; `nil` when there is no reader yet, or the card is to be elsewhere.
  private func findReader() -> StreamSocket? {
    do throws(SocketError) {
      if let listener { return try listener.accept(unless: orders.alarm) }
      let early = returnTime - ContinuousClock.now
      if early > .zero { return sleep(early) }
      return try StreamSocket.connect(to: address.socket, reach: reach, timeout: PresenceWorker.patience)
    } catch {
      if !hasComplained { log(.waiting(error)) }
      hasComplained = true
      return backOff()
    }
  }

  private func serve(_ socket: StreamSocket) {
    var session = ReaderSession(
      card, socket, address, orders.alarm, isSuspicious: timesOverlooked < PresenceWorker.longestSuspicion, log: log)
    var ending = ReaderSession.Ending.closed
    var wasServed = false
    orders.whileInterruptible(at: socket) {
      ending = session.run(&faults)
      wasServed = true
    }
    socket.interrupt()
    guard wasServed else { return }
    timesOverlooked = if case .pulled(.overlooked) = ending { timesOverlooked + 1 } else { 0 }
    switch ending {
    case .closed: readerLeft(wasHeard: session.wasHeard)
    case .pulled(let cause): leave(.pulled(cause))
    case .broken(let error):
      orders.move(to: .outside)
      log(.failed(error.remedy))
    }
  }

  private func readerLeft(wasHeard: Bool) {
    if wasHeard {
      pause = PresenceWorker.shortestPause
      hasComplained = false
      if orders.isToStay { log(.readerGone) }
    }
    if !address.isListening { backOff() }
  }

  /// The card is out for long enough to be missed.
  private func leave(_ event: PresenceEvent) {
    returnTime = ContinuousClock.now + PresenceWorker.absence
    log(event)
  }

  @discardableResult
  private func backOff() -> StreamSocket? {
    defer { pause = min(pause * 2, PresenceWorker.longestPause) }
    return sleep(pause)
  }

  private func sleep(_ duration: Duration) -> StreamSocket? {
    orders.alarm.sleep(duration)
    return nil
  }
}
