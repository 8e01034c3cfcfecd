import Cryptography
import Octets
import SecureChannel

/// Seals what the database may not hold in clear: AES-256-GCM under a key of the key store, bound
/// to the column and row, so that a sealed value works nowhere else.
///
/// A sealed value is key version (4) ‖ nonce ‖ ciphertext ‖ tag.
struct Vault: Sendable {
  let keys: KeyStore
  let random: any RandomSource

  /// A column whose values are sealed.
  enum Column: String {
    case transportKeys = "cards.transport_keys"
    case purchaser = "cards.purchaser"
    case referenceData = "cards.reference_data"
    case contentKey = "titles.content_key"
    case code = "codes.code"
    case clientName = "access_clients.name"
    case clientPolicy = "access_clients.policy"
    case copyCode = "copy_rights.code"
    case downloadKey = "publications.content_key"
    case answer = "idempotent_answers.body"
    case paymentMethod = "payment_methods.method"
    case payingMethod = "payments.method"
    case webhookURL = "webhooks.url"
    case webhookSecret = "webhooks.secret"
  }

  /// Seals `secret` for one row of a column.
  func seal(_ secret: borrowing Secret, _ column: Column, row: [UInt8]) throws -> [UInt8] {
    let version = try keys.currentVersion(of: .dataEncryption)
    return try bigEndian(version)
      + keys.aead(.dataEncryption, version: version)
      .seal(secret, associatedData: Vault.binding(column, row), random: random)
  }

  /// The same for what lies in clear memory anyway.
  func seal(_ octets: [UInt8], _ column: Column, row: [UInt8]) throws -> [UInt8] {
    let version = try keys.currentVersion(of: .dataEncryption)
    return try bigEndian(version)
      + keys.aead(.dataEncryption, version: version)
      .seal(octets, associatedData: Vault.binding(column, row), random: random)
  }

  /// Opens what ``seal(_:_:row:)`` made for the same row and column.
  func open(_ sealed: [UInt8], _ column: Column, row: [UInt8]) throws -> Secret {
    guard sealed.count > 4 else { throw CryptoError.notAuthentic }
    let version = sealed.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    return try keys.aead(.dataEncryption, version: version)
      .open(Array(sealed.dropFirst(4)), associatedData: Vault.binding(column, row))
  }

  private static func binding(_ column: Column, _ row: [UInt8]) -> [UInt8] {
    Array(column.rawValue.utf8) + [0] + row
  }
}
