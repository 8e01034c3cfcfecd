import CardProtocol
import ChallengeAccess
import Cryptography
import Formats
import Identifiers
import Octets
import TestSupport
import Testing

/// What is under which signature.
@Suite struct AuthenticityTests {
  // MARK: C8, the response must match the message

  /// Each bit of an answer, one after the other.
  @Test func C8_everyChangedBitIsDenied() throws {
    let bench = try AccessBench()
    let request = try bench.request()
    let answer = try bench.answer(
      try bench.challenge(for: request, asking: [.hostID]), to: request, telling: [.hostID: [1, 2, 3]])
    let client = bench.client(policy: try ConfigurationPolicy([.hostID: .any]))
    #expect(bench.denial(of: answer.octets, in: answer.session, client: client) == nil)
    let step = Randomness(seed: 0).soak(3, full: 1)
    for bit in stride(from: 0, to: answer.octets.count * 8, by: step) {
      let denial = bench.denial(of: answer.octets.flipping(bit: bit), in: answer.session, client: client)
      #expect(denial != nil, "bit \(bit)")
    }
  }

  /// The answer to one message is none to another, of another session or of the same request.
  @Test func C8_anotherSessionsAnswerIsDenied() throws {
    let bench = try AccessBench()
    let request = try bench.request()
    let first = try bench.answer(try bench.challenge(for: request), to: request)
    let second = try bench.answer(try bench.challenge(for: request), to: request)
    #expect(first.session != second.session)
    #expect(bench.denial(of: first.octets, in: second.session, client: bench.client()) == .otherSession)
    #expect(bench.denial(of: first.octets, in: first.session, client: bench.client()) == nil)
  }

  /// A server that still has its message at hand compares the two.
  @Test func C8_anotherMessageThanTheGeneratedOneIsDenied() throws {
    let bench = try AccessBench()
    let request = try bench.request()
    let octets = request.encoded
    var server = try ServerExchange(receiving: octets.span.bytes)
    try server.generate(as: bench.centerID, at: AccessBench.now, asking: [], random: bench.random)
    try server.sign(with: bench.serverKey)
    _ = try server.send()
    let other = try bench.answer(try bench.challenge(for: request), to: request)
    try server.receive(other.octets.span.bytes)
    do throws(AccessDenial) {
      try server.match(
        session: other.session, under: [bench.serverKey.verificationKey], of: bench.centerID, at: AccessBench.now,
        within: .standard)
      Issue.record("another message was taken")
    } catch {
      #expect(error == .messageDiffers)
    }
  }

  /// A message that somebody else has made, or the server of another centre with the same key.
  @Test func C8_aForeignMessageIsDenied() throws {
    let bench = try AccessBench()
    let other = try AccessBench(seed: 8)
    let request = try bench.request()
    let foreign = try other.challenge(for: request)
    var client = ClientExchange(request)
    try client.receive(foreign.span.bytes, under: [other.serverKey.verificationKey])
    try client.add(try ConfigurationData())
    try client.sign(with: bench.clientKey)
    let answer = try client.answer()
    #expect(bench.denial(of: answer.octets, in: answer.session, client: bench.client()) == .messageDiffers)
    var server = try ServerExchange(resumingWith: answer.octets.span.bytes)
    do throws(AccessDenial) {
      try server.match(
        session: answer.session, under: [other.serverKey.verificationKey], of: bench.centerID, at: AccessBench.now,
        within: .standard)
      Issue.record("another centre's message was taken")
    } catch {
      #expect(error == .messageDiffers)
    }
  }

  // MARK: C9, both private keys

  @Test func C9_aWrongServerKeyIsRefusedByTheClient() throws {
    let bench = try AccessBench()
    let request = try bench.request()
    let challenge = try bench.challenge(for: request)
    let stranger = try SigningKey(random: bench.random)
    for keys in [[], [stranger.verificationKey], [bench.clientKey.verificationKey]] {
      #expect(refusal(of: challenge, to: request, keys) == .wrongServerKey)
    }
    // One of several that the client keeps is enough, so that the server may change its key.
    #expect(refusal(of: challenge, to: request, [stranger.verificationKey, bench.serverKey.verificationKey]) == nil)
    // No changed message either.
    for bit in stride(from: 0, to: challenge.count * 8, by: 7) {
      let refused = refusal(of: challenge.flipping(bit: bit), to: request, [bench.serverKey.verificationKey])
      #expect(refused != nil, "bit \(bit)")
    }
  }

  /// A message that the right server made, for another request.
  @Test func C9_aMessageToSomebodyElseIsRefusedByTheClient() throws {
    let bench = try AccessBench()
    let request = try bench.request()
    for other in [try bench.request(), try bench.request(role: .counter)] {
      let challenge = try bench.challenge(for: other)
      #expect(refusal(of: challenge, to: request, [bench.serverKey.verificationKey]) == .otherRequest)
    }
  }

  @Test func C9_aWrongClientKeyIsDenied() throws {
    let bench = try AccessBench()
    let request = try bench.request()
    let challenge = try bench.challenge(for: request)
    for isStranger in [true, false] {
      var client = ClientExchange(request)
      try client.receive(challenge.span.bytes, under: [bench.serverKey.verificationKey])
      try client.add(try ConfigurationData())
      if isStranger {
        try client.sign(with: try SigningKey(random: bench.random))
      } else {
        try client.sign(with: bench.serverKey)
      }
      let answer = try client.answer()
      #expect(bench.denial(of: answer.octets, in: answer.session, client: bench.client()) == .wrongClientKey)
    }
  }

