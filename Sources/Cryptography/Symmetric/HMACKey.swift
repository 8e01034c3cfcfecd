import Octets
import SecureChannel
import Synchronization

/// HMAC-SHA-256 under one key for many messages: the key is taken in once, which costs more than a short message does.
public final class HMACKey: Sendable {
  private let context: Mutex<HMACContext>

  /// Takes in `key`, of any length. What OpenSSL makes of it is wiped when this goes.
  public init(_ key: borrowing Secret) throws(CryptoError) {
    context = Mutex(try key.withUnsafeBytes { (key) throws(CryptoError) in try HMACContext(key: key) })
  }

  /// The tag of `message`, 32 octets: the same as ``HMAC256/tag(key:_:)``.
  public func tag(_ message: [UInt8]) throws(CryptoError) -> [UInt8] {
    var tag = [UInt8](repeating: 0, count: HMAC256.tagOctets)
    try withMutableBytes(&tag) { (tag) throws(CryptoError) in
      guard let start = tag.baseAddress else { throw .failed }
      try context.withLock { (context) throws(CryptoError) in
        try context.restart()
        try withBytes(message) { (message) throws(CryptoError) in try context.update(message) }
        try context.finish(into: start)
      }
    }
    return tag
  }
}
