import Foundation
import Testing

/// Verbs that go to a centre on the network.
@Suite struct NetworkTests {
  /// A served centre is in `Tests/CenterServerTests`; here nobody listens, and what is wrong is told before anything is sent.
  @Test func whatIsWrongIsToldBeforeAnythingIsSent() throws {
    let bench = try Story.copy()
    let cases: [(arguments: [String], status: Int32)] = [
      (["redeem", "-o", "out", "--code", "env:CODE"], 64),
      (["redeem", "-o", "out", "--code", "env:CODE", "--center", "folder"], 64),
      (["redeem", "-o", "out", "--code", "env:CODE", "--center", "http://example.com"], 64),
      (["redeem", "-o", "out", "--code", "hunter2", "--center", "http://127.0.0.1:1"], 64),
      (["redeem", "-o", "out", "--code", "env:WRONG", "--center", "http://127.0.0.1:1"], 65),
      (["redeem", "-o", "none/out", "--code", "env:CODE", "--center", "http://127.0.0.1:1"], 66),
      (["redeem", "-o", "out", "--code", "env:CODE", "--center", "https://127.0.0.1:1", "--authority", "none"], 65),
      (["card", "charge", "--title", "x", "--count", "1", "--center", "http://example.com"], 64),
      (["card", "charge", "--title", "x", "--count", "1", "--center", "http://127.0.0.1:1", "--dry-run"], 64),
    ]
    for (arguments, status) in cases {
      let outcome = try bench.run(
        arguments, environment: ["CODE": "0000-0000-0000-0000-0", "WRONG": "0000-0000-0000-0000-1"])
      #expect(outcome.status == status, "\(arguments): \(outcome.complaint)")
      #expect(!outcome.complaint.contains("hunter2") && outcome.output.isEmpty)
      #expect(!FileManager.default.fileExists(atPath: bench.path("out.redemption")))
    }
  }
}
