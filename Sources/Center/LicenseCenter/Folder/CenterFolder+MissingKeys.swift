import CLinux
import Cryptography
import Formats
import Foundation
import Octets
import SecureChannel

extension CenterFolder {
  /// A centre that was made before a purpose had keys gets its first ones when it is opened.
  ///
  /// What shows that there was such a key before says that `keys.sealed` is an old one, or that another copy of the folder
  /// has it: a record of its making, or something that was made with it. A new key would not be the one that is out, so
  /// there is none, and whoever wants it hears that a backup has it.
  ///
  /// - Parameters:
  ///   - keys: what was read.
  ///   - box: the content of `keys.sealed` that they were read from.
  /// - Returns: all the keys, as they are in `keys.sealed` now.
  /// - Throws: ``CenterError/Code/conflict`` when another program was quicker.
  func keysWithMissing(
    _ keys: KeyStore, from box: [UInt8], _ database: any Database, passphrase: borrowing Secret,
    _ random: any RandomSource, now: UInt64
  ) async throws -> KeyStore {
    let missing = KeyPurpose.allCases.filter { keys.versions(of: $0).isEmpty }
    guard !missing.isEmpty else { return keys }
    let hasHeads = AuditHeadFile(path: file(.heads)).exists
    let purposes = try await database.read { transaction in
      try missing.filter { purpose in
        if purpose == .auditSigning, hasHeads { return false }
        return try !CenterFolder.isOnRecord(purpose, version: 1, transaction) && !purpose.isUsed(transaction)
      }
    }
    guard !purposes.isEmpty else { return keys }
    let completed = try purposes.reduce(keys) { try $0.adding($1, random: random) }
    try await replaceKeys(
      with: completed, insteadOf: box, passphrase: passphrase, random, database, "Giving the centre \(path) new keys"
    ) { transaction in
      for purpose in purposes { try CenterFolder.note(purpose, version: 1, transaction, at: now) }
    }
    return completed
  }

  /// Notes that a version of a key was made.
  ///
  /// - Throws: ``CenterError/Code/conflict`` when it was before: each copy of the folder of a centre whose database is on
  ///   a server would have a key of its own under that number.
  static func note(
    _ purpose: KeyPurpose, version: UInt32, _ transaction: any Transaction, at now: UInt64
  ) throws {
    guard try !isOnRecord(purpose, version: version, transaction) else {
      throw CenterError(
        .conflict, "Making the key \(purpose.words), version \(version)",
        remedy: "Another copy of the centre's folder has it; copy keys.sealed and center.json from there.")
    }
    try AuditLog.append(transaction, at: now, "center.key", subject: purpose.words, detail: "version \(version)")
  }

  private static func isOnRecord(
    _ purpose: KeyPurpose, version: UInt32, _ transaction: any Transaction
  ) throws -> Bool {
    try transaction.first(
      "SELECT 1 FROM audit_log WHERE action = 'center.key' AND subject = $1 AND detail = $2 LIMIT 1",
      [.text(purpose.words), .text("version \(version)")]) != nil
  }

  /// Puts other keys in `keys.sealed`, in the transaction that notes them.
  ///
  /// - Throws: ``CenterError/Code/conflict`` when `keys.sealed` is no longer what it was: of two programs that do this at
  ///   once only one may, and the database lets one write at a time.
  func replaceKeys(
    with keys: KeyStore, insteadOf box: [UInt8], passphrase: borrowing Secret, _ random: any RandomSource,
    _ database: any Database, _ operation: String, noting: @escaping @Sendable (any Transaction) throws -> Void
  ) async throws {
    let store = try keys.encoded()
    let sealed = try SealedBox.seal(store, passphrase: passphrase, cost: try SealedBox.cost(of: box), random: random)
    let file = file(.keys)
    try await database.write { transaction in
      try noting(transaction)
      // A transaction may be run again after the file was replaced.
      let found = try FolderConstruction.read(file, operation)
      guard found == box || found == sealed else {
        throw CenterError(.conflict, operation, remedy: "Another program just did; try again.")
      }
      try FolderConstruction.replace(file, with: sealed, operation)
    }
  }
}

extension KeyPurpose {
  /// Whether something was made with a key of a purpose that came after the first release, and is worthless under another.
  fileprivate func isUsed(_ transaction: any Transaction) throws -> Bool {
    switch self {
    case .conversionRoot:
      try transaction.first("SELECT 1 FROM titles WHERE conversion_root IS NOT NULL LIMIT 1") != nil
    case .downloadTicket: try transaction.first("SELECT 1 FROM redemptions LIMIT 1") != nil
    case .clientLookup:
      try transaction.first("SELECT 1 FROM idempotent_answers LIMIT 1") != nil
        || transaction.first("SELECT 1 FROM notices WHERE request IS NOT NULL LIMIT 1") != nil
    default: false
    }
  }
}
