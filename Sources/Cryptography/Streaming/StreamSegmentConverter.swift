import SecureChannel

/// Makes segments of one stream into segments of another of the same shape, in the memory that they lie in and in any
/// order. Allocates nothing per segment.
///
/// It goes through a segment once, in parts that stay near the processor: each is digested, opened and sealed before the
/// next. So plaintext is never more than one part, and what is sealed is not known to be authentic before the end of the
/// segment: it stays in that memory until then, and zeros are left of it if it was not.
public struct StreamSegmentConverter: ~Copyable {
  /// Long enough for the ciphers' stride, and a small part of a processor's second cache.
  private static let partOctets = 64 << 10

  private var opener: StreamOpener
  private var sealer: StreamSegmentSealer

  /// A converter from what `opener` opens to what `sealer` seals.
  ///
  /// - Throws: ``CryptoError/badLength`` if the streams are not of one shape.
  public init(from opener: consuming StreamOpener, to sealer: consuming StreamSegmentSealer) throws(CryptoError) {
    guard opener.parameters == sealer.parameters else { throw .badLength }
    self.opener = opener
    self.sealer = sealer
  }

  /// Converts segment `index`, tag included; `hasher` takes in the segment as it was, all of it if nothing is thrown.
  ///
  /// - Throws: ``CryptoError/notAuthentic`` as ``StreamOpener/open(segment:_:isLast:into:)`` does; `segment` holds zeros
  ///   then.
  public mutating func convert(
    segment index: UInt32, _ segment: UnsafeMutableRawBufferPointer, isLast: Bool, digesting hasher: inout SHA256Hasher
  ) throws(CryptoError) {
    let length = segment.count - StreamingAEAD.tagOctets
    guard opener.parameters.allows(length, inSegment: index, isLast: isLast) else {
      SecureMemory.wipe(segment)
      throw .notAuthentic
    }
    do throws(CryptoError) {
      try begin(index, isLast: isLast)
      for start in stride(from: 0, to: length, by: StreamSegmentConverter.partOctets) {
        let end = min(start + StreamSegmentConverter.partOctets, length)
        let part = UnsafeMutableRawBufferPointer(rebasing: segment[start..<end])
        hasher.update(UnsafeRawBufferPointer(part))
        try opener.gcm.update(UnsafeRawBufferPointer(part), into: part.baseAddress)
        try sealer.gcm.update(UnsafeRawBufferPointer(part), into: part.baseAddress)
      }
      let tag = UnsafeMutableRawBufferPointer(rebasing: segment[length...])
      hasher.update(UnsafeRawBufferPointer(tag))
      guard let place = tag.baseAddress else { throw .notAuthentic }
      try opener.gcm.end(expectingTag: place)
      try sealer.gcm.end(givingTag: place)
    } catch {
      SecureMemory.wipe(segment)
      throw error
    }
  }

  private mutating func begin(_ index: UInt32, isLast: Bool) throws(CryptoError) {
    let none = UnsafeRawBufferPointer(start: nil, count: 0)
    var nonce = opener.nonce(ofSegment: index, isLast: isLast)
    try withMutableBytes(&nonce) { (nonce) throws(CryptoError) in try opener.gcm.begin(nonce, none) }
    nonce = sealer.nonce(ofSegment: index, isLast: isLast)
    try withMutableBytes(&nonce) { (nonce) throws(CryptoError) in try sealer.gcm.begin(nonce, none) }
  }
}
