import Cryptography
import Formats
import Foundation
import Identifiers
import Synchronization
import Testing

@testable import CenterServer
@testable import LicenseCenter

/// The server is killed between a change and the keeping of its answer, and the client sends the same again.
@Suite struct RepeatedChangeTests {
  private struct Change {
    var operation: String
    var method: String
    var target: String
    var body: JSON?
    /// What its body says otherwise in another request.
    var otherwise: [String: JSON]
    var status: Int

    init(
      _ operation: String, _ method: String, _ target: String, _ body: JSON? = nil, otherwise: [String: JSON] = [:],
      status: Int = 200
    ) {
      (self.operation, self.method, self.target, self.body) = (operation, method, target, body)
      (self.otherwise, self.status) = (otherwise, status)
    }

    /// The body of the other request; `nil` if there is none.
    var otherBody: JSON? {
      guard !otherwise.isEmpty, case .object(let members)? = body else { return nil }
      return .object(members.merging(otherwise) { $1 })
    }
  }

  /// Sends a change twice under one key, the first time without its answer being kept.
  private func repeated(_ change: Change, _ server: TestServer, between: () async throws -> Void = {}) async throws
    -> JSON
  {
    let key = TestServer.key()
    server.answers.forgets.withLock { $0 = true }
    let first = try await server.send(change.method, change.target, change.body, key: key)
    #expect(first.status == change.status, "\(change.operation): \(first.text)")
    try await between()
    let count = try await server.auditCount()
    if let body = change.otherBody {
      let other = try await server.send(change.method, change.target, body, key: key)
      expectProblem(other, .keyReused, 422, "\(change.operation), with another request: \(other.text)")
    }
    server.answers.forgets.withLock { $0 = false }
    let again = try await server.send(change.method, change.target, change.body, key: key)
    #expect(again.status == first.status && again.body == first.body, "\(change.operation): \(again.text)")
    #expect(try await server.auditCount() == count, "\(change.operation) was done twice")
    return first.json ?? .null
  }

