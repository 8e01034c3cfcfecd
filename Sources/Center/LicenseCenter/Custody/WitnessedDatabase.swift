/// A database whose audit log's heads are kept outside it, once they are durable.
struct WitnessedDatabase: Database {
  let base: any Database
  let keeper: HeadKeeper

  var dialect: SQLDialect { base.dialect }

  func read<R: Sendable>(
    _ body: @escaping @Sendable (any Transaction) throws -> R
  ) async throws(CenterError) -> R {
    try await base.read(body)
  }

  func write<R: Sendable>(
    _ body: @escaping @Sendable (any Transaction) throws -> R
  ) async throws(CenterError) -> R {
    let (result, head, records) = try await base.write { transaction in
      let witnessed = WitnessedTransaction(base: transaction)
      let result = try body(witnessed)
      return (result, witnessed.head, witnessed.records)
    }
    if let head { keeper.note(head, records: records) }
    return result
  }

  /// Keeps the last head and closes the database, the latter in any case.
  func close() throws(CenterError) {
    var failure: CenterError?
    do { try keeper.keep() } catch { failure = error }
    try base.close()
    if let failure { throw failure }
  }
}

/// A transaction that hears of records in the audit log.
private final class WitnessedTransaction: Transaction {
  private let base: any Transaction
  private(set) var head: AuditHead?
  private(set) var records = 0

  init(base: any Transaction) { self.base = base }

  func run(_ sql: String, _ values: [SQLValue]) throws -> [SQLRow] { try base.run(sql, values) }

  func change(_ sql: String, _ values: [SQLValue]) throws -> Int { try base.change(sql, values) }

  func tell(_ sql: String, _ values: [SQLValue]) throws { try base.tell(sql, values) }

  var notedAuditRecord: NewestAuditRecord? { base.notedAuditRecord }

  var titleMemory: TitleMemory? { base.titleMemory }

  func noteAuditRecord(_ newest: NewestAuditRecord) {
    head = newest.head
    records += 1
    base.noteAuditRecord(newest)
  }
}
