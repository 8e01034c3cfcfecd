import CardProtocol
import ISO7816
import Octets
import SecureChannel

/// Codes that DELETE took away. Each had a limit and reached it; its holder may know it by its value, by which it must
/// not come to life again (P8, P9). What is kept of it tells nobody the code.
extension Card {
  /// Octets of a digest that are kept.
  private static let digestOctets = 8

  /// SHA-256 over generation key number (1) ‖ code.
  func codeDigest(_ code: RawSpan, under generationKey: UInt8) throws(StatusWord) -> Block32 {
    let number = InlineArray<1, UInt8>(repeating: generationKey)
    var digest = Block32(repeating: 0)
    try computing { () throws(CryptoError) in try engine.sha256(number.span.bytes, code, into: &digest) }
    return digest
  }

  /// Notes the deletion of the code with this digest, within a batch.
  ///
  /// - Throws: 6A84 when there is no room for it.
  func noteDeletion(_ digest: Block32) throws(StatusWord) {
    let piece = try firstPieceWithRoom()
    record.wipe()
    defer { record.wipe() }
    try writing { () throws(OctetError) in
      _ = try store.withValue(piece) { (old) throws(OctetError) in try record.append(old) }
      try record.append(digest.span.bytes.extracting(0..<Card.digestOctets))
    }
    try record.withBytes { (digests) throws(StatusWord) in try put(piece, digests) }
  }

  /// Whether a code of this value was on this card and was deleted.
  func wasDeleted(_ code: RawSpan, under generationKey: UInt8) throws(StatusWord) -> Bool {
    guard has(CardLayout.deletedCodes(0)) else { return false }
    let digest = try codeDigest(code, under: generationKey)
    let wanted = digest.span.bytes.extracting(0..<Card.digestOctets)
    for piece in 0..<CardLayout.deletedCodePieces {
      let isThere = store.withValue(CardLayout.deletedCodes(piece)) { (digests) -> Bool in
        for start in stride(from: 0, through: digests.byteCount - Card.digestOctets, by: Card.digestOctets)
        where constantTimeEqual(digests.extracting(start..<(start + Card.digestOctets)), wanted) {
          return true
        }
        return false
      }
      guard let isThere else { return false }
      if isThere { return true }
    }
    return false
  }

  private func firstPieceWithRoom() throws(StatusWord) -> StoreKey {
    for piece in 0..<CardLayout.deletedCodePieces {
      let key = CardLayout.deletedCodes(piece)
      let octets = store.withValue(key) { $0.byteCount } ?? 0
      if octets + Card.digestOctets <= CardLayout.deletedCodePieceOctets { return key }
    }
    throw .notEnoughMemory
  }
}
