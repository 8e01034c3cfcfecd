import CLinux
import Glibc
import ISO7816

/// A way to a card on which things go wrong by plan: what a card in a reader suffers under ``CardInsertion``, in process.
///
/// A card that hangs or is pulled stays so until ``reset()``.
public final class FaultyLine: APDUTransport {
  private let line: any APDUTransport
  private var schedule: FaultSchedule
  private let patience: Duration
  private let wait: (Duration) -> Void
  private var isGone = false

  /// A line with faults.
  ///
  /// - Parameters:
  ///   - line: the way to the card. A plan with a power cut needs an ``EmulatedCard``, and is armed on it.
  ///   - patience: how long the host waits for a response before it gives up.
  ///   - wait: lets time pass; by default the thread sleeps.
  /// - Throws: ``LineFaultsError`` when power is to be cut from something else than an emulated card.
  public init(
    _ line: any APDUTransport, faults: LineFaults, patience: Duration = .seconds(2),
    wait: @escaping (Duration) -> Void = FaultyLine.sleep
  ) throws(LineFaultsError) {
    if let storage = faults.storage {
      guard let card = line as? EmulatedCard else {
        throw LineFaultsError(
          "The power can be cut from an emulated card only; leave cut-after away, or wrap the card.")
      }
      card.plan(storage)
    }
    self.line = line
    schedule = FaultSchedule(faults)
    self.patience = patience
    self.wait = wait
  }

  /// Sleeps.
  public static func sleep(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    var wanted = timespec(tv_sec: Int(clamping: seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
    var left = timespec()
    while nanosleep(&wanted, &left) != 0, errno == EINTR { wanted = left }
  }

  /// The limits of the line itself.
  public var limits: CardTransportLimits { line.limits }

  /// Switches the card off and on.
  public func reset() throws(CardTransportError) -> [UInt8] {
    isGone = false
    return try line.reset()
  }

  /// Passes one command on, and the response back, if the plan lets it.
  ///
  /// - Throws: besides the line's own errors ``CardTransportError/Code/timeout`` for a hang, and for any delay longer than
  ///   the host's patience, and ``CardTransportError/Code/cardRemoved`` for a card that was pulled.
  public func transmit(_ command: [UInt8]) throws(CardTransportError) -> [UInt8] {
    guard !isGone else { throw FaultyLine.pulled(cardMayHaveChanged: false) }
    let response = try line.transmit(command)
    let outcome = schedule.disturb(response)
    switch outcome.ending {
    case .deliver where outcome.delay <= patience:
      if outcome.delay > .zero { wait(outcome.delay) }
      return outcome.response
    case .deliver, .hang:
      wait(patience)
      isGone = true
      throw CardTransportError(
        .timeout, operation: "transmit", cardMayHaveChanged: true,
        remedy: "The card did not answer in time; reset it and ask it what it knows before repeating the command.")
    case .pull:
      isGone = true
      throw FaultyLine.pulled(cardMayHaveChanged: true)
    }
  }

  private static func pulled(cardMayHaveChanged: Bool) -> CardTransportError {
    CardTransportError(
      .cardRemoved, operation: "transmit", cardMayHaveChanged: cardMayHaveChanged,
      remedy: "The card was removed; insert and reset it, and ask it what it knows before repeating the command.")
  }
}
