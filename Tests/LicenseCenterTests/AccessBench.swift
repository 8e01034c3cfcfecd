import CardDriver
import CardEmulator
import CardFirmware
import CardProtocol
import ChallengeAccess
import Cryptography
import Formats
import Identifiers
import Octets
import Testing

@testable import LicenseCenter

/// A machine that the centre knows, or may not know.
final class Machine: Sendable {
  let id: MachineID
  let key: SigningKey
  var client: AccessClientID { .machine(id) }

  init(_ test: TestCenter) throws {
    id = try #require(MachineID(octets: test.random.octets(16)))
    key = try SigningKey(random: test.random)
  }

  /// A machine that the centre knows.
  static func registered(
    _ test: TestCenter, roles: Set<AccessRole> = [.machine], policy: ConfigurationPolicy = .none
  ) async throws -> Machine {
    let machine = try Machine(test)
    _ = try await test.center.access.register(
      machine.id, name: "Till of Mrs Sato", key: machine.key.publicKey, roles: roles, policy: policy)
    return machine
  }

  /// Asks `center` and makes the answer.
  func answer(
    _ test: TestCenter, as role: AccessRole = .machine, for softwareID: SoftwareID? = nil,
    telling values: [ConfigurationItem: [UInt8]] = [:], center: Center? = nil
  ) async throws -> (session: AccessSession, octets: [UInt8]) {
    let center = center ?? test.center
    let request = try AccessRequest(
      client: client, role: role, softwareID: softwareID, nonce: test.random.octets(AccessRequest.nonceOctets))
    let invitation = try await center.access.invite(request.encoded)
    var exchange = ClientExchange(request)
    try exchange.receive(invitation.challenge.span.bytes, under: [try test.serverKey])
    try exchange.add(try ConfigurationData(values))
    try exchange.sign(with: key)
    let answer = try exchange.answer()
    #expect(answer.session == invitation.session)
    return answer
  }

  /// Asks, answers and gets in.
  func enter(
    _ test: TestCenter, as role: AccessRole = .machine, for softwareID: SoftwareID? = nil
  ) async throws -> AccessGrant {
    let answer = try await answer(test, as: role, for: softwareID)
    return try await test.center.access.admit(answer.octets, in: answer.session)
  }
}

extension TestCenter {
  /// The centre's public key, which its clients keep.
  var serverKey: VerificationKey {
    get throws { try VerificationKey(octets: center.facts.timeKey) }
  }

  /// An issued emulated card in its holder's reader, its application selected.
  func issuedCard(_ profile: CardProfile = .board) async throws -> (card: WarifuCard, serial: CardSerial) {
    let (emulated, serial) = try await registeredCard(profile)
    let order = try CardIssueOrder(cardSerial: serial, purchaser: "P", maximumCodes: 1, generationKeys: [1])
    _ = try await center.cardIssuer.issue(order, over: try FaultyLine(emulated))
    return (try WarifuCard(CardConnection(emulated)), serial)
  }

  /// How many rows there are in all tables that an access could touch.
  func accessRows() async throws -> [Int] {
    var counts: [Int] = []
    for table in ["access_clients", "access_answers", "access_tokens", "audit_log"] {
      counts.append(try await count("SELECT * FROM \(table)"))
    }
    return counts
  }
}

/// A card's half of an exchange: what its host does.
func answer(
  of card: WarifuCard, _ serial: CardSerial, at center: Center, as role: AccessRole = .holder,
  telling values: [ConfigurationItem: [UInt8]] = [:], under key: VerificationKey
) async throws -> (session: AccessSession, octets: [UInt8]) {
  try card.requireCenter()
  let request = try AccessRequest(client: .card(serial), role: role, nonce: try card.challenge())
  let invitation = try await center.access.invite(request.encoded)
  var exchange = ClientExchange(request)
  try exchange.receive(invitation.challenge.span.bytes, under: [key])
  let proof = exchange.cardProof
  try card.believe(center: try #require(proof))
  try exchange.add(try ConfigurationData(values))
  try exchange.attach(signature: try card.authenticate(challenge: try exchange.cardChallenge()))
  return try exchange.answer()
}
