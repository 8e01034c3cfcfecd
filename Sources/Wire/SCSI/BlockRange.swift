/// A run of logical blocks.
public struct BlockRange: Hashable, Sendable {
  /// The first block's address.
  public var first: UInt64
  /// How many blocks; none is allowed.
  public var count: UInt32

  /// `count` blocks from `first` on.
  public init(first: UInt64, count: UInt32) {
    self.first = first
    self.count = count
  }

  /// Whether a medium of `total` blocks has all of them. Not even an empty run may begin behind the last block.
  public func isWithin(_ total: UInt64) -> Bool {
    first < total && UInt64(count) <= total - first
  }

  /// Whether the two runs share a block.
  public func overlaps(_ other: BlockRange) -> Bool {
    guard count > 0, other.count > 0 else { return false }
    return first <= other.first ? other.first - first < UInt64(count) : first - other.first < UInt64(other.count)
  }
}