  @Test func everyChangeOfTheCounterIsRepeatableAfterACrash() async throws {
    try await TestServer.run { server in
      var done: Set<String> = []
      func make(_ change: Change) async throws -> JSON {
        done.insert(change.operation)
        return try await repeated(change, server)
      }
      let (older, card) = (try await server.issueCard(), try await server.issueCard())
      let title = try await server.title()
      let own: JSON = .text(card.description)
      let key = try SigningKey(random: server.random).publicKey
      let machine = "W-" + TestServer.key()
      _ = try await make(
        Change(
          "registerTitle", "POST", "/v1/titles",
          [
            "name": "a", "version": "1", "type": "data", "seller": "S", "price": .yen(7), "profile": "conversion",
          ], otherwise: ["version": "2"], status: 201))
      _ = try await make(
        Change("setPointWorth", "PUT", "/v1/payback/worth", ["worth": .yen(3)], otherwise: ["worth": .yen(4)]))
      _ = try await make(
        Change(
          "addPaybackRule", "POST", "/v1/payback/rules", ["kind": "bulk", "reward": ["amount": .yen(50)]],
          otherwise: ["reward": ["amount": .yen(51)]], status: 201))
      _ = try await make(
        Change(
          "addPaybackRule", "POST", "/v1/payback/rules", ["kind": "points", "reward": ["pointFor": .yen(100)]],
          otherwise: ["reward": ["pointFor": .yen(101)]], status: 201))
      _ = try await make(
        Change(
          "noteIntroduction", "POST", "/v1/payback/introductions",
          ["card": own, "introducer": .text(older.description)], otherwise: ["introducer": own]))
      _ = try await make(
        Change(
          "deposit", "POST", "/v1/ledger/deposits", ["card": own, "amount": .yen(1000)],
          otherwise: ["amount": .yen(999)]))
      let sheet = try await make(
        Change(
          "sellSheet", "POST", "/v1/codes/sheets", TestServer.sheetOrder(5, of: title, to: card),
          otherwise: ["quantity": 6],
          status: 201))
      _ = try await make(
        Change(
          "makeCodeKey", "POST", "/v1/codes/keys", ["code": sheet.list("codes")[0], "kind": "right"]))
      _ = try await make(Change("confirmSheet", "POST", "/v1/codes/sheets/1/printed"))
      _ = try await make(
        Change(
          "filePaymentMethod", "PUT", "/v1/cards/\(card)/payment-method", ["token": "simulated"],
          otherwise: ["token": "simulated:capture=decline"]))
      let collected = try await make(
        Change(
          "collectDebt", "POST", "/v1/payments", ["card": own, "currency": "JPY"], otherwise: ["currency": "EUR"],
          status: 201))
      #expect(collected["amount"] == .yen(500))
      #expect(try await server.center.ledger.balance(of: .holder(card), in: .yen).minorUnits == 0)
      _ = try await make(
        Change(
          "payOut", "POST", "/v1/payback/payouts", ["card": own, "amount": .yen(50), "destination": "account"],
          otherwise: ["amount": .yen(49)]))
      _ = try await make(
        Change(
          "exchangePoints", "POST", "/v1/payback/exchanges", ["card": own, "points": 10, "currency": "JPY"],
          otherwise: ["points": 9]))
      _ = try await make(
        Change(
          "refundCodes", "POST", "/v1/refunds", ["card": own, "sheet": 1, "destination": "account"],
          otherwise: ["destination": "cash"], status: 201))
      _ = try await make(Change("endPaybackRule", "POST", "/v1/payback/rules/1/end"))
      let bill = Bill(reference: "test:1", holder: card, amount: Money(minorUnits: 9, currency: .yen))
      try await server.center.payments.authorise(bill)
      let payment = try #require(try await server.center.payments.payment(of: "test:1"))
      _ = try await make(Change("voidPayment", "POST", "/v1/payments/\(payment.payment)/void"))
      _ = try await make(Change("reconcilePayments", "POST", "/v1/payments/reconcile"))
      _ = try await make(Change("forgetPaymentMethod", "DELETE", "/v1/cards/\(card)/payment-method"))
      _ = try await make(
        Change("sendNotice", "POST", "/v1/notices", ["card": own, "text": "t"], otherwise: ["text": "u"], status: 201))
      _ = try await make(
        Change(
          "registerWebhook", "POST", "/v1/webhooks", ["url": "http://127.0.0.1:9/w"],
          otherwise: ["url": "http://127.0.0.1:9/v"], status: 201))
      _ = try await server.center.context.database.write { try $0.run("UPDATE webhooks SET state = 'suspended'", []) }
      _ = try await make(Change("resumeWebhook", "POST", "/v1/webhooks/1/resume"))
      _ = try await make(Change("endWebhook", "POST", "/v1/webhooks/1/end"))
      _ = try await make(
        Change(
          "registerMachine", "POST", "/v1/clients",
          [
            "machine": .text(machine), "name": "Kiosk", "key": .text(Data(key).base64EncodedString()),
            "roles": ["machine"], "configuration": [["item": "hostID", "values": ["AQ=="]]],
          ], otherwise: ["name": "Stand"]))
      _ = try await make(
        Change(
          "setMachineRoles", "PUT", "/v1/clients/\(machine)/roles", ["roles": ["machine", "counter"]],
          otherwise: ["roles": ["machine"]]))
      _ = try await make(Change("revokeMachine", "POST", "/v1/clients/\(machine)/revoke"))
      _ = try await make(Change("reinstateMachine", "POST", "/v1/clients/\(machine)/reinstate"))
      _ = try await make(
        Change(
          "setCardRoles", "PUT", "/v1/cards/\(card)/roles", ["roles": ["holder", "counter"]],
          otherwise: ["roles": ["holder"]]))
      _ = try await make(Change("blockCard", "POST", "/v1/cards/\(card)/block"))
      _ = try await make(Change("unblockCard", "POST", "/v1/cards/\(card)/unblock"))
      // Those two have tests of their own: P18, and GivenUpChargeTests.
      done.formUnion(["acknowledgeNotice", "giveUpCharge"])
      let changing = (CounterEndpoints.all(server.center) + TitleEndpoints.all(server.center)).filter(\.wantsKey)
      #expect(done == Set(changing.map(\.operation)))
      _ = try await server.center.verify()
    }
  }

