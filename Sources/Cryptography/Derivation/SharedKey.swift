import Identifiers
import Octets
import SecureChannel

/// K3, the key by which the holders of two cards speak with each other (P18): made by the seller, who knows the individual
/// keys of both cards, and wrapped once for each. One of the two relays the other's wrap, which tells it nothing.
public enum SharedKey {
  /// Octets of K3.
  public static let octetCount = 32
  /// Octets of K3 as wrapped for one card.
  public static let wrappedOctetCount = octetCount + 8

  /// Wraps `key` for the card `holder`, as key `number` that it shares with the card `peer`: AES-KW (RFC 3394) under
  /// KBKDF-CMAC(individual key, "shared key", holder ‖ peer ‖ number).
  ///
  /// - Parameters:
  ///   - key: K3, 32 octets.
  ///   - individualKey: the holder's individual key, 32 octets.
  /// - Returns: 40 octets, which the holder's card alone opens (USE KEY).
  /// - Throws: ``CryptoError/badLength`` for a key of another length, or a card that is its own peer.
  public static func wrap(
    _ key: borrowing Secret, for holder: CardSerial, with peer: CardSerial, number: UInt32,
    individualKey: borrowing Secret
  ) throws(CryptoError) -> [UInt8] {
    guard key.count == octetCount, holder != peer else { throw .badLength }
    let wrapping = try Derivation.kbkdf(individualKey, label: .sharedKey, octets: 32) { (context) throws(OctetError) in
      try context.appendSharedKeyContext(
        holder: holder.octets.span.bytes, peer: peer.octets.span.bytes, number: number)
    }
    return try KeyWrap.wrap(key, under: wrapping)
  }
}
