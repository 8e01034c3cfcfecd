import CardDriver
import CardFirmware
import Octets

/// A session recorded from a card, to be played again to that card, or to its twin, after a reset.
struct CommandTape {
  private typealias Exchange = FirmwareCard.Exchange

  /// What opens the session; not measured.
  private let opening: ArraySlice<Exchange>
  /// What is measured.
  private let body: ArraySlice<Exchange>

  /// Exchanges that are measured.
  var count: Int { body.count }

  /// Opens a session on `card` and records what `body` does in it.
  init(of card: FirmwareCard, _ body: (inout AdministrationSession) throws -> Void) throws {
    var session = try card.openSession()
    let openingCount = card.recording.count
    try body(&session)
    opening = card.recording[..<openingCount]
    self.body = card.recording[openingCount...]
  }

  /// Plays `count` exchanges, opening the session anew as often as the tape ends.
  ///
  /// - Returns: how long the card took for them.
  /// - Throws: ``MeasurementError`` when the card answers anything else than it did in the recording.
  func play(_ count: Int, to card: FirmwareCard) throws -> Duration {
    var time = Duration.zero
    var left = count
    while left > 0 {
      let part = body.prefix(left)
      time += try playOnce(part, to: card)
      left -= part.count
    }
    return time
  }

  private func playOnce(_ part: ArraySlice<Exchange>, to card: FirmwareCard) throws -> Duration {
    try begin(on: card)
    let firmware = card.firmware
    let time = ContinuousClock().measure {
      for exchange in part { firmware.process(exchange.command.span.bytes) }
    }
    let answer = firmware.response.withBytes { $0.octets }
    guard answer == part.last?.response else { throw MeasurementError("the card answered other than it had before") }
    return time
  }

  /// Plays the opening and the first exchanges.
  ///
  /// - Returns: what plays the rest, once.
  func player(on card: FirmwareCard, after first: Int) throws -> () -> Void {
    try begin(on: card)
    let firmware = card.firmware
    for exchange in body.prefix(first) { firmware.process(exchange.command.span.bytes) }
    let rest = body.dropFirst(first)
    return { for exchange in rest { firmware.process(exchange.command.span.bytes) } }
  }

  private func begin(on card: FirmwareCard) throws {
    _ = try card.reset()
    for exchange in opening { card.firmware.process(exchange.command.span.bytes) }
  }
}
