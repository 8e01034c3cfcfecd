import Foundation
import Testing

@Suite struct JSONTests {
  @Test func everyReportIsOneVersionedObject() throws {
    let bench = try Story.copy()
    let pin = "file:\(Story.pinFile)"
    let serial = try #require(
      try object(bench.succeed("card", "info", "--json"))["serial"] as? String)
    let commands: [(arguments: [String], member: String)] = [
      (["center", "info"], "authority"), (["center", "verify"], "head"), (["center", "title", "list"], "titles"),
      (["center", "title", "add", "--name", "New", "--type", "data", "--price", "7 JPY"], "softwareID"),
      (["center", "card", "list"], "cards"), (["center", "card", "show", serial], "balances"),
      (["card", "new", "bob.card"], "serial"),
      (["card", "issue", "--purchaser", "Bob", "--card-file", "bob.card"], "state"), (["card", "info"], "pinTries"),
      (["card", "charge", "--title", "Text", "--count", "2"], "operation"), (["card", "codes"], "codes"),
      (["card", "hand-over", "--index", "1", "--pin", pin], "code"),
      (["card", "sheet", "--title", "Text", "--count", "2", "--url", "https://shop.example"], "codes"),
      (["card", "pin", "letter"], "pin"), (["card", "pin", "verify", "--pin", pin], "outcome"),
      (["disc", "new", "other.img"], "mediumID"), (["disc", "info"], "dataOffset"),
      (["disc", "id", "disc.img"], "strength"), (["disc", "list"], "entries"),
      (["disc", "check", "--contents"], "findings"), (["disc", "repair"], "repaired"),
      (["disc", "licences"], "licences"),
      (["disc", "license", "--title", "Shell", "--save", "shell.licence"], "certificateCode"),
      (["master", "list", "master.iso"], "titles"), (["copy", "install", "shell.licence"], "number"),
      (["copy", "license", "--title", "Shell"], "number"), (["copy", "certify", "--title", "Shell"], "license"),
      (["copy", "title", "--title", "Shell", "--master", "master.iso"], "octets"),
      (["apdu", "send", "80CADF2000"], "exchanges"), (["card", "keys"], "keys"), (["card", "receipt"], "receipt"),
      (["card", "keys", "put", "--generation", "2"], "keys"), (["card", "time", "--record", "time.rec"], "time"),
      (["apdu", "replay", "time.rec", "--show"], "events"),
      (["card", "charge", "--title", "Text", "--count", "1", "--dry-run"], "cost"),
      (["card", "lock", "--yes", "--card", serial], "changed"), (["card", "unlock"], "changed"),
      (
        ["master", "press", "two.iso", "--name", "Two", "--manager", "manager", "--title", "path=text,title=New"],
        "titles"
      ),
    ]
    for (arguments, member) in commands {
      let outcome = try bench.run(arguments + ["--json"])
      #expect(outcome.status == 0, "\(arguments): \(outcome.complaint)")
      #expect(outcome.complaint.isEmpty, "\(arguments)")
      let object = try object(outcome)
      #expect(object["version"] as? Int == 1, "\(arguments)")
      #expect(object[member] != nil, "\(arguments) has no \(member)")
    }
  }

  /// The members that other programs are most likely to use.
  @Test func membersMeanWhatTheTextSays() throws {
    let bench = try Story.copy()
    let titles = try object(bench.succeed("master", "list", "master.iso", "--json"))["titles"] as? [[String: Any]]
    #expect(titles?.map { $0["name"] as? String } == ["Shell", "Text", "Picture, framed"])
    #expect(titles?.map { $0["price"] as? String } == ["5.00 EUR", "1.00 EUR", "120 JPY"])
    #expect(titles?.map { $0["titleVersion"] as? String } == ["1.0", "3", "1.0"])
    let book = try object(bench.succeed("center", "card", "list", "--json"))["cards"] as? [[String: Any]]
    // 5 codes and 2 licences.
    #expect(book?.first?["balances"] as? [String] == ["-31.00 EUR", "0 JPY"])
    #expect(book?.first?["licenses"] as? Int == 2)
    let entries = try object(bench.succeed("disc", "list", "--json"))["entries"] as? [[String: Any]]
    #expect(entries?.count == 2)
    #expect(entries?.allSatisfy { $0["licence"] as? String == "present" } == true)
  }

  private func object(_ outcome: Outcome) throws -> [String: Any] {
    try #require(
      try JSONSerialization.jsonObject(with: outcome.octets) as? [String: Any],
      "\(outcome.arguments): \(outcome.output)")
  }
}
