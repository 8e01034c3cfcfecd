import Dispatch
import ISO7816
import Synchronization

/// Tells what happens to the readers of this machine, as it happens.
///
/// It has a context of its own, and sleeps in the service until something changes. One thread takes events; any other
/// may end that with ``cancel()``.
public final class ReaderMonitor: Sendable {
  private let library: any SmartCardLibrary
  private let backoff: Backoff
  /// Held by whoever takes an event.
  private let watch: Mutex<Watch>
  private let wait: Mutex<Wait>
  private let cancelled = DispatchSemaphore(value: 0)

  /// What is known of the readers.
  private struct Watch {
    var context: ContextHandle?
    var states: [ReaderState] = []
    var pending: [ReaderEvent] = []
    var hasSnapshot = false
    /// State of the pseudo reader that stands for all; newer services count in it how often readers came and went.
    var notification = ReaderFlags.unaware
  }

  /// What ``cancel()`` must know of the thread that waits.
  private struct Wait {
    var isCancelled = false
    /// The context in which a thread sleeps.
    var context: ContextHandle?
  }

  /// How long to wait before looking for a lost service again: each time twice as long.
  package struct Backoff: Sendable {
    package var first: Duration
    package var longest: Duration

    package init(first: Duration, longest: Duration) {
      self.first = first
      self.longest = longest
    }

    /// A tenth of a second to five.
    package static let patient = Backoff(first: .milliseconds(100), longest: .seconds(5))
  }

  /// Reaches the service.
  ///
  /// - Throws: ``CardTransportError/Code/unavailable`` when it is not running.
  public convenience init() throws(CardTransportError) { try self.init(PCSCLite()) }

  package init(_ library: any SmartCardLibrary, backoff: Backoff = .patient) throws(CardTransportError) {
    self.library = library
    self.backoff = backoff
    let (code, context) = library.establishContext()
    guard code == .success else { throw CardTransportError(.establishContext, code) }
    watch = Mutex(Watch(context: context))
    wait = Mutex(Wait())
  }

  deinit {
    if let context = watch.withLock({ $0.context }) { _ = library.releaseContext(context) }
  }

  /// The next event; waits for it.
  ///
  /// - Throws: ``CardTransportError/Code/cancelled`` from ``cancel()`` on; anything else when the service refuses what
  ///   no restart mends.
  public func next() throws(CardTransportError) -> ReaderEvent {
    try watch.withLock { (watch) throws(CardTransportError) in
      while true {
        guard !isCancelled else { throw CardTransportError(.getStatusChange, .cancelled) }
        if !watch.pending.isEmpty { return watch.pending.removeFirst() }
        do throws(ServiceError) {
          try step(&watch)
        } catch {
          if error.code == .cancelled { continue }
          guard error.code.isServiceLoss else { throw error.transportError }
          lose(&watch)
        }
      }
    }
  }

  /// Ends the wait for events, now and for ever. From any thread.
  public func cancel() {
    wait.withLock { $0.isCancelled = true }
    cancelled.signal()
    // A cancellation that comes before the other thread sleeps is lost, so it is said until that thread is awake.
    while let context = wait.withLock({ $0.context }) {
      _ = library.cancel(context)
      _ = DispatchSemaphore(value: 0).wait(timeout: .now() + .milliseconds(5))
    }
  }

  private var isCancelled: Bool { wait.withLock { $0.isCancelled } }

  // MARK: Steps

  /// Does what is due: reach the service, look at everything, or wait for a change.
  private func step(_ watch: inout Watch) throws(ServiceError) {
    if watch.context == nil {
      guard let context = awaitService() else { return }
      watch.context = context
    }
    guard let context = watch.context else { return }
    if watch.hasSnapshot {
      try waitForChange(&watch, context)
    } else {
      watch.states = []
      try lookForReaders(&watch, context)
      watch.pending = [.snapshot(watch.states.map(Reader.init))]
      watch.hasSnapshot = true
    }
  }

  /// Sleeps until a reader or a card comes or goes.
  private func waitForChange(_ watch: inout Watch, _ context: ContextHandle) throws(ServiceError) {
    var states = watch.states.map { ReaderState(name: $0.name, current: $0.event) }
    // The library takes no more readers at once than there can be; then none can come.
    let awaitsReaders = states.count < ReaderMonitor.readerLimit
    if awaitsReaders { states.append(ReaderState(name: ReaderState.notificationName, current: watch.notification)) }
    guard beginWait(context) else { return }
    let code = library.getStatusChange(context, timeout: nil, &states)
    wait.withLock { $0.context = nil }
    switch code {
    case .success: break
    case .timeout, .unknownReader, .readerUnavailable: return try lookForReaders(&watch, context)
    default: throw ServiceError(.getStatusChange, code)
    }
    var readersChanged = false
    if awaitsReaders {
      let notification = states.removeLast().event
      watch.notification = ReaderFlags.unaware.counting(notification.eventCounter)
      readersChanged = notification.contains(.changed)
    }
    take(states, &watch)
    if readersChanged || states.contains(where: { $0.event.contains(.unknown) }) {
      try lookForReaders(&watch, context)
    }
  }

  private static let readerLimit = 16

  private func beginWait(_ context: ContextHandle) -> Bool {
    wait.withLock { wait in
      guard !wait.isCancelled else { return false }
      wait.context = context
      return true
    }
  }

  /// Takes over what changed in readers that are known.
  private func take(_ states: [ReaderState], _ watch: inout Watch) {
    for state in states where !state.event.contains(.unknown) {
      guard let index = watch.states.firstIndex(where: { $0.name == state.name }) else { continue }
      watch.pending += ReaderEvent.changes(of: state.name, from: watch.states[index].event, to: state)
      watch.states[index] = state
    }
  }

  /// Finds readers that came or went.
  private func lookForReaders(_ watch: inout Watch, _ context: ContextHandle) throws(ServiceError) {
    let names = try ReaderContext.names(library, context)
    for gone in watch.states.map(\.name) where !names.contains(gone) { watch.pending.append(.readerRemoved(gone)) }
    watch.states.removeAll { !names.contains($0.name) }

    var states = names.sorted().map { name in
      ReaderState(name: name, current: watch.states.first { $0.name == name }?.event ?? .unaware)
    }
    guard !states.isEmpty else { return }
    let code = library.getStatusChange(context, timeout: 0, &states)
    guard code == .success || code == .timeout else { throw ServiceError(.getStatusChange, code) }
    take(states, &watch)
    for state in states where !watch.states.contains(where: { $0.name == state.name }) {
      guard !state.event.contains(.unknown) else { continue }
      watch.states.append(state)
      watch.pending.append(.readerAdded(Reader(state)))
    }
    watch.states.sort { $0.name < $1.name }
  }

  // MARK: Service

  private func lose(_ watch: inout Watch) {
    if let context = watch.context { _ = library.releaseContext(context) }
    watch = Watch()
    watch.pending = [.serviceLost]
  }

  /// A context of the service that came back; `nil` when the wait was cancelled.
  private func awaitService() -> ContextHandle? {
    var pause = backoff.first
    while !isCancelled {
      let (code, context) = library.establishContext()
      if code == .success { return context }
      _ = cancelled.wait(timeout: .now() + .nanoseconds(pause.clampedNanoseconds))
      pause = min(pause * 2, backoff.longest)
    }
    return nil
  }
}
