import SecureChannel

extension AESKey {
  /// AES-CMAC over `first` ‖ `second`, 16 octets.
  @inline(__always)
  mutating func authenticate(
    _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, into tag: UnsafeMutablePointer<UInt8>
  ) throws(CryptoError) {
    try withMAC { (mac) throws(CryptoError) in
      try mac.update(first)
      try mac.update(second)
      try mac.finish(into: tag)
    }
  }

  /// SP 800-108r1 KBKDF in counter mode: block i is CMAC(prefix ‖ [i] ‖ suffix), i from 1 in `counterOctets` octets.
  ///
  /// - Throws: ``CryptoError/badLength`` for over 255 blocks or a counter that is not of 1 or 4 octets.
  mutating func derive(
    prefix: UnsafeRawBufferPointer, counterOctets: Int, suffix: UnsafeRawBufferPointer,
    into output: UnsafeMutableRawBufferPointer
  ) throws(CryptoError) {
    guard counterOctets == 1 || counterOctets == 4, output.count <= 255 * 16 else { throw .badLength }
    try withMutableBytes(ofNew: Block.self) { (block) throws(CryptoError) in
      defer { SecureMemory.wipe(UnsafeMutableRawBufferPointer(start: block, count: 16)) }
      for (index, offset) in stride(from: 0, to: output.count, by: 16).enumerated() {
        try derive(block: index + 1, prefix: prefix, counterOctets: counterOctets, suffix: suffix, into: block)
        let part = UnsafeMutableRawBufferPointer(rebasing: output[offset..<min(offset + 16, output.count)])
        part.copyMemory(from: UnsafeRawBufferPointer(start: block, count: part.count))
      }
    }
  }

  private mutating func derive(
    block number: Int, prefix: UnsafeRawBufferPointer, counterOctets: Int, suffix: UnsafeRawBufferPointer,
    into block: UnsafeMutablePointer<UInt8>
  ) throws(CryptoError) {
    let bigEndian = UInt32(number).bigEndian
    try Swift.withUnsafeBytes(of: bigEndian) { (counter) throws(CryptoError) in
      let counter = UnsafeRawBufferPointer(rebasing: counter.suffix(counterOctets))
      try withMAC { (mac) throws(CryptoError) in
        try mac.update(prefix)
        try mac.update(counter)
        try mac.update(suffix)
        try mac.finish(into: block)
      }
    }
  }
}
