import Octets
import SecureChannel

/// A secret in a file that opens with a passphrase: AES-256-GCM under scrypt (the centre's key store).
///
/// Layout: magic `WARIFUBX` (8) ‖ version 01 ‖ log₂ n (1) ‖ r (1) ‖ p (1) ‖ salt (16) ‖ nonce (12) ‖ ciphertext ‖
/// tag (16). All that stands before the nonce is associated data. Every way of not opening looks the same.
public enum SealedBox {
  private static let magic = Array("WARIFUBX".utf8)
  private static let version: UInt8 = 1
  private static let saltOctets = 16
  private static let headerOctets = magic.count + 4 + saltOctets

  /// `content` sealed under `passphrase`; `random` gives salt and nonce.
  public static func seal(
    _ content: borrowing Secret, passphrase: borrowing Secret, cost: ScryptCost = .keyStore, random: any RandomSource
  ) throws(CryptoError) -> [UInt8] {
    let costOctets = [UInt8(cost.n.trailingZeroBitCount), UInt8(cost.r), UInt8(cost.p)]
    let salt = random.octets(saltOctets)
    let header = magic + [version] + costOctets + salt
    let key = try Derivation.scrypt(passphrase: passphrase, salt: salt, n: cost.n, r: cost.r, p: cost.p, octets: 32)
    return try header + AEAD.seal(content, key: key, associatedData: header, random: random)
  }

  /// The content of `box`.
  ///
  /// - Throws: ``CryptoError/notAuthentic`` for another passphrase, a damaged box, one of a later version or no box.
  public static func open(_ box: [UInt8], passphrase: borrowing Secret) throws(CryptoError) -> Secret {
    let (cost, salt) = try parseHeader(box)
    let key = try Derivation.scrypt(passphrase: passphrase, salt: salt, n: cost.n, r: cost.r, p: cost.p, octets: 32)
    return try AEAD.open(Array(box[headerOctets...]), key: key, associatedData: Array(box[..<headerOctets]))
  }

  /// What guessing the passphrase of `box` costs.
  ///
  /// - Throws: ``CryptoError/notAuthentic`` for no box.
  public static func cost(of box: [UInt8]) throws(CryptoError) -> ScryptCost { try parseHeader(box).0 }

  private static func parseHeader(_ box: [UInt8]) throws(CryptoError) -> (cost: ScryptCost, salt: [UInt8]) {
    do {
      var reader = OctetReader(box.span.bytes)
      guard try reader.take(magic.count).octets == magic, try reader.u8() == version else { throw OctetError.invalid }
      let logN = try reader.u8()
      guard logN <= 20 else { throw OctetError.invalid }
      let cost = try ScryptCost(n: 1 << logN, r: Int(reader.u8()), p: Int(reader.u8()))
      return (cost, try reader.take(saltOctets).octets)
    } catch {
      throw .notAuthentic
    }
  }
}
