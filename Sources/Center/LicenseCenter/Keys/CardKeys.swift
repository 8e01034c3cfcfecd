import Cryptography
import Formats
import Identifiers
import Octets
import SecureChannel

/// The keys that centre and card derive alike; the labels and fields are those of the card's firmware.
enum CardKeys {
  /// Octets of every derived key: AES-256.
  static let octets = 32

  /// The individual key of the card `serial` under a version of the issuer master key.
  static func individualKey(of serial: CardSerial, version: UInt32, _ keys: KeyStore) throws -> Secret {
    try keys.withKey(.issuerMaster, version: version) { try derive($0, .individualKey, serial) }
  }

  /// A key that the card derives from its individual key.
  static func derive(_ root: borrowing Secret, _ label: KeyLabel, _ serial: CardSerial) throws -> Secret {
    try Derivation.kbkdf(root, label: label, octets: octets) { (buffer) throws(OctetError) in
      try buffer.appendField(.cardSerial, serial.octets.span.bytes)
    }
  }

  /// KEYc of one licence (M5).
  static func certificationKey(
    _ root: borrowing Secret, number: UInt64, serial: CardSerial, softwareID: SoftwareID, mediumID: MediumID,
    rootVersion: UInt32
  ) throws -> Secret {
    try Derivation.kbkdf(root, label: .certificationKey, octets: octets) { (buffer) throws(OctetError) in
      try buffer.appendField(.licenseNumber, number)
      try buffer.appendField(.cardSerial, serial.octets.span.bytes)
      try buffer.appendField(.softwareID, softwareID.octets.span.bytes)
      try buffer.appendField(.mediumID, mediumID.octets.span.bytes)
      try buffer.appendField(.rootVersion, rootVersion)
    }
  }

  /// The key around a licence's content key: bound to the input of CS.
  static func contentWrappingKey(_ certificationKey: borrowing Secret, certificateInput: [UInt8]) throws -> Secret {
    try Derivation.kbkdf(certificationKey, label: .content, octets: octets) { (buffer) throws(OctetError) in
      try buffer.appendField(.certificateInput, certificateInput.span.bytes)
    }
  }
}
