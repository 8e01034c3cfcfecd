/// Comparison of numbers that wrap around (RFC 1982, as RFC 7143, 4.2.2.1 asks for).
extension UInt32 {
  /// Whether this number comes before `other`.
  public func precedes(_ other: UInt32) -> Bool { Int32(bitPattern: self &- other) < 0 }
}
