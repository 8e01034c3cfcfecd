import COpenSSL
import Octets
import SecureChannel

extension OpenSSLEngine {
  /// AES-CMAC over `first` ‖ `second`.
  public func cmac(
    _ slot: KeySlot, _ first: RawSpan, _ second: RawSpan, into tag: inout Block
  ) throws(CryptoError) {
    try withBytes(first, second) { (first, second) throws(CryptoError) in
      try withMutableBytes(&tag) { (tag) throws(CryptoError) in
        try withSlot(slot) { (slot) throws(CryptoError) in
          try slot.authenticate(first, second, into: tag)
        }
      }
    }
  }

  /// SP 800-108r1 KBKDF in counter mode with CMAC.
  public func derive(
    _ slot: KeySlot, prefix: RawSpan, counterOctets: Int, suffix: RawSpan, into output: inout MutableRawSpan
  ) throws(CryptoError) {
    try withBytes(prefix, suffix) { (prefix, suffix) throws(CryptoError) in
      try output.withUnsafeMutableBytes { (output) throws(CryptoError) in
        try derive(slot, prefix: prefix, counterOctets: counterOctets, suffix: suffix, into: output)
      }
    }
  }

  /// The same, straight into another slot.
  public func derive(
    _ slot: KeySlot, prefix: RawSpan, counterOctets: Int, suffix: RawSpan, length: Int, into target: KeySlot
  ) throws(CryptoError) {
    guard length == 16 || length == 24 || length == 32 else { throw .badLength }
    try withBytes(prefix, suffix) { (prefix, suffix) throws(CryptoError) in
      try withScratch { (scratch) throws(CryptoError) in
        let key = UnsafeMutableRawBufferPointer(rebasing: scratch[..<length])
        try derive(slot, prefix: prefix, counterOctets: counterOctets, suffix: suffix, into: key)
        try withSlot(target) { (slot) throws(CryptoError) in try slot.load(UnsafeRawBufferPointer(key)) }
      }
    }
  }

  private func derive(
    _ slot: KeySlot, prefix: UnsafeRawBufferPointer, counterOctets: Int, suffix: UnsafeRawBufferPointer,
    into output: UnsafeMutableRawBufferPointer
  ) throws(CryptoError) {
    try withSlot(slot) { (slot) throws(CryptoError) in
      try slot.derive(prefix: prefix, counterOctets: counterOctets, suffix: suffix, into: output)
    }
  }

  /// AES on one block (ECB).
  public func encryptBlock(_ slot: KeySlot, _ block: inout Block) throws(CryptoError) {
    try withMutableBytes(&block) { (block) throws(CryptoError) in
      try withSlot(slot) { (slot) throws(CryptoError) in
        try slot.withCipher(.encryptBlock) { (cipher) throws(CryptoError) in
          try cipher.update(UnsafeMutableRawBufferPointer(start: block, count: 16))
        }
      }
    }
  }

  /// AES-CBC without padding, in place.
  public func encryptCBC(_ slot: KeySlot, iv: Block, _ data: inout MutableRawSpan) throws(CryptoError) {
    try cbc(.encryptCBC, slot, iv: iv, &data)
  }

  /// The inverse of ``encryptCBC(_:iv:_:)``.
  public func decryptCBC(_ slot: KeySlot, iv: Block, _ data: inout MutableRawSpan) throws(CryptoError) {
    try cbc(.decryptCBC, slot, iv: iv, &data)
  }

  @inline(__always)
  private func cbc(
    _ use: CipherUse, _ slot: KeySlot, iv: Block, _ data: inout MutableRawSpan
  ) throws(CryptoError) {
    guard data.byteCount % 16 == 0 else { throw .badLength }
    var iv = iv
    try withMutableBytes(&iv) { (iv) throws(CryptoError) in
      try data.withUnsafeMutableBytes { (data) throws(CryptoError) in
        try withSlot(slot) { (slot) throws(CryptoError) in
          try slot.withCipher(use) { (cipher) throws(CryptoError) in
            try cipher.restart(iv: iv)
            try cipher.update(data)
          }
        }
      }
    }
  }

  /// AES-KW (RFC 3394).
  public func wrap(_ slot: KeySlot, _ key: RawSpan, into wrapped: inout MutableRawSpan) throws(CryptoError) {
    try key.withUnsafeBytes { (key) throws(CryptoError) in
      try wrapped.withUnsafeMutableBytes { (wrapped) throws(CryptoError) in
        try withSlot(slot) { (slot) throws(CryptoError) in
          try slot.wrap(key, into: wrapped)
        }
      }
    }
  }

  /// Unwraps into `key`, which is 8 octets shorter.
  public func unwrap(_ slot: KeySlot, _ wrapped: RawSpan, into key: inout MutableRawSpan) throws(CryptoError) {
    try wrapped.withUnsafeBytes { (wrapped) throws(CryptoError) in
      try key.withUnsafeMutableBytes { (key) throws(CryptoError) in
        try unwrap(slot, wrapped, into: key)
      }
    }
  }

  /// Unwraps straight into another slot.
  public func unwrap(_ slot: KeySlot, _ wrapped: RawSpan, into target: KeySlot) throws(CryptoError) {
    guard wrapped.byteCount == 24 || wrapped.byteCount == 32 || wrapped.byteCount == 40 else { throw .badLength }
    try wrapped.withUnsafeBytes { (wrapped) throws(CryptoError) in
      try withScratch { (scratch) throws(CryptoError) in
        let key = UnsafeMutableRawBufferPointer(rebasing: scratch[..<(wrapped.count - 8)])
        try unwrap(slot, wrapped, into: key)
        try withSlot(target) { (slot) throws(CryptoError) in try slot.load(UnsafeRawBufferPointer(key)) }
      }
    }
  }

  private func unwrap(
    _ slot: KeySlot, _ wrapped: UnsafeRawBufferPointer, into key: UnsafeMutableRawBufferPointer
  ) throws(CryptoError) {
    try withSlot(slot) { (slot) throws(CryptoError) in
      try slot.unwrap(wrapped, into: key)
    }
  }

  /// 32 octets for a key on its way from one slot to another, wiped afterwards.
  private func withScratch(
    _ body: (UnsafeMutableRawBufferPointer) throws(CryptoError) -> Void
  ) throws(CryptoError) {
    var scratch = Block32(repeating: 0)
    try withMutableBytes(&scratch) { (start) throws(CryptoError) in
      let memory = UnsafeMutableRawBufferPointer(start: start, count: 32)
      defer { SecureMemory.wipe(memory) }
      try body(memory)
    }
  }
}
