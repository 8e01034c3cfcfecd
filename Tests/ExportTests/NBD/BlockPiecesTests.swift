import SCSI
import Testing
import TestSupport

@testable import NBDPlugin

@Suite struct BlockPiecesTests {
  @Test(arguments: [
    (0, 512, [BlockRange(first: 0, count: 1)]),
    (512, 4_096, [BlockRange(first: 1, count: 8)]),
    (0, 100, [BlockRange(first: 0, count: 1)]),
    (100, 100, [BlockRange(first: 0, count: 1)]),
    (500, 24, [BlockRange(first: 0, count: 1), BlockRange(first: 1, count: 1)]),
    (1_000, 2_000, [BlockRange(first: 1, count: 1), BlockRange(first: 2, count: 3), BlockRange(first: 5, count: 1)]),
    (512, 700, [BlockRange(first: 1, count: 1), BlockRange(first: 2, count: 1)]),
    (0, 0, []),
  ])
  func aRequestIsCutAtBlocks(offset: UInt64, count: Int, ranges: [BlockRange]) {
    #expect(BlockPieces(offset: offset, count: count, blockSize: 512).map(\.range) == ranges)
  }

  /// Together the pieces are the request, and only the first and the last are parts of blocks.
  @Test func piecesMakeUpTheRequest() {
    var random = Randomness("requests cut at blocks")
    for _ in 0..<2_000 {
      let blockSize = Bool.random(using: &random.generator) ? 512 : 2_048
      let offset = UInt64.random(in: 0...1_000_000, using: &random.generator)
      let count = Int.random(in: 0...20_000, using: &random.generator)
      var done = 0
      let pieces = Array(BlockPieces(offset: offset, count: count, blockSize: blockSize))
      for (index, piece) in pieces.enumerated() {
        #expect(piece.octets.lowerBound == done)
        #expect(piece.range.first * UInt64(blockSize) + UInt64(piece.skipped) == offset + UInt64(done))
        #expect(piece.skipped + piece.octets.count <= Int(piece.range.count) * blockSize)
        #expect(piece.isWhole(blockSize) || piece.range.count == 1 && (index == 0 || index == pieces.count - 1))
        done += piece.octets.count
      }
      #expect(done == count && pieces.count <= 3)
    }
  }
}
