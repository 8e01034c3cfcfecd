import CardDriver
import CenterServer
import ChallengeAccess
import Cryptography
import Formats
import Foundation
import Identifiers
import Octets
import Testing

@testable import LicenseCenter

/// A machine that logs in, and what it sends.
final class LoginMachine: Sendable {
  let id: MachineID
  let key: SigningKey

  init(_ server: TestServer) throws {
    id = try #require(MachineID(octets: server.random.octets(16)))
    key = try SigningKey(random: server.random)
  }

  static func registered(
    _ server: TestServer, roles: Set<AccessRole> = [.machine], policy: ConfigurationPolicy = .none
  ) async throws -> LoginMachine {
    let machine = try LoginMachine(server)
    _ = try await server.center.access.register(
      machine.id, name: "Kiosk", key: machine.key.publicKey, roles: roles, policy: policy)
    return machine
  }

  func request(
    _ server: TestServer, as role: AccessRole = .machine, for title: SoftwareID? = nil
  ) throws -> AccessRequest {
    try AccessRequest(client: .machine(id), role: role, softwareID: title, nonce: server.random.octets(32))
  }

  /// The body of its answer to a challenge.
  func answer(
    _ server: TestServer, as role: AccessRole = .machine, for title: SoftwareID? = nil,
    telling values: [ConfigurationItem: [UInt8]] = [:]
  ) async throws -> JSON {
    let request = try request(server, as: role, for: title)
    let (challenge, key) = (try await server.challenge(request), try server.timeKey)
    var exchange = ClientExchange(request)
    try exchange.receive(challenge.span.bytes, under: [key])
    try exchange.add(try ConfigurationData(values))
    try exchange.sign(with: self.key)
    return body(of: try exchange.answer())
  }

  /// Logs in and answers the token.
  func token(_ server: TestServer, as role: AccessRole = .machine, for title: SoftwareID? = nil) async throws -> String
  {
    let answer = try await server.post(
      "/v1/login/tokens", try await answer(server, as: role, for: title), as: nil, key: nil)
    guard let token = answer.token else { throw RawConnection.Failure(description: "no token: \(answer.text)") }
    return token
  }
}

/// What an answer is sent as.
func body(of answer: (session: AccessSession, octets: [UInt8])) -> JSON {
  ["session": .text(answer.session.description), "answer": .text(Data(answer.octets).base64EncodedString())]
}

extension RawAnswer {
  /// The token in an answer to a login.
  var token: String? {
    guard case .text(let token) = json?["token"] else { return nil }
    return token
  }
}

extension TestServer {
  var timeKey: VerificationKey { get throws { try VerificationKey(octets: center.facts.timeKey) } }

  /// The record of the challenge that the server answers a request with.
  func challenge(_ request: AccessRequest) async throws -> [UInt8] {
    let body: JSON = ["request": .text(Data(request.encoded).base64EncodedString())]
    let answer = try await post("/v1/login/challenges", body, as: nil, key: nil)
    guard answer.status == 200, case .text(let text) = answer.json?["challenge"], let data = Data(base64Encoded: text)
    else { throw RawConnection.Failure(description: "no challenge: \(answer.text)") }
    return Array(data)
  }
}

/// Cards and machines log in over HTTP by challenge and answer.
@Suite struct LoginTests {
  @Test func C12_aMachineLogsInAndItsTokenIsGoodUntilItIsGivenBack() async throws {
    try await TestServer.run(keepsAnswers: true) { server in
      let machine = try await LoginMachine.registered(server)
      let answer = try await server.post("/v1/login/tokens", try await machine.answer(server), as: nil, key: nil)
      #expect(answer.status == 201 && answer.headers["cache-control"] == "no-store", "\(answer.text)")
      #expect(answer.json?["client"] == .text(machine.id.description) && answer.json?["role"] == "machine")
      #expect(answer.json?["expiresAt"] == .integer(Int64(StandingClock().now() + AccessDesk.tokenSeconds)))
      let token = try #require(answer.token)
      #expect(try await server.ask(ClientRequest(target: "/metrics", token: token)).status == 200)
      // A machine is no auditor.
      let serial = "0102030405060708"
      let requests = ClientRequest(target: "/v1/cards/\(serial)/license-requests", token: token)
      expectProblem(try await server.ask(requests), .forbidden, 403)
      let end = ClientRequest(method: "DELETE", target: "/v1/login/token", token: token)
      #expect(try await server.ask(end).json == ["ended": true])
      expectProblem(try await server.ask(end), .unauthenticated, 401)
      expectProblem(try await server.ask(ClientRequest(target: "/metrics", token: token)), .unauthenticated, 401)
      #expect(!server.log.all.contains { $0.contains(token) || $0.contains(machine.id.description) })
    }
  }

