import Foundation
import Testing

/// Somebody sits at a terminal.
@Suite struct TerminalTests {
  private struct Screen: Decodable {
    let status: Int32
    let screen: String
  }

  private func type(
    _ arguments: [String], answers: [[String]], columns: Int? = nil, on bench: CommandBench
  ) throws -> Screen {
    var request: [String: Any] = ["command": [CommandBench.executable] + arguments, "answers": answers]
    request["columns"] = columns
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("terminal.py").path
    let json = String(decoding: try JSONSerialization.data(withJSONObject: request), as: UTF8.self)
    // An empty source is none, but it is no prompt either: take the variable away.
    let outcome = try bench.launch("/usr/bin/env", ["-u", "WARIFU_PASSPHRASE", "python3", "-B", script, json])
    return try JSONDecoder().decode(Screen.self, from: outcome.octets)
  }

  @Test func aPassphraseIsAskedForAndNotShown() throws {
    let bench = try Story.copy()
    let screen = try type(["center", "verify"], answers: [["passphrase: ", Story.passphrase + "\n"]], on: bench)
    #expect(screen.status == 0, "\(screen.screen)")
    #expect(screen.screen.contains("are sound"))
    #expect(!screen.screen.contains(Story.passphrase))
  }

  @Test func editingWorksAndControlCStops() throws {
    let bench = try Story.copy()
    let pin = try Story.told.get().secret(in: Story.pinFile)
    // Backspace takes one back, Ctrl-U all.
    let edited = try type(
      ["card", "pin", "verify"], answers: [["PIN: ", "99\u{15}\(pin)0\u{7F}\r"]], on: bench)
    #expect(edited.status == 0, "\(edited.screen)")
    let stopped = try type(["card", "pin", "verify"], answers: [["PIN: ", "12\u{03}"]], on: bench)
    #expect(stopped.status == 130)
    #expect(!stopped.screen.contains("12"))
    #expect(try bench.succeed("card", "info").output.contains("PIN 3"))
  }

  @Test func aNewPassphraseIsAskedForTwice() throws {
    let bench = try CommandBench()
    let answers = [["passphrase: ", "one\n"], ["again: ", "two\n"]]
    let screen = try type(["center", "init", "center", "--name", "x"], answers: answers, on: bench)
    #expect(screen.status == 65)
    #expect(!FileManager.default.fileExists(atPath: bench.path("center")))
  }

  /// Between words, and a command that somebody may copy stays whole as long as it fits.
  @Test(arguments: [30, 44, 80, 200]) func failuresAreFolded(_ columns: Int) throws {
    let bench = try CommandBench()
    let arguments = ["card", "info", "--card-file", "there is/no-such-card-in-a-folder-with-a-long-name"]
    let plain = try bench.run(arguments).complaint
    let screen = try type(arguments, answers: [], columns: columns, on: bench).screen
    let lines = screen.split(whereSeparator: \.isNewline)
    #expect(lines.joined(separator: " ") + "\n" == plain)
    #expect(lines.allSatisfy { $0.count <= columns || !$0.contains(" ") }, "\(lines)")
    #expect((lines.count == 1) == (columns == 200))
    #expect(lines.contains { $0.contains("'warifu card new'") }, "\(lines)")
  }

  /// A longer line would be folded, and what was folded is not taken away again.
  @Test(arguments: [20, 80]) func theBarOfABatchFits(_ columns: Int) throws {
    let bench = try Story.copy()
    for number in 1...2 { try bench.succeed("card", "new", "\(number).blank") }
    let plan = #"{"version": 1, "cards": [{"files": "*.blank"}], "issue": {"purchaser": "Customer {number}"}}"#
    try bench.write(plan, to: "plan.json")
    let arguments = ["batch", "run", "plan.json", "--passphrase", "file:passphrase"]
    let screen = try type(arguments, answers: [], columns: columns, on: bench)
    #expect(screen.status == 0 && screen.screen.contains("2 of 2 cards done."), "\(screen.screen)")
    // The state of the bar before and after each card, then nothing of it.
    let states = screen.screen.components(separatedBy: "\u{1B}[K").map { $0.dropFirst() }.filter { $0.hasPrefix("[") }
    #expect(states.count == 3 && states.allSatisfy { $0.count < columns }, "\(states)")
    #expect(columns == 20 || states.last?.contains("2/2") == true, "\(states)")
  }

  @Test(arguments: [24, 80]) func theLineOfACopyFits(_ columns: Int) throws {
    let bench = try Story.copy()
    let arguments = ["copy", "title", "--title", "Text", "--master", "master.iso", "--verify"]
    let screen = try type(arguments, answers: [], columns: columns, on: bench)
    #expect(screen.status == 0, "\(screen.screen)")
    let states = screen.screen.components(separatedBy: "\u{1B}[K").compactMap { $0.split(separator: "\r").last }
      .filter { $0.hasPrefix("Copying") || $0.hasPrefix("Verifying") }
    #expect(states.count == 2 && states.allSatisfy { $0.count < columns && $0.contains("100 %") }, "\(states)")
    #expect(states.allSatisfy { $0.contains("[#####") == (columns == 80) }, "\(states)")
  }

  @Test func whatCannotBeUndoneWantsTheSerialTyped() throws {
    let bench = try Story.copy()
    let letter = ["card", "pin", "letter", "--confirm-printed"]
    let passphrase = ["passphrase: ", Story.passphrase + "\n"]
    let wrong = try type(letter, answers: [passphrase, ["to go on: ", "yes\n"]], on: bench)
    #expect(wrong.status == 1)
    let text = try bench.succeed("card", "pin", "letter").output
    let serial = try #require(text.split(separator: "\n").dropFirst().first?.split(separator: " ").last)
    let right = try type(letter, answers: [passphrase, ["to go on: ", serial + "\n"]], on: bench)
    #expect(right.status == 0, "\(right.screen)")
    #expect(try bench.run(["card", "pin", "letter"]).status == 1)
  }
}
