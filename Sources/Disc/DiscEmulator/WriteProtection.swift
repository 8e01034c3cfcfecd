import SCSI

/// Which blocks of a medium must not be written.
public struct WriteProtection: Hashable, Sendable {
  /// Whether the tab on the shell forbids all writing.
  public var isWhole: Bool
  /// Blocks that must not be written even so.
  public var ranges: [BlockRange]

  /// A protection; none by default.
  public init(isWhole: Bool = false, ranges: [BlockRange] = []) {
    self.isWhole = isWhole
    self.ranges = ranges
  }

  /// The first block of `range` that must not be written; `nil` if all may be.
  public func firstProtectedBlock(in range: BlockRange) -> UInt64? {
    if isWhole { return range.count > 0 ? range.first : nil }
    return ranges.filter { $0.overlaps(range) }.map { max($0.first, range.first) }.min()
  }
}
