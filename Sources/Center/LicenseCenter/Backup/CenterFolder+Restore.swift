import CLinux
import Cryptography
import Formats
import Foundation
import Octets
import SecureChannel

extension CenterFolder {
  /// Makes a centre's folder from a backup, which is checked as a whole before any of it counts: every octet is authentic,
  /// the ledger balances, and the audit log is what the centre signed.
  ///
  /// - Parameters:
  ///   - path: where the folder is to be.
  ///   - isReplacing: whether a centre at `path` makes place, all at once; it is kept beside, under its name and
  ///     `.replaced-` with the time. Nothing may have it open.
  ///   - passphrase: the one that the centre had when the backup was made.
  ///   - location: where its database is to be, whatever it was before; one on a server must be there and hold nothing.
  /// - Returns: what was restored, and the folder that was replaced.
  /// - Throws: ``CenterError/Code/damaged`` for a backup that is not what a centre wrote; nothing is replaced then.
  ///   ``CenterError/Code/conflict`` when there is something at `path`, or in the server's database.
  ///
  /// Where the machine stops after the server's database was filled and before the folder has its name, the database
  /// stays full: empty it, or give another, and restore again.
  public static func restore(
    _ backup: String, to path: String, replacing isReplacing: Bool = false, passphrase: borrowing Secret,
    database location: DatabaseLocation = .file, random: any RandomSource, clock: any CenterClock
  ) async throws(CenterError) -> (contents: BackupContents, replaced: String?) {
    let operation = "Restoring the centre from \(backup)"
    var target = URL(fileURLWithPath: path).path
    let isThere = isReplacing && FileManager.default.fileExists(atPath: target)
    if isThere { target += ".restored" }
    let construction = try FolderConstruction(target: target, operation: operation)
    let contents: BackupContents
    do {
      let (made, database) = try await rebuild(
        backup, in: construction, location, passphrase, random, clock, notes: true, operation)
      defer { try? database.close() }
      do {
        try construction.finish()
      } catch {
        if location != .file { try? await database.write { try Schema.remove($0) } }
        throw error
      }
      contents = made
    } catch {
      construction.abandon()
      throw CenterError(error, during: operation)
    }
    guard isThere else { return (contents, nil) }
    return (contents, try replace(URL(fileURLWithPath: path).path, by: target, at: clock.now(), operation))
  }

  /// Checks a backup as ``restore(_:to:replacing:passphrase:database:random:clock:)`` does, and makes nothing of it.
  ///
  /// - Parameter scratch: a folder in which there is room for the whole centre.
  public static func checkBackup(
    _ backup: String, scratch: String, passphrase: borrowing Secret, random: any RandomSource, clock: any CenterClock
  ) async throws(CenterError) -> BackupContents {
    let operation = "Checking the backup \(backup)"
    let name = "/backup-check-\(Hex.encode(random.octets(8)))"
    let construction = try FolderConstruction(target: scratch + name, operation: operation)
    defer { construction.abandon() }
    do {
      let (contents, database) = try await rebuild(
        backup, in: construction, .file, passphrase, random, clock, notes: false, operation)
      try database.close()
      return contents
    } catch {
      throw CenterError(error, during: operation)
    }
  }

  /// What a database was filled with.
  private struct Restored: Sendable {
    let preface: BackupPreface
    let contents: BackupContents
    /// The audit log's last record now.
    let head: AuditHead
  }

  /// Fills an empty database with what it checks, all in one transaction, and makes the folder's other files.
  ///
  /// - Returns: what was restored, and the database, still open.
  private static func rebuild(
    _ backup: String, in construction: FolderConstruction, _ location: DatabaseLocation,
    _ passphrase: borrowing Secret, _ random: any RandomSource, _ clock: any CenterClock, notes: Bool,
    _ operation: String
  ) async throws -> (contents: BackupContents, database: any Database) {
    let reader = try BackupReader(path: backup, passphrase: passphrase, operation)
    let database = try await location.open(file: construction.path(of: FileName.database.rawValue), schema: 0)
    let dialect = database.dialect
    do {
      let restored = try await database.write { transaction in
        try fill(transaction, dialect, from: reader, at: clock.now(), notes: notes, operation)
      }
      // A file must be whole before it gets its name.
      if location == .file { try database.close() }
      let facts = restored.preface.facts
      var heads = restored.preface.heads + [restored.contents.head]
      if notes {
        heads.append(try SignedAuditHead.sign(restored.head, at: clock.now(), of: facts.centerID, reader.keys))
      }
      try construction.write(reader.box, to: FileName.keys.rawValue)
      try construction.write(try facts.json(), to: FileName.facts.rawValue)
      try construction.write(heads.flatMap { Array(($0.line + "\n").utf8) }, to: FileName.heads.rawValue)
      return (restored.contents, database)
    } catch {
      try? database.close()
      throw error
    }
  }

  private static func fill(
    _ transaction: any Transaction, _ dialect: SQLDialect, from reader: BackupReader, at now: UInt64, notes: Bool,
    _ operation: String
  ) throws -> Restored {
    // A transaction may be run again.
    try reader.rewind()
    let preface = try BackupPreface(from: reader, operation)
    let (facts, keys) = (preface.facts, reader.keys)
    try facts.expectKeys(of: keys, operation)
    try Schema.renew(transaction, dialect, upTo: preface.schema, operation)
    let contents = try BackupRows.fill(transaction, from: reader, facts.centerID, schema: preface.schema, operation)
    try Schema.migrate(transaction, dialect)
    try facts.expectFounding(in: transaction, operation)
    var head = try Custody.verify(transaction, against: preface.heads + [contents.head], of: facts.centerID, keys)
    guard head == contents.head.head else { throw BackupFormat.damaged(operation) }
    let newest = max(try AuditLog.newestTime(transaction) ?? 0, contents.head.time)
    try ClockGuard.expect(now, notBefore: newest, operation)
    if notes {
      try AuditLog.append(
        transaction, at: now, "center.restore", subject: facts.centerID, detail: "up to record \(head.sequence)")
      head = try AuditLog.head(transaction)
    }
    return Restored(preface: preface, contents: contents, head: head)
  }

  /// Puts a finished folder in the place of another, and answers where that is now.
  private static func replace(
    _ path: String, by restored: String, at now: UInt64, _ operation: String
  ) throws(CenterError) -> String {
    let aside = "\(path).replaced-\(now)"
    guard warifu_rename_exchange(restored, path) == 0, warifu_rename_new(restored, aside) == 0 else {
      throw CenterError(
        .storage, operation,
        remedy: "The system says: \(String(cString: strerror(errno))). The restored centre is whole; move it yourself.")
    }
    return aside
  }
}
