import Foundation
import TestSupport
import Testing
import WarifuTesting

/// The verbs that go to a centre on the network, as people run them against one that is served: what goes well, and what
/// they are told when it does not.
@Suite struct NetworkVerbTests {
  /// A served centre with Alice's card.
  private struct Shop {
    let bench: CommandBench
    let server: ServedCenter
    var url: String { server.place.url }

    init() throws {
      bench = try Story.copy()
      server = try ServedCenter(bench)
    }

    /// Makes each mistake: one sentence that a stranger can act on, and its exit code.
    func expect(_ mistakes: [Mistake], environment: [String: String] = [:]) throws {
      for mistake in mistakes {
        let outcome = try bench.run(mistake.arguments, environment: environment)
        let said = outcome.complaint
        #expect(outcome.status == mistake.status, "\(mistake.arguments): \(said)")
        #expect(said.hasPrefix("warifu: ") && said.hasSuffix(".\n") && said.contains(": "), "\(said)")
        #expect(said.split(separator: "\n").count == 1 && outcome.octets.isEmpty, "\(said)")
        #expect(said.lowercased().contains(mistake.words.lowercased()), "\(mistake.arguments): \(said)")
        // No phrase of two programs glued together.
        #expect(!said.contains(".:") && !said.contains("::") && !said.contains(". ;"), "\(said)")
      }
    }

    /// What every verb with a card says of a centre that is not there, not one, or not the card's.
    func expectPlaceMistakes(_ verb: [String]) throws {
      try bench.succeed("center", "init", "other", "--name", "Other")
      try bench.succeed("card", "new", "blank.card")
      try bench.succeed("card", "new", "bob.card", "--center", "other")
      try bench.succeed("card", "issue", "--purchaser", "Bob", "--card-file", "bob.card", "--center", "other")
      let secure = url.replacing("http://", with: "https://")
      try expect([
        Mistake(64, "begins with https://", verb + ["--center", "http://shop.example"]),
        Mistake(64, "begins with https://", verb + ["--center", "http://127.0.0.1.shop.example"]),
        Mistake(64, "https://HOST", verb + ["--center", "https://shop.example/redeem"]),
        Mistake(64, "from 1 to 65535", verb + ["--center", "http://127.0.0.1:99999"]),
        Mistake(65, "does not speak TLS", verb + ["--center", secure]),
        Mistake(65, "PEM file", verb + ["--center", secure, "--authority", "passphrase"]),
        Mistake(
          69, "no answer came from http://127.0.0.1:1;", verb + ["--center", "http://127.0.0.1:1", "--wait", "0"]),
        Mistake(64, "'soon' is invalid", verb + ["--center", url, "--wait", "soon"]),
        Mistake(65, "not the centre of this card", verb + ["--center", url, "--card-file", "bob.card"]),
        Mistake(65, "not issued", verb + ["--center", url, "--card-file", "blank.card"]),
        Mistake(66, "no card at missing.card", verb + ["--center", url, "--card-file", "missing.card"]),
        Mistake(66, "not 0102030405060708", verb + ["--center", url, "--card", "0102030405060708"]),
      ])
    }

    /// What card and books say of the charges.
    func agree(on codes: Int) throws {
      #expect(try bench.json("card", "info")["codes"] as? Int == codes)
      let cards = try bench.json("center", "card", "list")["cards"] as? [[String: Any]]
      #expect(cards?.first?["codesSold"] as? Int == codes)
    }

    /// Sells so many codes for the text on paper, each into a file `code0`, `code1`, …
    func sell(_ count: Int) throws {
      let sheet = try bench.json(
        "card", "sheet", "--title", "Text", "--count", "\(count)", "--url", "https://shop.example")
      for (index, code) in (try #require(sheet["codes"] as? [String])).enumerated() {
        try bench.write(code + "\n", to: "code\(index)")
      }
    }
  }

