import Cryptography
import Formats
import SecureChannel

/// The versions that a key of the centre has.
public struct KeyVersions: Hashable, Sendable {
  /// What it is for.
  public var purpose: KeyPurpose
  /// Its versions, newest first; what is new is made under the first of them.
  public var versions: [UInt32]
}

extension Center {
  /// The centre's keys, without the keys.
  public var keyVersions: [KeyVersions] {
    KeyPurpose.allCases.map { KeyVersions(purpose: $0, versions: context.keys.versions(of: $0)) }
  }
}

extension CenterFolder {
  /// Makes a next version of a key. All that was made under the old ones stays good until it expires: they stay in the
  /// key store, and what has its version on record goes on with it; so does a card with those that its issue put on it.
  ///
  /// A program that has the centre open goes on with the keys that it read, and cannot open what is sealed under newer
  /// ones: open the centre again. Where its database is on a server, only this copy of the folder has the new key: copy
  /// `keys.sealed` and `center.json` to the others.
  ///
  /// - Returns: the new version.
  /// - Throws: As ``open(passphrase:database:random:clock:payments:)``; ``CenterError/Code/conflict`` when another program was quicker.
  public func rotate(
    _ purpose: KeyPurpose, passphrase: borrowing Secret, database location: DatabaseLocation = .file,
    random: any RandomSource, clock: any CenterClock
  ) async throws(CenterError) -> UInt32 {
    let operation = "Rotating the key \(purpose.words)"
    let center = try await open(passphrase: passphrase, database: location, random: random, clock: clock)
    do {
      let box = try FolderConstruction.read(file(.keys), operation)
      let keys = try CenterFolder.unseal(box, passphrase: passphrase, operation).rotating(purpose, random: random)
      let version = try keys.currentVersion(of: purpose, number: purpose == .generation ? 1 : 0)
      let now = clock.now()
      try await replaceKeys(
        with: keys, insteadOf: box, passphrase: passphrase, random, center.context.database, operation
      ) { try CenterFolder.note(purpose, version: version, $0, at: now) }
      _ = try await finishRotation(center.facts, keys, random, now: now)
      try center.close()
      return version
    } catch {
      try? center.close()
      throw CenterError(error, during: operation)
    }
  }

  /// Seals the key store under another passphrase. Backups that were made before open with the old one.
  ///
  /// - Throws: As ``open(passphrase:database:random:clock:payments:)``; ``CenterError/Code/invalid`` for an empty passphrase.
  public func changePassphrase(
    from old: borrowing Secret, to new: borrowing Secret, database location: DatabaseLocation = .file,
    random: any RandomSource, clock: any CenterClock
  ) async throws(CenterError) {
    let operation = "Changing the passphrase"
    guard new.count > 0 else {
      throw CenterError(.invalid, operation, remedy: "Give a passphrase; it protects every key of the centre.")
    }
    let center = try await open(passphrase: old, database: location, random: random, clock: clock)
    do {
      let box = try FolderConstruction.read(file(.keys), operation)
      let keys = try CenterFolder.unseal(box, passphrase: old, operation)
      let (now, centerID) = (clock.now(), center.facts.centerID)
      try await replaceKeys(
        with: keys, insteadOf: box, passphrase: new, random, center.context.database, operation
      ) { try AuditLog.append($0, at: now, "center.passphrase", subject: centerID) }
      try center.close()
    } catch {
      try? center.close()
      throw CenterError(error, during: operation)
    }
  }

  /// Brings `center.json` up to the newest keys: the second half of a rotation, and of one that was cut after the first.
  ///
  /// Of several programs that find it so at once, one does it, and the others take what that one made: no two editions
  /// have one number.
  func finishRotation(
    _ facts: CenterFacts, _ keys: KeyStore, _ random: any RandomSource, now: UInt64
  ) async throws(CenterError) -> CenterFacts {
    let operation = "Certifying the centre's keys"
    do {
      guard let renewed = try facts.renewed(for: keys, at: now, random: random) else { return facts }
      let json = try renewed.json()
      for _ in 0..<CenterFolder.mostWaits {
        do throws(CenterError) {
          var file = try ScratchFile(file(.facts), suffix: ".new", operation)
          let found = try self.facts()
          guard found == facts else { return found }
          try file.write(json)
          try file.finish(replacing: true)
          return renewed
        } catch {
          guard error.code == .conflict else { throw error }
        }
        try await Task.sleep(for: .milliseconds(20))
      }
      throw CenterError(.conflict, operation, remedy: "Another program has been at it for a while; see what keeps it.")
    } catch {
      throw CenterError(error, during: operation)
    }
  }

  /// How often it is tried, 20 milliseconds apart: for a minute, since the disk of the program that is at it may be slow.
  /// Should that one die, the system lets go of the file for it.
  private static let mostWaits = 3000
}
