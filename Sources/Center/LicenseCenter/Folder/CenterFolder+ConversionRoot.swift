import Cryptography

extension CenterFolder {
  /// A centre that was made before titles were sold under conversion keys has no KM (M12): it gets one when it is opened.
  ///
  /// One that has sold such titles had a KM, so its `keys.sealed` is an old one. A new KM would make other keys than those
  /// that are out, so it gets none, and whoever wants a key from KM hears that a backup has it.
  ///
  /// - Parameters:
  ///   - keys: what was read.
  ///   - box: the content of `keys.sealed` that they were read from.
  /// - Returns: all the keys, as they are in `keys.sealed` now; `nil` if nothing was to be done.
  /// - Throws: ``CenterError/Code/conflict`` when another program was quicker.
  func keysWithConversionRoot(
    _ keys: KeyStore, from box: [UInt8], _ database: any Database, passphrase: borrowing Secret,
    random: any RandomSource, now: UInt64
  ) async throws -> KeyStore? {
    guard keys.versions(of: .conversionRoot).isEmpty else { return nil }
    let isSelling = try await database.read { transaction in
      try transaction.first("SELECT 1 FROM titles WHERE conversion_root IS NOT NULL LIMIT 1") != nil
    }
    guard !isSelling else { return nil }
    let operation = "Giving the centre \(path) a key for conversion keys"
    let completed = try keys.adding(.conversionRoot, random: random)
    let store = try completed.encoded()
    let sealed = try SealedBox.seal(store, passphrase: passphrase, cost: try SealedBox.cost(of: box), random: random)
    let file = path + "/" + FileName.keys
    // Two programs may open the centre at once, and there must be one KM only: the database lets one write at a time.
    try await database.write { transaction in
      try AuditLog.append(transaction, at: now, "center.key", subject: "conversion root", detail: "version 1")
      guard try FolderConstruction.read(file, operation) == box else {
        throw CenterError(.conflict, operation, remedy: "Another program just did; try again.")
      }
      try FolderConstruction.replace(file, with: sealed, operation)
    }
    return completed
  }
}
