import Foundation
import Testing

/// `--dry-run` tells the plan and the price, and changes nothing at the card or the centre.
@Suite struct DryRunTests {
  private static let verbs: [(arguments: [String], command: String)] = [
    (["charge", "--title", "Shell", "--count", "3"], "STORE DATA"),
    (["issue", "--purchaser", "Bob", "--card-file", "blank.card"], "GENERATE ASYMMETRIC KEY PAIR"),
    (["hand-over", "--index", "0"], "HAND OVER CODE"), (["pin", "verify"], "VERIFY"),
    (["pin", "change"], "CHANGE REFERENCE DATA"), (["pin", "unblock"], "RESET RETRY COUNTER"),
    (["unblock"], "RESET RETRY COUNTER"), (["lock"], "SET STATUS"), (["unlock"], "SET STATUS"),
    (["terminate"], "SET STATUS"), (["keys", "put", "--generation", "2"], "PUT KEY"),
    (["keys", "put", "--set", "2", "--keys", "file:missing"], "PUT KEY"), (["receipt"], "GET DATA"),
    (["time"], "SET TIME"),
  ]

  @Test func nothingChangesAndEveryCommandIsTold() throws {
    let bench = try Story.copy()
    try bench.succeed("card", "new", "blank.card")
    let before = try bench.state()
    let books = try bench.succeed("center", "verify").output
    for (verb, command) in DryRunTests.verbs {
      let text = try bench.run(["card"] + verb + ["--dry-run"])
      #expect(text.status == 0, "\(verb): \(text.complaint)")
      #expect(text.output.contains(command) && text.output.hasSuffix("Nothing was changed.\n"), "\(verb)")
      let plan = try bench.json(["card"] + verb + ["--dry-run"])
      #expect(plan["dryRun"] as? Bool == true)
      let names = (plan["commands"] as? [[String: Any]] ?? []).compactMap { $0["name"] as? String }
      #expect(names.first == "SELECT" && names.contains { $0.hasPrefix(command) }, "\(verb): \(names)")
    }
    let after = try bench.state()
    for name in Set(before.keys).union(after.keys) where !name.hasPrefix("center/center.db") {
      #expect(before[name] == after[name], "\(name) has changed, or come, or gone")
    }
    #expect(try bench.succeed("center", "verify").output == books)
  }

  /// What a kill left for the next mount to finish is not finished by a dry run.
  @Test func whatAKillLeftStaysToTheOctet() throws {
    let bench = try Story.copy()
    let whole = Data(Array(try bench.octets(of: "alice.card")))
    let handOver = ["card", "hand-over", "--index", "0", "--pin", "file:\(Story.pinFile)"]
    var kills = 0
    for number in 1...6 {
      try whole.write(to: URL(fileURLWithPath: bench.path("alice.card")))
      kills += try bench.killed(at: "pwrite64", number, of: "alice.card", handOver) ? 1 : 0
      let before = Data(Array(try bench.octets(of: "alice.card")))
      for verb in [["charge", "--title", "Shell", "--count", "3"], ["lock"], ["pin", "verify"]] {
        let outcome = try bench.run(["card"] + verb + ["--dry-run"])
        #expect(outcome.status == 0, "\(verb) after write \(number): \(outcome.complaint)")
        #expect(try bench.octets(of: "alice.card") == before, "\(verb) after write \(number)")
      }
    }
    #expect(kills > 2)
  }

  @Test func theCostIsTold() throws {
    let bench = try Story.copy()
    let charge = try #require(
      try bench.json("card", "charge", "--title", "Shell", "--count", "3", "--dry-run")["cost"] as? [String: Any])
    #expect(charge["codes"] as? Int == 3 && charge["money"] as? String == "15.00 EUR")
    // 45 codes are left of the card's limit.
    let fewer = ["card", "charge", "--title", "Shell", "--count", "60", "--dry-run"]
    #expect(try bench.run(fewer).status == 1)
    #expect((try bench.json(fewer + ["--fewer"])["cost"] as? [String: Any])?["codes"] as? Int == 45)
    let pin = try #require(try bench.json("card", "pin", "verify", "--dry-run")["cost"] as? [String: Any])
    #expect(pin["pinTries"] as? Int == 1 && pin["pinTriesLeft"] as? Int == 3)
    let puk = try #require(try bench.json("card", "unblock", "--dry-run")["cost"] as? [String: Any])
    #expect(puk["pukTries"] as? Int == 1 && puk["pukTriesLeft"] as? Int == 10)
  }

  /// The plan's commands are those that are then sent: what a recording of the same verb holds, in that order.
  @Test func thePlanIsWhatIsSentThen() throws {
    let bench = try Story.copy()
    let charge = ["card", "charge", "--title", "Shell", "--count", "3"]
    let plan = try #require(try bench.json(charge + ["--dry-run"])["commands"] as? [[String: Any]])
    let planned = plan.flatMap { step in
      [String](repeating: step["name"] as? String ?? "", count: step["times"] as? Int ?? 0)
    }
    try bench.succeed("card", "charge", "--title", "Shell", "--count", "3", "--record", "session.rec")
    let events = try #require(
      try bench.json("apdu", "replay", "session.rec", "--show")["events"] as? [[String: Any]])
    let sent = events.compactMap { ($0["exchange"] as? [String: Any])?["name"] as? String }
    var rest = sent[...]
    for name in planned {
      let place = try #require(rest.firstIndex(of: name), "\(name) of \(planned) is not in \(sent)")
      rest = rest[(place + 1)...]
    }
  }
}