  @Test func P6_aCardIsChargedOverTheNetworkByTheProgram() throws {
    let shop = try Shop()
    let bench = shop.bench
    let charge = ["card", "charge", "--title", "Shell", "--count", "2", "--center", shop.url]
    let text = try bench.run(charge)
    #expect(text.status == 0 && text.output.contains("2 of 2 wanted"), "\(text.complaint)\(text.output)")
    #expect(text.output.contains("10.00 EUR") && text.complaint.isEmpty)
    try shop.agree(on: 7)
    let report = try bench.json(charge)
    #expect(report["number"] as? Int == 3 && report["amount"] as? String == "10.00 EUR")
    try shop.agree(on: 9)
    // Under its name it is told again, and done no more.
    let operation = try #require(report["operation"] as? String)
    #expect(try bench.json(charge + ["--operation", operation]) as NSDictionary == report as NSDictionary)
    try shop.agree(on: 9)
    let fewer = try bench.json(
      "card", "charge", "--title", "Shell", "--count", "60", "--fewer", "--center", shop.url)
    #expect(fewer["desired"] as? Int == 60 && fewer["actual"] as? Int == 41)
    try shop.agree(on: 50)
    #expect(shop.server.end(by: SIGTERM) == 0)
    try bench.succeed("center", "verify")
    let pin = try Story.told.get().secret(in: Story.pinFile)
    #expect(!shop.server.log.contains(Story.passphrase) && !shop.server.log.contains("\"\(pin)\""))
  }

  @Test func whatCannotBeChargedIsTold() throws {
    let shop = try Shop()
    let bench = shop.bench
    let charge = ["card", "charge", "--title", "Shell", "--count", "2"]
    let here = charge + ["--center", shop.url]
    let done = try bench.json(here)
    let operation = try #require(done["operation"] as? String)
    try shop.expectPlaceMistakes(charge)
    let unknown = "S-" + String(repeating: "0", count: 32)
    try shop.expect([
      Mistake(69, "no centre at shop.example", charge + ["--center", "shop.example"]),
      Mistake(65, "no title named 'Nope'", "card", "charge", "--title", "Nope", "--count", "2", "--center", shop.url),
      Mistake(65, "no title of this id", "card", "charge", "--title", unknown, "--count", "2", "--center", shop.url),
      Mistake(1, "at most 43 more", "card", "charge", "--title", "Shell", "--count", "44", "--center", shop.url),
      Mistake(
        1, "another order", "card", "charge", "--title", "Shell", "--count", "3", "--center", shop.url, "--operation",
        operation),
      Mistake(64, "is invalid", here + ["--operation", "again"]), Mistake(64, "--dry-run", here + ["--dry-run"]),
    ])
    try shop.agree(on: 7)
    let card = try #require(done["card"] as? String)
    try bench.succeed("center", "clients", "revoke", card, "--yes")
    try shop.expect([Mistake(77, "gave no access", here)])
    try bench.succeed("center", "clients", "reinstate", card)
    try bench.succeed("card", "lock", "--yes", "--card", card)
    try shop.expect([Mistake(65, "the card is locked", here)])
    try bench.succeed("card", "unlock")
    try shop.agree(on: 7)
    try bench.succeed("center", "verify")
  }

  /// The program is killed at every moment at which the card's state is on its way to the disk, or a message to the centre:
  /// card and books agree after the next run, and each code is billed once.
  @Test func P6_aKilledChargeOverTheNetworkIsSettled() throws {
    let shop = try Shop()
    let bench = shop.bench
    let charge = ["card", "charge", "--title", "Shell", "--count", "2", "--center", shop.url]
    func receipt() throws -> (number: Int, isNews: Bool, open: String?) {
      let report = try bench.json("card", "receipt")
      let receipt = report["receipt"] as? [String: Any]
      return (
        receipt?["number"] as? Int ?? 0, receipt?["settledNow"] as? Bool == true, report["openOperation"] as? String
      )
    }
    var (settled, carriedOn, codes, last) = (0, 0, 5, try receipt().number)
    // The last write to the card's file is the batch; what goes to the centre after that says that the card has it.
    let chance = Randomness("kills of a charge over the network")
    for (call, file, step) in [("fdatasync", "alice.card", 1), ("pwrite64", "alice.card", 1), ("write", nil, 9)] {
      for number in stride(from: 1, to: 1000, by: chance.soak(step, full: 1)) {
        guard try bench.killed(at: call, number, of: file, charge) else { break }
        let found = try receipt()
        settled += found.isNews ? 1 : 0
        if let operation = found.open {
          try bench.succeed(
            "card", "charge", "--title", "Shell", "--count", "2", "--center", shop.url, "--operation", operation)
          carriedOn += 1
        }
        let now = try receipt().number
        (codes, last) = (codes + 2 * (now - last), now)
        try shop.agree(on: codes)
      }
      (codes, last) = (codes + 2, last + 1)
      try shop.agree(on: codes)
    }
    #expect(settled + carriedOn > 1, "\(settled) settled, \(carriedOn) carried on")
    // Every message was cut off then, also those behind the batch.
    #expect(chance.soak(1, full: settled) > 0 && carriedOn > 0, "\(settled) settled, \(carriedOn) carried on")
    try bench.succeed("center", "verify")
  }

