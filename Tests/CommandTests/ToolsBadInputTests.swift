import Foundation
import Testing

/// Mistakes with the verbs for issuers: at least three kinds for each.
@Suite struct ToolsBadInputTests {
  private static func custody(_ verb: String) -> [Mistake] {
    [
      Mistake(64, "is invalid", "card", verb, "--card", "00"),
      Mistake(66, "no card at missing", "card", verb, "--card-file", "missing"),
      Mistake(66, "not 0102030405060708", "card", verb, "--yes", "--card", "0102030405060708"),
      Mistake(64, "unknown option", "card", verb, "--force"),
    ]
  }

  private static let verbs = [
    Mistake(64, "nobody can be asked", "card", "lock"), Mistake(64, "which card", "card", "terminate", "--yes"),
    Mistake(1, "issue it first", "card", "unlock", "--card-file", "blank.card"),
    Mistake(69, "no centre", "card", "unlock", "--center", "missing"),
    Mistake(66, "no card at missing", "card", "keys", "--card-file", "missing"),
    Mistake(65, "no card file", "card", "keys", "list", "--card-file", "passphrase"),
    Mistake(64, "unexpected", "card", "keys", "list", "2"),
    Mistake(64, "either --generation or --set", "card", "keys", "put"),
    Mistake(64, "1 to 16", "card", "keys", "put", "--generation", "17"),
    Mistake(64, "2 to 15", "card", "keys", "put", "--set", "1", "--keys", "file:text"),
    Mistake(64, "goes with --set", "card", "keys", "put", "--generation", "2", "--keys", "file:text"),
    Mistake(65, "three keys", "card", "keys", "put", "--set", "2", "--keys", "file:passphrase"),
    Mistake(64, "give its source with --keys", "card", "keys", "put", "--set", "2"),
    Mistake(66, "cannot read", "card", "keys", "put", "--set", "2", "--keys", "file:missing"),
    Mistake(65, "not issued", "card", "keys", "put", "--generation", "2", "--card-file", "blank.card"),
    Mistake(65, "not issued", "card", "receipt", "--card-file", "blank.card"),
    Mistake(69, "no centre", "card", "receipt", "--center", "missing"),
    Mistake(77, "passphrase is wrong", "card", "receipt", "--passphrase", "file:text"),
    Mistake(65, "not issued", "card", "time", "--card-file", "blank.card"),
    Mistake(69, "no centre", "card", "time", "--center", "missing"),
    Mistake(64, "unexpected", "card", "time", "12:00"),
    Mistake(64, "--puk", "card", "unblock", "--new-pin", "file:pin"),
    Mistake(66, "cannot read", "card", "unblock", "--puk", "file:missing", "--new-pin", "file:pin"),
    Mistake(65, "4 to 8", "card", "unblock", "--puk", "file:puk", "--new-pin", "file:text"),
    Mistake(64, "1 to 15", "card", "unblock", "--min-retries", "0"),
    Mistake(64, "is invalid", "card", "hand-over", "--index", "0", "--min-retries", "x"),
    Mistake(65, "knows no title", "card", "charge", "--title", "Nope", "--count", "1", "--dry-run"),
    Mistake(1, "at most 45", "card", "charge", "--title", "Shell", "--count", "46", "--dry-run"),
    Mistake(65, "purchaser", "card", "issue", "--purchaser", "a\nb", "--dry-run"),
  ]

  private static let sessions = [
    Mistake(66, "cannot read the plan", "batch", "run", "missing"),
    Mistake(66, "no ordinary file", "batch", "run", "center"),
    Mistake(66, "no ordinary file", "batch", "run", "fifo"), Mistake(65, "no text", "batch", "run", "random"),
    Mistake(65, "too long", "batch", "run", "large"),
    Mistake(64, "at least 1", "batch", "run", "x", "--halt-after", "0"),
    Mistake(66, "open the journal", "batch", "run", "plan.json", "--journal", "nope/x"),
    Mistake(65, "no journal", "batch", "run", "plan.json", "--journal", "passphrase"),
    Mistake(66, "no ordinary file", "batch", "run", "plan.json", "--journal", "fifo"),
    Mistake(65, "no journal", "batch", "run", "plan.json", "--journal", "passphrase", "--dry-run"),
    Mistake(64, "must be a file", "batch", "run", "plan.json", "--journal", "-"),
    Mistake(77, "passphrase is wrong", "batch", "run", "plan.json", "--passphrase", "file:text"),
    Mistake(66, "cannot read the journal", "batch", "show", "missing"),
    Mistake(65, "no journal", "batch", "show", "passphrase"), Mistake(65, "no journal", "batch", "show", "empty"),
    Mistake(66, "no ordinary file", "batch", "show", "fifo"), Mistake(65, "no journal", "batch", "show", "random"),
    Mistake(66, "no ordinary file", "apdu", "script", "fifo"), Mistake(65, "line 1", "apdu", "script", "random"),
    Mistake(65, "too long", "apdu", "script", "large"), Mistake(65, "no command", "apdu", "script", "empty"),
    Mistake(64, "is invalid", "apdu", "script", "empty", "--seed", "x"),
    Mistake(65, "no recording", "apdu", "replay", "random"), Mistake(65, "no recording", "apdu", "replay", "empty"),
    Mistake(66, "cannot use the recording", "apdu", "replay", "missing"),
    Mistake(64, "'bash', 'zsh' or 'fish'", "completions", "csh"), Mistake(64, "shell", "completions"),
    Mistake(64, "unexpected", "completions", "bash", "zsh"), Mistake(64, "unexpected", "manual", "card"),
    Mistake(64, "go on with one of", "batch"), Mistake(64, "--help", "batch", "nonsense"),
  ]

  @Test func mistakesWithCards() throws {
    let bench = try bench()
    try bench.expect(["lock", "unlock", "terminate"].flatMap(ToolsBadInputTests.custody) + ToolsBadInputTests.verbs)
  }

  @Test func mistakesWithBatchesAndSessions() throws { try bench().expect(ToolsBadInputTests.sessions) }

  private func bench() throws -> CommandBench {
    let bench = try Story.copy()
    try bench.succeed("card", "new", "blank.card")
    try bench.write("", to: "empty")
    try bench.write(String(repeating: "# a line\n", count: 600_000), to: "large")
    try Data((0..<5000).map { _ in UInt8.random(in: 0x80...0xFF) })
      .write(to: URL(fileURLWithPath: bench.path("random")))
    try #require(mkfifo(bench.path("fifo"), 0o600) == 0)
    try bench.write(
      """
      {"version": 1, "cards": [{"files": "blank.card", "purchaser": "Bob"}], "issue": {}}
      """, to: "plan.json")
    return bench
  }
}