  @Test func C9_aCardAndItsCentreProveThemselvesToOneAnother() async throws {
    try await TestServer.run(keepsAnswers: true) { server in
      let (emulated, serial) = try await server.issuedCard()
      let card = try WarifuCard(CardConnection(emulated))
      try card.requireCenter()
      let request = try AccessRequest(client: .card(serial), role: .holder, nonce: try card.challenge())
      let (challenge, key) = (try await server.challenge(request), try server.timeKey)
      var exchange = ClientExchange(request)
      try exchange.receive(challenge.span.bytes, under: [key])
      let proof = exchange.cardProof
      try card.believe(center: try #require(proof))
      try exchange.add(try ConfigurationData())
      try exchange.attach(signature: try card.authenticate(challenge: try exchange.cardChallenge()))
      let answer = try await server.post("/v1/login/tokens", body(of: try exchange.answer()), as: nil, key: nil)
      #expect(answer.status == 201 && answer.json?["client"] == .text(serial.description), "\(answer.text)")
      let token = try #require(answer.token)
      let licenses = ClientRequest(target: "/v1/cards/\(serial)/licenses", token: token)
      #expect(try await server.ask(licenses).json == ["licenses": []])
      let others = ClientRequest(target: "/v1/cards/0102030405060708/licenses", token: token)
      expectProblem(try await server.ask(others), .forbidden, 403)
    }
  }

  /// Every failing step: the log has its reason, the outside nothing but the request's id.
  @Test func C1_everyDenialIsTheSameOutsideAndItsReasonIsInTheLog() async throws {
    try await TestServer.run(keepsAnswers: true) { server in
      let host = try ConfigurationPolicy([.hostID: .oneOf([[1, 2, 3]])])
      let machine = try await LoginMachine.registered(server, policy: host)
      let stranger = try LoginMachine(server)
      let revoked = try await LoginMachine.registered(server)
      try await server.center.access.revoke(.machine(revoked.id))
      let title = try #require(SoftwareID(octets: server.random.octets(16)))
      let open = try await LoginMachine.registered(server)
      let used = try await open.answer(server)
      #expect(try await server.post("/v1/login/tokens", used, as: nil, key: nil).status == 201)
      var flipped = try await open.answer(server)
      if case .object(var members) = flipped, case .text(let text) = members["answer"] {
        var octets = Array(try #require(Data(base64Encoded: text)))
        octets[octets.count - 1] ^= 1
        members["answer"] = .text(Data(octets).base64EncodedString())
        flipped = .object(members)
      }
      var moved = try await open.answer(server)
      if case .object(var members) = moved {
        members["session"] = .text(String(repeating: "0", count: 32))
        moved = .object(members)
      }
      let denials: [(AccessDenial, JSON)] = [
        (.malformed, ["session": .text(String(repeating: "0", count: 32)), "answer": "AAAA"]),
        (.otherSession, moved), (.wrongClientKey, flipped), (.replayed, used),
        (.unknownClient, try await stranger.answer(server)), (.revoked, try await revoked.answer(server)),
        (.roleNotGranted, try await open.answer(server, as: .auditor)),
        (.unknownTitle, try await open.answer(server, for: title)),
        (.configurationUnauthorized, try await machine.answer(server, telling: [.hostID: [9]])),
      ]
      var outside: Set<JSON> = []
      for (denial, body) in denials {
        let answer = try await server.post("/v1/login/tokens", body, as: nil, key: nil)
        expectProblem(answer, .unauthenticated, 401, "\(denial)")
        guard case .object(var members) = answer.json else { continue }
        members["request"] = nil
        outside.insert(.object(members))
        let id = answer.headers["request-id"] ?? "?"
        let reasons = server.log.all.filter { $0.contains(id) && $0.contains("access denied") }
        #expect(reasons.count == 1 && reasons.allSatisfy { $0.contains("\"\(denial.rawValue)\"") }, "\(reasons)")
      }
      #expect(outside.count == 1)
      _ = try await server.center.verify()
    }
  }

  /// C6 and C5 over HTTP: the time stamp is where the message says, and it is the centre's time.
  @Test func C6_theTimeStampStandsAtTheOffsetInTheMessageThatCameOverHTTP() async throws {
    try await TestServer.run { server in
      let machine = try await LoginMachine.registered(server)
      var components: Set<[UInt8]> = []
      for _ in 0..<20 {
        let octets = try await server.challenge(try machine.request(server))
        let challenge = try AccessChallenge(parsing: octets.span.bytes)
        let component = try AccessMessage(parsing: challenge.message.span.bytes).component
        let start = Int(component.offset)
        let stamp = component.octets[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) }
        #expect(stamp == StandingClock().now())
        components.insert(component.octets)
      }
      #expect(components.count == 20)
    }
  }

  /// Who asked for one title acts for that title only.
  @Test func aTokenForOneTitleIsForNothingElse() async throws {
    try await TestServer.run(keepsAnswers: true) { server in
      let serial = try await server.issueCard()
      let titles = [try await server.title(), try await server.title()]
      let machine = try await LoginMachine.registered(server)
      let token = try await machine.token(server, for: titles[0].softwareID)
      let statuses = try await [titles[0], titles[1]].asyncMap { title in
        let body: JSON = [
          "card": .text(serial.description), "softwareID": .text(title.softwareID.description), "mediumID": "M-01",
        ]
        return try await server.ask(
          ClientRequest(
            method: "POST", target: "/v1/licenses", token: token, key: TestServer.key(),
            body: String(decoding: body.encoded, as: UTF8.self))
        ).status
      }
      #expect(statuses == [200, 403])
      expectProblem(try await server.ask(ClientRequest(target: "/metrics", token: token)), .forbidden, 403)
    }
  }

  /// A browser's session is for everything that somebody may do; a token for one title is none. It can be given back.
  @Test func aTokenForOneTitleOpensNoPageAndCanBeGivenBack() async throws {
    try await TestServer.run(keepsAnswers: true) { server in
      let card = try await server.issueCard()
      let title = try await server.title()
      let machine = try await LoginMachine.registered(server, roles: [.counter])
      let token = try await machine.token(server, as: .counter, for: title.softwareID)
      let whole = try await machine.token(server, as: .counter)
      func visit(_ path: String, _ token: String) async throws -> Int {
        try await server.ask(ClientRequest(target: path, headers: ["Cookie": "session=\(token)"])).status
      }
      for path in ["/counter", "/counter/cards/\(card)", "/counter/audit", "/counter/payback"] {
        #expect(try await visit(path, token) == 401, "\(path)")
        #expect(try await visit(path, whole) == 200, "\(path)")
      }
      // A page for anybody takes no notice of it.
      #expect(try await visit("/redeem", token) == 200)
      let end = ClientRequest(method: "DELETE", target: "/v1/login/token", token: token)
      let answer = try await server.ask(end)
      #expect(answer.json == ["ended": true], "\(answer.text)")
      expectProblem(try await server.ask(end), .unauthenticated, 401)
    }
  }

  /// A charge of the title that the token is for is begun, carried on and looked at with it.
  @Test func aTokenForOneTitleChargesThatTitle() async throws {
    try await TestServer.run(keepsAnswers: true) { server in
      let card = try await server.issueCard()
      let titles = [try await server.title(), try await server.title()]
      let machine = try await LoginMachine.registered(server, roles: [.counter])
      let token = try await machine.token(server, as: .counter, for: titles[0].softwareID)
      let other = try await machine.token(server, as: .counter, for: titles[1].softwareID)
      let key = TestServer.key()
      func ask(_ method: String, _ target: String, _ token: String, _ body: JSON? = nil) async throws -> RawAnswer {
        try await server.ask(
          ClientRequest(
            method: method, target: target, token: token, key: target == "/v1/charges" ? key : nil,
            body: body.map { String(decoding: $0.encoded, as: UTF8.self) }))
      }
      let order: JSON = [
        "card": .text(card.description), "softwareID": .text(titles[0].softwareID.description), "quantity": 1,
      ]
      expectProblem(try await ask("POST", "/v1/charges", other, order), .forbidden, 403)
      let begun = try await ask("POST", "/v1/charges", token, order)
      #expect(begun.status == 200, "\(begun.text)")
      let next = try #require(begun.json?["next"])
      // The card says that something is wrong with it, and the conversation goes on or ends by that.
      let step: JSON = [
        "dialogue": next["dialogue"] ?? .null, "step": next["step"] ?? .null, "response": "bwA=",
      ]
      let taken = try await ask("POST", "/v1/charges/\(key)/steps", token, step)
      #expect(taken.json?["type"] == "urn:warifu:problem:card", "\(taken.text)")
      // Looked at: of this title, and not of another.
      let operation = try #require(OperationID(octets: server.random.octets(16)))
      let relay = try await server.relayOfHolder()
      _ = try await server.center.charging.charge(
        try ChargeOrder(
          operationID: operation, cardSerial: relay.serial, softwareID: titles[0].softwareID, quantity: 1),
        over: relay.relay)
      #expect(try await ask("GET", "/v1/charges/\(operation)", token).status == 200)
      expectProblem(try await ask("GET", "/v1/charges/\(operation)", other), .forbidden, 403)
    }
  }

  /// A centre that cannot look says so: whoever hears 401 throws a good token away.
  @Test func aTokenIsNotRefusedBecauseTheDatabaseIsAway() async throws {
    try await TestServer.run(keepsAnswers: true) { server in
      let machine = try await LoginMachine.registered(server, roles: [.counter])
      let token = try await machine.token(server, as: .counter)
      try server.center.close()
      let page = ClientRequest(target: "/counter", headers: ["Cookie": "session=\(token)"])
      expectProblem(try await server.ask(ClientRequest(target: "/v1/cards", token: token)), .unavailable, 503)
      #expect(try await server.ask(page).status == 503)
    }
  }

  /// The centre's own keeping: an answer is repeated as it was, and another request under its key is refused, by another
  /// server over the same database too.
  @Test func answersOutliveTheServer() async throws {
    try await TestServer.run(keepsAnswers: true) { server in
      let card = try await server.issueCard()
      let title = try await server.title()
      let key = TestServer.key()
      func ask(_ medium: String) async throws -> RawAnswer {
        let body: JSON = [
          "card": .text(card.description), "softwareID": .text(title.softwareID.description), "mediumID": .text(medium),
        ]
        return try await server.post("/v1/licenses", body, as: "holder", key: key)
      }
      let first = try await ask("M-01")
      let state = try await server.state()
      #expect(first.status == 200)
      let again = try await ask("M-01")
      #expect(again.status == 200 && again.body == first.body)
      expectProblem(try await ask("M-02"), .keyReused, 422)
      #expect(try await server.state() == state)
    }
  }
}

extension TestServer {
  /// A new card of the holder, and the way to it.
  fileprivate func relayOfHolder() async throws -> (serial: CardSerial, relay: EmulatedRelay) {
    let made = try await issuedCard()
    return (made.serial, try EmulatedRelay(made.card))
  }
}

extension Sequence where Element: Sendable {
  fileprivate func asyncMap<T>(_ transform: (Element) async throws -> T) async throws -> [T] {
    var results: [T] = []
    for element in self { results.append(try await transform(element)) }
    return results
  }
}