  /// A machine's own signature over the digest alone, or over what a card would sign, is no answer of the machine.
  @Test func C9_aSignatureOverAnythingElseIsDenied() throws {
    let bench = try AccessBench()
    let request = try bench.request()
    let challenge = try bench.challenge(for: request)
    let good = try AccessAnswer(try bench.answer(challenge, to: request).octets)
    let session = try bench.answer(challenge, to: request).session
    for signed in [challenge, Digest.sha256(good.response), [], request.encoded] {
      var answer = good
      answer.signature = try bench.clientKey.sign(signed)
      #expect(bench.denial(of: answer.encoded, in: session, client: bench.client()) == .wrongClientKey)
    }
  }

  // MARK: C10 and C11, configuration data

  @Test func C10_anUnauthorisedConfigurationIsDenied() throws {
    let bench = try AccessBench()
    let policy = try ConfigurationPolicy([
      .hostID: .oneOf([[1, 2], [3]]), .architecture: .oneOf([Array("x86_64".utf8)]), .programVersion: .any,
    ])
    func denial(_ values: [ConfigurationItem: [UInt8]]) throws -> AccessDenial? {
      let request = try bench.request()
      let challenge = try bench.challenge(for: request, asking: policy.items)
      let answer = try bench.answer(challenge, to: request, telling: values)
      return bench.denial(of: answer.octets, in: answer.session, client: bench.client(policy: policy))
    }
    let good: [ConfigurationItem: [UInt8]] = [
      .hostID: [1, 2], .architecture: Array("x86_64".utf8), .programVersion: [9],
    ]
    #expect(try denial(good) == nil)
    #expect(try denial(good.merging([.hostID: [3], .programVersion: [1]]) { $1 }) == nil)
    for (item, value) in [
      (.hostID, [1]), (.hostID, [1, 2, 0]), (.hostID, [2, 1]), (.architecture, Array("riscv64".utf8)),
    ] as [(ConfigurationItem, [UInt8])] {
      #expect(try denial(good.merging([item: value]) { $1 }) == .configurationUnauthorized, "\(item) \(value)")
    }
  }

  /// A client that tells less or more than it was asked for, whatever its own half would let it do.
  @Test func C10_whatWasAskedForMustBeTold() throws {
    let bench = try AccessBench()
    let request = try bench.request()
    let policy = try ConfigurationPolicy([.hostID: .any, .architecture: .any])
    let challenge = try bench.challenge(for: request, asking: policy.items)
    let told: [[ConfigurationItem: [UInt8]]] = [
      [:], [.hostID: [1]], [.hostID: [1], .architecture: [1], .mediumID: [1]], [.hostID: [1], .mediumID: [1]],
    ]
    for values in told {
      var client = ClientExchange(request)
      try client.receive(challenge.span.bytes, under: [bench.serverKey.verificationKey])
      #expect(throws: AccessRefusal.configurationMismatch) { try client.add(try ConfigurationData(values)) }
      let session = try bench.answer(challenge, to: request, telling: [.hostID: [1], .architecture: [1]]).session
      let forged = try bench.forgedAnswer(challenge, values)
      #expect(
        bench.denial(of: forged, in: session, client: bench.client(policy: policy)) == .configurationIncomplete)
    }
  }

  /// Configuration data is under the client's signature: on its way it cannot become another, nor be left out.
  @Test func C11_anEditedConfigurationFails() throws {
    let bench = try AccessBench()
    let request = try bench.request()
    let policy = try ConfigurationPolicy([.hostID: .any])
    let challenge = try bench.challenge(for: request, asking: policy.items)
    let answer = try bench.answer(challenge, to: request, telling: [.hostID: Array("honest".utf8)])
    let client = bench.client(policy: policy)
    #expect(bench.denial(of: answer.octets, in: answer.session, client: client) == nil)
    let good = try AccessAnswer(answer.octets)
    for values: [ConfigurationItem: [UInt8]] in [[.hostID: Array("forged".utf8)], [.hostID: [1]], [:]] {
      var edited = good
      edited.response = try AccessAnswer(try bench.forgedAnswer(challenge, values)).response
      #expect(bench.denial(of: edited.encoded, in: answer.session, client: client) == .wrongClientKey)
    }
  }

  /// It is added before the private-key step, or not at all.
  @Test func C11_configurationComesBeforeTheSignature() throws {
    let bench = try AccessBench()
    let request = try bench.request()
    let challenge = try bench.challenge(for: request)
    var early = ClientExchange(request)
    try early.receive(challenge.span.bytes, under: [bench.serverKey.verificationKey])
    #expect(throws: AccessRefusal.outOfOrder) { try early.sign(with: bench.clientKey) }
    var late = ClientExchange(request)
    try late.receive(challenge.span.bytes, under: [bench.serverKey.verificationKey])
    try late.add(try ConfigurationData())
    try late.sign(with: bench.clientKey)
    #expect(throws: AccessRefusal.outOfOrder) { try late.add(try ConfigurationData()) }
    #expect(throws: AccessRefusal.outOfOrder) { _ = try late.answer() }
  }

  private func refusal(
    of challenge: [UInt8], to request: AccessRequest, _ keys: [VerificationKey]
  ) -> AccessRefusal? {
    var client = ClientExchange(request)
    do throws(AccessRefusal) {
      try client.receive(challenge.span.bytes, under: keys)
      return nil
    } catch {
      return error
    }
  }
}
