import SecureChannel

/// Seals one stream, segment after segment, into the caller's memory. Allocates nothing per segment.
public struct StreamSealer: ~Copyable, Sendable {
  private var segments: StreamSegmentSealer
  /// The next segment, or `nil` after the last.
  private var nextIndex: UInt32? = 0

  /// A stream under `key` (32 octets or more), bound to `associatedData`; `random` gives salt and nonce prefix.
  ///
  /// - Throws: ``CryptoError/badLength`` for a shorter key.
  public init(
    key: borrowing Secret, associatedData: [UInt8], parameters: StreamingAEAD, random: any RandomSource
  ) throws(CryptoError) {
    let salt = random.octets(32)
    let prefix = random.octets(7)
    segments = try StreamSegmentSealer(
      key: key, associatedData: associatedData, header: [UInt8(StreamingAEAD.headerOctets)] + salt + prefix,
      parameters: parameters)
  }

  /// The stream's shape.
  public var parameters: StreamingAEAD { segments.parameters }

  /// What the stream begins with, 40 octets.
  public var header: [UInt8] { segments.header }

  /// The most octets that the next segment takes; without `isLast`, exactly as many.
  public var nextCapacity: Int { parameters.capacity(ofSegment: nextIndex ?? 1) }

  /// Seals the next segment and answers its length, 16 octets more than the plaintext's.
  ///
  /// `output` is at least that long and may start where `plaintext` does.
  ///
  /// - Throws: ``CryptoError/badLength`` after the last segment, for a segment that is not full though not the last,
  ///   one that is overfull, an empty last one after others, a stream of over 2³² segments, or too short an `output`.
  public mutating func seal(
    _ plaintext: UnsafeRawBufferPointer, isLast: Bool, into output: UnsafeMutableRawBufferPointer
  ) throws(CryptoError) -> Int {
    guard let index = nextIndex else { throw .badLength }
    let count = try segments.seal(segment: index, plaintext, isLast: isLast, into: output)
    nextIndex = isLast ? nil : index + 1
    return count
  }
}
