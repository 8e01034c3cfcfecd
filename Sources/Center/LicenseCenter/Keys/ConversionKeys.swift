import Cryptography
import Formats
import Identifiers
import Octets
import SecureChannel

/// The keys of copying by conversion (M12), as Fig 8 of the seeds makes them: Ku from KM and the medium id (31), Ka from
/// KM and the software id (35), and both under the card's conversion secret and the medium id (36).
///
/// Media ids and software ids are made into keys under different labels and as fields of different types, so that no id
/// of the one kind is ever one of the other.
enum ConversionKeys {
  /// Ku: what is copied onto this medium is encrypted under it.
  static func mediumKey(_ root: borrowing Secret, _ mediumID: MediumID) throws(CryptoError) -> Secret {
    try Derivation.kbkdf(root, label: .targetMedium, octets: CardKeys.octets) { (buffer) throws(OctetError) in
      try buffer.appendField(.mediumID, mediumID.octets.span.bytes)
    }
  }

  /// Ka: this title is encrypted under it on every master medium.
  static func masterKey(_ root: borrowing Secret, _ softwareID: SoftwareID) throws(CryptoError) -> Secret {
    try Derivation.kbkdf(root, label: .masterMedium, octets: CardKeys.octets) { (buffer) throws(OctetError) in
      try buffer.appendField(.softwareID, softwareID.octets.span.bytes)
    }
  }

  /// E_Mid(Ku), which only the card with this conversion secret opens, and only for this medium.
  static func wrap(
    mediumKey: borrowing Secret, _ conversionSecret: borrowing Secret, _ mediumID: MediumID
  ) throws(CryptoError) -> [UInt8] {
    try wrap(mediumKey, conversionSecret, info: Array("Ku".utf8) + mediumID.octets)
  }

  /// E_Mid(Ka), likewise, and only for this title.
  static func wrap(
    masterKey: borrowing Secret, _ conversionSecret: borrowing Secret, _ mediumID: MediumID, _ softwareID: SoftwareID
  ) throws(CryptoError) -> [UInt8] {
    try wrap(masterKey, conversionSecret, info: Array("Ka".utf8) + mediumID.octets + softwareID.octets)
  }

  private static func wrap(
    _ key: borrowing Secret, _ conversionSecret: borrowing Secret, info: [UInt8]
  ) throws(CryptoError) -> [UInt8] {
    let wrappingKey = try Derivation.hkdf(conversionSecret, salt: [], info: info, octets: CardKeys.octets)
    return try KeyWrap.wrap(key, under: wrappingKey)
  }
}
