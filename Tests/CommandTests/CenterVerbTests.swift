import Foundation
import Glibc
import Testing

/// The verbs of the counter and of whoever keeps the books, with good input and with bad.
@Suite struct CenterVerbTests {
  private struct Counter {
    let bench: CommandBench
    let card: String
  }

  private func counter() throws -> Counter {
    let bench = try Story.copy()
    return Counter(bench: bench, card: try #require(try bench.json("card", "info")["serial"] as? String))
  }

  /// Sells so many codes for the text on paper, each into a file `code0`, `code1`, …; answers the sheet's number.
  private func sell(_ count: Int, on bench: CommandBench) throws -> String {
    let sheet = try bench.json(
      "card", "sheet", "--title", "Text", "--count", "\(count)", "--url", "https://shop.example")
    for (index, code) in (try #require(sheet["codes"] as? [String])).enumerated() {
      try bench.write(code + "\n", to: "code\(index)")
    }
    return "\(try #require(sheet["sheet"] as? Int))"
  }

  @Test func codesAreProvidedRecoveredAndRetired() throws {
    let bench = try counter().bench
    _ = try sell(2, on: bench)
    try bench.write("ZZZZ-ZZZZ-ZZZZ-ZZZZ-0\n", to: "typo")
    try bench.succeed("center", "title", "publish", "text", "--title", "Text")
    let provided = try bench.json("center", "provide", "text.offline", "--code", "file:code0")
    let octets = try bench.octets(of: "text.offline")
    #expect(octets.count > Story.text.utf8.count && octets.range(of: Data(Story.text.utf8)) == nil)
    // Said again under its name, the same, and nothing is written.
    let again = try bench.json(
      "center", "provide", "text.offline", "--code", "file:code0", "--operation",
      try #require(provided["operation"] as? String))
    #expect(again["number"] as? Int == provided["number"] as? Int)
    #expect(try bench.octets(of: "text.offline") == octets)
    let seats = try #require(try bench.json("center", "recover", "--code", "file:code0")["seats"] as? [[String: Any]])
    #expect(seats.count == 1 && seats[0]["done"] as? Bool == true)
    #expect(try bench.json("center", "recover", "--code", "file:code1", "--seat", "0")["recovered"] as? Bool == false)
    try bench.expect([
      Mistake(1, "good for nothing", "center", "provide", "x.offline", "--code", "file:code0"),
      Mistake(1, "already", "center", "provide", "text.offline", "--code", "file:code1"),
      Mistake(66, "its folder must exist", "center", "provide", "no/x.offline", "--code", "file:code1"),
      Mistake(65, "cannot read the code", "center", "provide", "x.offline", "--code", "file:text"),
      Mistake(65, "cannot read the code", "center", "recover", "--code", "file:typo"),
      Mistake(1, "refund the code instead", "center", "recover", "--code", "file:code0", "--seat", "0", "--yes"),
      Mistake(64, "source of the code", "center", "retire", "--code", "ZZZZ-ZZZZ-ZZZZ-ZZZZ-0"),
      Mistake(64, "give --yes", "center", "retire", "--code", "file:code1"),
    ])
    #expect(try bench.json("center", "retire", "--code", "file:code1", "--yes")["state"] as? String == "voided")
    #expect(try bench.run(["center", "provide", "x.offline", "--code", "file:code1"]).status == 1)
    let code = String(decoding: try bench.octets(of: "code1"), as: UTF8.self)
    #expect(!(try bench.succeed("center", "audit").output).contains(code.prefix(19)))
  }

  @Test func codesAreRefunded() throws {
    let counter = try counter()
    let (bench, card) = (counter.bench, counter.card)
    let sheet = try sell(3, on: bench)
    try bench.expect([
      Mistake(64, "--charge, --sheet and --code", "center", "refund", card, "--yes"),
      Mistake(64, "--charge, --sheet and --code", "center", "refund", card, "--sheet", "1", "--code", "file:code0"),
      Mistake(64, "give --yes", "center", "refund", card, "--sheet", sheet),
      Mistake(65, "nothing like it", "center", "refund", card, "--sheet", "99", "--yes"),
      Mistake(64, "'account', 'cash'", "center", "refund", card, "--sheet", sheet, "--to", "moon"),
      Mistake(1, "refund it otherwise", "center", "refund", card, "--sheet", sheet, "--to", "payment", "--yes"),
    ])
    let one = try bench.json("center", "refund", card, "--code", "file:code0", "--yes")
    #expect(one["codes"] as? Int == 1 && one["price"] as? String == "1.00 EUR")
    let operation = try #require(one["operation"] as? String)
    let again = try bench.json(
      "center", "refund", card, "--code", "file:code0", "--yes", "--operation", operation)
    #expect(again["refundedAt"] as? Int == one["refundedAt"] as? Int)
    #expect(try bench.json("center", "refund", card, "--sheet", sheet, "--yes")["codes"] as? Int == 2)
    #expect(try bench.run(["center", "refund", card, "--sheet", sheet, "--yes"]).status == 1)
    let statement = try bench.json("center", "statement", card)
    #expect((statement["refunds"] as? [Any])?.count == 2)
    #expect(try bench.succeed("center", "statement", card).output.contains("voided"))
  }

  @Test func P6_anOpenChargeIsGivenUp() throws {
    let counter = try counter()
    let (bench, card) = (counter.bench, counter.card)
    let order = ["card", "charge", "--title", "Shell", "--count", "2"]
    func open() throws -> String? { try bench.json("card", "receipt")["openOperation"] as? String }
    let paid = try bench.json("center", "statement", card)["balances"] as? [[String: String]]
    var (number, found) = (0, String?.none)
    while found == nil {
      number += 1
      try #require(try bench.killed(at: "fdatasync", number, of: "alice.card", order), "no kill leaves a charge open")
      found = try open()
    }
    let charge = try #require(found)
    try bench.expect([
      Mistake(64, "give --yes", "center", "give-up", charge),
      Mistake(64, "is invalid", "center", "give-up", "12", "--yes"),
      Mistake(65, "no charge of this name", "center", "give-up", String(repeating: "0", count: 32), "--yes"),
    ])
    for _ in 0..<2 {
      #expect(try bench.json("center", "give-up", charge, "--yes")["state"] as? String == "voided")
    }
    #expect(try open() == nil)
    #expect(try bench.json("center", "statement", card)["balances"] as? [[String: String]] == paid)
    #expect(try bench.run(order + ["--operation", charge]).status == 1)
    let booked = try #require(try bench.json(order)["operation"] as? String)
    try bench.expect([Mistake(1, "are not refunded", "center", "give-up", booked, "--yes")])
    try bench.succeed("center", "verify")
  }

  @Test func payBackIsGrantedAndPaidOut() throws {
    let counter = try counter()
    let (bench, card) = (counter.bench, counter.card)
    let rule = try bench.json("center", "payback", "rule", "set", "bulk", "--share", "100", "--codes-in-sale", "2")
    #expect(rule["gives"] as? String == "100 of 1000" && rule["ended"] as? Bool == false)
    try bench.succeed("center", "payback", "rule", "set", "points", "--per", "1.00 EUR", "--until", "2099-12-31")
    _ = try sell(10, on: bench)
    #expect(try bench.json("center", "payback", "show", card)["waiting"] as? [String] == ["1.00 EUR", "10 PTS"])
    try bench.expect([
      Mistake(64, "--amount, --share and --per", "center", "payback", "rule", "set", "bulk"),
      Mistake(65, "1 to 1000 thousandths", "center", "payback", "rule", "set", "bulk", "--share", "1001"),
      Mistake(64, "'referral', 'bulk'", "center", "payback", "rule", "set", "gift", "--amount", "1.00 EUR"),
      Mistake(64, "is invalid", "center", "payback", "rule", "set", "bulk", "--share", "5", "--until", "2027-02-31x"),
      Mistake(65, "no title named", "center", "payback", "rule", "set", "bulk", "--share", "5", "--title", "Nope"),
      Mistake(65, "there is no rule 9", "center", "payback", "rule", "retire", "9", "--yes"),
      Mistake(64, "give --yes", "center", "payback", "rule", "retire", "1"),
      Mistake(1, "not granted", "center", "payback", "pay", card, "9.00 EUR"),
      Mistake(1, "owes something", "center", "payback", "pay", card, "1.00 EUR", "--to", "cash"),
      Mistake(64, "'1' is invalid", "center", "payback", "pay", card, "1"),
      Mistake(1, "what a point is worth", "center", "payback", "exchange", card, "--points", "5", "--into", "EUR"),
      Mistake(65, "positive amount", "center", "payback", "worth", "0.00 EUR"),
      Mistake(64, "--by and --code", "center", "payback", "introduce", card),
      Mistake(65, "card is older", "center", "payback", "introduce", card, "--by", card),
      Mistake(65, "0000000000000000", "center", "payback", "show", "0000000000000000"),
    ])
    let paid = try bench.json("center", "payback", "pay", card, "0.40 EUR")
    #expect(paid["left"] as? String == "0.60 EUR")
    let operation = try #require(paid["operation"] as? String)
    #expect(
      try bench.json("center", "payback", "pay", card, "0.40 EUR", "--operation", operation)["left"] as? String
        == "0.60 EUR")
    try bench.succeed("center", "payback", "worth", "0.05 EUR")
    #expect(
      try bench.json("center", "payback", "exchange", card, "--points", "4", "--into", "EUR")["amount"] as? String
        == "0.20 EUR")
    #expect(try bench.json("center", "payback", "rule", "retire", "1", "--yes")["ended"] as? Bool == true)
    #expect(try bench.succeed("center", "payback", "rule", "list").output.contains("ended "))
    try bench.succeed("card", "new", "bob.card")
    try bench.succeed("card", "issue", "--purchaser", "Bob", "--card-file", "bob.card")
    let bob = try #require(try bench.json("card", "info", "--card-file", "bob.card")["serial"] as? String)
    try bench.succeed("center", "payback", "introduce", bob, "--by", card)
  }

