import CardDriver
import CardEmulator
import CardProtocol
import CenterServer
import Cryptography
import Formats
import Foundation
import Identifiers
import Octets
import Testing

@testable import LicenseCenter

/// The counter's work over HTTP, row by row.
@Suite struct CounterEndpointTests {
  @Test func P2_sheetOverHTTPEqualsTheDatabase() async throws {
    try await TestServer.run(keepsAnswers: true) { server in
      let (card, title) = (try await server.issueCard(), try await server.title())
      let (key, order) = (TestServer.key(), TestServer.sheetOrder(5, of: title, to: card))
      let answer = try await server.send("POST", "/v1/codes/sheets", order, key: key)
      #expect(answer.status == 201, "\(answer.text)")
      let sheet = try #require(answer.json)
      #expect(sheet["url"] == "https://center.example/redeem" && sheet["card"] == .text(card.description))
      let texts = sheet.list("codes").compactMap(\.textValue)
      #expect(Set(texts).count == 5)
      for text in texts {
        let record = try await server.center.rightsSeller.record(of: try RetrievalCode(typed: text))
        #expect(record?.state == .unused && record?.softwareID == title.softwareID && record?.price == title.price)
      }
      let lines = try await server.read("/v1/cards/\(card)/codes").list("codes")
      #expect(lines.compactMap { $0["position"]?.integerValue } == [0, 1, 2, 3, 4])
      #expect(lines.allSatisfy { $0["sheet"] == sheet["sheet"] && $0["state"] == "unused" })
      // Repeated it is the same sheet, billed once, and no other answer and no file has a code.
      #expect(try await server.send("POST", "/v1/codes/sheets", order, key: key).body == answer.body)
      #expect(try await server.center.ledger.balance(of: .holder(card), in: .yen).minorUnits == -1500)
      try await server.done("POST", "/v1/codes/sheets/\(sheet["sheet"]?.integerValue ?? 0)/printed")
      #expect(try await server.send("POST", "/v1/codes/sheets", order, key: key).body == answer.body)
      let files = try FileManager.default.subpathsOfDirectory(atPath: server.folder.path)
      for file in files {
        let content = (try? Data(contentsOf: server.folder.appending(path: file))) ?? Data()
        for text in texts {
          #expect(content.range(of: Data(text.utf8)) == nil, "\(file)")
          let octets = try RetrievalCode(typed: text).octets
          #expect(content.range(of: Data(octets)) == nil, "\(file)")
        }
      }
    }
  }

  @Test func P16_maximumIsKeptOverHTTP() async throws {
    try await TestServer.run { server in
      let (card, title) = (try await server.issueCard(), try await server.title())
      _ = try await server.center.context.database.write { try $0.run("UPDATE cards SET maximum_codes = 7", []) }
      _ = try await server.sheet(5, of: title, to: card)
      let state = try await server.state()
      let refused = try await server.send("POST", "/v1/codes/sheets", TestServer.sheetOrder(3, of: title, to: card))
      expectProblem(refused, .limitReached, 409)
      #expect(try await server.state() == state)
      _ = try await server.sheet(2, of: title, to: card)
      let shown = try await server.read("/v1/cards/\(card)", as: "holder")
      #expect(shown["codesSold"] == 7 && shown["remainingCodes"] == 0 && shown["maximumCodes"] == 7)
      #expect(shown["amounts"] == [.yen(2100)] && shown["purchaser"] == "Suzuki")
      #expect(shown["moduleType"] == "WARIFU-E" && shown["productionNumber"] == "1")
    }
  }

  @Test func P9_statementsAndBalancesOverHTTP() async throws {
    try await TestServer.run { server in
      let (card, title) = (try await server.issueCard(), try await server.title())
      try await server.done("POST", "/v1/ledger/deposits", ["card": .text(card.description), "amount": .yen(5000)])
      let sheet = try await server.sheet(4, of: title, to: card)
      let code = try #require(sheet.list("codes").first)
      try await server.done(
        "POST", "/v1/refunds", ["card": .text(card.description), "code": code, "destination": "cash"])
      let balances = try await server.read("/v1/cards/\(card)/code-balances", as: "holder").list("balances")
      #expect(balances.count == 1 && balances[0]["bought"] == 4 && balances[0]["amount"] == .yen(900))
      #expect(balances[0]["states"]?["unused"] == 3 && balances[0]["states"]?["voided"] == 1)
      let statement = try await server.read("/v1/statements/\(card)", as: "holder")
      #expect(statement["balances"] == [["account": .yen(3800), "payback": .yen(0)]])
      #expect(statement["refunds"] == 1 && statement["card"]?["card"] == .text(card.description))
      // What the holder has is what the books say: all accounts together hold nothing.
      let accounts = try await server.read("/v1/ledger/accounts", as: "auditor").list("accounts")
      #expect(accounts.compactMap { $0["balance"]?["minorUnits"]?.integerValue }.reduce(0, +) == 0)
      let entries = try await server.read("/v1/ledger/entries", as: "auditor").list("entries")
      #expect(entries.count >= 4)
      for entry in entries {
        let sum = entry.list("postings").compactMap { $0["amount"]?["minorUnits"]?.integerValue }.reduce(0, +)
        #expect(sum == 0)
      }
      #expect(try await server.read("/v1/audit/verification", as: "auditor")["isIntact"] == true)
      _ = try await server.center.context.database.write { try $0.run("UPDATE accounts SET balance = balance + 1", []) }
      let broken = try await server.read("/v1/audit/verification", as: "auditor")
      #expect(broken["isIntact"] == false && broken["finding"] != nil)
    }
  }

