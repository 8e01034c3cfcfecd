import Foundation
import TestSupport
import Testing

/// Many cards by one plan.
@Suite struct BatchTests {
  private static let plan = """
    {
      "version": 1,
      "name": "Autumn",
      "cards": [{"files": "cards/*.card"}],
      "issue": {"purchaser": "Customer {number}", "maximumCodes": 20, "pinLetters": "letters/{serial}.txt"},
      "charge": [{"title": "Shell", "count": 2}, {"title": "Text", "count": 1}]
    }

    """

  /// A centre with blank cards and a plan.
  private func bench(cards: Int, plan: String = BatchTests.plan) throws -> CommandBench {
    let bench = try Story.copy()
    for folder in ["cards", "letters"] {
      try FileManager.default.createDirectory(atPath: bench.path(folder), withIntermediateDirectories: false)
    }
    for number in 1...cards { try bench.succeed("card", "new", "cards/\(number).card") }
    try bench.write(plan, to: "plan.json")
    return bench
  }

  /// Each card has the plan's codes, once, and the books say the same.
  private func expectDone(_ bench: CommandBench, cards: Int) throws {
    let sound = try bench.run(["center", "verify"])
    #expect(sound.status == 0, "\(sound.complaint)")
    let books = try #require(try bench.json("center", "card", "list")["cards"] as? [[String: Any]])
    for number in 1...cards {
      let file = "cards/\(number).card"
      let serial = try #require(try bench.json("card", "info", "--card-file", file)["serial"] as? String)
      let codes = try #require(try bench.json("card", "codes", "--card-file", file)["codes"] as? [[String: Any]])
      #expect(codes.count == 3, "\(file)")
      let book = try #require(books.first { $0["serial"] as? String == serial })
      #expect(book["codesSold"] as? Int == 3)
      #expect(book["balances"] as? [String] == ["-11.00 EUR", "0 JPY"])
      let letter = String(decoding: try bench.octets(of: "letters/\(serial).txt"), as: UTF8.self)
      #expect(letter == (try bench.succeed("card", "pin", "letter", "--card", serial)).output)
      let attributes = try FileManager.default.attributesOfItem(atPath: bench.path("letters/\(serial).txt"))
      #expect(attributes[.posixPermissions] as? Int == 0o600)
    }
    #expect(books.count == cards + 1)
    let journal = try self.journal(bench)
    for event in ["issued", "lettered", "done"] {
      #expect(journal.count { $0["event"] as? String == event } == cards, "\(event)")
    }
    #expect(journal.count { $0["event"] as? String == "charged" } == 2 * cards)
    let left = try FileManager.default.contentsOfDirectory(atPath: bench.path("letters"))
    #expect(left.count == cards, "\(left)")
  }

  private func journal(_ bench: CommandBench, _ name: String = "plan.json.journal") throws -> [[String: Any]] {
    try lines(String(decoding: try bench.octets(of: name), as: UTF8.self))
  }

  private func lines(_ text: String) throws -> [[String: Any]] {
    try text.split(separator: "\n").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
  }

  @Test func everyCardIsIssuedAndChargedOnce() throws {
    let bench = try bench(cards: 3)
    let run = try bench.run(["batch", "run", "plan.json"])
    #expect(run.status == 0, "\(run.complaint)")
    #expect(run.output.contains("3 of 3 cards done.") && run.complaint.isEmpty)
    try expectDone(bench, cards: 3)
    // Once more: nothing is left to do.
    let again = try bench.run(["batch", "run", "plan.json", "--json"])
    #expect(again.status == 0)
    let results = try lines(again.output)
    #expect(results.count == 4)
    #expect(results.dropLast().allSatisfy { $0["state"] as? String == "done before" && $0["codes"] as? Int == 3 })
    #expect(results.last?["done"] as? Int == 3 && results.last?["failed"] as? Int == 0)
    try expectDone(bench, cards: 3)
    let shown = try bench.json("batch", "show", "plan.json.journal")
    #expect(shown["name"] as? String == "Autumn" && shown["runs"] as? Int == 2)
    #expect((shown["cards"] as? [Any])?.count == 3)
    #expect(try bench.succeed("batch", "show", "plan.json.journal").output.contains("3 of 3 begun are done"))
  }