  @Test func paymentsAreCollected() throws {
    let counter = try counter()
    let (bench, card) = (counter.bench, counter.card)
    try bench.write("simulated\n", to: "token")
    try bench.write("simulated:capture=time-out,time-out\n", to: "slow")
    try bench.expect([
      Mistake(1, "without a payment processor", "center", "payments", "file", card, "--token", "file:token"),
      Mistake(1, "without a payment processor", "center", "payments", "reconcile"),
      Mistake(64, "none", "center", "payments", "use", "gold"),
      Mistake(77, "passphrase is wrong", "center", "payments", "use", "simulated", "--passphrase", "file:text"),
    ])
    try bench.succeed("center", "payments", "use", "simulated")
    try bench.expect([
      Mistake(65, "knows no such means", "center", "payments", "file", card, "--token", "file:text"),
      Mistake(64, "source of the token", "center", "payments", "file", card, "--token", "simulated"),
      Mistake(65, "0000000000000000", "center", "payments", "list", "0000000000000000"),
      Mistake(1, "means of payment", "center", "payments", "collect", card, "--currency", "EUR"),
      Mistake(64, "'euro' is invalid", "center", "payments", "collect", card, "--currency", "euro"),
      Mistake(64, "give --yes", "center", "payments", "forget", card),
    ])
    try bench.succeed("center", "payments", "file", card, "--token", "file:token")
    // What was bought before is owed.
    #expect(
      try bench.json("center", "payments", "collect", card, "--currency", "EUR")["state"] as? String == "captured")
    try bench.succeed("center", "payments", "file", card, "--token", "file:slow")
    _ = try sell(1, on: bench)
    let list = try #require(try bench.json("center", "payments", "list", card)["payments"] as? [[String: Any]])
    // Both may be of one second, and those have no order of their own.
    #expect(list.compactMap { $0["state"] as? String }.sorted() == ["captured", "capturing"])
    #expect(try bench.json("center", "payments", "reconcile")["unknown"] as? Int == 1)
    #expect(try bench.json("center", "payments", "reconcile")["settled"] as? Int == 1)
    #expect(try bench.succeed("center", "payments", "list", card).output.contains("on file"))
    try bench.succeed("center", "payments", "forget", card, "--yes")
    #expect(try bench.json("center", "payments", "list", card)["methodOnFile"] as? Bool == false)
  }

  @Test func paymentsAreGivenUp() throws {
    let counter = try counter()
    let (bench, card) = (counter.bench, counter.card)
    for (name, token) in [
      ("good", "simulated"), ("silent", "simulated:authorise=time-out,time-out;void=time-out"),
    ] {
      try bench.write(token + "\n", to: name)
    }
    try bench.succeed("center", "payments", "use", "simulated")
    try bench.succeed("center", "payments", "file", card, "--token", "file:silent")
    // What was bought before is owed; the processor does not answer, so that nobody knows whether the amount is set aside.
    #expect(try bench.run(["center", "payments", "collect", card, "--currency", "EUR"]).status == 69)
    func payments() throws -> [[String: Any]] {
      try #require(try bench.json("center", "payments", "list", card)["payments"] as? [[String: Any]])
    }
    let open = try #require(try payments().first)
    let name = try #require(open["payment"] as? String)
    #expect(open["state"] as? String == "authorising")
    #expect(try bench.succeed("center", "payments", "list", card).output.contains(name))
    try bench.expect([
      Mistake(64, "give --yes", "center", "payments", "void", name),
      Mistake(64, "'0102' is invalid", "center", "payments", "void", "0102", "--yes"),
      Mistake(
        65, "no payment of this name", "center", "payments", "void", String(repeating: "0", count: 32), "--yes"),
      Mistake(77, "passphrase is wrong", "center", "payments", "void", name, "--yes", "--passphrase", "file:text"),
    ])
    // The processor is silent once more: it is let go all the same, and asked again later.
    let given = try bench.json("center", "payments", "void", name, "--yes")
    #expect(given["payment"] as? String == name && given["state"] as? String == "voiding", "\(given)")
    #expect(try bench.json("center", "payments", "void", name)["state"] as? String == "voided")
    #expect(try bench.succeed("center", "payments", "void", name).output.contains("voided"))
    try bench.succeed("center", "payments", "file", card, "--token", "file:good")
    let taken = try bench.json("center", "payments", "collect", card, "--currency", "EUR")
    #expect(taken["state"] as? String == "captured" && taken["amount"] as? String == open["amount"] as? String)
    try bench.expect([
      Mistake(
        1, "refund that", "center", "payments", "void", try #require(taken["payment"] as? String), "--yes")
    ])
    try bench.succeed("center", "payments", "file", card, "--token", "file:silent")
    // Of a charge the card decides.
    _ = try bench.run(["card", "charge", "--title", "Shell", "--count", "1"])
    let charged = try #require(try payments().first { ($0["bill"] as? String)?.hasPrefix("charge:") == true })
    try bench.expect([
      Mistake(1, "the card decides", "center", "payments", "void", try #require(charged["payment"] as? String), "--yes")
    ])
    try bench.succeed("center", "verify")
  }

  @Test func clientsComeAndGo() throws {
    let counter = try counter()
    let (bench, card) = (counter.bench, counter.card)
    let key = try bench.launch(
      "/bin/sh",
      [
        "-c",
        "openssl ecparam -name prime256v1 -genkey -noout -out m.key && openssl ec -in m.key -pubout -out m.pub && "
          + "openssl ecparam -name secp384r1 -genkey -noout | openssl ec -pubout -out large.pub",
      ])
    try #require(key.status == 0, "\(key.complaint)")
    let register = ["center", "clients", "register", "--name", "Press hall", "--role", "machine", "--key"]
    let machine = try #require(try bench.json(register + ["m.pub"])["client"] as? String)
    let unknown = "W-" + String(repeating: "0", count: 32)
    try bench.expect([
      Mistake(65, "no public key of P-256", register + ["large.pub"]),
      Mistake(65, "no public key of P-256", register + ["m.key"]), Mistake(66, "missing", register + ["missing"]),
      Mistake(65, "no point of P-256", register + ["04" + String(repeating: "11", count: 64)]),
      Mistake(1, "registered otherwise", register + ["m.pub", "--id", machine, "--role", "auditor"]),
      Mistake(64, "'boss' is invalid", "center", "clients", "roles", card, "--role", "boss"),
      Mistake(65, "a card is no machine", "center", "clients", "roles", card, "--role", "machine"),
      Mistake(65, "register the machine", "center", "clients", "roles", unknown, "--role", "auditor"),
      Mistake(64, "'x' is invalid", "center", "clients", "revoke", "x"),
      Mistake(64, "give --yes", "center", "clients", "revoke", card),
      Mistake(65, unknown, "center", "clients", "revoke", unknown, "--yes"),
    ])
    #expect(
      try bench.json("center", "clients", "roles", card, "--role", "holder", "--role", "counter")["roles"] as? [String]
        == ["counter", "holder"])
    #expect(try bench.json("center", "clients", "revoke", machine, "--yes")["revokedAt"] is Int)
    #expect(try bench.succeed("center", "clients", "list").output.contains("revoked"))
    #expect(try bench.json("center", "clients", "reinstate", machine)["revokedAt"] == nil)
    let clients = try #require(try bench.json("center", "clients", "list")["clients"] as? [[String: Any]])
    #expect(Set(clients.compactMap { $0["client"] as? String }) == [card, machine])
  }

  @Test func peopleSignInByACode() throws {
    let counter = try counter()
    let (bench, card) = (counter.bench, counter.card)
    let code = try #require(try bench.json("center", "sign-in", "--role", "counter")["code"] as? String)
    #expect(code.count == 21)
    #expect(try bench.json("center", "sign-in", "--role", "holder", "--card", card)["client"] as? String == card)
    try bench.expect([
      Mistake(64, "name it with --card", "center", "sign-in", "--role", "holder"),
      Mistake(64, "by their keys", "center", "sign-in", "--role", "machine"),
      Mistake(77, "may not sign in as auditor", "center", "sign-in", "--role", "auditor", "--card", card),
      Mistake(65, "issue the card", "center", "sign-in", "--role", "holder", "--card", "0000000000000000"),
    ])
    #expect(!(try bench.succeed("center", "audit").output).contains(code))
  }

  @Test func webhooksComeAndGo() throws {
    let bench = try counter().bench
    let webhook = try bench.json("center", "webhooks", "add", "https://books.example/warifu")
    #expect((webhook["secret"] as? String)?.hasPrefix("whsec_") == true)
    try bench.expect([
      Mistake(65, "URL of https", "center", "webhooks", "add", "http://books.example/"),
      Mistake(65, "URL of https", "center", "webhooks", "add", "books"),
      Mistake(65, "webhook's number", "center", "webhooks", "resume", "9"),
      Mistake(65, "no webhook 9", "center", "webhooks", "end", "9", "--yes"),
      Mistake(64, "give --yes", "center", "webhooks", "end", "1"),
    ])
    #expect(try bench.succeed("center", "webhooks", "list").output.contains("active"))
    try bench.succeed("center", "webhooks", "end", "1", "--yes")
    #expect(try bench.run(["center", "webhooks", "resume", "1"]).complaint.contains("register it again"))
    let list = try #require(try bench.json("center", "webhooks", "list")["webhooks"] as? [[String: Any]])
    #expect(list.first?["state"] as? String == "ended")
  }

  @Test func noticesGoToHolders() throws {
    let counter = try counter()
    let (bench, card) = (counter.bench, counter.card)
    let text = "Your codes end in March."
    try bench.write(text + "\n", to: "letter")
    try bench.write("\n", to: "nothing")
    try bench.succeed("center", "notices", "send", card, "--text", "file:letter")
    try bench.expect([
      Mistake(65, "0000000000000000", "center", "notices", "send", "0000000000000000", "--text", "file:letter"),
      Mistake(65, "empty", "center", "notices", "send", card, "--text", "file:nothing"),
      Mistake(64, "source of the text", "center", "notices", "send", card, "--text", text),
      Mistake(65, "0000000000000000", "center", "notices", "list", "0000000000000000"),
    ])
    let notices = try #require(try bench.json("center", "notices", "list", card)["notices"] as? [[String: Any]])
    #expect(notices.last?["state"] as? String == "waiting")
    for name in ["center.db", "center.db-wal"] {
      #expect((try? bench.octets(of: "center/" + name))?.range(of: Data(text.utf8)) == nil, "\(name)")
    }
  }

  @Test func theAuditLogIsListed() throws {
    let counter = try counter()
    let (bench, card) = (counter.bench, counter.card)
    func records(_ arguments: String...) throws -> [[String: Any]] {
      try bench.run(["center", "audit", "--json"] + arguments).output.split(separator: "\n").map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
      }
    }
    let all = try records()
    #expect(all.map { $0["record"] as? Int } == Array(1...all.count))
    #expect(try records("--after", "3").count == all.count - 3)
    #expect(try records("--last", "2").count == 2)
    #expect(try records("--action", "charge.").map { $0["action"] as? String } == ["charge.open", "charge.book"])
    #expect(try records("--action", "charge").isEmpty)
    #expect(try records("--subject", card).allSatisfy { $0["subject"] as? String == card })
    try bench.expect([
      Mistake(64, "from 1 on", "center", "audit", "--after=-1"),
      Mistake(64, "not both", "center", "audit", "--after", "1", "--last", "1"),
      Mistake(64, "is no action", "center", "audit", "--action", "DROP TABLE"),
      Mistake(69, "no centre", "center", "audit", "--center", "missing"),
    ])
    // --follow goes on until it is ended; by SIGTERM here, since a shell's job in the background hears no Ctrl-C.
    let followed = try bench.launch(
      "/bin/sh",
      [
        "-c",
        """
        '\(CommandBench.executable)' center audit --follow --json --last 1 > followed & pid=$!
        until [ -s followed ]; do sleep 0.05; done
        '\(CommandBench.executable)' center title add --name New --type text --price '1 EUR' > added
        until grep -q title.register followed; do sleep 0.05; done
        kill -TERM $pid; wait $pid
        """,
      ])
    #expect(followed.status == 143, "\(followed.status) \(followed.complaint)")
  }

  @Test func pressedTitlesAreUpForDownload() throws {
    let bench = try counter().bench
    let press = [
      "master", "press", "new.iso", "--name", "New", "--manager", "manager", "--title", "path=text,title=Text",
    ]
    #expect(try bench.json(press)["published"] as? Bool == false)
    _ = try sell(1, on: bench)
    #expect(try bench.run(["center", "provide", "x", "--code", "file:code0"]).status != 0)
    let again = press.map { $0 == "new.iso" ? "newer.iso" : $0 } + ["--publish"]
    #expect(try bench.json(again)["published"] as? Bool == true)
    try bench.succeed("center", "provide", "x", "--code", "file:code0")
  }
}
