import SecureChannel

/// The shape of a stream sealed as Tink's AES-GCM-HKDF streaming AEAD does, with AES-256 and HKDF-SHA-256.
///
/// Wire format: header ‖ segment 0 ‖ segment 1 ‖ … The header is its own length (1) ‖ salt (32) ‖ nonce prefix (7). The
/// stream's key is HKDF(key, salt, info = associated data); segment i is AES-256-GCM under the nonce
/// prefix ‖ i (4, big-endian) ‖ 01 for the last segment, else 00. Segments are full but the last, and only the sole
/// segment of an empty stream is empty. A segment's size counts its tag, and the first one's the header too.
public struct StreamingAEAD: Hashable, Sendable {
  /// Octets of the header.
  public static let headerOctets = 40
  /// Octets of every segment's tag.
  public static let tagOctets = 16
  /// The most segments of a stream.
  public static let largestSegmentCount: UInt64 = 1 << 32

  /// Segments of 1 MiB: content of discs.
  public static let disc = StreamingAEAD(checkedSegmentOctets: 1 << 20)
  /// Segments of 64 KiB: messages.
  public static let message = StreamingAEAD(checkedSegmentOctets: 1 << 16)

  /// Octets of a full segment as sealed.
  public let segmentOctets: Int

  /// Streams with segments of this many octets as sealed.
  ///
  /// - Throws: ``CryptoError/badLength`` unless it is in 57...2³¹-1.
  public init(segmentOctets: Int) throws(CryptoError) {
    guard segmentOctets > StreamingAEAD.headerOctets + StreamingAEAD.tagOctets, segmentOctets <= Int(Int32.max) else {
      throw .badLength
    }
    self.init(checkedSegmentOctets: segmentOctets)
  }

  private init(checkedSegmentOctets: Int) {
    segmentOctets = checkedSegmentOctets
  }

  /// The most octets of plaintext in segment `index`.
  public func capacity(ofSegment index: UInt32) -> Int {
    index == 0 ? firstCapacity : otherCapacity
  }

  /// Whether segment `index` may have so many octets of plaintext: full but the last one, and empty but for the first.
  func allows(_ plaintextOctets: Int, inSegment index: UInt32, isLast: Bool) -> Bool {
    let capacity = capacity(ofSegment: index)
    guard plaintextOctets >= (index == 0 ? 0 : 1) else { return false }
    return isLast ? plaintextOctets <= capacity : plaintextOctets == capacity && index < .max
  }

  private var firstCapacity: Int { segmentOctets - StreamingAEAD.headerOctets - StreamingAEAD.tagOctets }

  private var otherCapacity: Int { segmentOctets - StreamingAEAD.tagOctets }
}

/// Where things lie in a sealed stream, for reading from the middle. Offsets and lengths are in octets.
extension StreamingAEAD {
  /// How many segments a stream of `plaintextLength` has, at least 1.
  ///
  /// - Throws: ``CryptoError/badLength`` for over 2³².
  public func segmentCount(plaintextLength: UInt64) throws(CryptoError) -> UInt64 {
    guard plaintextLength > UInt64(firstCapacity) else { return 1 }
    let beyondFirst = plaintextLength - UInt64(firstCapacity)
    let count = 1 + (beyondFirst - 1) / UInt64(otherCapacity) + 1
    guard count <= StreamingAEAD.largestSegmentCount else { throw .badLength }
    return count
  }

  /// The length, header included, of a stream of `plaintextLength`.
  ///
  /// - Throws: ``CryptoError/badLength`` for a stream of over 2³² segments.
  public func ciphertextLength(plaintextLength: UInt64) throws(CryptoError) -> UInt64 {
    // 2³² segments of less than 2³¹ octets: the sum stays below 2⁶³.
    let count = try segmentCount(plaintextLength: plaintextLength)
    return plaintextLength + UInt64(StreamingAEAD.headerOctets) + count * UInt64(StreamingAEAD.tagOctets)
  }

  /// How many segments a stream of `ciphertextLength`, header included, has.
  ///
  /// - Throws: ``CryptoError/notAuthentic`` for a length that no stream has, as after a cut.
  public func segmentCount(ciphertextLength: UInt64) throws(CryptoError) -> UInt64 {
    guard ciphertextLength >= UInt64(StreamingAEAD.headerOctets + StreamingAEAD.tagOctets) else { throw .notAuthentic }
    let count = (ciphertextLength - 1) / UInt64(segmentOctets) + 1
    let last = ciphertextLength - (count - 1) * UInt64(segmentOctets)
    guard count <= StreamingAEAD.largestSegmentCount, count == 1 || last > UInt64(StreamingAEAD.tagOctets) else {
      throw .notAuthentic
    }
    return count
  }

  /// The length of the plaintext in a stream of `ciphertextLength`, header included.
  ///
  /// - Throws: ``CryptoError/notAuthentic`` for a length that no stream has.
  public func plaintextLength(ciphertextLength: UInt64) throws(CryptoError) -> UInt64 {
    let count = try segmentCount(ciphertextLength: ciphertextLength)
    return ciphertextLength - UInt64(StreamingAEAD.headerOctets) - count * UInt64(StreamingAEAD.tagOctets)
  }

  /// The segment that holds the octet at `plaintextOffset`, and that octet's place in it.
  ///
  /// - Throws: ``CryptoError/badLength`` for an offset beyond 2³² segments.
  public func location(ofPlaintext plaintextOffset: UInt64) throws(CryptoError) -> (segment: UInt32, offset: Int) {
    guard plaintextOffset >= UInt64(firstCapacity) else { return (0, Int(plaintextOffset)) }
    let (segment, offset) = (plaintextOffset - UInt64(firstCapacity)).quotientAndRemainder(
      dividingBy: UInt64(otherCapacity))
    guard segment < StreamingAEAD.largestSegmentCount - 1 else { throw .badLength }
    return (UInt32(segment + 1), Int(offset))
  }

  /// Where segment `index` lies in a stream of `ciphertextLength`; the header is not part of it.
  ///
  /// - Throws: ``CryptoError/notAuthentic`` for a length that no stream has, ``CryptoError/badLength`` for a segment
  ///   that the stream does not have.
  public func ciphertextRange(
    ofSegment index: UInt32, ciphertextLength: UInt64
  ) throws(CryptoError) -> Range<UInt64> {
    let count = try segmentCount(ciphertextLength: ciphertextLength)
    guard UInt64(index) < count else { throw .badLength }
    let start = UInt64(index) * UInt64(segmentOctets)
    let end = UInt64(index) == count - 1 ? ciphertextLength : start + UInt64(segmentOctets)
    return (index == 0 ? UInt64(StreamingAEAD.headerOctets) : start)..<end
  }
}

extension StreamingAEAD {
  /// The AES key of one stream.
  static func streamKey(
    _ key: borrowing Secret, salt: [UInt8], associatedData: [UInt8]
  ) throws(CryptoError) -> Secret {
    guard key.count >= GCMContext.keyOctets else { throw .badLength }
    return try Derivation.hkdf(key, salt: salt, info: associatedData, octets: GCMContext.keyOctets)
  }

  /// The nonce of segment `index`.
  static func nonce(prefix: InlineArray<7, UInt8>, index: UInt32, isLast: Bool) -> InlineArray<12, UInt8> {
    InlineArray<12, UInt8> { position in
      switch position {
      case 0..<7: prefix[position]
      case 7..<11: UInt8(truncatingIfNeeded: index >> (8 * (10 - position)))
      default: isLast ? 1 : 0
      }
    }
  }
}
