import Octets

/// Text of a fixed-width field: printable ASCII, left-aligned, padded with spaces (SPC-4, 4.3.1).
public struct ASCIIField: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
  /// The characters, without the padding behind them.
  public let octets: [UInt8]

  /// The text of these octets; what is not printable ASCII becomes `?`, padding at the end is dropped.
  public init(octets source: [UInt8]) {
    var octets = source
    for index in octets.indices where !(0x20...0x7E).contains(octets[index]) { octets[index] = UInt8(ascii: "?") }
    while octets.last == 0x20 { octets.removeLast() }
    self.octets = octets
  }

  /// The text of a literal.
  public init(stringLiteral value: StaticString) {
    var octets: [UInt8] = []
    for index in 0..<value.utf8CodeUnitCount { octets.append(value.utf8Start[index]) }
    self.init(octets: octets)
  }

  /// Reads a field as it lies in a response; NUL counts as padding, as some drives have it.
  init(parsing bytes: RawSpan) {
    var octets: [UInt8] = []
    for offset in 0..<bytes.byteCount { octets.append(bytes[octet: offset] == 0 ? 0x20 : bytes[octet: offset]) }
    self.init(octets: octets)
  }

  /// The text.
  public var description: String { String(decoding: octets, as: UTF8.self) }

  /// Appends exactly `width` octets: the text, cut or padded.
  func append(to buffer: OctetBuffer, width: Int) throws(OctetError) {
    for index in 0..<width { try buffer.append(index < octets.count ? octets[index] : 0x20) }
  }
}