  @Test func aHolderSignsInAtABrowserByTheCodeThatTheCardGets() throws {
    let shop = try Shop()
    let bench = shop.bench
    let text = try bench.succeed("card", "sign-in", "--center", shop.url).output
    #expect(text.contains("Code") && text.contains("Good until"), "\(text)")
    let code = try #require(try bench.json("card", "sign-in", "--center", shop.url)["code"] as? String)
    let place = try shop.server.python(NetworkVerbTests.signIn, code).trimmingCharacters(in: .newlines)
    #expect(place == "/holder")
    #expect(try shop.server.python(NetworkVerbTests.signIn, code).contains("422"), "it is good once")
    try shop.expectPlaceMistakes(["card", "sign-in"])
    try shop.expect([
      Mistake(64, "center is no address", "card", "sign-in"),
      Mistake(64, "shop.example is no address", "card", "sign-in", "--center", "shop.example"),
    ])
    #expect(!shop.server.log.contains(code))
  }

  private static let signIn = """
    import http.cookiejar, re, sys, urllib.error, urllib.parse, urllib.request
    url, code = sys.argv[1:]
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None
    opener = urllib.request.build_opener(
        Stay, urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    page = opener.open(url + "/sign-in", timeout=60).read().decode()
    form = re.search('<form method="post" action="/sign-in".*?</form>', page, re.S).group(0)
    fields = {}
    for tag in re.findall("<input[^>]*>", form):
        name, value = re.search('name="([^"]*)"', tag), re.search('value="([^"]*)"', tag)
        if name and value:
            fields[name.group(1)] = value.group(1)
    fields["code"] = code
    request = urllib.request.Request(
        url + "/sign-in", urllib.parse.urlencode(fields).encode(), headers={"Origin": url})
    try:
        print(opener.open(request, timeout=60).headers.get("Location"))
    except urllib.error.HTTPError as error:
        print(error.headers.get("Location") or error.code)
    """

