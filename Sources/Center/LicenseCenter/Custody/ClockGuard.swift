/// Whoever sets the clock back makes dead codes and licences live again; so nothing is written at a time that lies before
/// what is on record.
enum ClockGuard {
  /// How far clocks of several machines may be apart, and how far a clock may be set right, in seconds.
  static let tolerance: UInt64 = 300

  /// Throws unless `time` is about `newest` or later.
  ///
  /// - Throws: ``CenterError/Code/clockSetBack``.
  static func expect(_ time: UInt64, notBefore newest: UInt64, _ operation: String) throws(CenterError) {
    guard newest > tolerance, time < newest - tolerance else { return }
    throw CenterError(
      .clockSetBack, operation,
      remedy: """
        The clock is \(newest - time) seconds behind the newest record. Set it right; or, if the record is what is \
        wrong, tell the centre to accept the clock.
        """)
  }
}
