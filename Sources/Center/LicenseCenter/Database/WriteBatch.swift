/// The transaction that changes share, one after another. It remembers the audit log's last record and the titles, which
/// each of them would ask for and nobody else can add to meanwhile.
///
/// Once a statement has failed it takes no other before the change is undone: what SQLite has rolled back by itself would
/// go on without any transaction, and a change that hides an error must not stand.
private final class SharedTransaction: Transaction {
  private let connection: any WritingConnection
  /// What the changes noted that stand, and the one that is being made.
  private var (kept, noted): (NewestAuditRecord?, NewestAuditRecord?)
  /// What a statement of the change failed by.
  private var failure: (any Error)?

  init(_ connection: any WritingConnection) { self.connection = connection }

  func run(_ sql: String, _ values: [SQLValue]) throws -> [SQLRow] {
    try watching { try connection.run(sql, values) }
  }

  func tell(_ sql: String, _ values: [SQLValue]) throws { try watching { try connection.tell(sql, values) } }

  func change(_ sql: String, _ values: [SQLValue]) throws -> Int {
    try watching { try connection.change(sql, values) }
  }

  private func watching<R>(_ statement: () throws -> R) throws -> R {
    try expectNoFailure()
    do {
      return try statement()
    } catch {
      failure = error
      throw error
    }
  }

  /// Throws again what a statement of the change failed by.
  func expectNoFailure() throws {
    if let failure { throw failure }
  }

  func noteAuditRecord(_ newest: NewestAuditRecord) { noted = newest }

  var notedAuditRecord: NewestAuditRecord? { noted }

  let titleMemory: TitleMemory? = TitleMemory()

  /// The change stands.
  func keepChange() { kept = noted }

  /// The change was undone.
  func forgetChange() {
    noted = kept
    failure = nil
    titleMemory?.forget()
  }
}

/// Changes that share one transaction and its commit.
///
/// Most batches have no change that fails. So they are made without a mark before each, which costs as much as a statement
/// or two; should one fail all the same, everything is rolled back and made once more with marks.
struct WriteBatch {
  let connection: any WritingConnection
  /// Whether a change that fails is to be expected, and marks are set at once.
  let isCautious: Bool

  /// Makes the changes and answers their callers.
  ///
  /// - Returns: Whether all of them were made together.
  @discardableResult
  func run(_ writes: [any PendingWrite]) -> Bool {
    guard !writes.isEmpty else { return true }
    let outcome = attempt(writes)
    switch outcome {
    case .done:
      break
    case .failed(let error):
      for write in writes { write.refuse(error) }
    case .spoiled(let culprit, let error):
      // The engine took back what the others had done, too. Now each stands for itself.
      writes[culprit].refuse(error)
      writes[culprit].answer()
      for (index, write) in writes.enumerated() where index != culprit { run([write]) }
      return false
    }
    for write in writes { write.answer() }
    if case .done(let areAllMade) = outcome { return areAllMade }
    return false
  }

  private enum Outcome {
    /// Everything is durable; each change has kept its answer or the error it was undone for.
    case done(areAllMade: Bool)
    /// None of it is.
    case failed(CenterError)
    /// None of it is, through the fault of one change.
    case spoiled(culprit: Int, CenterError)
  }

  private func attempt(_ writes: [any PendingWrite]) -> Outcome {
    let deadline = ContinuousClock.now + connection.patience
    var isCautious = isCautious
    while true {
      let failure: any Error
      do {
        try connection.begin()
        let transaction = SharedTransaction(connection)
        var areAllMade = true
        if writes.count == 1 {
          guard try makeAlone(writes[0], in: transaction) else { return .done(areAllMade: false) }
        } else if isCautious {
          switch try makeEach(writes, in: transaction) {
          case .made(let all): areAllMade = all
          case .lost(let culprit, let error): return .spoiled(culprit: culprit, error)
          }
        } else if try !makeTogether(writes, in: transaction) {
          isCautious = true
          continue
        }
        try connection.commit()
        return .done(areAllMade: areAllMade)
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

  /// Makes the changes in the open transaction, in the hope that none fails.
  ///
  /// - Returns: `false` when one did, and everything was rolled back.
  /// - Throws: when the transaction is to be tried again.
  private func makeTogether(_ writes: [any PendingWrite], in transaction: SharedTransaction) throws -> Bool {
    do {
      for write in writes {
        try write.run(in: transaction)
        try transaction.expectNoFailure()
        // The next would stand by itself.
        if connection.isOutsideTransaction { throw HiddenFailure() }
        transaction.keepChange()
      }
      try connection.settle()
      if connection.condition == .open { return true }
    } catch {
      if connection.condition == .repeatable { throw Interruption() }
    }
    connection.rollBack()
    return false
  }

  private enum Made {
    /// They are to be committed; those that failed were undone.
    case made(all: Bool)
    /// The transaction is gone through the fault of one.
    case lost(culprit: Int, CenterError)
  }

  /// Makes the changes in the open transaction, and undoes each that fails.
  ///
  /// - Throws: when the transaction is to be tried again.
  private func makeEach(_ writes: [any PendingWrite], in transaction: SharedTransaction) throws -> Made {
    var needsMark = true
    var areAllMade = true
    for (index, write) in writes.enumerated() {
      if needsMark { try connection.setMark(isFirst: index == 0) }
      do {
        try make(write, in: transaction)
        needsMark = true
      } catch {
        switch connection.condition {
        case .repeatable:
          throw Interruption()
        case .lost:
          connection.rollBack()
          return .lost(culprit: index, CenterError(error, during: WriteBatch.operation))
        case .open, .failed:
          try connection.returnToMark()
          transaction.forgetChange()
          write.refuse(CenterError(error, during: WriteBatch.operation))
          (needsMark, areAllMade) = (false, false)
        }
      }
    }
    return .made(all: areAllMade)
  }

  /// One change needs no mark: it is the transaction.
  ///
  /// - Returns: `false` when it failed, and was rolled back and refused.
  private func makeAlone(_ write: any PendingWrite, in transaction: SharedTransaction) throws -> Bool {
    do {
      try make(write, in: transaction)
      return true
    } catch {
      if connection.condition == .repeatable { throw Interruption() }
      connection.rollBack()
      write.refuse(CenterError(error, during: WriteBatch.operation))
      return false
    }
  }

  /// Makes a change. One that hides an error of the engine from us has not been made either.
  private func make(_ write: any PendingWrite, in transaction: SharedTransaction) throws {
    try write.run(in: transaction)
    try transaction.expectNoFailure()
    try connection.settle()
    if connection.condition != .open { throw HiddenFailure() }
    transaction.keepChange()
  }

  private struct HiddenFailure: Error {}

  /// The transaction broke through nobody's fault. What a change made of that is not what the others should hear.
  private struct Interruption: Error {}

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
