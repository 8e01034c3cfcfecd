import Octets
import SecureChannel

/// Seals segments of one stream in any order, into the caller's memory, under a header that is given. Allocates nothing
/// per segment.
///
/// The nonce of a segment follows from header and index, so sealing the same segment again is harmless as long as it is
/// the same plaintext, and then gives the same octets. Two plaintexts in one place under one key and header would betray
/// each other and the authentication key (SP 800-38D, 8): take a header that is made from what is sealed, as
/// ``StreamingAEAD/header(derivedFrom:source:context:)`` does, or one that is drawn for this stream alone. For streams
/// sealed once, from the first segment to the last, ``StreamSealer`` draws its own.
public struct StreamSegmentSealer: ~Copyable, @unchecked Sendable {
  // Sendable: the context has one owner, and every use of it is a mutation.

  /// The stream's shape.
  public let parameters: StreamingAEAD
  /// What the stream begins with, 40 octets.
  public let header: [UInt8]

  var gcm: GCMContext
  private let noncePrefix: InlineArray<7, UInt8>

  /// A sealer of the stream that begins with `header`, under `key` (32 octets or more), bound to `associatedData`.
  ///
  /// - Throws: ``CryptoError/badLength`` for a shorter key or a header of another form.
  public init(
    key: borrowing Secret, associatedData: [UInt8], header: [UInt8], parameters: StreamingAEAD
  ) throws(CryptoError) {
    guard header.count == StreamingAEAD.headerOctets, header[0] == UInt8(StreamingAEAD.headerOctets) else {
      throw .badLength
    }
    let streamKey = try StreamingAEAD.streamKey(key, salt: Array(header[1..<33]), associatedData: associatedData)
    gcm = try streamKey.withUnsafeBytes { (key) throws(CryptoError) in try GCMContext(key: key, encrypting: true) }
    noncePrefix = InlineArray { header[33 + $0] }
    self.header = header
    self.parameters = parameters
  }

  /// Seals segment `index` and answers its length, 16 octets more than the plaintext's.
  ///
  /// `output` is at least that long and may start where `plaintext` does.
  ///
  /// - Throws: ``CryptoError/badLength`` for a segment that is not full though not the last, one that is overfull, an
  ///   empty one that is not the first, or too short an `output`.
  public mutating func seal(
    segment index: UInt32, _ plaintext: UnsafeRawBufferPointer, isLast: Bool,
    into output: UnsafeMutableRawBufferPointer
  ) throws(CryptoError) -> Int {
    guard parameters.allows(plaintext.count, inSegment: index, isLast: isLast),
      output.count >= plaintext.count + StreamingAEAD.tagOctets
    else { throw .badLength }
    let segment = UnsafeMutableRawBufferPointer(rebasing: output[..<(plaintext.count + StreamingAEAD.tagOctets)])
    var nonce = nonce(ofSegment: index, isLast: isLast)
    try withMutableBytes(&nonce) { (nonce) throws(CryptoError) in
      let none = UnsafeRawBufferPointer(start: nil, count: 0)
      try gcm.seal(plaintext, nonce: nonce, associatedData: none, into: segment)
    }
    return segment.count
  }

  func nonce(ofSegment index: UInt32, isLast: Bool) -> InlineArray<12, UInt8> {
    StreamingAEAD.nonce(prefix: noncePrefix, index: index, isLast: isLast)
  }
}

extension StreamingAEAD {
  /// A header for the stream under `key` that has the content of another stream, whose header is `source`: 39 octets of
  /// HKDF(key, salt = source, info = context) behind their length.
  ///
  /// Whoever converts that stream again, from any segment on, arrives at the same header, and so at the same nonces for
  /// the same plaintexts; whoever converts another stream arrives at another key and other nonces.
  public static func header(
    derivedFrom key: borrowing Secret, source: [UInt8], context: [UInt8]
  ) throws(CryptoError) -> [UInt8] {
    let derived = try Derivation.hkdf(key, salt: source, info: context, octets: headerOctets - 1)
    return derived.withBytes { [UInt8(headerOctets)] + $0.octets }
  }
}
