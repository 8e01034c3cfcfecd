import COpenSSL

/// Where secrets lie: OpenSSL's secure heap (locked, guarded, out of core dumps) while it has room, else the ordinary one.
///
/// OpenSSL puts its own private numbers on the secure heap and fails when it is full, so ours take at most half of it.
enum SecureMemory {
  private static let arenaOctets = 1 << 20
  private static let smallestBlock = 32

  /// Whether the secure heap could be made; decided once for the process.
  private static let hasSecureHeap = CRYPTO_secure_malloc_init(arenaOctets, smallestBlock) != 0

  /// `count` octets of zeros.
  static func allocate(_ count: Int) -> UnsafeMutableRawBufferPointer {
    guard count > 0 else { return UnsafeMutableRawBufferPointer(start: nil, count: 0) }
    let isSecure = hasSecureHeap && count <= arenaOctets / 2 - min(CRYPTO_secure_used(), arenaOctets / 2)
    let memory = (isSecure ? CRYPTO_secure_zalloc(count, #fileID, #line) : nil) ?? CRYPTO_zalloc(count, #fileID, #line)
    guard let memory else { fatalError("out of memory") }
    return UnsafeMutableRawBufferPointer(start: memory, count: count)
  }

  /// Wipes and gives back what ``allocate(_:)`` gave, whichever heap it came from.
  static func release(_ memory: UnsafeMutableRawBufferPointer) {
    guard let start = memory.baseAddress else { return }
    CRYPTO_secure_clear_free(start, memory.count, #fileID, #line)
  }

  /// Wipes `memory` in a way that no optimiser removes.
  static func wipe(_ memory: UnsafeMutableRawBufferPointer) {
    OPENSSL_cleanse(memory.baseAddress, memory.count)
  }
}
