import COpenSSL
import SecureChannel

/// What an AES key does besides CMAC; each use has its own key schedule.
enum CipherUse: Int, CaseIterable {
  case encryptCBC, decryptCBC, encryptBlock, wrap, unwrap
}

/// A place for one AES key, and the contexts that were set up with it.
///
/// Contexts are made when first needed and kept for later keys; a new key only re-keys them. So an operation allocates
/// nothing once its place has been used the same way before.
struct AESKey: ~Copyable {
  private static let longestKey = 32

  private let key = SecureMemory.allocate(longestKey)
  private(set) var length = 0
  private var ciphers = InlineArray<5, CipherContext?> { _ in nil }
  private var keyedCiphers: UInt8 = 0
  private var mac: CMACContext?
  private var isMACKeyed = false

  /// An empty place.
  init() {}

  /// A place that holds `secret`.
  init(_ secret: borrowing Secret) throws(CryptoError) {
    try secret.withUnsafeBytes { (bytes) throws(CryptoError) in try load(bytes) }
  }

  deinit {
    SecureMemory.release(key)
  }

  /// Takes a copy of `newKey`: 16, 24 or 32 octets.
  mutating func load(_ newKey: UnsafeRawBufferPointer) throws(CryptoError) {
    guard newKey.count == 16 || newKey.count == 24 || newKey.count == 32 else { throw .badLength }
    erase()
    key.copyMemory(from: newKey)
    length = newKey.count
  }

  /// Wipes the key and every key schedule that came from it.
  mutating func erase() {
    guard length > 0 else { return }
    SecureMemory.wipe(key)
    // Re-keying with zeros overwrites a schedule and keeps the context; one that resists is thrown away, which wipes it.
    for use in CipherUse.allCases where isKeyed(use) {
      do { try rekey(use) } catch { ciphers[use.rawValue] = nil }
    }
    if isMACKeyed {
      let zeros = currentKey
      do { try mac?.setKey(zeros) } catch { mac = nil }
    }
    keyedCiphers = 0
    isMACKeyed = false
    length = 0
  }

  /// Runs `body` on the context for `use`, with the key set.
  @inline(__always)
  mutating func withCipher(
    _ use: CipherUse, _ body: (borrowing CipherContext) throws(CryptoError) -> Void
  ) throws(CryptoError) {
    guard length > 0 else { throw .noSuchKey }
    if !isKeyed(use) {
      if ciphers[use.rawValue] == nil { ciphers[use.rawValue] = try CipherContext() }
      try rekey(use)
      keyedCiphers |= 1 << use.rawValue
    }
    try ciphers[use.rawValue].lend(body)
  }

  /// Runs `body` on the CMAC context, at the start of a message.
  @inline(__always)
  mutating func withMAC(_ body: (borrowing CMACContext) throws(CryptoError) -> Void) throws(CryptoError) {
    guard length > 0 else { throw .noSuchKey }
    if !isMACKeyed {
      if mac == nil { mac = try CMACContext() }
      let key = currentKey
      try mac?.setKey(key)
      isMACKeyed = true
    } else {
      try mac?.restart()
    }
    try mac.lend(body)
  }

  private var currentKey: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: key[..<length]) }

  private func isKeyed(_ use: CipherUse) -> Bool { keyedCiphers & (1 << use.rawValue) != 0 }

  private mutating func rekey(_ use: CipherUse) throws(CryptoError) {
    guard let start = currentKey.baseAddress?.assumingMemoryBound(to: UInt8.self) else { throw .noSuchKey }
    let algorithm = algorithm(for: use)
    let isEncrypting = use != .decryptCBC && use != .unwrap
    try ciphers[use.rawValue].lend { (context) throws(CryptoError) in
      try context.start(algorithm, key: start, iv: nil, encrypting: isEncrypting)
    }
  }

  private func algorithm(for use: CipherUse) -> OpaquePointer {
    switch (use, length) {
    case (.encryptCBC, 16), (.decryptCBC, 16): Algorithms.aes128CBC
    case (.encryptCBC, 24), (.decryptCBC, 24): Algorithms.aes192CBC
    case (.encryptCBC, _), (.decryptCBC, _): Algorithms.aes256CBC
    case (.encryptBlock, 16): Algorithms.aes128ECB
    case (.encryptBlock, 24): Algorithms.aes192ECB
    case (.encryptBlock, _): Algorithms.aes256ECB
    case (.wrap, 16), (.unwrap, 16): Algorithms.aes128Wrap
    case (.wrap, 24), (.unwrap, 24): Algorithms.aes192Wrap
    case (.wrap, _), (.unwrap, _): Algorithms.aes256Wrap
    }
  }
}

extension Optional where Wrapped: ~Copyable {
  /// Lends the value that must be there.
  @inline(__always)
  fileprivate borrowing func lend(_ body: (borrowing Wrapped) throws(CryptoError) -> Void) throws(CryptoError) {
    switch self {
    case .some(let value): try body(value)
    case .none: throw .failed
    }
  }
}
