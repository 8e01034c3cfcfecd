import CLinux
import Cryptography
import Formats
import Foundation
import Octets
import SecureChannel

/// The embedded centre: one folder with `center.json` (public), `keys.sealed` (the key store under the passphrase),
/// `center.db`, unless its database is on a server, and `audit.heads` (signed heads of the audit log).
///
/// Creation is all or nothing: everything is written into a hidden folder beside the target, synced, and renamed into
/// place. A creation that is killed leaves at most that hidden folder, which the next one removes, and its lock file.
public struct CenterFolder: Sendable {
  /// Path of the folder.
  public let path: String

  /// The folder at `path`, whether it is there or not.
  public init(_ path: String) { self.path = path }

  /// Makes a centre with new keys.
  ///
  /// - Parameters:
  ///   - name: 1 to 53 octets of UTF-8 without control characters; it stands in the centre's certificates, whose
  ///     common names have at most 64 (X.520, ub-common-name) with the key's role behind it.
  ///   - cost: What guessing the passphrase costs.
  ///   - location: Where the database is to be; one on a server must be there and hold no centre.
  /// - Throws: ``CenterError/Code/conflict`` when something is at `path` already, or a centre in the server's database.
  public static func create(
    at path: String, name: String, passphrase: borrowing Secret, cost: ScryptCost = .keyStore,
    database location: DatabaseLocation = .file, random: any RandomSource, clock: any CenterClock
  ) async throws(CenterError) -> CenterFolder {
    let operation = "Creating the centre \(path)"
    guard isName(name) else {
      throw CenterError(.invalid, operation, remedy: "A name has 1 to 53 octets and no control characters.")
    }
    guard passphrase.count > 0 else {
      throw CenterError(.invalid, operation, remedy: "Give a passphrase; it protects every key of the centre.")
    }
    let construction = try FolderConstruction(target: path, operation: operation)
    do {
      let (facts, keys) = try makeIdentity(name: name, random: random, clock: clock)
      let store = try keys.encoded()
      try construction.write(
        try SealedBox.seal(store, passphrase: passphrase, cost: cost, random: random), to: FileName.keys.rawValue)
      try construction.write(try facts.json(), to: FileName.facts.rawValue)
      let database = try await location.open(file: construction.path(of: FileName.database.rawValue))
      defer { try? database.close() }
      let head = try await database.write { transaction in
        try facts.noteFounding(in: transaction)
        return try AuditLog.head(transaction)
      }
      // A file must be whole before it gets its name.
      if location == .file { try database.close() }
      do {
        let signed = try SignedAuditHead.sign(head, at: facts.createdAt, of: facts.centerID, keys)
        try construction.write(Array((signed.line + "\n").utf8), to: FileName.heads.rawValue)
        try construction.finish()
      } catch {
        if location != .file { try? await database.write { try facts.withdrawFounding(in: $0) } }
        throw error
      }
    } catch {
      construction.abandon()
      throw CenterError(error, during: operation)
    }
    return CenterFolder(path)
  }

  /// Opens the centre.
  ///
  /// - Parameters:
  ///   - location: where its database is. Several programs may open a centre whose database is on a server, each
  ///     with a copy of the folder.
  ///   - payments: who collects bills from holders that have a means of payment on file.
  /// - Throws: ``CenterError/Code/notFound`` when there is none, ``CenterError/Code/keyStore`` for a wrong passphrase,
  ///   ``CenterError/Code/damaged`` when folder and database are not of one centre.
  public func open(
    passphrase: borrowing Secret, database location: DatabaseLocation = .file, random: any RandomSource,
    clock: any CenterClock, payments: PaymentConnection = .none
  ) async throws(CenterError) -> Center {
    try await open(
      passphrase: passphrase, database: location, random: random, clock: clock, payments: payments,
      acceptingClock: false)
  }

  /// Opens the centre with a clock that is behind its records, and notes in the audit log that this clock is right.
  ///
  /// For when the clock was far ahead for a while, and is not any more.
  public func openAcceptingClock(
    passphrase: borrowing Secret, database location: DatabaseLocation = .file, random: any RandomSource,
    clock: any CenterClock
  ) async throws(CenterError) -> Center {
    try await open(
      passphrase: passphrase, database: location, random: random, clock: clock, payments: .none, acceptingClock: true)
  }

