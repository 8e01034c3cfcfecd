import CLinux
import Cryptography
import Formats
import Foundation
import Octets
import SecureChannel

extension CenterFolder {
  /// A centre that was made before a purpose had keys gets its first ones when it is opened.
  ///
  /// What shows that there was such a key before says that `keys.sealed` is an old one: titles sold under conversion keys
  /// (M12) say so of KM, and signed heads of the key that signs them. A new key would not be the one that is out, so
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
    var missing = KeyPurpose.allCases.filter { keys.versions(of: $0).isEmpty }
    if try await isSellingConversions(database) { missing.removeAll { $0 == .conversionRoot } }
    if AuditHeadFile(path: file(.heads)).exists { missing.removeAll { $0 == .auditSigning } }
    guard !missing.isEmpty else { return keys }
    let completed = try missing.reduce(keys) { try $0.adding($1, random: random) }
    let purposes = missing
    try await replaceKeys(
      with: completed, insteadOf: box, passphrase: passphrase, random, database, "Giving the centre \(path) new keys"
    ) { transaction in
      for purpose in purposes {
        try AuditLog.append(transaction, at: now, "center.key", subject: purpose.words, detail: "version 1")
      }
    }
    return completed
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
      guard try FolderConstruction.read(file, operation) == box else {
        throw CenterError(.conflict, operation, remedy: "Another program just did; try again.")
      }
      try FolderConstruction.replace(file, with: sealed, operation)
    }
  }

  private func isSellingConversions(_ database: any Database) async throws -> Bool {
    try await database.read { transaction in
      try transaction.first("SELECT 1 FROM titles WHERE conversion_root IS NOT NULL LIMIT 1") != nil
    }
  }
}
