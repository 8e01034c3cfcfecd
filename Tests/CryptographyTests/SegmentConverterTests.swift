import Cryptography
import SecureChannel
import Testing

/// Segments of one stream made into segments of another where they lie.
@Suite struct SegmentConverterTests {
  /// Longer than the parts that a converter goes through.
  private static let parameters = StreamingAEAD.disc
  private static let data = (source: Array("source".utf8), target: Array("target".utf8))

  private static func key(_ octet: UInt8) -> Secret { Secret(copying: [UInt8](repeating: octet, count: 32)) }

  private let plaintext = SeededRandom(seed: 11).octets(2 * (1 << 20) + 70_001)
  private let stream: [UInt8]
  private let targetHeader = [40] + SeededRandom(seed: 12).octets(39)

  init() throws {
    stream = try Self.parameters.seal(
      plaintext, key: Self.key(1), associatedData: Self.data.source, random: SeededRandom(seed: 13))
  }

  private func converter(sourceKey: UInt8 = 1) throws -> StreamSegmentConverter {
    try StreamSegmentConverter(
      from: StreamOpener(
        key: Self.key(sourceKey), associatedData: Self.data.source, header: Array(stream[..<40]),
        parameters: Self.parameters),
      to: StreamSegmentSealer(
        key: Self.key(2), associatedData: Self.data.target, header: targetHeader, parameters: Self.parameters))
  }

  private func range(_ index: UInt32) throws -> Range<Int> {
    let range = try Self.parameters.ciphertextRange(ofSegment: index, ciphertextLength: UInt64(stream.count))
    return Int(range.lowerBound)..<Int(range.upperBound)
  }

  /// What a converter makes of `segment`, and of its digest; nil if it is not authentic, and then only zeros may be left.
  private func convert(
    _ converter: inout StreamSegmentConverter, _ index: UInt32, _ segment: [UInt8], isLast: Bool
  ) throws -> (octets: [UInt8], digest: [UInt8])? {
    var octets = segment
    var hasher = SHA256Hasher()
    do {
      try octets.withUnsafeMutableBytes {
        try converter.convert(segment: index, $0, isLast: isLast, digesting: &hasher)
      }
    } catch CryptoError.notAuthentic {
      #expect(octets.allSatisfy { $0 == 0 }, "plaintext is left")
      return nil
    }
    return (octets, hasher.finalize())
  }

  @Test func whatIsConvertedInAnyOrderOpensUnderTheOtherKey() throws {
    var converter = try converter()
    var segments = [[UInt8]](repeating: [], count: 3)
    for index in [2, 0, 1, 0] as [UInt32] {
      let segment = Array(stream[try range(index)])
      let converted = try #require(try convert(&converter, index, segment, isLast: index == 2))
      #expect(converted.digest == Digest.sha256(segment))
      segments[Int(index)] = converted.octets
    }
    let opened = try Self.parameters.open(
      targetHeader + segments.joined(), key: Self.key(2), associatedData: Self.data.target)
    #expect(opened.withBytes { $0.withUnsafeBytes { Array($0) } } == plaintext)
  }

  @Test func nothingIsLeftOfWhatIsNotAuthentic() throws {
    var converter = try converter()
    let segment = Array(stream[try range(1)])
    for place in [0, 65_535, 65_536, segment.count - 17, segment.count - 16, segment.count - 1] {
      var changed = segment
      changed[place] ^= 1
      #expect(try convert(&converter, 1, changed, isLast: false) == nil, "octet \(place)")
    }
    #expect(try convert(&converter, 2, segment, isLast: false) == nil, "in another place")
    #expect(try convert(&converter, 1, segment, isLast: true) == nil, "said to be the last")
    #expect(try convert(&converter, 1, Array(segment.dropLast()), isLast: false) == nil, "cut")
    for count in 0...17 { #expect(try convert(&converter, 1, Array(segment[..<count]), isLast: true) == nil) }
    var other = try self.converter(sourceKey: 3)
    #expect(try convert(&other, 1, segment, isLast: false) == nil, "another key")
    #expect(try convert(&converter, 1, segment, isLast: false) != nil, "it goes on after all that")
  }

  @Test func streamsOfTwoShapesAreRefused() throws {
    #expect(throws: CryptoError.badLength) {
      _ = try StreamSegmentConverter(
        from: StreamOpener(
          key: Self.key(1), associatedData: [], header: Array(stream[..<40]), parameters: .message),
        to: StreamSegmentSealer(key: Self.key(2), associatedData: [], header: targetHeader, parameters: .disc))
    }
  }
}