  @Test func P11_messagesOfTheOfficesOverHTTP() async throws {
    try await TestServer.run { server in
      let card = try await server.issueCard()
      try await server.done(
        "POST", "/v1/titles",
        [
          "name": "t", "version": "1", "type": "data", "seller": "S", "price": .yen(7), "profile": "certificate",
        ])
      let titles = try await server.read("/v1/titles").list("titles")
      let id = try #require(titles.first?["softwareID"]?.textValue.flatMap { SoftwareID($0) })
      _ = try await server.sheet(1, of: try await server.center.titles.title(id), to: card)
      let messages = try await server.read("/v1/audit/messages", as: "auditor").list("messages")
      #expect(messages.compactMap { $0["kind"]?.textValue } == ["makeRequest", "issueRequest", "issue"])
      #expect(messages[1]["from"] == "rightsSeller" && messages[1]["to"] == "cardSeller")
      let first = try await server.read("/v1/audit/messages?limit=1", as: "auditor")
      #expect(first.list("messages").count == 1)
      let next = try #require(first["next"]?.integerValue)
      let rest = try await server.read("/v1/audit/messages?limit=1&after=\(next)", as: "auditor")
      #expect(first.list("messages") + rest.list("messages") == messages && rest["next"] == nil)
    }
  }

  @Test func P7_rulesPayoutsAndPointsOverHTTP() async throws {
    try await TestServer.run { server in
      let (card, title) = (try await server.issueCard(), try await server.title())
      try await server.done(
        "POST", "/v1/payback/rules",
        ["kind": "bulk", "reward": ["perMille": 100], "conditions": ["codesInSale": 3]])
      try await server.done("POST", "/v1/payback/rules", ["kind": "points", "reward": ["pointFor": .yen(100)]])
      expectProblem(
        try await server.send("POST", "/v1/payback/rules", ["kind": "referral", "reward": ["perMille": 1]]),
        .unprocessable, 422)
      _ = try await server.sheet(2, of: title, to: card)
      _ = try await server.sheet(3, of: title, to: card)
      let grants = try await server.read("/v1/cards/\(card)/grants", as: "holder").list("grants")
      #expect(grants.compactMap { $0["amount"]?["minorUnits"]?.integerValue } == [6, 90, 9])
      func payOut(_ amount: Int64, _ key: String = TestServer.key()) async throws -> RawAnswer {
        try await server.send(
          "POST", "/v1/payback/payouts",
          ["card": .text(card.description), "amount": .yen(amount), "destination": "account"], key: key)
      }
      expectProblem(try await payOut(91), .limitReached, 409)
      let key = TestServer.key()
      for _ in 0..<3 { #expect(try await payOut(90, key).status == 200) }
      expectProblem(try await payOut(1), .limitReached, 409)
      let exchange: JSON = ["card": .text(card.description), "points": 10, "currency": "JPY"]
      expectProblem(
        try await server.send("POST", "/v1/payback/exchanges", exchange, as: "holder"), .conflict, 409)
      try await server.done("PUT", "/v1/payback/worth", ["worth": .yen(2)])
      #expect(try await server.done("POST", "/v1/payback/exchanges", exchange, as: "holder")["amount"] == .yen(20))
      #expect(try await server.read("/v1/payback/worth", as: "holder")["worth"] == [.yen(2)])
      try await server.done("POST", "/v1/payback/rules/1/end")
      // Up to this second it was good.
      server.clock.advance(by: 1)
      _ = try await server.sheet(3, of: title, to: card)
      let rules = try await server.read("/v1/payback/rules", as: "holder").list("rules")
      #expect(rules.count == 2 && rules[0]["end"] != nil && rules[1]["end"] == nil)
      #expect(try await server.read("/v1/cards/\(card)/grants").list("grants").count == 4)
      #expect(try await server.center.ledger.balance(of: .holder(card), in: .yen).minorUnits == -8 * 300 + 90)
    }
  }

  @Test func P18_noticeOverHTTPIsOpenedByItsCardAlone() async throws {
    try await TestServer.run { server in
      let (other, otherSerial) = try await server.issuedCard()
      let (emulated, serial) = try await server.issuedCard()
      let text = "Pay-back for Suzuki"
      let sent = try await server.done("POST", "/v1/notices", ["card": .text(serial.description), "text": .text(text)])
      let target = "/v1/cards/\(serial)/notices"
      expectProblem(try await server.get(target, as: "stranger"), .forbidden, 403)
      expectProblem(try await server.get(target, as: "counter"), .forbidden, 403)
      #expect(try await server.read(target + "/states").list("notices").compactMap { $0["state"] } == ["waiting"])
      let answer = try await server.get(target, as: "holder")
      #expect(!answer.text.contains("Suzuki"))
      let found = try #require(answer.json?.list("notices").first)
      #expect(found["notice"] == sent["notice"])
      let record = try #require(found["record"]?.textValue.flatMap { Data(base64Encoded: $0) })
      let octets = Array(record)
      let notice = try SealedNotice(parsing: octets.span.bytes)
      let foreign = try await inHand(other, otherSerial, server)
      #expect(throws: (any Error).self) { _ = try foreign.open(notice) }
      let opened = try await inHand(emulated, serial, server).open(notice)
      #expect(opened.notice.text == text)
      func read(_ acknowledgement: [UInt8], as name: String = "holder") async throws -> RawAnswer {
        try await server.send(
          "POST", "/v1/notices/\(notice.number)/read",
          [
            "card": .text(serial.description), "acknowledgement": .text(Data(acknowledgement).base64EncodedString()),
          ], as: name)
      }
      expectProblem(try await read([UInt8](repeating: 0, count: 16)), .notFound, 404)
      expectProblem(try await read(opened.acknowledgement, as: "stranger"), .forbidden, 403)
      for _ in 0..<2 { #expect(try await read(opened.acknowledgement).status == 200) }
      #expect(try await server.read(target + "/states").list("notices").compactMap { $0["state"] } == ["read"])
    }
  }

  /// A card in its holder's hand, with the PIN entered.
  private func inHand(_ emulated: EmulatedCard, _ serial: CardSerial, _ server: TestServer) async throws -> WarifuCard {
    let card = try WarifuCard(CardConnection(emulated))
    try card.connection.reset()
    _ = try WarifuCard(card.connection)
    let letter = try await server.center.cardIssuer.pinLetter(of: serial)
    try card.verify(pin: Secret(copying: Array(letter.pin.utf8)))
    return card
  }

  @Test func P22_sellersKeyOverHTTPAndNothingAboutBadCodes() async throws {
    try await TestServer.run { server in
      let (card, title) = (try await server.issueCard(), try await server.title())
      let codes = try await server.sheet(2, of: title, to: card).list("codes")
      let code = try RetrievalCode(typed: codes[0].textValue ?? "")
      func key(_ code: JSON, _ kind: String, as name: String) async throws -> RawAnswer {
        try await server.send(
          "POST", "/v1/codes/keys", ["code": code, "kind": .text(kind), "messageID": "AQID"], as: name)
      }
      let message = try await server.center.rightsSeller.messageKey(of: code, messageID: [1, 2, 3])
      let right = try await server.center.rightsSeller.rightKey(of: code)
      for (kind, expected) in [
        ("message", message.withBytes { $0.octets }), ("right", right.withBytes { $0.octets }),
      ] {
        let answer = try await key(codes[0], kind, as: "counter")
        #expect(answer.json?["key"] == .text(Data(expected).base64EncodedString()), "\(answer.text)")
      }
      expectProblem(try await key(codes[0], "right", as: "holder"), .forbidden, 403)
      let unknown = RetrievalCode(from: SeededRandom(seed: 99))
      try await server.done(
        "POST", "/v1/refunds", ["card": .text(card.description), "code": codes[1], "destination": "account"])
      let answers = [
        try await key(codes[1], "right", as: "counter"), try await key(.text(unknown.text), "right", as: "counter"),
      ]
      for answer in answers { expectProblem(answer, .refused, 422) }
      #expect(answers[0].json?["detail"] == answers[1].json?["detail"])
    }
  }
}

extension WarifuCard {
  /// Opens a notice with the card in hand.
  fileprivate func open(_ notice: SealedNotice) throws -> OpenedNotice {
    let shared = SharedKey(peer: try notice.sender, number: notice.number, wrapped: notice.wrappedSharedKey)
    return try notice.open(with: try use(.unwrap, Secret(copying: notice.wrappedKey), shared: shared))
  }
}
