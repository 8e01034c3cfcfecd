import Cryptography
import Octets
import SecureChannel
import Synchronization

/// What a key of the centre is for. One purpose per key; the numbers stand in the key store's file.
public enum KeyPurpose: UInt8, Sendable, CaseIterable {
  /// Individual keys of cards come from it.
  case issuerMaster = 1
  /// KEYc of every copy licence comes from it (M5).
  case certificationRoot = 2
  /// Secret-key-generation keys of codes, numbers 1...16 (P22).
  case generation = 3
  /// Pepper of the codes' look-up values.
  case codePepper = 4
  /// Seals columns of the database.
  case dataEncryption = 5
  /// The certification authority's private key.
  case authority = 6
  /// Signs copy licences.
  case licenseSigning = 7
  /// Signs catalogues of master discs.
  case catalogueSigning = 8
  /// Signs the centre's word to cards and machines: times, its authentication, messages of challenge access. Each is a
  /// structure that says what it is.
  case timeSigning = 9
  /// KM: Ku of every target medium and Ka of every title sold under conversion keys come from it (M12).
  case conversionRoot = 10
  /// Signs heads of the audit log.
  case auditSigning = 11
  /// Seals backups.
  case backup = 12
  /// Tickets of downloads come from it.
  case downloadTicket = 20
  /// Makes the look-up values of clients' names, addresses and idempotency keys.
  case clientLookup = 21
}

extension KeyPurpose {
  /// The purpose in words, as the audit log and the command line have it.
  public var words: String {
    switch self {
    case .issuerMaster: "issuer master"
    case .certificationRoot: "certification root"
    case .generation: "generation"
    case .codePepper: "code pepper"
    case .dataEncryption: "data encryption"
    case .authority: "authority"
    case .licenseSigning: "licence signing"
    case .catalogueSigning: "catalogue signing"
    case .timeSigning: "time signing"
    case .conversionRoot: "conversion root"
    case .auditSigning: "audit signing"
    case .backup: "backup"
    case .downloadTicket: "download ticket"
    case .clientLookup: "client look-up"
    }
  }
}

/// Which key: its purpose, its number where one purpose has several, and the version of its root.
struct KeyID: Hashable, Sendable {
  var purpose: KeyPurpose
  var number: UInt8
  var version: UInt32
}

/// The centre's secret keys in memory. Rotation adds a version; old ones stay until their last user expires.
final class KeyStore: Sendable {
  private let keys: [KeyID: KeyHolder]
  /// Every version, newest first; read with each request, unlike anything else here.
  private let versions: [KeyPurpose: [UInt32]]
  /// The newest version of every key of a purpose, by its number.
  private let newest: [KeyPurpose: [UInt8: UInt32]]

  private init(_ keys: [KeyID: KeyHolder]) {
    self.keys = keys
    let byPurpose = Dictionary(grouping: keys.keys, by: \.purpose)
    versions = byPurpose.mapValues { Set($0.map(\.version)).sorted(by: >) }
    newest = byPurpose.mapValues { Dictionary($0.map { ($0.number, $0.version) }, uniquingKeysWith: max) }
  }

  /// New keys for every purpose, all of version 1; the authority's (PKCS #8) was made with its certificate.
  static func generate(authorityKey: consuming Secret, random: any RandomSource) throws(CenterError) -> KeyStore {
    var keys = [KeyID(purpose: .authority, number: 0, version: 1): KeyHolder(authorityKey)]
    do {
      for purpose in KeyPurpose.allCases where purpose != .authority {
        for number in purpose.numbers {
          keys[KeyID(purpose: purpose, number: number, version: 1)] = KeyHolder(
            try purpose.makeKey(random: random))
        }
      }
    } catch {
      throw CenterError(error, during: "Making the centre's keys")
    }
    return KeyStore(keys)
  }

  /// These keys and a first one for a purpose that has none yet.
  func adding(_ purpose: KeyPurpose, random: any RandomSource) throws -> KeyStore {
    var keys = keys
    for number in purpose.numbers {
      keys[KeyID(purpose: purpose, number: number, version: 1)] = KeyHolder(try purpose.makeKey(random: random))
    }
    return KeyStore(keys)
  }

  /// These keys and a next version of those for a purpose; the old ones stay for what was made under them.
  func rotating(_ purpose: KeyPurpose, random: any RandomSource) throws -> KeyStore {
    var keys = keys
    for number in purpose.numbers {
      let version = try currentVersion(of: purpose, number: number) + 1
      keys[KeyID(purpose: purpose, number: number, version: version)] = KeyHolder(try purpose.makeKey(random: random))
    }
    guard keys.count <= KeyStore.entryLimit else {
      throw CenterError(.limitReached, "Rotating the key \(purpose.words)", remedy: "The key store is full.")
    }
    return KeyStore(keys)
  }

  /// The newest version of a key.
  func currentVersion(of purpose: KeyPurpose, number: UInt8 = 0) throws(CenterError) -> UInt32 {
    guard let version = newest[purpose]?[number] else { throw KeyStore.missing(purpose) }
    return version
  }

  /// Every version of a key, newest first.
  func versions(of purpose: KeyPurpose) -> [UInt32] { versions[purpose] ?? [] }

