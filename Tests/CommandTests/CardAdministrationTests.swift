import Foundation
import Testing

/// What the centre does with cards that it has issued, by commands alone.
@Suite struct CardAdministrationTests {
  /// One card of the story.
  private func serial(_ bench: CommandBench) throws -> String {
    try #require(try bench.json("card", "info")["serial"] as? String)
  }

  @Test func aLockedCardDoesNothingUntilItIsUnlocked() throws {
    let bench = try Story.copy()
    let serial = try serial(bench)
    // Whoever does not say which card changes none.
    #expect(try bench.run(["card", "lock"]).status == 64)
    #expect(try bench.run(["card", "lock", "--yes"]).status == 64)
    #expect(try bench.run(["card", "lock", "--yes", "--card", "0102030405060708"]).status == 66)
    #expect(try bench.json("card", "info")["state"] as? String == "issued")
    let lock = ["card", "lock", "--yes", "--card", serial]
    #expect(try bench.json(lock)["changed"] as? Bool == true)
    #expect(try bench.json(lock)["changed"] as? Bool == false)
    #expect(try bench.json("card", "info")["state"] as? String == "locked")
    for verb in [
      ["card", "codes"], ["card", "time"], ["card", "receipt"], ["card", "keys", "put", "--generation", "2"],
      ["card", "charge", "--title", "Shell", "--count", "1"],
    ] {
      let refused = try bench.run(verb)
      #expect(refused.status == 65 && refused.complaint.contains("locked"), "\(verb): \(refused.complaint)")
    }
    #expect(try bench.json("card", "unlock")["changed"] as? Bool == true)
    #expect(try bench.json("card", "unlock")["changed"] as? Bool == false)
    try bench.succeed("card", "charge", "--title", "Shell", "--count", "1")
    try bench.succeed("center", "verify")
  }

  @Test func aTerminatedCardStaysSo() throws {
    let bench = try Story.copy()
    let end = ["card", "terminate", "--yes", "--card", try serial(bench)]
    #expect(try bench.json(end)["changed"] as? Bool == true)
    #expect(try bench.json("card", "info")["state"] as? String == "terminated")
    #expect(try bench.json(end)["changed"] as? Bool == false)
    let back = try bench.run(["card", "unlock"])
    #expect(back.status == 1 && back.complaint.contains("take another"), "\(back.complaint)")
    // Nobody is asked about what cannot be done.
    let locked = try bench.run(["card", "lock"])
    #expect(locked.status == 1 && locked.complaint.contains("at its end"), "\(locked.complaint)")
    let codes = try bench.run(["card", "codes"])
    #expect(codes.status == 1 && codes.complaint.contains("at its end"), "\(codes.complaint)")
  }

  @Test func theKeysThatWerePutAreNamed() throws {
    let bench = try Story.copy()
    let told = try bench.succeed("card", "keys", "put", "--generation", "2", "3").output
    #expect(told.contains("82       generation 2  ") && told.contains("83       generation 3  "), "\(told)")
  }

  @Test func onlyItsCentreLocksACard() throws {
    let bench = try Story.copy()
    try bench.succeed("center", "init", "other", "--name", "Other")
    let foreign = try bench.run(["card", "lock", "--center", "other", "--yes", "--card", try serial(bench)])
    #expect(foreign.status == 65)
    try bench.succeed("card", "new", "blank.card")
    #expect(try bench.run(["card", "unlock", "--card-file", "blank.card"]).status == 1)
    #expect(try bench.json("card", "info")["state"] as? String == "issued")
  }

  @Test func keysAreListedAndPutAndNeverShown() throws {
    let bench = try Story.copy()
    func listed() throws -> [[String: Any]] {
      let keys = try #require(try bench.json("card", "keys")["keys"] as? [[String: Any]])
      return keys.filter { ($0["version"] as? Int ?? 0) <= 15 }
    }
    #expect(try listed().map { $0["version"] as? Int } == [1, 1, 1])
    #expect(try listed().map { $0["purpose"] as? String } == ["ENC", "MAC", "DEK"])
    let digits = (0..<48).map { String(format: "%02X", ($0 * 37 + 11) % 256) }.joined()
    try bench.write(digits + "\n", to: "set")
    let put = try bench.run(["card", "keys", "put", "--set", "2", "--keys", "file:set", "--json"])
    #expect(put.status == 0, "\(put.complaint)")
    for start in stride(from: 0, to: 96, by: 32) {
      let key = digits.dropFirst(start).prefix(32)
      #expect(!put.output.contains(key) && !put.complaint.contains(key))
    }
    #expect(try listed().map { $0["version"] as? Int } == [1, 1, 1, 2, 2, 2])
    #expect(try listed().last?["octets"] as? Int == 16)
    // A set can be replaced; a generation key comes once.
    try bench.succeed("card", "keys", "put", "--set", "2", "--keys", "file:set")
    let placed = try bench.json("card", "keys", "put", "--generation", "3", "2")["keys"] as? [[String: Any]]
    #expect(placed?.map { $0["version"] as? Int } == [0x52, 0x53])
    #expect((placed?.first?["checkValues"] as? [String])?.first?.count == 6)
    #expect((try bench.json("card", "keys", "put", "--generation", "2")["keys"] as? [Any])?.isEmpty == true)
  }

