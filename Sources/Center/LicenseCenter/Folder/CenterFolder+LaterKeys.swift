import Cryptography

extension CenterFolder {
  /// What a centre that was made before the program knew some purposes has no keys for: it gets them when it is opened.
  ///
  /// One whose database shows that it had such a key has an old `keys.sealed`. A new key would be another than the one
  /// that is in use, so it gets none, and whoever wants something made with it hears that a backup has it.
  ///
  /// - Parameters:
  ///   - keys: what was read.
  ///   - box: the content of `keys.sealed` that they were read from.
  /// - Returns: all the keys, as they are in `keys.sealed` now; `nil` if nothing was to be done.
  /// - Throws: ``CenterError/Code/conflict`` when another program was quicker.
  func keysWithLaterPurposes(
    _ keys: KeyStore, from box: [UInt8], _ database: any Database, passphrase: borrowing Secret,
    random: any RandomSource, now: UInt64
  ) async throws -> KeyStore? {
    let missing = LaterKey.allCases.filter { keys.versions(of: $0.purpose).isEmpty }
    guard !missing.isEmpty else { return nil }
    let unused = try await database.read { transaction in
      try missing.filter { try transaction.first($0.use) == nil }
    }
    guard !unused.isEmpty else { return nil }
    let operation = "Giving the centre \(path) keys for new purposes"
    var completed = keys
    for key in unused { completed = try completed.adding(key.purpose, random: random) }
    let store = try completed.encoded()
    let sealed = try SealedBox.seal(store, passphrase: passphrase, cost: try SealedBox.cost(of: box), random: random)
    let file = path + "/" + FileName.keys
    // Two programs may open the centre at once, and each key must be made once: the database lets one write at a time.
    try await database.write { transaction in
      for key in unused {
        try AuditLog.append(transaction, at: now, "center.key", subject: key.rawValue, detail: "version 1")
      }
      guard try FolderConstruction.read(file, operation) == box else {
        throw CenterError(.conflict, operation, remedy: "Another program just did; try again.")
      }
      try FolderConstruction.replace(file, with: sealed, operation)
    }
    return completed
  }
}

/// A purpose that came after the first release, under the name that the audit log gives it.
private enum LaterKey: String, CaseIterable {
  case conversionRoot = "conversion root"
  case downloadTicket = "download ticket"
  case clientLookup = "client look-up"

  var purpose: KeyPurpose {
    switch self {
    case .conversionRoot: .conversionRoot
    case .downloadTicket: .downloadTicket
    case .clientLookup: .clientLookup
    }
  }

  /// Finds something that was made with the key and is worthless under another.
  var use: String {
    switch self {
    case .conversionRoot: "SELECT 1 FROM titles WHERE conversion_root IS NOT NULL LIMIT 1"
    case .downloadTicket: "SELECT 1 FROM redemptions LIMIT 1"
    case .clientLookup: "SELECT 1 FROM idempotent_answers LIMIT 1"
    }
  }
}