  private func open(
    passphrase: borrowing Secret, database location: DatabaseLocation, random: any RandomSource,
    clock: any CenterClock, payments: PaymentConnection, acceptingClock: Bool
  ) async throws(CenterError) -> Center {
    let operation = "Opening the centre \(path)"
    var facts = try facts()
    let box = try FolderConstruction.read(file(.keys), operation)
    let stored = try CenterFolder.unseal(box, passphrase: passphrase, operation)
    try facts.expectKeys(of: stored, operation)
    guard location != .file || FileManager.default.fileExists(atPath: file(.database)) else {
      throw CenterError(.damaged, operation, remedy: "center.db is missing; restore it from a backup.")
    }
    let database = try await location.open(file: file(.database))
    do {
      let found = facts
      try await database.read { try found.expectFounding(in: $0, operation) }
      if acceptingClock {
        let now = clock.now()
        try await database.write { transaction in
          try AuditLog.appendWhateverTheTime(transaction, at: now, "clock.accept", subject: found.centerID)
        }
      } else {
        try await Custody.expectClock(self, database, clock, operation)
      }
      facts = try await finishRotation(facts, stored, random, now: clock.now())
      let keys = try await keysWithMissing(
        stored, from: box, database, passphrase: passphrase, random, now: clock.now())
      let custody = try await Custody.begin(
        self, facts, database, keys, clock, isFirst: stored.versions(of: .auditSigning).isEmpty)
      // Above whatever makes commits, so that no change goes past it.
      let witnessed = WitnessedDatabase(base: database, keeper: custody.keeper)
      return Center(
        context: CenterContext(
          facts: facts, database: witnessed, keys: keys, clock: clock, random: random, custody: custody, folder: path,
          processor: payments.processor(witnessed)))
    } catch {
      try? database.close()
      throw CenterError(error, during: operation)
    }
  }

  /// The keys in a box.
  static func unseal(
    _ box: [UInt8], passphrase: borrowing Secret, _ operation: String
  ) throws(CenterError) -> KeyStore {
    do {
      let store = try SealedBox.open(box, passphrase: passphrase)
      return try store.withBytes { (bytes) throws(OctetError) in try KeyStore.parse(bytes) }
    } catch {
      throw CenterError(
        .keyStore, operation, remedy: "The passphrase is wrong, or keys.sealed is damaged; try again or restore it.")
    }
  }

  /// What anybody may know; needs no passphrase.
  public func facts() throws(CenterError) -> CenterFacts {
    try CenterFacts(
      json: try FolderConstruction.read(file(.facts), "Opening the centre \(path)"))
  }

  enum FileName: String, CaseIterable {
    case facts = "center.json"
    case keys = "keys.sealed"
    case database = "center.db"
    case heads = "audit.heads"
  }

  /// The path of one of the folder's files.
  func file(_ name: FileName) -> String { path + "/" + name.rawValue }

  /// The longest role that stands behind a name, " catalogues", leaves it 53 of a common name's 64 octets.
  private static func isName(_ name: String) -> Bool {
    (1...53).contains(name.utf8.count)
      && name.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
  }

  /// New keys, and the certificates that name them.
  private static func makeIdentity(
    name: String, random: any RandomSource, clock: any CenterClock
  ) throws -> (CenterFacts, KeyStore) {
    let now = clock.now()
    let validity = now...(now + Authority.centerValiditySeconds)
    let authority = try CertificateAuthority(
      name: CenterFacts.authoritySubject(name), validity: validity, random: random)
    let keys = try KeyStore.generate(authorityKey: try authority.exportKey(), random: random)
    func certify(_ subject: String, _ purpose: KeyPurpose, as role: Certificate.Role) throws -> [UInt8] {
      try authority.issue(
        subject: subject, publicKey: try Authority.verificationKey(purpose, keys), role: role,
        validity: validity, serial: .init(random: random)
      ).der
    }
    guard let centerID = CenterID(octets: random.octets(CenterID.octetCount)) else { throw CryptoError.failed }
    let facts = CenterFacts(
      centerID: centerID, name: name, createdAt: now, authorityCertificate: authority.certificate.der,
      licenseCertificate: try certify("\(name) licences", .licenseSigning, as: .licenseSigning),
      catalogueCertificate: try certify("\(name) catalogues", .catalogueSigning, as: .catalogueSigning),
      timeKey: try Authority.verificationKey(.timeSigning, keys).octets)
    return (facts, keys)
  }
}
