import Formats

/// What lies beside the database in an open centre's folder.
struct Custody: Sendable {
  let folder: CenterFolder
  let keeper: HeadKeeper
}

extension Custody {
  /// Checks what was kept against the database, keeps what is not under a head yet, and has further heads kept.
  ///
  /// - Parameter isFirst: whether the centre is only now beginning to keep heads.
  /// - Throws: ``CenterError/Code/damaged`` when the log is not what the centre signed last.
  static func begin(
    _ folder: CenterFolder, _ facts: CenterFacts, _ database: any Database, _ keys: KeyStore,
    _ clock: any CenterClock, isFirst: Bool, policy: HeadPolicy = .usual
  ) async throws(CenterError) -> Custody {
    let file = AuditHeadFile(path: folder.file(.heads))
    guard isFirst || file.exists else { throw missing(folder) }
    let last = file.exists ? try file.last() : nil
    try last?.verify(of: facts.centerID, keys)
    guard isFirst || last != nil else { throw missing(folder) }
    let head = try await database.read { transaction in
      if let last { try expect(last.head, in: transaction) }
      return try AuditLog.verify(transaction, after: last?.head)
    }
    let keeper = HeadKeeper(
      file: file, center: facts.centerID, keys: keys, clock: clock, policy: policy, kept: last?.head.sequence ?? 0)
    keeper.note(head, records: 0)
    try keeper.keep()
    return Custody(folder: folder, keeper: keeper)
  }

  /// Checks ledger and audit log from their first record on, and the log against signed heads; answers its head.
  static func verify(
    _ transaction: any Transaction, against heads: [SignedAuditHead], of center: CenterID, _ keys: KeyStore
  ) throws -> AuditHead {
    try Ledger.verify(transaction)
    var hashes: [Int64: [UInt8]] = [:]
    for signed in heads {
      try signed.verify(of: center, keys)
      guard hashes.updateValue(signed.head.hash, forKey: signed.head.sequence) ?? signed.head.hash == signed.head.hash
      else {
        throw CenterError(
          .damaged, "Checking the signed heads at record \(signed.head.sequence)",
          remedy: "The centre signed two different records of this number; find out who ran it on an old database.")
      }
    }
    return try AuditLog.verify(transaction, against: hashes)
  }

  /// Throws unless the record under a head is there as it was.
  private static func expect(_ head: AuditHead, in transaction: any Transaction) throws {
    let row = try transaction.first("SELECT hash FROM audit_log WHERE sequence = $1", [.integer(head.sequence)])
    guard try row?.octets("hash") == head.hash else {
      throw CenterError(
        .damaged, "Checking the audit log at record \(head.sequence)",
        remedy: "It is not what the centre signed, or it is gone; find out who did it, and restore a backup.")
    }
  }

  /// Throws unless the clock is about that of the newest record and head, or later.
  static func expectClock(
    _ folder: CenterFolder, _ database: any Database, _ clock: any CenterClock, _ operation: String
  ) async throws(CenterError) {
    let file = AuditHeadFile(path: folder.file(.heads))
    let recorded = try await database.read { try AuditLog.newestTime($0) }
    let signed = file.exists ? try file.last()?.time : nil
    if let newest = [recorded, signed].compactMap({ $0 }).max() {
      try ClockGuard.expect(clock.now(), notBefore: newest, operation)
    }
  }

  private static func missing(_ folder: CenterFolder) -> CenterError {
    CenterError(
      .damaged, "Opening the centre \(folder.path)",
      remedy: "audit.heads, where the audit log's signed heads are kept, is gone; restore it from a backup.")
  }
}

extension Center {
  /// Checks ledger and audit log from their first record on, and the log against every head that the centre signed;
  /// answers the log's head.
  ///
  /// - Parameter kept: heads that somebody keeps elsewhere, who so notices even a folder that was written anew as a whole.
  /// - Throws: ``CenterError/Code/damaged`` for whatever was altered, removed, swapped, slipped in or cut off, even with
  ///   all later hashes recomputed.
  public func verify(against kept: [SignedAuditHead] = []) async throws(CenterError) -> AuditHead {
    let (center, keys) = (facts.centerID, context.keys)
    // What is read first is older, so that whatever is signed meanwhile is no contradiction.
    let heads = (try context.custody?.keeper.file.heads() ?? []) + kept
    return try await context.database.read { try Custody.verify($0, against: heads, of: center, keys) }
  }

  /// Why the audit log's last head could not be kept; `nil` if it was. It is tried again with the next record.
  public var headFailure: CenterError? { context.custody?.keeper.failure }

  /// Every head that the centre signed, oldest first: for keeping elsewhere.
  public func signedHeads() throws(CenterError) -> [SignedAuditHead] {
    try context.custody?.keeper.keep()
    return try context.custody?.keeper.file.heads() ?? []
  }
}
