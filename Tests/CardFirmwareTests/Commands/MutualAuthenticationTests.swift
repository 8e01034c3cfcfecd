import CardProtocol
import Cryptography
import ISO7816
import Octets
import Testing

/// Card and centre prove themselves to each other by signatures: "private-key encryption both ways" (C9, card side).
@Suite struct MutualAuthenticationTests {
  /// Both prove themselves; what the card signs is checked with the key that it was issued with.
  @Test func C9_rightKeysOnBothSides() throws {
    let bench = try Bench.issued()
    #expect(try bench.status(.setMutualAuthentication()) == .ok)
    #expect(try prove(bench, by: try Bench.center()) == .ok)
    let challenge = bench.random.octets(32)
    let answer = try bench.send(.internalAuthenticate(challenge: challenge))
    #expect(answer.status == .ok)
    try verify(answer.data, over: challenge, of: bench)
  }

  /// A wrong server key: the card, which is the client here, refuses, and answers nothing to that server.
  @Test func C9_wrongServerKeyIsRefusedByTheCard() throws {
    let bench = try Bench.issued()
    #expect(try bench.status(.setMutualAuthentication()) == .ok)
    let stranger = try SigningKey(scalar: Secret(copying: [UInt8](repeating: 0x12, count: 32)))
    let challenge = CommandAPDU.internalAuthenticate(challenge: Bench.puk)
    #expect(try bench.status(challenge) == .securityStatusNotSatisfied)
    #expect(try prove(bench, by: stranger) == .authenticationFailed)
    #expect(try bench.send(challenge) == ResponseAPDU(data: [], status: .securityStatusNotSatisfied))
    // A failure undoes what was proved before.
    #expect(try prove(bench, by: try Bench.center()) == .ok)
    #expect(try bench.status(challenge) == .ok)
    #expect(try prove(bench, by: stranger) == .authenticationFailed)
    #expect(try bench.status(challenge) == .securityStatusNotSatisfied)
  }

