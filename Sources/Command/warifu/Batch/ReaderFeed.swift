import CardDriver
import ISO7816
import Identifiers

/// A reader into which somebody puts one card after the other.
struct ReaderFeed {
  /// The reader's whole name.
  let name: String
  private let monitor: ReaderMonitor
  private var hasCard = false

  /// The reader with `part` in its name; Ctrl-C ends its waiting.
  init(_ part: String, _ watch: InterruptWatch) throws {
    name = try ReaderContext().reader(matching: part).name
    let monitor = try ReaderMonitor()
    watch.whenInterrupted { monitor.cancel() }
    self.monitor = monitor
  }

  /// Waits until a card is in the reader, or none.
  ///
  /// - Returns: whether that is so; not if somebody stopped the wait.
  mutating func wait(untilThereIsACard wanted: Bool) throws -> Bool {
    while hasCard != wanted {
      let event: ReaderEvent
      do {
        event = try monitor.next()
      } catch {
        guard error.code == .cancelled else { throw error }
        return false
      }
      take(event)
    }
    return true
  }

  /// The serial of the card in the reader.
  func serial() throws -> CardSerial {
    try CardConnection(try CardFinder().card(inReader: name)).applicationStatus().serial
  }

  private mutating func take(_ event: ReaderEvent) {
    switch event {
    case .snapshot(let readers): hasCard = readers.contains { $0.name == name && $0.hasCard }
    case .readerAdded(let reader), .cardInserted(let reader), .cardRemoved(let reader):
      if reader.name == name { hasCard = reader.hasCard }
    case .readerRemoved(let gone):
      if gone == name { hasCard = false }
    // A snapshot follows when the service is back.
    case .serviceLost, .stateChanged: break
    }
  }
}