  @Test func P17_aCodeIsRedeemedByTheProgram() throws {
    let shop = try Shop()
    let bench = shop.bench
    try shop.sell(4)
    let redeem = ["redeem", "--center", shop.url, "--code"]
    try bench.write("ZZZZ-ZZZZ-ZZZZ-ZZZZ-0\n", to: "typo")
    try bench.write("0000-0000-0000-0000-0\n", to: "unknown")
    try bench.write("\n", to: "empty")
    try shop.expect([Mistake(1, "not published yet", redeem + ["file:code0", "-o", "out"])])
    try bench.succeed("center", "title", "publish", "text", "--title", "Text")
    let text = try bench.run(redeem + ["file:code0", "-o", "out"])
    #expect(text.status == 0 && text.output.contains("Text 3") && text.complaint.isEmpty, "\(text.complaint)")
    #expect(try bench.octets(of: "out") == Data(Story.text.utf8))
    let typed = try bench.run(
      ["redeem", "--center", shop.url, "--code", "-", "-o", "out1", "--json"],
      input: String(decoding: try bench.octets(of: "code1"), as: UTF8.self).lowercased())
    #expect(typed.status == 0 && typed.output.contains("\"octets\" : \(Story.text.utf8.count)"), "\(typed.complaint)")
    let secure = shop.url.replacing("http://", with: "https://")
    let dead = ["redeem", "--center", "http://127.0.0.1:1", "--wait", "0", "--code"]
    try shop.expect([
      Mistake(1, "there is a file out already", redeem + ["file:code2", "-o", "out"]),
      Mistake(66, "its folder must exist", redeem + ["file:code2", "-o", "none/out2"]),
      Mistake(65, "cannot read the code", redeem + ["file:typo", "-o", "out2"]),
      Mistake(65, "the code is empty", redeem + ["file:empty", "-o", "out2"]),
      Mistake(66, "cannot read the code", redeem + ["file:missing", "-o", "out2"]),
      Mistake(64, "source of the code", redeem + ["ZZZZ-ZZZZ-ZZZZ-ZZZZ-0", "-o", "out2"]),
      Mistake(1, "this code buys nothing here", redeem + ["file:unknown", "-o", "out2"]),
      Mistake(1, "this code buys nothing here", redeem + ["file:code0", "-o", "out2"]),
      Mistake(
        64, "begins with https://", "redeem", "--center", "http://shop.example", "--code", "file:code2", "-o", "x"),
      Mistake(64, "from 1 to 65535", "redeem", "--center", "https://[::1]:65536", "--code", "file:code2", "-o", "x"),
      Mistake(
        64, "shop.example is no address", "redeem", "--center", "shop.example", "--code", "file:code2", "-o", "x"),
      Mistake(64, "center is no address", "redeem", "--code", "file:code2", "-o", "x"),
      Mistake(65, "does not speak TLS", "redeem", "--center", secure, "--code", "file:code2", "-o", "x"),
      Mistake(69, "no answer came from http://127.0.0.1:1;", dead + ["file:code2", "-o", "out2"]),
    ])
    // Nothing of a code that was refused is left behind.
    let left = try FileManager.default.contentsOfDirectory(atPath: bench.folder.path).filter { $0.hasPrefix("out") }
    #expect(left.sorted() == ["out", "out1", "out2.redemption"], "\(left)")
    // What found no centre goes on where there is one.
    #expect(try bench.run(redeem + ["file:code2", "-o", "out2"]).status == 0)
    #expect(!FileManager.default.fileExists(atPath: bench.path("out2.redemption")))
    for index in 0..<3 {
      let code = String(decoding: try bench.octets(of: "code\(index)"), as: UTF8.self).prefix(21)
      #expect(!shop.server.log.contains(code))
    }
  }

  /// Killed at each step on its disk, the same command goes on: the code is taken once, and the file is whole.
  @Test func P17_aKilledRedemptionGoesOn() throws {
    let shop = try Shop()
    let bench = shop.bench
    let moments = [
      ("write", 1, "redemption"), ("fsync", 1, "redemption"), ("write", 1, "part"), ("write", 3, "part"),
      ("fsync", 1, "part"), ("write", 1, "opening"), ("fsync", 1, "opening"), ("renameat2", 1, "opening"),
      ("unlink", 1, "part"),
    ]
    try shop.sell(moments.count)
    let content = Data((0..<400_000).map { UInt8(truncatingIfNeeded: $0 * 31 >> 3) })
    try content.write(to: URL(fileURLWithPath: bench.path("large")))
    try bench.succeed("center", "title", "publish", "large", "--title", "Text")
    func seats(_ index: Int) throws -> [[String: Any]] {
      try bench.json("center", "recover", "--code", "file:code\(index)")["seats"] as? [[String: Any]] ?? []
    }
    for (index, (call, number, end)) in moments.enumerated() {
      let redeem = ["redeem", "--center", shop.url, "--code", "file:code\(index)", "-o", bench.path("out\(index)")]
      #expect(try bench.killed(at: call, number, of: "out\(index).\(end)", redeem), "\(call) \(end)")
      // The name of the file appears with all of it.
      let wasThere = FileManager.default.fileExists(atPath: bench.path("out\(index)"))
      #expect(wasThere == (call == "unlink"), "\(call) \(end)")
      // The code is used when every octet is safe, and no sooner.
      let isDone = call == "unlink" || end == "opening"
      #expect(try seats(index).contains { $0["done"] as? Bool == true } == isDone, "\(call) \(number) \(end)")
      let again = try bench.run(redeem)
      #expect(again.status == (wasThere ? 1 : 0), "\(call) \(number) \(end): \(again.complaint)")
      #expect(again.complaint.contains("out\(index).redemption") == wasThere, "\(again.complaint)")
      #expect(try bench.octets(of: "out\(index)") == content, "\(call) \(end)")
      #expect(try seats(index).map { $0["done"] as? Bool } == [true], "\(call) \(end)")
    }
  }

