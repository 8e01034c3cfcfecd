import COpenSSL
import SecureChannel
import Synchronization

/// **For tests and simulations only**: a keystream that repeats for the same seed, on every machine.
///
/// AES-256 in counter mode from a zero counter, under SHA-256("warifu seeded random" ‖ seed, 8 octets big-endian).
/// Callers on several threads get disjoint parts of the stream, in an order that is then up to chance.
public final class SeededRandom: RandomSource {
  private let keystream: Mutex<Keystream>

  /// The stream of this seed.
  public init(seed: UInt64) {
    keystream = Mutex(Keystream(seed: seed))
  }

  /// Fills `buffer` with the next octets of the stream.
  public func fill(_ buffer: UnsafeMutableRawBufferPointer) {
    keystream.withLock { $0.fill(buffer) }
  }
}

private struct Keystream: ~Copyable, @unchecked Sendable {
  // Sendable: the context has one owner, and the mutex around it lets one thread in.
  private let context: CipherContext

  init(seed: UInt64) {
    let input = Array("warifu seeded random".utf8) + (0..<8).map { UInt8(truncatingIfNeeded: seed >> (56 - 8 * $0)) }
    let key = Digest.sha256(input)
    let counter = [UInt8](repeating: 0, count: 16)
    do {
      context = try CipherContext()
      try context.start(Algorithms.aes256CTR, key: key, iv: counter, encrypting: true)
    } catch {
      fatalError("AES-256-CTR is not available")
    }
  }

  func fill(_ buffer: UnsafeMutableRawBufferPointer) {
    buffer.initializeMemory(as: UInt8.self, repeating: 0)
    do {
      try context.update(buffer)
    } catch {
      fatalError("AES-256-CTR failed")
    }
  }
}