  /// A wrong client key: what another card signs is denied by who knows this one's key.
  @Test func C9_wrongClientKeyIsDenied() throws {
    let bench = try Bench.issued()
    let other = try Bench.secured()
    // Another chance than the one that made the right card's keys.
    _ = other.random.octets(1)
    let session = try other.open()
    #expect(try session.status(.generateKeyPair(.authentication)) == .ok)
    #expect(
      try session.store(Bench.object(.centerVerificationKey, try Bench.center().publicKey)).status == .ok)
    other.reset()
    let challenge = bench.random.octets(32)
    let answer = try other.send(.internalAuthenticate(challenge: challenge)).data
    #expect(throws: (any Error).self) { try verify(answer, over: challenge, of: bench) }
    // Nor does the right card's answer to another challenge serve.
    let old = try bench.send(.internalAuthenticate(challenge: bench.random.octets(32))).data
    #expect(throws: (any Error).self) { try verify(old, over: challenge, of: bench) }
    // Nor what the holder signs with the other key pair.
    try bench.verifyPIN()
    let digest = Digest.sha256(try authenticationInput(challenge))
    let signed = try bench.send(.computeSignature(digest: digest)).data
    #expect(throws: (any Error).self) { try verify(signed, over: challenge, of: bench) }
  }

  // MARK: What a proof is good for

  @Test func C9_proofIsForOneChallengeOnOneCardAndChannel() throws {
    let bench = try Bench.issued()
    let center = try Bench.center()
    #expect(try bench.status(.externalAuthenticate(signature: Array(1...64))) == .conditionsNotSatisfied)
    let challenge = try bench.send(.getChallenge(32)).data
    let proof = CommandAPDU.externalAuthenticate(signature: try Bench.centerAuthentication(challenge, by: center))
    #expect(try bench.status(.openChannel(1)) == .ok)
    #expect(try bench.status(proof.onChannel(1)) == .conditionsNotSatisfied)
    #expect(try bench.status(proof) == .ok)
    #expect(try bench.status(proof) == .conditionsNotSatisfied)
    #expect(try bench.status(.getChallenge(32)) == .ok)
    #expect(try bench.status(proof) == .authenticationFailed)
    // A failed attempt uses the challenge up.
    #expect(try bench.status(proof) == .conditionsNotSatisfied)

    var serial = Bench.serial
    serial[7] ^= 1
    let next = try bench.send(.getChallenge(32)).data
    let elsewhere = try Bench.centerAuthentication(next, serial: serial, by: center)
    #expect(try bench.status(.externalAuthenticate(signature: elsewhere)) == .authenticationFailed)
    // The centre's word about the time is no proof, and a proof tells no time.
    let third = try bench.send(.getChallenge(32)).data
    let time = try Bench.signedTime(0, third)
    #expect(try bench.status(.externalAuthenticate(signature: time)) == .authenticationFailed)
    let fourth = try bench.send(.getChallenge(32)).data
    let misused = try Bench.centerAuthentication(fourth, by: center)
    #expect(try bench.status(.setTime(0, signature: misused)) == .securityStatusNotSatisfied)
  }

  @Test func C9_everyChangedBitIsRefused() throws {
    let bench = try Bench.issued()
    let center = try Bench.center()
    for bit in stride(from: 0, to: 512, by: 11) {
      let challenge = try bench.send(.getChallenge(8)).data
      var signature = try Bench.centerAuthentication(challenge, by: center)
      signature[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(try bench.status(.externalAuthenticate(signature: signature)) == .authenticationFailed)
    }
  }

  /// The status opens nothing but the card's answer: not the holder's commands, not administration.
  @Test func C9_proofGivesNoOtherRight() throws {
    let bench = try Bench.issued()
    #expect(try prove(bench, by: try Bench.center()) == .ok)
    for command: CommandAPDU in [
      .handOverCode(index: 0), .computeSignature(digest: Bench.individualKey), .generateKeyPair(.signature),
      .updateBinary(offset: 0, data: [1]), .deleteCode(index: 0), .readBinary(offset: 0, count: 1),
    ] {
      #expect(try bench.status(command) == .securityStatusNotSatisfied, "INS \(command.ins)")
    }
  }

  @Test func proofEndsWithItsChannel() throws {
    let bench = try Bench.issued()
    let ask = CommandAPDU.internalAuthenticate(challenge: Bench.puk)
    #expect(try bench.status(.openChannel(1)) == .ok)
    #expect(try prove(bench, by: try Bench.center()) == .ok)
    for number: UInt8 in 0...1 { #expect(try bench.status(.setMutualAuthentication().onChannel(number)) == .ok) }
    #expect(try bench.status(ask) == .ok)
    #expect(try bench.status(ask.onChannel(1)) == .securityStatusNotSatisfied)
    bench.reset()
    #expect(try bench.status(.setMutualAuthentication()) == .ok)
    #expect(try bench.status(ask) == .securityStatusNotSatisfied)
    // Whoever does not ask for it needs no proof, as before.
    #expect(try bench.status(.restoreSecurityEnvironment()) == .ok)
    #expect(try bench.status(ask) == .ok)
  }

  @Test func malformedProofs() throws {
    let bench = try Bench.issued()
    for count in [0, 63, 65, 72] {
      let command = CommandAPDU.externalAuthenticate(signature: [UInt8](repeating: 1, count: count))
      #expect(try bench.status(command) == .wrongLength)
    }
    let parameters = CommandAPDU(cla: 0, ins: 0x82, p1: 0, p2: 1, data: [UInt8](repeating: 1, count: 64))
    #expect(try bench.status(parameters) == .incorrectP1P2)
    let without = try Bench.secured()
    #expect(try without.status(.getChallenge(8)) == .ok)
    let proof = CommandAPDU.externalAuthenticate(signature: [UInt8](repeating: 1, count: 64))
    #expect(try without.status(proof) == .referencedDataNotFound)
  }

  /// Inside a session, where a wrong proof is a word that carries an R-MAC.
  @Test func C9_insideASession() throws {
    let bench = try Bench.issued()
    let session = try bench.open()
    let challenge = try session.send(.getChallenge(32)).data
    let signature = try Bench.centerAuthentication(challenge, by: try Bench.center())
    #expect(try session.status(.externalAuthenticate(signature: signature)) == .ok)
    #expect(try session.status(.getChallenge(32)) == .ok)
    #expect(try session.status(.externalAuthenticate(signature: signature)) == .authenticationFailed)
    #expect(try session.status(.getData(.applicationStatus)) == .ok)
  }

  // MARK: Steps

  private func prove(_ bench: Bench, by key: borrowing SigningKey) throws -> StatusWord {
    let challenge = try bench.send(.getChallenge(32)).data
    return try bench.status(.externalAuthenticate(signature: try Bench.centerAuthentication(challenge, by: key)))
  }

  private func authenticationInput(_ challenge: [UInt8]) throws -> [UInt8] {
    let input = OctetBuffer(capacity: 256)
    let serial = Bench.serial
    try input.becomeAuthenticationInput(serial: serial.span.bytes, challenge: challenge.span.bytes)
    return input.withBytes { $0.octets }
  }

  /// What a server does: it checks the answer with the key of the card that it means.
  private func verify(_ signature: [UInt8], over challenge: [UInt8], of bench: Bench) throws {
    let key = try VerificationKey(octets: try bench.whole(.getData(.authenticationPublicKey)).data)
    try key.verify(try authenticationInput(challenge), signature)
  }
}
