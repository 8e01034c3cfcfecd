// The standard library's own closures do not keep the type of what they throw.
extension [UInt8] {
  /// Lends the octets.
  func withOctets<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    try span.bytes.withUnsafeBytes { (all) throws(E) in try body(all) }
  }

  /// Lends the octets for changes in place.
  mutating func withMutableOctets<R, E: Error>(
    _ body: (UnsafeMutableRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    var span = mutableSpan
    var bytes = span.mutableBytes
    return try bytes.withUnsafeMutableBytes { (all) throws(E) in try body(all) }
  }
}
