import SecureChannel

/// Seals one stream, segment after segment, into the caller's memory. Allocates nothing per segment.
public struct StreamSealer: ~Copyable, @unchecked Sendable {
  // Sendable: the context has one owner, and every use of it is a mutation.

  /// The stream's shape.
  public let parameters: StreamingAEAD
  /// What the stream begins with, 40 octets.
  public let header: [UInt8]

  private var gcm: GCMContext
  private let noncePrefix: InlineArray<7, UInt8>
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
    let streamKey = try StreamingAEAD.streamKey(key, salt: salt, associatedData: associatedData)
    gcm = try streamKey.withUnsafeBytes { (key) throws(CryptoError) in try GCMContext(key: key, encrypting: true) }
    noncePrefix = InlineArray { prefix[$0] }
    header = [UInt8(StreamingAEAD.headerOctets)] + salt + prefix
    self.parameters = parameters
  }

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
    let capacity = parameters.capacity(ofSegment: index)
    guard isLast ? plaintext.count <= capacity : plaintext.count == capacity && index < .max else { throw .badLength }
    guard index == 0 || !plaintext.isEmpty, output.count >= plaintext.count + StreamingAEAD.tagOctets else {
      throw .badLength
    }
    let segment = UnsafeMutableRawBufferPointer(rebasing: output[..<(plaintext.count + StreamingAEAD.tagOctets)])
    var nonce = StreamingAEAD.nonce(prefix: noncePrefix, index: index, isLast: isLast)
    try withMutableBytes(&nonce) { (nonce) throws(CryptoError) in
      let none = UnsafeRawBufferPointer(start: nil, count: 0)
      try gcm.seal(plaintext, nonce: nonce, associatedData: none, into: segment)
    }
    nextIndex = isLast ? nil : index + 1
    return segment.count
  }
}