  /// The process is killed as it enters one system call after the other, then at random moments.
  @Test func killedAtAnyMomentItDoesNothingTwice() throws {
    let cards = 3
    let bench = try bench(cards: cards)
    var chance = Randomness("batch kills")
    let run = ["batch", "run", "plan.json"]
    var kills = 0
    for call in ["fsync", "pwrite64", "write", "renameat2", "fdatasync"] {
      for _ in 0..<chance.soak(4, full: 25) {
        let last = ["fsync": 9, "pwrite64": 160, "write": 14, "renameat2": 1, "fdatasync": 40][call] ?? 1
        let moment = Int.random(in: 1...last, using: &chance.generator)
        kills += try bench.killed(at: call, moment, run) ? 1 : 0
      }
    }
    #expect(kills >= 5, "\(kills)")
    let outcome = try bench.run(run)
    #expect(outcome.status == 0, "\(outcome.complaint)\(outcome.output)")
    try expectDone(bench, cards: cards)
  }

  @Test func aTornLastLineIsCutOff() throws {
    let bench = try bench(cards: 1)
    // The first line of all may be torn before anything was done.
    try bench.write("{\"batch\":\"0123", to: "plan.json.journal")
    try bench.succeed("batch", "run", "plan.json")
    // What is mapped would change with the file.
    let whole = Array(try bench.octets(of: "plan.json.journal"))
    for end in whole.indices.filter({ whole[$0] == 0x0A }).dropFirst() {
      try Data(whole.prefix(end - 3)).write(to: URL(fileURLWithPath: bench.path("plan.json.journal")))
      try bench.succeed("batch", "show", "plan.json.journal")
      try bench.succeed("batch", "run", "plan.json")
      try expectDone(bench, cards: 1)
    }
  }

  @Test func somebodyElsesFileIsNoJournal() throws {
    let bench = try bench(cards: 1)
    for (name, content) in [
      ("object", "{\"version\": 1}"), ("lines", "one\ntwo\n"), ("middle", "{\"event\":\"begun\"}\nxx\nyy\n"),
      ("binary", "\u{0}\u{1}\u{2}"),
    ] {
      try bench.write(content, to: name)
      let run = try bench.run(["batch", "run", "plan.json", "--journal", name])
      #expect(run.status == 65, "\(name): \(run.complaint)")
      #expect(String(decoding: try bench.octets(of: name), as: UTF8.self) == content)
      #expect(try bench.run(["batch", "show", name]).status == 65, "\(name)")
    }
    try bench.succeed("batch", "run", "plan.json")
    try bench.write(BatchTests.plan.replacing("\"count\": 2", with: "\"count\": 3"), to: "plan.json")
    let changed = try bench.run(["batch", "run", "plan.json"])
    #expect(changed.status == 65 && changed.complaint.contains("another plan"))
  }

  @Test func whatFailsIsToldAndTriedAgain() throws {
    let bench = try bench(cards: 3)
    try FileManager.default.moveItem(atPath: bench.path("cards/2.card"), toPath: bench.path("two"))
    try bench.write("not a card", to: "cards/2.card")
    let part = try bench.run(["batch", "run", "plan.json"])
    #expect(part.status == 3, "\(part.complaint)")
    #expect(part.complaint.contains("1 of 3 cards failed"))
    #expect(part.output.contains("Card 2: ") && part.output.contains("2 of 3 cards done, 1 failed."))
    let shown = try #require(try bench.json("batch", "show", "plan.json.journal")["cards"] as? [[String: Any]])
    #expect(shown[1]["state"] as? String == "failed" && shown[1]["exitCode"] as? Int == 65)
    try FileManager.default.removeItem(atPath: bench.path("cards/2.card"))
    try FileManager.default.moveItem(atPath: bench.path("two"), toPath: bench.path("cards/2.card"))
    try bench.succeed("batch", "run", "plan.json")
    try expectDone(bench, cards: 3)
  }

