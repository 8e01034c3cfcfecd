import SCSI

/// A request cut where its whole blocks begin and end: at most part of a block, whole blocks, part of a block.
///
/// A request within the disc has offsets far below 2^63 and counts below 2^32: nothing here can overflow.
struct BlockPieces: Sequence, IteratorProtocol {
  /// One piece.
  struct Piece: Equatable {
    /// The blocks it touches.
    let range: BlockRange
    /// How many octets of the first of them come before it.
    let skipped: Int
    /// Where in the request it lies.
    let octets: Range<Int>

    /// Where in the block it lies, if it is part of one.
    var octetsOfBlock: Range<Int> { skipped..<(skipped + octets.count) }

    /// Whether it consists of whole blocks.
    func isWhole(_ blockSize: Int) -> Bool { skipped == 0 && octets.count == Int(range.count) * blockSize }
  }

  private let offset: UInt64
  private let count: Int
  private let blockSize: Int
  private var done = 0

  /// The pieces of `count` octets from `offset` on, which the disc has.
  init(offset: UInt64, count: Int, blockSize: Int) {
    self.offset = offset
    self.count = count
    self.blockSize = blockSize
  }

  /// The next piece; `nil` after the last.
  mutating func next() -> Piece? {
    guard done < count else { return nil }
    let position = offset + UInt64(done)
    let skipped = Int(position % UInt64(blockSize))
    let rest = count - done
    let length = skipped > 0 || rest < blockSize ? Swift.min(blockSize - skipped, rest) : rest - rest % blockSize
    defer { done += length }
    let blocks = UInt32((skipped + length + blockSize - 1) / blockSize)
    return Piece(
      range: BlockRange(first: position / UInt64(blockSize), count: blocks), skipped: skipped,
      octets: done..<(done + length))
  }
}
