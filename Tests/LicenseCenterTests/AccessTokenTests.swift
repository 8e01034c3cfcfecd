import CardDriver
import CardEmulator
import CardFirmware
import ChallengeAccess
import Cryptography
import Formats
import Foundation
import Identifiers
import Octets
import Testing

@testable import LicenseCenter

/// Clients and the tokens that they hold.
@Suite(.onEveryEngine) struct AccessTokenTests {
  @Test func aTokenIsGoodForItsTime() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let machine = try await Machine.registered(test, roles: [.machine, .auditor])
    let grant = try await machine.enter(test, for: title.softwareID)
    #expect(grant.expiresAt == test.clock.now() + AccessDesk.tokenSeconds)
    let shown = try #require(AccessToken(grant.token.text))
    let identity = try await test.center.access.identity(of: shown)
    #expect(identity.client == machine.client && identity.role == .machine)
    #expect(identity.softwareID == title.softwareID)
    test.clock.advance(by: AccessDesk.tokenSeconds - 1)
    _ = try await test.center.access.identity(of: shown)
    test.clock.advance(by: 1)
    await expectFailure(.denied(.tokenInvalid)) { _ = try await test.center.access.identity(of: shown) }
    // The next one that is let in clears it away.
    _ = try await machine.enter(test)
    #expect(try await test.count("SELECT 1 FROM access_tokens") == 1)
  }

  @Test func aTokenThatNobodyGaveIsDenied() async throws {
    let test = try await TestCenter()
    await expectFailure(.denied(.tokenInvalid)) {
      _ = try await test.center.access.identity(of: AccessToken(random: test.random))
    }
    let text = AccessToken(random: test.random).text
    for wrong in ["", "wat_", text.dropLast() + "g", text + "0", "WAT_" + text.dropFirst(4), String(text.dropFirst())] {
      #expect(AccessToken(wrong) == nil)
    }
  }

  @Test func aTokenGivenBackIsOver() async throws {
    let test = try await TestCenter()
    let machine = try await Machine.registered(test)
    let (first, second) = (try await machine.enter(test), try await machine.enter(test))
    try await test.center.access.end(first.token)
    try await test.center.access.end(first.token)
    await expectFailure(.denied(.tokenInvalid)) { _ = try await test.center.access.identity(of: first.token) }
    _ = try await test.center.access.identity(of: second.token)
    #expect(try await test.count("SELECT 1 FROM audit_log WHERE action = 'access.end'") == 1)
  }

  @Test func revocationIsAtOnce() async throws {
    let test = try await TestCenter()
    let machine = try await Machine.registered(test)
    let other = try await Machine.registered(test)
    let (grant, others) = (try await machine.enter(test), try await other.enter(test))
    try await test.center.access.revoke(machine.client)
    try await test.center.access.revoke(machine.client)
    await expectFailure(.denied(.tokenInvalid)) { _ = try await test.center.access.identity(of: grant.token) }
    await expectFailure(.denied(.revoked)) { _ = try await machine.enter(test) }
    _ = try await test.center.access.identity(of: others.token)
    #expect(try await test.center.access.client(machine.client).revokedAt == test.clock.now())
    try await test.center.access.reinstate(machine.client)
    await expectFailure(.denied(.tokenInvalid)) { _ = try await test.center.access.identity(of: grant.token) }
    _ = try await machine.enter(test)
    _ = try await test.center.verify()
  }

  @Test func aRevokedCardIsDenied() async throws {
    let test = try await TestCenter()
    let (card, serial) = try await test.issuedCard()
    try await test.center.access.revoke(.card(serial))
    let denied = try await answer(of: card, serial, at: test.center, under: try test.serverKey)
    await expectFailure(.denied(.revoked)) { _ = try await test.center.access.admit(denied.octets, in: denied.session) }
    try await test.center.access.reinstate(.card(serial))
    let fresh = try await answer(of: card, serial, at: test.center, under: try test.serverKey)
    _ = try await test.center.access.admit(fresh.octets, in: fresh.session)
  }

  /// Who had access by a card that is locked has none any more, whether the card hears of it or not.
  @Test func lockingACardEndsItsTokens() async throws {
    let test = try await TestCenter()
    var commands = 0
    for hears in [true, false] {
      let (emulated, serial) = try await test.registeredCard(.board)
      let order = try CardIssueOrder(cardSerial: serial, purchaser: "P", maximumCodes: 1, generationKeys: [1])
      _ = try await test.center.cardIssuer.issue(order, over: try FaultyLine(emulated))
      let card = try WarifuCard(CardConnection(emulated))
      let reply = try await answer(of: card, serial, at: test.center, under: try test.serverKey)
      let grant = try await test.center.access.admit(reply.octets, in: reply.session)
      // The last command is the order itself.
      let line = try hears ? FaultyLine(emulated) : FaultyLine(emulated, .requestLost, at: commands - 1)
      let isLocked = try? await test.center.cardIssuer.setCustody(.locked, of: serial, over: line)
      #expect(isLocked == (hears ? true : nil) && line.hasFailed != hears)
      commands = line.exchanges
      await expectFailure(.denied(.tokenInvalid)) { _ = try await test.center.access.identity(of: grant.token) }
    }
  }

  @Test func otherRolesEndTheTokensOfBefore() async throws {
    let test = try await TestCenter()
    let machine = try await Machine.registered(test, roles: [.counter])
    let grant = try await machine.enter(test, as: .counter)
    _ = try await test.center.access.setRoles([.machine], of: machine.client)
    await expectFailure(.denied(.tokenInvalid)) { _ = try await test.center.access.identity(of: grant.token) }
    await expectFailure(.denied(.roleNotGranted)) { _ = try await machine.enter(test, as: .counter) }
  }

  // MARK: Clients

  @Test func registeringAgainIsFineAndOtherwiseIsNot() async throws {
    let test = try await TestCenter()
    let machine = try Machine(test)
    let desk = test.center.access
    let policy = try ConfigurationPolicy([.hostID: .oneOf([[1], [2]]), .mediumID: .any])
    func register(_ name: String = "a", _ key: [UInt8]? = nil, _ roles: Set<AccessRole> = [.counter]) async throws {
      _ = try await desk.register(
        machine.id, name: name, key: key ?? machine.key.publicKey, roles: roles, policy: policy)
    }
    try await register()
    test.clock.advance(by: 10)
    try await register()
    let other = try SigningKey(random: test.random).publicKey
    await expectFailure(.conflict) { try await register("b") }
    await expectFailure(.conflict) { try await register("a", other) }
    await expectFailure(.conflict) { try await register("a", nil, [.auditor]) }
    let record = try await desk.client(machine.client)
    #expect(record.name == "a" && record.policy == policy && record.registeredAt == test.clock.now() - 10)
    #expect(try await desk.clients() == [record])
    #expect(try await test.count("SELECT 1 FROM audit_log WHERE action = 'access.register'") == 1)
  }

  @Test func whatCannotBeRegisteredIsRefused() async throws {
    let test = try await TestCenter()
    let machine = try Machine(test)
    let desk = test.center.access
    let key = machine.key.publicKey
    await expectFailure(.invalid) { _ = try await desk.register(machine.id, name: "", key: key, roles: [.machine]) }
    await expectFailure(.invalid) { _ = try await desk.register(machine.id, name: "a", key: [4], roles: [.machine]) }
    await expectFailure(.invalid) { _ = try await desk.register(machine.id, name: "a", key: key, roles: []) }
    await expectFailure(.invalid) { _ = try await desk.register(machine.id, name: "a", key: key, roles: [.holder]) }
    await expectFailure(.notFound) { try await desk.revoke(machine.client) }
    // A card that is registered only is nobody's yet.
    await expectFailure(.notFound) { _ = try await desk.setRoles([.counter], of: .card(test.serial)) }
    await expectFailure(.invalid) { _ = try await desk.setRoles([.machine], of: .card(test.serial)) }
    #expect(try await desk.clients().isEmpty)
  }

  // MARK: Secrecy

  /// Neither the token nor what a machine is called or runs on lies in the folder in clear, and no text shows the token.
  @Test func nothingOfAClientLiesInClear() async throws {
    let test = try await TestCenter()
    let host = Array("host-of-the-till".utf8)
    let machine = try await Machine.registered(test, policy: try ConfigurationPolicy([.hostID: .oneOf([host])]))
    let answer = try await machine.answer(test, telling: [.hostID: host])
    let grant = try await test.center.access.admit(answer.octets, in: answer.session)
    let digits = String(grant.token.text.dropFirst(4))
    let token = try #require(Hex.decode(digits))
    let secrets = [token, Array(digits.utf8), host, Array("Till of Mrs Sato".utf8)]
    var foundPublic = false
    for (name, content) in try test.files() {
      for secret in secrets { #expect(content.range(of: Data(secret)) == nil, "in \(name)") }
      foundPublic = foundPublic || content.range(of: Data(machine.id.octets)) != nil
    }
    #expect(foundPublic)
    var dumped = ""
    dump(grant, to: &dumped)
    for text in ["\(grant)", String(reflecting: grant), dumped, "\(grant.token)"] {
      #expect(!text.contains(digits) && !text.contains("\(token[0]), \(token[1])"))
    }
  }
}
