import COpenSSL

/// Where random octets come from. Whatever needs chance takes one of these, so that a test can replay it.
public protocol RandomSource: AnyObject, Sendable {
  /// Fills `buffer`. A source that cannot deliver stops the program: nothing safe is left to do.
  func fill(_ buffer: UnsafeMutableRawBufferPointer)
}

extension RandomSource {
  /// `count` octets that are no secret: nonces, salts, serial numbers, challenges.
  public func octets(_ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
      fill(UnsafeMutableRawBufferPointer(buffer))
      initializedCount = count
    }
  }
}

/// The system's randomness through OpenSSL's generator for private values.
public final class SystemRandom: RandomSource {
  /// The source; all of them are alike.
  public init() {}

  /// Fills `buffer` with `RAND_priv_bytes`.
  public func fill(_ buffer: UnsafeMutableRawBufferPointer) {
    var rest = buffer
    while let start = rest.baseAddress, !rest.isEmpty {
      let count = min(rest.count, 1 << 20)
      guard RAND_priv_bytes(start.assumingMemoryBound(to: UInt8.self), Int32(count)) == 1 else {
        fatalError("the system's random generator failed")
      }
      rest = UnsafeMutableRawBufferPointer(rebasing: rest[count...])
    }
  }
}
