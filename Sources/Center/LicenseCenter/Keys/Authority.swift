import CardProtocol
import Cryptography
import Formats
import Identifiers
import ISO7816
import Octets
import SecureChannel

/// Which of a card's key pairs a certificate is for.
enum CertificateRole: String, CaseIterable {
  case authentication
  case signature

  var keyPair: CommandAPDU.KeyPair { self == .authentication ? .authentication : .signature }
  var publicKeyTag: DataTag { self == .authentication ? .authenticationPublicKey : .signaturePublicKey }
  var certificateTag: DataTag { self == .authentication ? .authenticationCertificate : .signatureCertificate }

  /// What the certificate says that the key is for.
  var certified: Certificate.Role { self == .authentication ? .cardAuthentication : .cardSignature }
}

/// What the centre signs with its private keys.
enum Authority {
  /// How long certificates of cards are good: ten years.
  static let cardValiditySeconds: UInt64 = 10 * 366 * 86_400
  /// How long the centre's own certificates are good: thirty years.
  static let centerValiditySeconds: UInt64 = 30 * 366 * 86_400

  /// A signature over `message` with the newest key for `purpose`, 64 octets.
  static func sign(_ message: [UInt8], _ purpose: KeyPurpose, _ keys: KeyStore) throws -> [UInt8] {
    try keys.withKey(purpose) { try SigningKey(scalar: $0.copy()).sign(message) }
  }

  /// A signature with the version of a key whose public half is `publicKey`.
  static func sign(
    _ message: [UInt8], _ purpose: KeyPurpose, as publicKey: VerificationKey, _ keys: KeyStore
  ) throws -> [UInt8] {
    try signingKey(purpose, as: publicKey, keys).sign(message)
  }

  /// The version of a key whose public half is `publicKey`.
  static func signingKey(
    _ purpose: KeyPurpose, as publicKey: VerificationKey, _ keys: KeyStore
  ) throws -> SigningKey {
    for version in keys.versions(of: purpose) where try verificationKey(purpose, version: version, keys) == publicKey {
      return try keys.withKey(purpose, version: version) { try SigningKey(scalar: $0.copy()) }
    }
    throw KeyStore.missing(purpose)
  }

  /// The public halves of every version of a key, newest first.
  static func verificationKeys(_ purpose: KeyPurpose, _ keys: KeyStore) throws -> [VerificationKey] {
    try keys.versions(of: purpose).map { try verificationKey(purpose, version: $0, keys) }
  }

  /// The public half of a key for `purpose`; without a version, of the newest.
  static func verificationKey(
    _ purpose: KeyPurpose, version: UInt32? = nil, _ keys: KeyStore
  ) throws -> VerificationKey {
    try keys.withKey(purpose, version: version) { key in
      let signing = purpose == .authority ? try SigningKey(pkcs8: key) : try SigningKey(scalar: key.copy())
      return signing.verificationKey
    }
  }

  /// A certificate (DER) of a card's key under the authority whose certificate the card gets.
  static func certifyCard(
    _ serial: CardSerial, _ role: CertificateRole, publicKey: [UInt8], _ edition: PublicKeys, _ context: CenterContext
  ) throws -> [UInt8] {
    let root = try Certificate(der: edition.authorityCertificate)
    let now = context.clock.now()
    guard root.validity.contains(now) else {
      throw CenterError(
        .conflict, "Certifying card \(serial)", remedy: "The centre's certificate is not valid now; check the clock.")
    }
    let version = try context.keys.versions(of: .authority).first { version in
      try verificationKey(.authority, version: version, context.keys) == root.publicKey
    }
    return try context.keys.withKey(.authority, version: version) { key in
      let authority = try CertificateAuthority(certificate: root, key: SigningKey(pkcs8: key))
      return try authority.issue(
        subject: "Warifu card \(serial) \(role.rawValue)", publicKey: VerificationKey(octets: publicKey),
        role: role.certified, validity: now...min(now + cardValiditySeconds, root.validity.upperBound),
        serial: .init(random: context.random)
      ).der
    }
  }
}

/// Tells cards the time: a card believes only the centre's signature over its own challenge.
public struct CardTime: Sendable {
  let context: CenterContext

  /// The time now, and the centre's signature over {serial, challenge, time} for SET TIME.
  ///
  /// - Parameter challenge: What the card answered to GET CHALLENGE in this session, 8 to 64 octets.
  public func sign(
    for serial: CardSerial, challenge: [UInt8]
  ) async throws(CenterError) -> (time: UInt64, signature: [UInt8]) {
    let operation = "Telling card \(serial) the time"
    guard (8...64).contains(challenge.count) else {
      throw CenterError(.invalid, operation, remedy: "A challenge has 8 to 64 octets.")
    }
    let time = context.clock.now()
    let facts = context.facts
    // A card believes the key that its issue put on it for ever.
    let edition = try await context.database.read { try CardRow.find($0, serial)?.edition(facts) ?? facts.current }
    let buffer = OctetBuffer(capacity: 256)
    do {
      try buffer.becomeTimeInput(serial: serial.octets.span.bytes, challenge: challenge.span.bytes, time: time)
      let key = try VerificationKey(octets: edition.timeKey)
      return (time, try Authority.sign(buffer.withBytes { $0.octets }, .timeSigning, as: key, context.keys))
    } catch {
      throw CenterError(error, during: operation)
    }
  }
}
