/// What the process says when it ends; the numbers are those of `sysexits.h` where that has one (docs/commands.md).
enum ExitStatus: Int32, Sendable, CaseIterable {
  /// It did not work, and none of the others says why.
  case failed = 1
  /// Part of a batch failed.
  case partFailed = 3
  /// Nothing is lost, and a repair is due.
  case repairDue = 4
  /// The command line is wrong.
  case usage = 64
  /// Input is malformed, or its verification failed.
  case badInput = 65
  /// There is no such reader, card or disc.
  case noDevice = 66
  /// The daemon or the centre cannot be reached.
  case unavailable = 69
  /// A bug of ours.
  case bug = 70
  /// The line to a card or disc, or the storage behind it, failed.
  case transport = 74
  /// Somebody else has it, or reset it; nothing was written.
  case busy = 75
  /// A PIN, passphrase or key is wrong, missing or blocked.
  case refused = 77
  /// The user stopped it.
  case interrupted = 130
}
