/// One measured figure. Of rates more is better, and so is a higher ratio; of times and memory less is.
struct Figure {
  /// What was measured, and against what.
  let name: String
  let unit: Unit
  /// Median over the rounds.
  let ours: Double
  /// The reference's, of the same run; `nil` where the figure speaks for itself.
  let reference: Double?
  let goal: Goal?
  /// How far the rounds lay apart: half of them lie within this part of the median, on either side together.
  let spread: Double?

  init(
    _ name: String, _ unit: Unit, ours: Double, reference: Double? = nil, goal: Goal? = nil, spread: Double? = nil
  ) {
    self.name = name
    self.unit = unit
    self.ours = ours
    self.reference = reference
    self.goal = goal
    self.spread = spread
  }

  /// Ours divided by the reference.
  var ratio: Double? { reference.map { ours / $0 } }

  /// Whether the goal is reached; `nil` without one.
  var isMet: Bool? {
    switch goal {
    case nil: nil
    case .rate(let least): ours >= least
    case .ratio(let least): ratio.map { $0 >= least }
    case .ratioAtMost(let most): ratio.map { $0 <= most }
    case .atMost(let most): ours <= most
    case .zero: ours == 0
    }
  }
}

/// What a figure counts.
enum Unit: String, Encodable {
  case perSecond = "/s"
  case mebibytesPerSecond = "MiB/s"
  case allocations = "each"
  case microseconds = "us"
  case mebibytes = "MiB"
}

/// What an issue asks of a figure.
enum Goal {
  /// At least so many a second.
  case rate(Double)
  /// At least this part of the reference.
  case ratio(Double)
  /// At most this many times the reference.
  case ratioAtMost(Double)
  /// At most so many.
  case atMost(Double)
  /// Not one.
  case zero
}