  @Test func itHaltsAfterFailuresInARow() throws {
    let bench = try bench(cards: 1)
    try FileManager.default.moveItem(atPath: bench.path("cards/1.card"), toPath: bench.path("cards/z.card"))
    for number in 1...4 { try bench.write("no card", to: "cards/\(number).card") }
    let halted = try bench.run(["batch", "run", "plan.json", "--halt-after", "2", "--json"])
    #expect(halted.status == 1 && halted.complaint.contains("2 cards in a row failed"), "\(halted.complaint)")
    let sum = try #require(try lines(halted.output).last)
    #expect(sum["failed"] as? Int == 2 && sum["notReached"] as? Int == 3)
    #expect(try bench.json("batch", "show", "plan.json.journal")["stopped"] as? String == "2 cards in a row failed")
    #expect(try bench.run(["batch", "run", "plan.json", "--halt-after", "5"]).status == 3)
    #expect(try bench.run(["batch", "run", "plan.json", "--halt-after", "0"]).status == 64)
  }

  @Test func oneRunAtATime() throws {
    let bench = try bench(cards: 1)
    try bench.succeed("batch", "run", "plan.json")
    let lock = try bench.launch(
      "/usr/bin/env",
      [
        "python3", "-c",
        """
        import fcntl, os, struct, subprocess, sys
        held = os.open("plan.json.journal", os.O_RDWR)
        fcntl.fcntl(held, 37, struct.pack("hhqqi", fcntl.F_WRLCK, 0, 0, 0, 0))
        sys.exit(subprocess.call(sys.argv[1:]))
        """, CommandBench.executable, "batch", "run", "plan.json",
      ])
    #expect(lock.status == 75 && lock.complaint.contains("in use"), "\(lock.complaint)")
  }

  @Test func oneCardUnderTwoNamesIsChargedOnce() throws {
    let bench = try bench(cards: 1)
    try FileManager.default.createSymbolicLink(atPath: bench.path("cards/2.card"), withDestinationPath: "1.card")
    let run = try bench.run(["batch", "run", "plan.json"])
    #expect(run.status == 3 && run.output.contains("is cards/1.card too"), "\(run.output)")
    #expect((try bench.json("card", "codes", "--card-file", "cards/1.card")["codes"] as? [Any])?.count == 3)
  }

