/// The transaction that changes share, one after another. It remembers the audit log's last record, which each of them
/// would ask for and nobody else can add to meanwhile.
private final class SharedTransaction: Transaction {
  private let connection: any WritingConnection
  /// What the changes noted that stand, and the one that is being made.
  private var (kept, noted): (NewestAuditRecord?, NewestAuditRecord?)

  init(_ connection: any WritingConnection) { self.connection = connection }

  func run(_ sql: String, _ values: [SQLValue]) throws -> [SQLRow] { try connection.run(sql, values) }

  func tell(_ sql: String, _ values: [SQLValue]) throws { try connection.tell(sql, values) }

  func noteAuditRecord(_ newest: NewestAuditRecord) { noted = newest }

  var notedAuditRecord: NewestAuditRecord? { noted }

  /// The change stands.
  func keepChange() { kept = noted }

  /// The change was undone.
  func forgetChange() { noted = kept }
}

/// Changes that share one transaction and its commit.
struct WriteBatch {
  let connection: any WritingConnection

  /// Makes the changes and answers their callers.
  func run(_ writes: [any PendingWrite]) {
    guard !writes.isEmpty else { return }
    switch attempt(writes) {
    case .done:
      break
    case .failed(let error):
      for write in writes { write.refuse(error) }
    case .spoiled(let culprit, let error):
      // The engine took back what the others had done, too. Now each stands for itself.
      writes[culprit].refuse(error)
      writes[culprit].answer()
      for (index, write) in writes.enumerated() where index != culprit { run([write]) }
      return
    }
    for write in writes { write.answer() }
  }

  private enum Outcome {
    /// Everything is durable; each change has kept its answer or the error it was undone for.
    case done
    /// None of it is.
    case failed(CenterError)
    /// None of it is, through the fault of one change.
    case spoiled(culprit: Int, CenterError)
  }

  private func attempt(_ writes: [any PendingWrite]) -> Outcome {
    let deadline = ContinuousClock.now + connection.patience
    while true {
      let failure: any Error
      do {
        try connection.begin()
        if let outcome = try make(writes, in: SharedTransaction(connection)) { return outcome }
        try connection.commit()
        return .done
      } catch is UndecidedCommit {
        return .failed(WriteBatch.undecided)
      } catch {
        failure = error
      }
      let isRepeatable = connection.condition == .repeatable
      connection.rollBack()
      guard isRepeatable, .now < deadline else { return .failed(WriteBatch.refusal(failure)) }
    }
  }

  /// Makes the changes in the open transaction.
  ///
  /// - Returns: `nil` when they are to be committed.
  /// - Throws: when the transaction is to be tried again.
  private func make(_ writes: [any PendingWrite], in transaction: SharedTransaction) throws -> Outcome? {
    if writes.count == 1 { return try makeAlone(writes[0], in: transaction) }
    var needsMark = true
    for (index, write) in writes.enumerated() {
      if needsMark { try connection.setMark(isFirst: index == 0) }
      do {
        try make(write, in: transaction)
        needsMark = true
      } catch {
        switch connection.condition {
        case .repeatable:
          throw error
        case .lost:
          connection.rollBack()
          return .spoiled(culprit: index, CenterError(error, during: WriteBatch.operation))
        case .open, .failed:
          try connection.returnToMark()
          transaction.forgetChange()
          write.refuse(CenterError(error, during: WriteBatch.operation))
          needsMark = false
        }
      }
    }
    return nil
  }

  /// One change needs no mark: it is the transaction.
  private func makeAlone(_ write: any PendingWrite, in transaction: SharedTransaction) throws -> Outcome? {
    do {
      try make(write, in: transaction)
      return nil
    } catch {
      if connection.condition == .repeatable { throw error }
      connection.rollBack()
      write.refuse(CenterError(error, during: WriteBatch.operation))
      return .done
    }
  }

  /// Makes a change. One that hides an error of the engine from us has not been made either.
  private func make(_ write: any PendingWrite, in transaction: SharedTransaction) throws {
    try write.run(in: transaction)
    try connection.settle()
    if connection.condition != .open { throw HiddenFailure() }
    transaction.keepChange()
  }

  private struct HiddenFailure: Error {}

  private static let operation = "Writing the centre's database"

  private static func refusal(_ error: any Error) -> CenterError {
    if let error = error as? CenterError { return error }
    return CenterError(
      .storage, operation, remedy: "Nothing was changed. Check the disk and the database, then run it again.")
  }

  private static var undecided: CenterError {
    CenterError(
      .unknownOutcome, operation,
      remedy: "The database went away while it made the change durable. Ask for the same operation again to find out.")
  }
}
