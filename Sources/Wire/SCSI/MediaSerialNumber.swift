import Octets

/// The answer of READ MEDIA SERIAL NUMBER (SPC-4, 6.28): a length, then the number, zero-padded to a multiple of 4.
public struct MediaSerialNumber: Hashable, Sendable {
  /// The most octets accepted from a drive.
  public static let maximumOctetCount = 256

  /// The number with its padding, which the answer does not tell apart; empty if the medium has none.
  public let octets: [UInt8]

  /// The number of these octets, with zeros added up to a multiple of 4.
  public init(_ octets: [UInt8]) {
    var octets = octets
    while octets.count % 4 != 0 { octets.append(0) }
    self.octets = octets
  }

  /// Reads what a drive sent.
  ///
  /// - Throws: ``OctetError/truncated`` if the answer ends before the length it states, ``OctetError/invalid`` for a
  ///   length that is no multiple of 4 or over ``maximumOctetCount``.
  public init(parsing bytes: RawSpan) throws(OctetError) {
    var reader = OctetReader(bytes)
    let length = try reader.u32()
    guard length % 4 == 0, length <= UInt32(MediaSerialNumber.maximumOctetCount) else { throw .invalid }
    octets = try reader.take(Int(length)).octets
  }

  /// Appends the answer.
  public func append(to buffer: OctetBuffer) throws(OctetError) {
    try buffer.append(UInt32(truncatingIfNeeded: octets.count))
    try buffer.append(octets.span.bytes)
  }
}
