import Cryptography
import Foundation

extension CenterFolder {
  /// Looks at all that a centre needs, and says of each what is wrong and what to do. Never throws: what fails is a finding.
  ///
  /// - Parameter passphrase: opens the centre; what lies in it is looked at only then.
  public func diagnose(
    passphrase: borrowing Secret, database location: DatabaseLocation = .file, random: any RandomSource,
    clock: any CenterClock
  ) async -> [Finding] {
    var findings = permissions() + [freeSpace()]
    do {
      let facts = try facts()
      findings += FactsDoctor.certificates(facts, at: clock.now())
      let box = try FolderConstruction.read(file(.keys), "Opening the key store")
      findings.append(try keyStore(box, passphrase: passphrase))
      findings += try await inside(passphrase, location, random, clock)
    } catch {
      findings.append(error.code == .clockSetBack ? .error("clock", error) : .error("centre", error))
    }
    return findings
  }

  /// What an open centre tells of itself.
  private func inside(
    _ passphrase: borrowing Secret, _ location: DatabaseLocation, _ random: any RandomSource,
    _ clock: any CenterClock
  ) async throws(CenterError) -> [Finding] {
    let center = try await open(passphrase: passphrase, database: location, random: random, clock: clock)
    var findings = [Finding.good("clock", "It is not behind the newest record.")]
    do {
      let schema = try await center.context.database.read { try Schema.version($0) }
      findings.append(.good("database", "It is whole, and of schema \(schema)."))
      let head = try await center.verify()
      findings.append(.good("audit log", "\(head.sequence) records are what the centre signed; the ledger balances."))
    } catch {
      findings.append(.error("audit log", error))
    }
    do { findings.append(try await lastBackup(center, at: clock.now())) } catch {
      findings.append(.error("backup", error))
    }
    try center.close()
    return findings
  }

  /// Nobody but the owner may read or write what is in the folder.
  private func permissions() -> [Finding] {
    let manager = FileManager.default
    let names = (try? manager.contentsOfDirectory(atPath: path))?.sorted() ?? []
    let open = ([path] + names.map { path + "/" + $0 }).filter { file in
      guard let attributes = try? manager.attributesOfItem(atPath: file) else { return false }
      let mode = (attributes[.posixPermissions] as? Int) ?? 0
      let owner = (attributes[.ownerAccountID] as? Int) ?? 0
      return mode & 0o077 != 0 || owner != Int(geteuid())
    }
    guard !open.isEmpty else { return [.good("permissions", "The folder and its files are their owner's alone.")] }
    return open.map { file in
      .error(
        "permissions", "\(file) is open to others, or somebody else's.",
        "Give it to the user who runs the centre, and take everybody else's rights: chmod go= \(file)")
    }
  }

  /// A full disk stops the centre; and a backup needs as much room as the database.
  private func freeSpace() -> Finding {
    let attributes = try? FileManager.default.attributesOfFileSystem(forPath: path)
    guard let free = (attributes?[.systemFreeSize] as? NSNumber)?.int64Value else {
      return .warning("free space", "The system does not say how much room there is.", "Look yourself: df \(path)")
    }
    let words = "\(free >> 20) MiB are free."
    return switch free {
    case ..<(100 << 20): .error("free space", words, "Make room on the disk before the centre stops.")
    case ..<(1 << 30): .warning("free space", words, "Make room on the disk.")
    default: .good("free space", words)
    }
  }

  private func keyStore(_ box: [UInt8], passphrase: borrowing Secret) throws(CenterError) -> Finding {
    let keys = try CenterFolder.unseal(box, passphrase: passphrase, "Opening the key store")
    let missing = KeyPurpose.allCases.filter { keys.versions(of: $0).isEmpty }
    guard missing.isEmpty else {
      return .warning(
        "key store", "It has no key for: \(missing.map(\.words).joined(separator: ", ")).",
        "If the centre had one before, restore keys.sealed from a backup; else it makes one when it is opened.")
    }
    guard let cost = try? SealedBox.cost(of: box), cost.n >= ScryptCost.keyStore.n else {
      return .warning(
        "key store", "Its passphrase is cheap to guess.", "Change the passphrase, which seals it at the usual cost.")
    }
    return .good("key store", "The passphrase opens it, and no key is missing.")
  }

  private func lastBackup(_ center: Center, at now: UInt64) async throws(CenterError) -> Finding {
    let last: UInt64? = try await center.context.database.read { transaction in
      try transaction.first(
        """
        SELECT time FROM audit_log WHERE action IN ('center.backup', 'center.restore') ORDER BY sequence DESC LIMIT 1
        """)?.number("time")
    }
    let remedy = "Make one, and keep it and audit.heads on another machine."
    guard let last else { return .warning("backup", "There was never one.", remedy) }
    let days = (now - min(now, last)) / 86_400
    let words = "The last one was \(days) days ago."
    return days > 7 ? .warning("backup", words, remedy) : .good("backup", words)
  }
}

/// What the centre's certificates say of themselves.
enum FactsDoctor {
  /// How long before its end a certificate is worth a word: a quarter of a year.
  private static let notice: UInt64 = 91 * 86_400

  static func certificates(_ facts: CenterFacts, at now: UInt64) -> [Finding] {
    let all = [
      ("authority", facts.authorityCertificate, KeyPurpose.authority),
      ("licences", facts.licenseCertificate, .licenseSigning),
      ("catalogues", facts.catalogueCertificate, .catalogueSigning),
    ]
    return all.map { name, der, purpose in
      let subject = "certificate for \(name)"
      guard let validity = try? Certificate(der: der).validity else {
        return .error(subject, "It is none.", "Restore center.json from a backup.")
      }
      guard now >= validity.lowerBound else {
        return .error(subject, "It is not in force yet.", "Set the clock right.")
      }
      let rotate = "Rotate the key \(purpose.words)."
      guard now <= validity.upperBound else { return .error(subject, "It has expired.", rotate) }
      let days = (validity.upperBound - now) / 86_400
      guard validity.upperBound - now > notice else {
        return .warning(subject, "It is good for \(days) more days.", rotate)
      }
      return .good(subject, "It is good for \(days) more days.")
    }
  }
}