  /// Lends a key; without a version, the newest.
  func withKey<R: ~Copyable>(
    _ purpose: KeyPurpose, number: UInt8 = 0, version: UInt32? = nil, _ body: (borrowing Secret) throws -> R
  ) throws -> R {
    try body(try holder(purpose, number, version).secret)
  }

  /// HMAC-SHA-256 under a key; without a version, the newest.
  func tag(_ message: [UInt8], _ purpose: KeyPurpose, version: UInt32? = nil) throws -> [UInt8] {
    try holder(purpose, 0, version).mac.tag(message)
  }

  /// A key that seals and opens by AES-256-GCM.
  func aead(_ purpose: KeyPurpose, version: UInt32) throws -> AEADKey { try holder(purpose, 0, version).aead }

  private func holder(_ purpose: KeyPurpose, _ number: UInt8, _ version: UInt32?) throws -> KeyHolder {
    let version = try version ?? currentVersion(of: purpose, number: number)
    guard let holder = keys[KeyID(purpose: purpose, number: number, version: version)] else {
      throw KeyStore.missing(purpose)
    }
    return holder
  }

  static func missing(_ purpose: KeyPurpose) -> CenterError {
    CenterError(
      .keyStore, "Looking up the key \(purpose)",
      remedy: """
        The key store lacks it. If it was rotated since this program opened the centre, start the program again; \
        else restore keys.sealed from a backup.
        """)
  }
}

/// A noncopyable secret where a dictionary wants a reference, and what was made of it for its use.
///
/// The secret lies in locked memory. What OpenSSL makes of it is OpenSSL's, in ordinary memory: wiped when it goes, kept out of
/// core files with the whole process, and kept off the disk where there is no swap (docs/running-a-center.md).
private final class KeyHolder: Sendable {
  let secret: Secret
  private let made = Mutex<(mac: HMACKey?, aead: AEADKey?)>((nil, nil))

  init(_ secret: consuming Secret) { self.secret = secret }

  var mac: HMACKey { get throws(CryptoError) { try made(\.mac, HMACKey.init) } }

  var aead: AEADKey { get throws(CryptoError) { try made(\.aead, AEADKey.init) } }

  private func made<Made: Sendable>(
    _ path: WritableKeyPath<(mac: HMACKey?, aead: AEADKey?), Made?>,
    _ make: (borrowing Secret) throws(CryptoError) -> Made
  ) throws(CryptoError) -> Made {
    try made.withLock { (made) throws(CryptoError) in
      if let earlier = made[keyPath: path] { return earlier }
      let new = try make(secret)
      made[keyPath: path] = new
      return new
    }
  }
}

extension KeyPurpose {
  /// Which numbers a key of this purpose has.
  fileprivate var numbers: ClosedRange<UInt8> { self == .generation ? 1...16 : 0...0 }

  /// A new key of the kind that the purpose needs: 256 random bits, or a P-256 private key's scalar.
  fileprivate func makeKey(random: any RandomSource) throws -> Secret {
    switch self {
    case .authority: try SigningKey(random: random).exportPKCS8()
    case .licenseSigning, .catalogueSigning, .timeSigning, .auditSigning:
      try SigningKey(random: random).exportScalar()
    case .issuerMaster, .certificationRoot, .generation, .codePepper, .dataEncryption, .conversionRoot, .backup,
      .downloadTicket, .clientLookup:
      Secret(random: 32, from: random)
    }
  }
}

extension KeyStore {
  private static let magic: [UInt8] = Array("WKS1".utf8)
  private static let entryLimit = 4096

  /// The keys as one secret: "WKS1" ‖ count (2) ‖ entries, each purpose (1) ‖ number (1) ‖ version (4) ‖ length (2) ‖ key.
  func encoded() throws(OctetError) -> Secret {
    let size = keys.values.reduce(6) { $0 + 8 + $1.secret.count }
    let buffer = OctetBuffer(capacity: size)
    try buffer.append(KeyStore.magic.span.bytes)
    try buffer.append(UInt16(clamping: keys.count))
    let order = keys.keys.sorted {
      ($0.purpose.rawValue, $0.number, $0.version) < ($1.purpose.rawValue, $1.number, $1.version)
    }
    for identifier in order {
      guard let holder = keys[identifier] else { continue }
      try buffer.append(identifier.purpose.rawValue)
      try buffer.append(identifier.number)
      try buffer.append(identifier.version)
      try buffer.append(UInt16(clamping: holder.secret.count))
      try holder.secret.withBytes { (bytes) throws(OctetError) in try buffer.append(bytes) }
    }
    return buffer.withBytes { Secret(copying: $0) }
  }

  /// Reads what ``encoded()`` wrote.
  static func parse(_ octets: RawSpan) throws(OctetError) -> KeyStore {
    var reader = OctetReader(octets)
    for expected in magic {
      guard try reader.u8() == expected else { throw .invalid }
    }
    let count = Int(try reader.u16())
    guard count <= entryLimit else { throw .invalid }
    var keys: [KeyID: KeyHolder] = [:]
    for _ in 0..<count {
      guard let purpose = KeyPurpose(rawValue: try reader.u8()) else { throw .invalid }
      let identifier = KeyID(purpose: purpose, number: try reader.u8(), version: try reader.u32())
      let length = Int(try reader.u16())
      keys[identifier] = KeyHolder(Secret(copying: try reader.take(length)))
    }
    try reader.expectEnd()
    return KeyStore(keys)
  }
}
