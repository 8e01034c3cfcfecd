/// What happened to the readers of this machine.
public enum ReaderEvent: Sendable, Hashable {
  /// All that is there, cards already present included: the first event of all, and the first after the service came back.
  case snapshot([Reader])
  /// A reader was plugged in, perhaps with a card in it.
  case readerAdded(Reader)
  /// A reader was unplugged.
  case readerRemoved(String)
  /// A card was put into a reader.
  case cardInserted(Reader)
  /// A card was taken out of a reader.
  case cardRemoved(Reader)
  /// The same card is used by other programs than before, or fell silent.
  case stateChanged(Reader)
  /// The smart card service is gone. It is awaited; a snapshot follows when it is back.
  case serviceLost
}

extension ReaderEvent {
  /// What led from one state of a reader to another, in order.
  ///
  /// The service counts insertions and removals: a card that went and came back between two looks is no longer the same.
  static func changes(of reader: String, from old: ReaderFlags, to new: ReaderState) -> [ReaderEvent] {
    let after = Reader(new)
    let before = Reader(ReaderState(name: reader, event: old))
    let events = new.event.eventCounter &- old.eventCounter
    switch (before.hasCard, after.hasCard) {
    case (false, true):
      return [.cardInserted(after)]
    case (true, false):
      return [.cardRemoved(after)]
    case (true, true) where events >= 2:
      return [.cardRemoved(Reader(name: reader, state: .empty)), .cardInserted(after)]
    case (false, false) where events >= 2:
      // It was there, and is gone before anybody could look at it.
      return [.cardInserted(Reader(name: reader, state: .present)), .cardRemoved(after)]
    default:
      return before.state == after.state ? [] : [.stateChanged(after)]
    }
  }
}
