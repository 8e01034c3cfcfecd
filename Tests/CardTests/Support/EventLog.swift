import CardEmulator
import Foundation
import Sockets
import Synchronization

/// What happened to an inserted card, to be waited for.
final class EventLog: Sendable {
  private let events = Mutex<[PresenceEvent]>([])

  /// What to give to ``CardInsertion``.
  var add: @Sendable (PresenceEvent) -> Void { { event in self.events.withLock { $0.append(event) } } }

  var all: [PresenceEvent] { events.withLock { $0 } }

  /// Waits until so many events fit; answers whether they came.
  func wait(seconds: Double = 60, count: Int = 1, for isWanted: (PresenceEvent) -> Bool) -> Bool {
    let deadline = Date(timeIntervalSinceNow: seconds)
    while Date() < deadline {
      if all.count(where: isWanted) >= count { return true }
      usleep(1_000)
    }
    return false
  }

  func wait(for event: PresenceEvent, count: Int = 1) -> Bool { wait(count: count) { $0 == event } }
}

extension PresenceEvent {
  var isWaiting: Bool { if case .waiting = self { true } else { false } }
}
