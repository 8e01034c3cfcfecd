import ChallengeAccess
import Cryptography
import Formats
import Identifiers
import Octets
import TestSupport
import Testing

/// The records on the line: one way to write each, and no octets that trap a reader.
@Suite struct CodecTests {
  @Test func recordsAreReadAsTheyWereWritten() throws {
    let bench = try AccessBench()
    let card = AccessClientID.card(try #require(CardSerial(octets: bench.random.octets(8))))
    let title = try #require(SoftwareID(octets: bench.random.octets(16)))
    for client in [card, bench.clientID] {
      for role in AccessRole.allCases {
        for softwareID in [nil, title] {
          let request = try AccessRequest(
            client: client, role: role, softwareID: softwareID, nonce: bench.random.octets(32))
          #expect(try AccessRequest(request.encoded) == request)
          let message = AccessMessage(
            for: request, from: bench.centerID, at: 1, asking: [.mediumID, .hostID, .hostID], random: bench.random)
          #expect(message.configurationAsked == [.hostID, .mediumID])
          #expect(try AccessMessage(message.encoded) == message)
          let challenge = try bench.challenge(for: request)
          let read = try AccessChallenge(challenge)
          #expect(read.encoded == challenge && (read.cardProof != nil) == (client == card))
        }
      }
    }
    let request = try bench.request()
    let answer = try bench.answer(try bench.challenge(for: request), to: request).octets
    #expect(try AccessAnswer(answer).encoded == answer)
  }

  @Test func configurationsAreReadAsTheyWereWritten() throws {
    let whole = Dictionary(
      uniqueKeysWithValues: ConfigurationItem.allCases.map { ($0, [UInt8](repeating: $0.rawValue, count: 64)) })
    for values in [[:], [.hostID: [1]], whole] {
      let data = try ConfigurationData(values)
      #expect(data.encoded.count <= ConfigurationData.maximumOctetCount)
      #expect(try ConfigurationData(octets: data.encoded) == data)
    }
    let most = Set((0..<ConfigurationPolicy.valueLimit).map { [UInt8](repeating: UInt8($0), count: 64) })
    let longest = Dictionary(
      uniqueKeysWithValues: ConfigurationItem.allCases.map { ($0, ConfigurationPolicy.Rule.oneOf(most)) })
    for rules in [[:], [.hostID: .any, .mediumID: .oneOf([[2], [1]])], longest] {
      let policy = try ConfigurationPolicy(rules)
      #expect(policy.encoded.count <= ConfigurationPolicy.maximumOctetCount)
      #expect(try ConfigurationPolicy(octets: policy.encoded) == policy)
    }
  }

  @Test func whatNoRecordMayHoldIsRefused() throws {
    let bench = try AccessBench()
    #expect(throws: FormatError.self) { try AccessRequest(client: bench.clientID, role: .holder, nonce: [1]) }
    #expect(throws: FormatError.self) { try ConfigurationData([.hostID: []]) }
    #expect(throws: FormatError.self) { try ConfigurationData([.hostID: [UInt8](repeating: 1, count: 65)]) }
    #expect(throws: FormatError.self) { try ConfigurationPolicy([.hostID: .oneOf([])]) }
    #expect(throws: FormatError.self) { try ConfigurationPolicy([.hostID: .oneOf([[]])]) }
    // An item twice, or out of order.
    let one = try ConfigurationData([.hostID: [1]]).encoded
    let two = try ConfigurationData([.architecture: [1]]).encoded
    for octets in [one + one.dropFirst(4), two + one.dropFirst(4)] {
      #expect(throws: FormatError.self) { try ConfigurationData(octets: octets) }
    }
  }

  @Test func identifiersAreReadFromText() throws {
    let random = SeededRandom(seed: 1)
    let machine = AccessClientID.machine(try #require(MachineID(octets: random.octets(16))))
    let card = AccessClientID.card(try #require(CardSerial(octets: random.octets(8))))
    for client in [machine, card] {
      #expect(AccessClientID(client.description) == client && AccessClientID(octets: client.octets) == client)
    }
    for text in ["", "W-", "W-00", machine.description + "0", "X" + machine.description.dropFirst()] {
      #expect(AccessClientID(text) == nil)
    }
    for role in AccessRole.allCases { #expect(AccessRole(name: role.name) == role) }
    #expect(AccessRole(name: "root") == nil)
    let session = try #require(AccessSession(octets: random.octets(16)))
    #expect(AccessSession(session.description) == session && AccessSession("1") == nil)
  }

  /// Octets from the line, cut short, prolonged and changed anywhere, are read or refused, and nothing else happens.
  @Test func noOctetsTrapAReader() throws {
    var randomness = Randomness("records of challenge access")
    let bench = try AccessBench()
    let request = try bench.request()
    let challenge = try bench.challenge(for: request, asking: [.hostID])
    let answer = try bench.answer(challenge, to: request, telling: [.hostID: [1]]).octets
    let policy = try ConfigurationPolicy([.hostID: .oneOf([[1], [2]])]).encoded
    let samples = [request.encoded, challenge, answer, policy]
    for sample in samples {
      for count in 0..<sample.count { feed(Array(sample.prefix(count))) }
      feed(sample + [0])
    }
    for round in 0..<randomness.soak(3_000, full: 300_000) {
      var octets = samples[round % samples.count]
      for _ in 0..<Int.random(in: 1...4, using: &randomness.generator) {
        octets[Int.random(in: octets.indices, using: &randomness.generator)] = .random(
          in: 0...255, using: &randomness.generator)
      }
      feed(octets)
    }
  }

  private func feed(_ octets: [UInt8]) {
    if let request = try? AccessRequest(octets) { #expect(request.encoded == octets) }
    if let message = try? AccessMessage(octets) { #expect(message.encoded == octets) }
    if let challenge = try? AccessChallenge(octets) { #expect(challenge.encoded == octets) }
    if let answer = try? AccessAnswer(octets) { #expect(answer.encoded == octets) }
    if let data = try? ConfigurationData(octets: octets) { #expect(data.encoded == octets) }
    if let policy = try? ConfigurationPolicy(octets: octets) { #expect(policy.encoded == octets) }
    _ = try? ServerExchange(receiving: octets.span.bytes)
    _ = try? ServerExchange(resumingWith: octets.span.bytes)
  }
}
