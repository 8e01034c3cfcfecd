import ISO7816

/// A card that is a recording: it answers what was answered then, as long as it is asked the same octets.
///
/// With the random source and the clock of the recorded session, a host asks exactly those; so its tests need no card.
public final class ReplayingTransport: APDUTransport {
  private let events: [CardRecording.Event]
  private var next = 0
  /// What the way carries.
  public let limits: CardTransportLimits

  /// A card that answers as `recording` says.
  public init(_ recording: CardRecording, limits: CardTransportLimits = .wide) {
    events = recording.events
    self.limits = limits
  }

  /// How many events are still to come; 0 once the whole session was repeated.
  public var remaining: Int { events.count - next }

  /// The recorded answer to reset, if the card was reset at this point of the session.
  public func reset() throws(CardTransportError) -> [UInt8] {
    guard next < events.count, case .reset(let answer) = events[next] else { throw differs("reset") }
    next += 1
    return answer
  }

  /// The recorded response, if this very command is the next one of the session.
  public func transmit(_ command: [UInt8]) throws(CardTransportError) -> [UInt8] {
    guard next < events.count else { throw differs("transmit") }
    switch events[next] {
    case .exchange(let expected, let response) where expected == command:
      next += 1
      return response
    case .broken(let expected) where expected == command:
      next += 1
      throw CardTransportError(
        .cardRemoved, operation: "transmit", cardMayHaveChanged: true, remedy: "The recorded session broke off here.")
    default: throw differs("transmit")
    }
  }

  private func differs(_ operation: String) -> CardTransportError {
    CardTransportError(
      .protocolViolation, operation: operation, cardMayHaveChanged: false,
      remedy: "The recorded session goes on differently at event \(next + 1) of \(events.count).")
  }
}
