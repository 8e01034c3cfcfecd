import SecureChannel

/// Opens the segments of one stream, in any order, into the caller's memory. Allocates nothing per segment.
///
/// Whoever reads a whole stream has seen its end only when the segment opened with `isLast` was authentic.
public struct StreamOpener: ~Copyable, @unchecked Sendable {
  // Sendable: the context has one owner, and every use of it is a mutation.

  /// The stream's shape.
  public let parameters: StreamingAEAD

  var gcm: GCMContext
  private let noncePrefix: InlineArray<7, UInt8>

  /// A reader of the stream that begins with `header`. Whether key and associated data are right, segments show.
  ///
  /// - Throws: ``CryptoError/notAuthentic`` for a header of another form, ``CryptoError/badLength`` for a short key.
  public init(
    key: borrowing Secret, associatedData: [UInt8], header: [UInt8], parameters: StreamingAEAD
  ) throws(CryptoError) {
    guard header.count == StreamingAEAD.headerOctets, header[0] == UInt8(StreamingAEAD.headerOctets) else {
      throw .notAuthentic
    }
    let streamKey = try StreamingAEAD.streamKey(key, salt: Array(header[1..<33]), associatedData: associatedData)
    gcm = try streamKey.withUnsafeBytes { (key) throws(CryptoError) in try GCMContext(key: key, encrypting: false) }
    noncePrefix = InlineArray { header[33 + $0] }
    self.parameters = parameters
  }

  /// Opens segment `index` and answers the length of its plaintext.
  ///
  /// `output` is at least 16 octets shorter than `ciphertext` and may start where it does. When the segment is not
  /// authentic, `output` holds zeros as far as the plaintext would have gone.
  ///
  /// - Throws: ``CryptoError/notAuthentic`` for changed, swapped, cut or foreign segments and for one that is the last
  ///   and said not to be, or the other way round; ``CryptoError/badLength`` for too short an `output`.
  public mutating func open(
    segment index: UInt32, _ ciphertext: UnsafeRawBufferPointer, isLast: Bool,
    into output: UnsafeMutableRawBufferPointer
  ) throws(CryptoError) -> Int {
    let length = ciphertext.count - StreamingAEAD.tagOctets
    guard parameters.allows(length, inSegment: index, isLast: isLast) else { throw .notAuthentic }
    guard output.count >= length else { throw .badLength }
    let plaintext = UnsafeMutableRawBufferPointer(rebasing: output[..<length])
    var nonce = nonce(ofSegment: index, isLast: isLast)
    try withMutableBytes(&nonce) { (nonce) throws(CryptoError) in
      let none = UnsafeRawBufferPointer(start: nil, count: 0)
      try gcm.open(ciphertext, nonce: nonce, associatedData: none, into: plaintext)
    }
    return length
  }

  func nonce(ofSegment index: UInt32, isLast: Bool) -> InlineArray<12, UInt8> {
    StreamingAEAD.nonce(prefix: noncePrefix, index: index, isLast: isLast)
  }
}
