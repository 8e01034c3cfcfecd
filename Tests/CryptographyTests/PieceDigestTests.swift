import Cryptography
import Testing

/// The digest over digests of pieces, against the definition taken literally.
@Suite struct PieceDigestTests {
  private let piece = PieceDigest.pieceOctets

  private func digest(_ file: [UInt8], cutInto step: Int) -> [UInt8] {
    var digest = PieceDigest()
    var start = 0
    while start < file.count {
      let end = min(start + step, file.count)
      file[start..<end].withUnsafeBytes { digest.update($0) }
      start = end
    }
    return digest.finalize()
  }

  @Test func isTheDigestOverThePiecesDigests() {
    for length in [0, 1, piece - 1, piece, piece + 1, 3 * piece, 3 * piece + 77] {
      let file = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
      let digests = stride(from: 0, to: length, by: piece).map {
        Digest.sha256(Array(file[$0..<min($0 + piece, length)]))
      }
      let expected = Digest.sha256(digests.flatMap { $0 })
      #expect(PieceDigest.combining(digests) == expected, "\(length)")
      for step in [1 << 16, 40_961, piece, 2 * piece + 5] {
        #expect(digest(file, cutInto: step) == expected, "\(length) octets, \(step) at a time")
      }
    }
  }

  @Test func aFileOfNothingHasNoPieces() {
    #expect(PieceDigest().finalize() == Digest.sha256([]))
  }
}
