/// What goes wrong with the sectors of a disc, by plan: for ``EmulatedDisc/plan(_:)`` and ``MemoryDisc/plan(_:)``.
///
/// As text, a plan is a list joined by commas:
///
/// | item | effect |
/// | --- | --- |
/// | `unreadable=BLOCKS` | reading gives 3/11/00 |
/// | `corrected=BLOCKS` | reading takes error correction, which the drive may report as 1/18/00 |
/// | `defective=BLOCKS` | what is written does not verify: the block moves to a spare sector; 3/32/00 when there is none |
/// | `unwritable=BLOCKS` | writing gives 3/0C/00 |
/// | `spares=N` | only N of the spare sectors can be used |
///
/// BLOCKS is `1000` or `1000-1099`: the sectors on which these blocks lie as the disc was made. A block that was moved to a
/// spare suffers nothing any more. The first four items may end in `@WHEN`: `@3` for the third time only, `@*/3` for
/// every third time, `@3+` from the third time on. A time is an operation that touches any of the sectors: one that
/// reads for the first two items, one that writes for the others. Without WHEN it is every time.
///
/// A sector which is unreadable for good does not verify either. Formatting finds all that is wrong for good.
public struct MediumFaults: Hashable, Sendable {
  /// What is wrong with a sector.
  public enum Fault: Hashable, Sendable {
    /// It cannot be read.
    case unreadable
    /// It can be read with error correction.
    case corrected
    /// What is written to it does not verify.
    case defective
    /// It cannot be written.
    case unwritable
  }

  /// When it is wrong, counted in operations from 1.
  public enum Occasion: Hashable, Sendable {
    /// Every time.
    case always
    /// This time.
    case at(Int)
    /// At every multiple of this number.
    case every(Int)
    /// This time and ever after.
    case from(Int)

    func includes(_ time: Int) -> Bool {
      switch self {
      case .always: true
      case .at(let number): time == number
      case .every(let period): period > 0 && time.isMultiple(of: period)
      case .from(let number): time >= number
      }
    }

    /// Whether, after so many operations, it is wrong for good.
    func isLasting(after times: Int) -> Bool {
      switch self {
      case .always: true
      case .from(let number): times >= number
      case .at, .every: false
      }
    }
  }

  /// One thing that goes wrong.
  public struct Rule: Hashable, Sendable {
    /// What.
    public var fault: Fault
    /// Where, as blocks of the disc when it was made.
    public var blocks: ClosedRange<UInt64>
    /// When.
    public var occasion: Occasion

    /// A rule.
    public init(_ fault: Fault, _ blocks: ClosedRange<UInt64>, _ occasion: Occasion = .always) {
      self.fault = fault
      self.blocks = blocks
      self.occasion = occasion
    }
  }

  /// What goes wrong; several rules may meet in one sector.
  public var rules: [Rule]
  /// How many spare sectors can be used; `nil` for all that there are.
  public var spares: UInt32?

  /// A plan; without arguments nothing goes wrong.
  public init(_ rules: [Rule] = [], spares: UInt32? = nil) {
    self.rules = rules
    self.spares = spares
  }

  /// Whether nothing goes wrong.
  public var isEmpty: Bool { rules.isEmpty && spares == nil }
}
