/// How long to measure.
struct Plan {
  /// Rounds; each measures ours, then the reference, so that both meet the same weather.
  let rounds: Int
  /// How long one side's part of a round lasts at least.
  let roundDuration: Duration
  /// Rounds of copying.
  let copyRounds: Int
  /// Octets of the title that is copied.
  let titleOctets: Int

  /// Turns of 100 commands each over PC/SC.
  let readerTurns: Int
  /// Rounds with many readers.
  let readerRounds: Int
  /// How long one side's part of a round over HTTP lasts: whole seconds, as wrk wants them.
  let httpSeconds: Int

  static let full = Plan(
    rounds: 11, roundDuration: .milliseconds(60), copyRounds: 9, titleOctets: 256 << 20, readerTurns: 100,
    readerRounds: 5, httpSeconds: 2)
  static let quick = Plan(
    rounds: 5, roundDuration: .milliseconds(10), copyRounds: 2, titleOctets: 64 << 20, readerTurns: 20, readerRounds: 1,
    httpSeconds: 1)
}
