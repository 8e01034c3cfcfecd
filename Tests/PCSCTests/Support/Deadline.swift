import Foundation
import Glibc
import Testing

/// Ends the whole run when a test hangs: a failure, and no wait without an end.
///
/// Swift Testing's own time limit cancels a test, which a call into the smart card service does not hear. The private
/// daemons end with the process.
struct Deadline: SuiteTrait, TestTrait, TestScoping {
  /// For each case of each test.
  let seconds: Int
  var isRecursive: Bool { true }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    let name = test.name
    let seconds = seconds
    let timer = DispatchSource.makeTimerSource()
    timer.schedule(deadline: .now() + .seconds(seconds))
    timer.setEventHandler {
      let line = Array("✘ Test \(name) hangs: it did not end within \(seconds) s.\n".utf8)
      _ = write(STDERR_FILENO, line, line.count)
      _exit(1)
    }
    timer.resume()
    defer { timer.cancel() }
    try await function()
  }
}

extension Trait where Self == Deadline {
  /// Far beyond what any of these tests takes on a machine that does ten other things, its wait for the others included;
  /// more for soak runs.
  static var noHang: Deadline {
    Deadline(seconds: ProcessInfo.processInfo.environment["WARIFU_SOAK"] == "1" ? 1_200 : 600)
  }
}
