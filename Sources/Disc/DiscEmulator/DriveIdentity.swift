import Cryptography
import DriveFirmware
import Octets
import SecureChannel

/// What makes an emulated drive one whose word a centre's cards believe: its serial number, its key, and the centre's
/// certificate for it (docs/drive-attestation.md).
///
/// In a file it is sealed under the emulator key, as the state of a card is: who has that key has opened the drive.
public final class DriveIdentity: DriveSigner {
  /// The drive's serial number, 1 to 16 characters.
  public let serial: String
  /// The card-verifiable certificate.
  public let certificate: [UInt8]
  private let key: SigningKey

  /// An identity.
  public init(serial: String, key: consuming SigningKey, certificate: [UInt8]) {
    self.serial = serial
    self.key = key
    self.certificate = certificate
  }

  /// Signs what the drive's controller has built.
  public func sign(_ message: RawSpan, into signature: inout MutableRawSpan) throws(DriveSignerFailure) {
    guard signature.byteCount == 64, let octets = try? key.sign(message.octets) else { throw DriveSignerFailure() }
    signature.withUnsafeMutableBytes { $0.copyBytes(from: octets) }
  }
}

// MARK: - In a file

extension DriveIdentity {
  private static let magic: [UInt8] = Array("WARIFUDR".utf8) + [1]
  /// The most octets of a file.
  public static let maximumFileOctets = 4096

  /// Why octets are no identity of a drive.
  public enum FileError: Error, Hashable, Sendable {
    /// They are something else, or of a later version.
    case foreign
    /// They are sealed under another emulator key, or damaged.
    case notAuthentic
  }

  /// The identity sealed under the emulator key, 32 octets: `"WARIFUDR"` ‖ version 01 ‖ a sealed box of serial, behind its
  /// length (1) ‖ private key (32) ‖ certificate.
  public func sealed(
    under emulatorKey: borrowing Secret, random: any RandomSource
  ) throws(CryptoError) -> [UInt8] {
    let name = Array(serial.utf8.prefix(16))
    let scalar = key.exportScalar()
    let content = scalar.withBytes { scalar in
      Secret(copying: [UInt8(name.count)] + name + scalar.octets + certificate)
    }
    let box = try AEAD.seal(
      content, key: try DriveIdentity.sealingKey(emulatorKey), associatedData: DriveIdentity.magic, random: random)
    return DriveIdentity.magic + box
  }

  /// Opens what ``sealed(under:random:)`` made.
  public convenience init(unsealing octets: [UInt8], under emulatorKey: borrowing Secret) throws(FileError) {
    guard octets.count <= DriveIdentity.maximumFileOctets, octets.starts(with: DriveIdentity.magic) else {
      throw .foreign
    }
    do {
      let content = try AEAD.open(
        Array(octets.dropFirst(DriveIdentity.magic.count)), key: try DriveIdentity.sealingKey(emulatorKey),
        associatedData: DriveIdentity.magic)
      var parts: (name: [UInt8], certificate: [UInt8]) = ([], [])
      let scalar = try content.withBytes { (bytes) throws(OctetError) -> Secret in
        var reader = OctetReader(bytes)
        parts.name = try reader.take(Int(try reader.u8())).octets
        let scalar = Secret(copying: try reader.take(32).octets)
        parts.certificate = reader.takeRest().octets
        return scalar
      }
      self.init(
        serial: String(decoding: parts.name, as: UTF8.self), key: try SigningKey(scalar: scalar),
        certificate: parts.certificate)
    } catch {
      throw .notAuthentic
    }
  }

  private static func sealingKey(_ emulatorKey: borrowing Secret) throws(CryptoError) -> Secret {
    try Derivation.hkdf(emulatorKey, salt: [], info: Array("warifu drive identity 1".utf8), octets: 32)
  }
}
