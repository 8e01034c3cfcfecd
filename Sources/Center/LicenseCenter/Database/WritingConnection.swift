/// The one connection of an engine that writes, with a transaction at a time. It stays on one thread.
protocol WritingConnection: Transaction {
  /// Begins a transaction that no other writer can come between.
  func begin() throws

  /// Sets the mark that ``returnToMark()`` returns to; the one before is gone, and what was done since then stands.
  func setMark(isFirst: Bool) throws

  /// Undoes everything since the mark, which stays.
  func returnToMark() throws

  /// Waits for every statement that was only told.
  ///
  /// - Throws: what one of them failed by.
  func settle() throws

  /// Makes everything durable.
  ///
  /// - Throws: ``UndecidedCommit`` when there is no telling; after every other error nothing was changed.
  func commit() throws

  /// Undoes everything and ends the transaction, if there is one.
  func rollBack()

  /// How long a transaction is tried again and again that breaks through nobody's fault.
  var patience: Duration { get }

  /// What has become of the transaction, after an error or without one.
  var condition: TransactionCondition { get }

  /// Whether it is known, without asking the engine or waiting for it, that there is no transaction any more.
  var isOutsideTransaction: Bool { get }
}

/// What has become of a transaction.
enum TransactionCondition {
  /// It goes on.
  case open
  /// A statement failed, and the engine takes no other before the return to the mark or the end.
  case failed
  /// The engine has rolled it back: what one of its changes asked for cannot be done.
  case lost
  /// It is gone through nobody's fault, and the whole of it can be tried again at once: the line broke, or another
  /// instance's transaction came between.
  case repeatable
}

/// The line broke between a commit and its confirmation, and nobody could say afterwards what came of it.
struct UndecidedCommit: Error {}