  @Test func aDryRunTellsWhatWouldBeDone() throws {
    let bench = try bench(cards: 2)
    let before = try bench.state()
    let rows = try lines(try bench.succeed("batch", "run", "plan.json", "--dry-run", "--json").output)
    #expect(rows.count == 2)
    #expect(
      rows.allSatisfy { $0["would"] as? String == "issue, charge" && $0["cost"] as? String == "10.00 EUR, 1.00 EUR" })
    #expect(try bench.succeed("batch", "run", "plan.json", "--dry-run").output.hasSuffix("Nothing was changed.\n"))
    let after = try bench.state()
    try checkWhatWouldFail(bench)
    for name in Set(before.keys).union(after.keys) where !name.hasPrefix("center/center.db") {
      #expect(before[name] == after[name], "\(name)")
    }
  }

  /// The reason has a line of its own below the table, and the exit code is the one that the run would have.
  private func checkWhatWouldFail(_ bench: CommandBench) throws {
    try bench.write("no card", to: "cards/9.card")
    let outcome = try bench.run(["batch", "run", "plan.json", "--dry-run"])
    #expect(outcome.status == 3 && outcome.complaint.contains("1 of 3 cards would fail"), "\(outcome.complaint)")
    let reason = outcome.output.split(separator: "\n").filter { $0.contains("no card file") }
    #expect(reason.count == 1 && reason.first?.hasPrefix("cards/9.card: ") == true, "\(outcome.output)")
    let rows = try lines(try bench.run(["batch", "run", "plan.json", "--dry-run", "--json"]).output)
    #expect(rows.last?["would"] as? String == "fail" && (rows.last?["reason"] as? String)?.isEmpty == false)
  }

  @Test func noSecretIsInJournalOrOutput() throws {
    let bench = try bench(cards: 2)
    var said = ""
    for arguments in [
      ["batch", "run", "plan.json", "--dry-run"], ["batch", "run", "plan.json"],
      ["batch", "run", "plan.json", "--json"], ["batch", "show", "plan.json.journal"],
    ] {
      let outcome = try bench.run(arguments)
      said += outcome.output + outcome.complaint
    }
    said += String(decoding: try bench.octets(of: "plan.json.journal"), as: UTF8.self)
    for name in try FileManager.default.contentsOfDirectory(atPath: bench.path("letters")) {
      let letter = String(decoding: try bench.octets(of: "letters/\(name)"), as: UTF8.self)
      let secrets = letter.split(separator: "\n").filter { $0.hasPrefix("PIN  ") || $0.hasPrefix("PUK  ") }
      #expect(secrets.count == 2)
      for secret in secrets.compactMap({ $0.split(separator: " ").last }) {
        #expect(said.range(of: "\\b\(secret)\\b", options: .regularExpression) == nil)
      }
    }
    let code = "[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z*~$=]"
    #expect(said.range(of: code, options: .regularExpression) == nil)
    #expect(!said.contains(Story.passphrase) && !said.contains("Customer"))
  }

  @Test func aPlansMistakeIsToldWithItsPlace() throws {
    let bench = try bench(cards: 1)
    let plans: [(text: String, words: String)] = [
      ("", "line 1: it ends too early"), ("{\"version\": 1,\n}", "line 2: a name"), ("[]", "must be an object"),
      ("{\"version\": 1} x", "behind the end"), ("{\"version\": 1, \"version\": 1}", "there twice"),
      ("{\"version\": 1.5}", "1.5 is no whole number"), ("{\"version\": \"1\"}", "version: it must be a whole number"),
      ("{\"version\": 2}", "version 1 only"), ("{}", "version: it is missing"),
      ("{\"version\": 1}", "cards: it is missing"), ("{\"version\": 1, \"cards\": []}", "at least one card"),
      ("{\"version\": 1, \"cards\": [{\"files\": \"cards/*\"}]}", "nothing to do"),
      ("{\"version\": 1,\n\"cards\": [\n{\"file\": \"x\"}]}", "line 3, cards[0].file: there is no such field"),
      ("{\"version\": 1, \"cards\": [{\"files\": \"x\", \"y\": 1}]}", "cards[0].y: there is no such field"),
      ("{\"version\": 1, \"cards\": [{}]}", "cards[0].files: either files or reader"),
      ("{\"version\": 1, \"cards\": [{\"files\": \"x\", \"reader\": \"y\"}]}", "either files or reader"),
      ("{\"version\": 1, \"cards\": [{\"reader\": \"y\"}]}", "cards[0].count: it is missing"),
      ("{\"version\": 1, \"cards\": [{\"files\": \"y\", \"count\": 1}]}", "cards[0].count: it goes with reader"),
      (BatchTests.plan.replacing("\"count\": 2", with: "\"count\": 70000"), "line 6, charge[0].count: it must be"),
      (BatchTests.plan.replacing("{serial}", with: "x"), "line 5, issue.pinLetters: each letter wants"),
      (BatchTests.plan.replacing("\"purchaser\": \"Customer {number}\", ", with: ""), "has no purchaser"),
      (BatchTests.plan.replacing("Autumn", with: "Au\\ntumn"), "name: it must be a text"),
      (BatchTests.plan.replacing("Autumn", with: "Au\\qtumn"), "means nothing"),
      (String(repeating: "[", count: 100), "too deep"),
    ]
    for (text, words) in plans {
      try bench.write(text, to: "bad.json")
      let outcome = try bench.run(["batch", "run", "bad.json"])
      #expect(outcome.status == 65, "\(text): \(outcome.complaint)")
      #expect(outcome.complaint.hasPrefix("warifu: bad.json, line "), "\(outcome.complaint)")
      #expect(outcome.complaint.contains(words), "\(words): \(outcome.complaint)")
    }
    try bench.write(BatchTests.plan.replacing("\"Shell\"", with: "\"Nobody\""), to: "bad.json")
    #expect(try bench.run(["batch", "run", "bad.json"]).complaint.contains("knows no title"))
    try bench.write(BatchTests.plan.replacing("cards/*.card", with: "none/*"), to: "bad.json")
    #expect(try bench.run(["batch", "run", "bad.json"]).status == 66)
    #expect(!FileManager.default.fileExists(atPath: bench.path("bad.json.journal")))
  }
}