  /// What a browser saved, and what the counter handed over.
  @Test func P9_whatCameByAnotherWayIsOpenedByTheProgram() throws {
    let shop = try Shop()
    let bench = shop.bench
    try shop.sell(3)
    try bench.succeed("center", "title", "publish", "text", "--title", "Text")
    let code = String(decoding: try bench.octets(of: "code0"), as: UTF8.self).trimmingCharacters(in: .newlines)
    _ = try shop.server.python(NetworkVerbTests.download, code, bench.path("saved"), bench.path("saved.key"))
    let opened = try bench.run(["open", "saved", "--key", "saved.key", "-o", "text0"])
    #expect(opened.status == 0 && opened.output.contains("text0"), "\(opened.complaint)")
    #expect(try bench.octets(of: "text0") == Data(Story.text.utf8))
    try bench.succeed("center", "provide", "handed", "--code", "file:code1")
    try bench.succeed("open", "handed", "--code", "file:code1", "-o", "text1", "--program")
    #expect(try bench.octets(of: "text1") == Data(Story.text.utf8))
    #expect(FileManager.default.isExecutableFile(atPath: bench.path("text1")))

    try bench.succeed("center", "init", "other", "--name", "Other")
    var cut = try bench.octets(of: "saved")
    cut = Data(cut.dropLast())
    try cut.write(to: URL(fileURLWithPath: bench.path("cut")))
    try FileManager.default.createDirectory(atPath: bench.path("folder"), withIntermediateDirectories: false)
    let handed = ["open", "handed", "-o", "x", "--code"]
    try shop.expect([
      Mistake(1, "there is a file text0 already", "open", "saved", "--key", "saved.key", "-o", "text0"),
      Mistake(66, "its folder must exist", "open", "saved", "--key", "saved.key", "-o", "none/x"),
      Mistake(66, "sealed file from missing", "open", "missing", "--key", "saved.key", "-o", "x"),
      Mistake(66, "key file from missing", "open", "saved", "--key", "missing", "-o", "x"),
      Mistake(65, "saved is no key file", "open", "saved", "--key", "saved", "-o", "x"),
      Mistake(65, "not what the centre sealed", "open", "handed", "--key", "saved.key", "-o", "x"),
      Mistake(65, "not what the centre sealed", "open", "cut", "--key", "saved.key", "-o", "x"),
      Mistake(65, "folder cannot be read", "open", "folder", "--key", "saved.key", "-o", "x"),
      Mistake(64, "the --key of a download", "open", "saved", "-o", "x"),
      Mistake(64, "the --code of a file", "open", "saved", "--key", "saved.key", "--code", "file:code0", "-o", "x"),
      Mistake(65, "the code is another one", handed + ["file:code2"]),
      Mistake(65, "cannot read the code", handed + ["file:text"]),
      Mistake(65, "nothing that this centre's counter", handed + ["file:code1", "--center", "other"]),
      Mistake(65, "nothing that this centre's counter", "open", "saved", "--code", "file:code1", "-o", "x"),
      Mistake(64, "an address", handed + ["file:code1", "--center", shop.url]),
      Mistake(69, "no centre at none", handed + ["file:code1", "--center", "none"]),
    ])
    let left = try FileManager.default.contentsOfDirectory(atPath: bench.folder.path).filter { $0.hasPrefix("x") }
    #expect(left.isEmpty, "\(left)")
  }

