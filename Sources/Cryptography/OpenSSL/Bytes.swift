/// Lends two spans to C.
@inline(__always)
func withBytes<E: Error>(
  _ first: RawSpan, _ second: RawSpan,
  _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws(E) -> Void
) throws(E) {
  try first.withUnsafeBytes { (first) throws(E) in
    try second.withUnsafeBytes { (second) throws(E) in try body(first, second) }
  }
}

/// Lends a fixed-size value to C for changes; it holds its count of octets from the given address on.
@inline(__always)
func withMutableBytes<let count: Int, E: Error>(
  _ octets: inout InlineArray<count, UInt8>, _ body: (UnsafeMutablePointer<UInt8>) throws(E) -> Void
) throws(E) {
  var span = octets.mutableSpan
  try span.withUnsafeMutableBufferPointer { (buffer) throws(E) in
    guard let start = buffer.baseAddress else { return }
    try body(start)
  }
}

/// Lends C a new, zeroed fixed-size value that goes when `body` ends.
@inline(__always)
func withMutableBytes<let count: Int, E: Error>(
  ofNew _: InlineArray<count, UInt8>.Type, _ body: (UnsafeMutablePointer<UInt8>) throws(E) -> Void
) throws(E) {
  var octets = InlineArray<count, UInt8>(repeating: 0)
  try withMutableBytes(&octets, body)
}

/// Lends an array to C.
@inline(__always)
func withBytes<R: ~Copyable, E: Error>(
  _ octets: [UInt8], _ body: (UnsafeRawBufferPointer) throws(E) -> R
) throws(E) -> R {
  try octets.span.bytes.withUnsafeBytes(body)
}

/// Lends an array to C for changes.
@inline(__always)
func withMutableBytes<R, E: Error>(
  _ octets: inout [UInt8], _ body: (UnsafeMutableRawBufferPointer) throws(E) -> R
) throws(E) -> R {
  try octets.withUnsafeMutableBufferPointer { (buffer) throws(E) in try body(UnsafeMutableRawBufferPointer(buffer)) }
}