  /// P10: what may be handed on is said once, and set once, however many copies went out before it is asked for again.
  @Test func P10_copyRightsAreRepeatableAfterACrash() async throws {
    try await TestServer.run { server in
      let wares = try await server.wares(codes: 1)
      let target = "/v1/copy-rights/\(wares.title.softwareID)"
      _ = try await repeated(
        Change("permitCopies", "PUT", target, ["copies": 2], otherwise: ["copies": 3]), server)
      let ticket = try await server.ticket(wares.codes[0])
      _ = try await server.finish(ticket, wares.title)
      let key = TestServer.key()
      func set(_ copies: Int64) async throws -> RawAnswer {
        try await server.ask("POST", "/v1/copy-rights", ticket: ticket, body: ["copies": .integer(copies)], key: key)
      }
      server.answers.forgets.withLock { $0 = true }
      let first = try await set(2)
      #expect(first.status == 201, "\(first.text)")
      for _ in 0..<2 {
        _ = try await server.ticket(try RetrievalCode(typed: try #require(first.string("code"))))
        let again = try await set(2)
        #expect(again.status == 201 && again.body == first.body, "\(again.text)")
      }
      expectProblem(try await set(1), .keyReused, 422)
    }
  }

  /// A request that was lost on the way comes back after somebody else's: it is not done again.
  @Test func repeatedChangeDoesNotUndoWhatCameBetween() async throws {
    try await TestServer.run { server in
      let card = try await server.issueCard()
      _ = try await repeated(Change("worth", "PUT", "/v1/payback/worth", ["worth": .yen(3)]), server) {
        try await server.done("PUT", "/v1/payback/worth", ["worth": .yen(9)])
      }
      #expect(try await server.read("/v1/payback/worth")["worth"] == [.yen(9)])
      let method = "/v1/cards/\(card)/payment-method"
      _ = try await repeated(Change("file", "PUT", method, ["token": "simulated"]), server) {
        try await server.done("DELETE", method)
      }
      #expect(try await server.center.payments.hasMethod(card) == false)
      _ = try await repeated(Change("block", "POST", "/v1/cards/\(card)/block"), server) {
        try await server.done("POST", "/v1/cards/\(card)/unblock")
      }
      #expect(try await server.read("/v1/cards/\(card)")["blockedAt"] == nil)
      let machine = "W-" + TestServer.key()
      let key = Data(try SigningKey(random: server.random).publicKey).base64EncodedString()
      let registration: JSON = [
        "machine": .text(machine), "name": "Kiosk", "key": .text(key), "roles": ["machine"],
      ]
      _ = try await repeated(Change("register", "POST", "/v1/clients", registration), server) {
        try await server.done("POST", "/v1/clients/\(machine)/revoke")
      }
      let clients = try await server.read("/v1/clients").list("clients")
      #expect(clients.contains { $0["client"] == .text(machine) && $0["revokedAt"] != nil })
      _ = try await repeated(
        Change("rule", "POST", "/v1/payback/rules", ["kind": "bulk", "reward": ["amount": .yen(5)]], status: 201),
        server
      ) { try await server.done("POST", "/v1/payback/rules/1/end") }
      // With another order the same key is worth nothing, whoever kept what.
      let name = TestServer.key()
      server.answers.forgets.withLock { $0 = true }
      _ = try await server.send("PUT", "/v1/payback/worth", ["worth": .yen(4)], key: name)
      server.answers.forgets.withLock { $0 = false }
      let other = try await server.send("PUT", "/v1/payback/worth", ["worth": .yen(5)], key: name)
      expectProblem(other, .keyReused, 422)
    }
  }
}
