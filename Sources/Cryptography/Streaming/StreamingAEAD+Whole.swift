import SecureChannel

/// Whole streams in memory, for what is small: messages, licences.
extension StreamingAEAD {
  /// `plaintext` as one sealed stream.
  ///
  /// - Throws: ``CryptoError/badLength`` for a key of less than 32 octets.
  public func seal(
    _ plaintext: [UInt8], key: borrowing Secret, associatedData: [UInt8], random: any RandomSource
  ) throws(CryptoError) -> [UInt8] {
    let length = try ciphertextLength(plaintextLength: UInt64(plaintext.count))
    var sealer = try StreamSealer(key: key, associatedData: associatedData, parameters: self, random: random)
    var stream = sealer.header + [UInt8](repeating: 0, count: Int(length) - StreamingAEAD.headerOctets)
    try withBytes(plaintext) { (plaintext) throws(CryptoError) in
      try withMutableBytes(&stream) { (stream) throws(CryptoError) in
        var (start, position) = (0, StreamingAEAD.headerOctets)
        var isLast = false
        while !isLast {
          let end = min(start + sealer.nextCapacity, plaintext.count)
          isLast = end == plaintext.count
          position += try sealer.seal(
            UnsafeRawBufferPointer(rebasing: plaintext[start..<end]), isLast: isLast,
            into: UnsafeMutableRawBufferPointer(rebasing: stream[position...]))
          start = end
        }
      }
    }
    return stream
  }

  /// The plaintext of a whole `stream`.
  ///
  /// - Throws: ``CryptoError/notAuthentic`` for another key, other associated data, or any change, cut or addition.
  public func open(
    _ stream: [UInt8], key: borrowing Secret, associatedData: [UInt8]
  ) throws(CryptoError) -> Secret {
    let ciphertextLength = UInt64(stream.count)
    let count = try segmentCount(ciphertextLength: ciphertextLength)
    let header = Array(stream[..<StreamingAEAD.headerOctets])
    var opener = try StreamOpener(key: key, associatedData: associatedData, header: header, parameters: self)
    let length = try plaintextLength(ciphertextLength: ciphertextLength)
    return try Secret(count: Int(length)) { (output) throws(CryptoError) in
      try withBytes(stream) { (stream) throws(CryptoError) in
        var position = 0
        for index in 0..<UInt32(count) {
          let range = try ciphertextRange(ofSegment: index, ciphertextLength: ciphertextLength)
          let segment = UnsafeRawBufferPointer(rebasing: stream[Int(range.lowerBound)..<Int(range.upperBound)])
          let rest = UnsafeMutableRawBufferPointer(rebasing: output[position...])
          position += try opener.open(segment: index, segment, isLast: UInt64(index) == count - 1, into: rest)
        }
      }
    }
  }
}