  /// Redeems a code as the pages do, and saves file and key file.
  private static let download = """
    import base64, json, os, sys, urllib.request
    url, code, path, key = sys.argv[1:]
    def ask(target, body=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            headers |= {"Content-Type": "application/json", "Idempotency-Key": os.urandom(16).hex()}
        data = None if body is None else json.dumps(body).encode()
        return urllib.request.urlopen(urllib.request.Request(url + target, data, headers), timeout=60).read()
    grant = json.loads(ask("/v1/redemptions", {"code": code}))
    ticket = {"Authorization": "Ticket " + grant["ticket"]}
    open(path, "wb").write(ask("/v1/redemptions/ticket/file", **ticket))
    done = json.loads(ask("/v1/redemptions/ticket/acknowledgements", {"octets": grant["octets"]}, **ticket))
    names = ["softwareID", "ticket", "type", "octets", "digest"]
    open(key, "w").write(json.dumps({n: grant[n] for n in names} | {"wrappedContentKey": done["wrappedContentKey"]}))
    """

  /// Over TLS, with an authority of one's own and with another.
  @Test func theServersCertificateMustComeFromTheAuthority() throws {
    let bench = try Story.copy()
    for name in ["right", "wrong"] {
      let made = try bench.launch(
        "/usr/bin/env",
        [
          "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
          "9", "-keyout", "\(name).key", "-out", "\(name).pem", "-subj", "/CN=\(name)", "-addext",
          "subjectAltName=DNS:localhost,IP:127.0.0.1",
        ])
      try #require(made.status == 0, "\(made.complaint)")
    }
    let server = try ServedCenter(bench, ["--tls-certificate", "right.pem", "--tls-key", "right.key"])
    let charge = ["card", "charge", "--title", "Shell", "--count", "1", "--center"]
    #expect(try bench.json(charge + [server.place.url, "--authority", "right.pem"])["actual"] as? Int == 1)
    let clear = server.place.url.replacing("https://", with: "http://")
    for (arguments, status, words) in [
      ([server.place.url], 65, "is not from an authority that is trusted here"),
      ([server.place.url, "--authority", "wrong.pem"], 65, "is not from an authority that is trusted here"),
      ([clear, "--wait", "0"], 69, "no answer came from \(clear)"),
    ] {
      let outcome = try bench.run(charge + arguments)
      #expect(outcome.status == Int32(status) && outcome.complaint.contains(words), "\(outcome.complaint)")
    }
    #expect(try bench.json("card", "info")["codes"] as? Int == 6)
  }

  /// What the folder is needed for is not done at an address, and that is told.
  @Test func verbsOfTheFolderSaySo() throws {
    let shop = try Shop()
    let card = try #require(try shop.bench.json("card", "info")["serial"] as? String)
    let verbs = [
      ["center", "info"], ["center", "clients", "list"], ["center", "sign-in", "--role", "counter"],
      ["center", "payments", "list", card], ["center", "verify"], ["card", "receipt"],
    ]
    try shop.expect(
      verbs.map { Mistake(64, "in the centre's folder, and \(shop.url) is an address", $0 + ["--center", shop.url]) })
    try shop.expect(
      verbs.map { Mistake(64, "begins with https://", $0 + ["--center", "http://shop.example"]) })
    try shop.expect(verbs.map { Mistake(69, "no centre at shop.example", $0 + ["--center", "shop.example"]) })
  }

  /// Whoever sits at a terminal hears what is waited for, and Ctrl-C ends it at once, with how to go on.
  @Test func waitingIsToldAndCanBeStopped() throws {
    let bench = try Story.copy()
    try bench.write("0000-0000-0000-0000-0\n", to: "unknown")
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("terminal.py").path
    for verb in [
      ["card", "sign-in"], ["card", "charge", "--title", "Shell", "--count", "1"],
      ["redeem", "--code", "file:unknown", "-o", "out"],
    ] {
      let request: [String: Any] = [
        "command": [CommandBench.executable] + verb + ["--center", "http://127.0.0.1:1"],
        "answers": [["No answer from http://127.0.0.1:1 yet; trying for 60 seconds.", "\u{03}"]],
      ]
      let json = String(decoding: try JSONSerialization.data(withJSONObject: request), as: UTF8.self)
      let outcome = try bench.launch("/usr/bin/env", ["python3", "-B", script, json])
      let screen = try #require(try JSONSerialization.jsonObject(with: outcome.octets) as? [String: Any])
      #expect(screen["status"] as? Int == 130, "\(screen)")
      #expect((screen["screen"] as? String)?.contains("run it again to carry on") == true, "\(screen)")
    }
  }
}
