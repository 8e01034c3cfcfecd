import Cryptography
import Octets
import SecureChannel
import Testing

/// Segments sealed in any order, under a header that is given or derived.
@Suite struct SegmentSealerTests {
  private static let key = [UInt8](repeating: 0x42, count: 32)
  private static let associatedData = Array("title".utf8)

  private let parameters: StreamingAEAD
  /// 8 octets fit into the first segment, 48 into each other: four segments.
  private let plaintext = (0..<120).map { UInt8(truncatingIfNeeded: $0 &* 37) }

  init() throws { parameters = try StreamingAEAD(segmentOctets: 64) }

  private func sealer(_ header: [UInt8]) throws -> StreamSegmentSealer {
    try StreamSegmentSealer(
      key: Secret(copying: Self.key), associatedData: Self.associatedData, header: header, parameters: parameters)
  }

  /// The plaintext of segment `index`.
  private func range(_ index: Int) -> Range<Int> {
    index == 0 ? 0..<8 : (8 + 48 * (index - 1))..<min(8 + 48 * index, plaintext.count)
  }

  private func seal(_ sealer: inout StreamSegmentSealer, _ index: Int, isLast: Bool) throws -> [UInt8] {
    var output = [UInt8](repeating: 0, count: 64)
    let piece = Array(plaintext[range(index)])
    let count = try piece.withUnsafeBytes { piece in
      try output.withUnsafeMutableBytes {
        try sealer.seal(segment: UInt32(index), piece, isLast: isLast, into: $0)
      }
    }
    return Array(output[..<count])
  }

  @Test func anyOrderGivesTheStreamThatIsSealedFromTheFront() throws {
    let whole = try parameters.seal(
      plaintext, key: Secret(copying: Self.key), associatedData: Self.associatedData, random: SeededRandom(seed: 5))
    var sealer = try sealer(Array(whole[..<40]))
    var segments = [[UInt8]](repeating: [], count: 4)
    for index in [2, 0, 3, 1, 0] { segments[index] = try seal(&sealer, index, isLast: index == 3) }
    #expect(Array(whole[..<40]) + segments.joined() == whole)
  }

  @Test func lengthsThatNoSegmentHasAreRefused() throws {
    var sealer = try sealer([40] + [UInt8](repeating: 1, count: 39))
    #expect(throws: CryptoError.badLength) { try self.seal(&sealer, 3, isLast: false) }
    #expect(throws: CryptoError.badLength) {
      let none = UnsafeRawBufferPointer(start: nil, count: 0)
      var output = [UInt8](repeating: 0, count: 64)
      _ = try output.withUnsafeMutableBytes { try sealer.seal(segment: 1, none, isLast: true, into: $0) }
    }
    #expect(throws: CryptoError.badLength) { _ = try self.sealer([40]) }
    #expect(throws: CryptoError.badLength) { _ = try self.sealer([UInt8](repeating: 39, count: 40)) }
  }

  /// The same source gives the same header for ever, and any other source, key or context another one.
  @Test func derivedHeaderFollowsFromKeySourceAndContext() throws {
    let source = [40] + SeededRandom(seed: 1).octets(39)
    func header(_ source: [UInt8], key: UInt8 = 7, _ context: String = "title") throws -> [UInt8] {
      try StreamingAEAD.header(
        derivedFrom: Secret(copying: [UInt8](repeating: key, count: 32)), source: source, context: Array(context.utf8))
    }
    let first = try header(source)
    #expect(first.count == 40 && first[0] == 40)
    #expect(try header(source) == first)
    #expect(try header(source, key: 8) != first)
    #expect(try header(source, "another title") != first)
    for index in source.indices {
      var changed = source
      changed[index] ^= 1
      #expect(try header(changed) != first)
    }
  }
}