  @Test func theReceiptIsTheCardsWord() throws {
    let bench = try Story.copy()
    let receipt = try #require(try bench.json("card", "receipt")["receipt"] as? [String: Any])
    #expect(receipt["number"] as? Int == 1 && receipt["codes"] as? Int == 5)
    #expect(receipt["state"] as? String == "booked" && receipt["settledNow"] as? Bool == false)
    try bench.succeed("card", "new", "blank.card")
    #expect(try bench.run(["card", "receipt", "--card-file", "blank.card"]).status == 65)
    try bench.succeed("card", "issue", "--purchaser", "Bob", "--card-file", "blank.card")
    #expect(try bench.json("card", "receipt", "--card-file", "blank.card")["receipt"] == nil)
  }

  /// The process is killed after the card has the codes and before the books say so; the receipt tells them.
  @Test func theReceiptSettlesAChargeThatBrokeOff() throws {
    let bench = try Story.copy()
    // A card's state is on its way to the disk when its file is synchronised.
    #expect(
      try bench.killed(at: "fdatasync", 1, of: "alice.card", ["card", "charge", "--title", "Shell", "--count", "1"]))
    #expect(try bench.json("card", "info")["charges"] as? Int == 2)
    #expect(try soldCodes(bench) == 5)
    let report = try bench.json("card", "receipt")
    let receipt = try #require(report["receipt"] as? [String: Any])
    #expect(receipt["settledNow"] as? Bool == true && receipt["number"] as? Int == 2)
    #expect(receipt["amount"] as? String == "5.00 EUR" && report["openOperation"] == nil)
    #expect(try soldCodes(bench) == 6)
    #expect((try bench.json("card", "receipt")["receipt"] as? [String: Any])?["settledNow"] as? Bool == false)
    try bench.succeed("center", "verify")
  }

  /// The codes never reached the card: its receipt is of the charge before, and the open one stays open.
  @Test func theReceiptLeavesAChargeOpenThatTheCardDoesNotHave() throws {
    let bench = try Story.copy()
    #expect(
      try bench.killed(at: "pwrite64", 1, of: "alice.card", ["card", "charge", "--title", "Shell", "--count", "1"]))
    let report = try bench.json("card", "receipt")
    #expect((report["receipt"] as? [String: Any])?["number"] as? Int == 1)
    let operation = try #require(report["openOperation"] as? String)
    try bench.succeed("card", "charge", "--title", "Shell", "--count", "1", "--operation", operation)
    #expect(try soldCodes(bench) == 6)
    #expect(try bench.json("card", "receipt")["openOperation"] == nil)
  }

  private func soldCodes(_ bench: CommandBench) throws -> Int? {
    (try bench.json("center", "card", "list")["cards"] as? [[String: Any]])?.first?["codesSold"] as? Int
  }

  @Test func theTimeIsTold() throws {
    let bench = try Story.copy()
    #expect(try bench.json("card", "info")["knownTime"] == nil)
    let told = try #require(try bench.json("card", "time")["time"] as? Int)
    #expect(try bench.json("card", "info")["knownTime"] as? Int == told)
    #expect(abs(Double(told) - Date().timeIntervalSince1970) < 60)
  }

  @Test func unblockingIsAVerbOfItsOwnToo() throws {
    let bench = try Story.copy()
    try bench.write("246810", to: "new")
    try bench.succeed("card", "unblock", "--puk", "file:puk", "--new-pin", "file:new")
    try bench.succeed("card", "pin", "verify", "--pin", "file:new")
  }

  @Test func tooFewTriesAreNotRisked() throws {
    let bench = try Story.copy()
    try bench.write("0000", to: "wrong")
    #expect(try bench.run(["card", "pin", "verify", "--pin", "file:wrong"]).status == 77)
    for verb in [
      ["card", "pin", "verify", "--pin", "file:wrong"], ["card", "hand-over", "--index", "0", "--pin", "file:wrong"],
      ["card", "pin", "change", "--pin", "file:wrong", "--new-pin", "file:pin"],
    ] {
      let refused = try bench.run(verb + ["--min-retries", "3"])
      #expect(refused.status == 77 && refused.complaint.contains("2 tries"), "\(refused.complaint)")
    }
    let unblock = try bench.run(
      ["card", "unblock", "--puk", "file:wrong", "--new-pin", "file:pin", "--min-retries", "11"])
    #expect(unblock.status == 77 && unblock.complaint.contains("PUK"))
    #expect(try bench.json("card", "info")["pinTries"] as? Int == 2)
    #expect(try bench.json("card", "info")["pukTries"] as? Int == 10)
    try bench.succeed("card", "pin", "verify", "--pin", "file:pin", "--min-retries", "2")
  }
}
