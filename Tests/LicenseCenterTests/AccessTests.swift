import CardDriver
import CardEmulator
import CardFirmware
import CardProtocol
import ChallengeAccess
import Cryptography
import Formats
import Foundation
import ISO7816
import Identifiers
import Octets
import TestSupport
import Testing

@testable import LicenseCenter

/// Challenge and answer at the centre.
@Suite(.onEveryEngine) struct AccessTests {
  // MARK: Cards

  /// A card's firmware with the centre: each proves itself to the other, and the holder is let in.
  @Test(arguments: [AccessRole.holder, .counter])
  func C12_aRealCardAnswersTheCentre(role: AccessRole) async throws {
    let test = try await TestCenter()
    let (card, serial) = try await test.issuedCard()
    if role != .holder { _ = try await test.center.access.setRoles([role], of: .card(serial)) }
    let answer = try await answer(of: card, serial, at: test.center, as: role, under: try test.serverKey)
    let grant = try await test.center.access.admit(answer.octets, in: answer.session)
    #expect(grant.permit.client == .card(serial) && grant.permit.role == role && grant.permit.softwareID == nil)
    let identity = try await test.center.access.identity(of: grant.token)
    #expect(identity.client == .card(serial) && identity.role == role && identity.expiresAt == grant.expiresAt)
    // Again, with a new challenge on both sides.
    let next = try await LicenseCenterTests.answer(
      of: card, serial, at: test.center, as: role, under: try test.serverKey)
    _ = try await test.center.access.admit(next.octets, in: next.session)
    _ = try await test.center.verify()
  }

  /// What a card's host tells of itself is under the card's signature too.
  @Test func C11_aCardSignsItsHostsConfiguration() async throws {
    let test = try await TestCenter()
    let (card, serial) = try await test.issuedCard()
    let policy = try ConfigurationPolicy([.hostID: .oneOf([[7]])])
    _ = try await test.center.access.setRoles([.holder], policy: policy, of: .card(serial))
    let wrong = try await answer(
      of: card, serial, at: test.center, telling: [.hostID: [8]], under: try test.serverKey)
    // The host edits the value into the one that is authorised: every octet 8 of the answer, one after the other.
    for index in wrong.octets.indices where wrong.octets[index] == 8 {
      var edited = wrong.octets
      edited[index] = 7
      await #expect(throws: CenterError.self) { _ = try await test.center.access.admit(edited, in: wrong.session) }
    }
    await expectFailure(.denied(.configurationUnauthorized)) {
      _ = try await test.center.access.admit(wrong.octets, in: wrong.session)
    }
    let right = try await answer(
      of: card, serial, at: test.center, telling: [.hostID: [7]], under: try test.serverKey)
    _ = try await test.center.access.admit(right.octets, in: right.session)
  }

  /// A server with another key: the host refuses its message, and even where the host does not, the card refuses.
  @Test func C9_aCardAnswersNoOtherServer() async throws {
    let test = try await TestCenter()
    let (card, serial) = try await test.issuedCard()
    let stranger = try SigningKey(random: test.random)
    try card.requireCenter()
    let request = try AccessRequest(client: .card(serial), role: .holder, nonce: try card.challenge())
    let octets = request.encoded
    var server = try ServerExchange(receiving: octets.span.bytes)
    try server.generate(
      as: test.center.facts.centerID, at: test.clock.now(), asking: [], random: test.random)
    try server.sign(with: stranger)
    let challenge = try server.send()
    var client = ClientExchange(request)
    do throws(AccessRefusal) {
      try client.receive(challenge.span.bytes, under: [try test.key()])
      Issue.record("a stranger's message was taken")
    } catch {
      #expect(error == .wrongServerKey)
    }
    var careless = ClientExchange(request)
    try careless.receive(challenge.span.bytes, under: [stranger.verificationKey])
    let shown = careless.cardProof
    let proof = try #require(shown)
    let refused = #expect(throws: CardError.self) { try card.believe(center: proof) }
    #expect(refused?.code == .refused(.authenticationFailed))
    try careless.add(try ConfigurationData())
    let input = try careless.cardChallenge()
    let silent = #expect(throws: CardError.self) { _ = try card.authenticate(challenge: input) }
    #expect(silent?.code == .refused(.securityStatusNotSatisfied))
  }

  /// Another card's signature, the holder's other key, and a card that was never issued.
  @Test func C9_noOtherKeyAnswersForACard() async throws {
    let test = try await TestCenter()
    let (card, serial) = try await test.issuedCard()
    let (other, _) = try await test.issuedCard()
    let (_, blank) = try await test.registeredCard(.board)
    let request = try AccessRequest(client: .card(serial), role: .holder, nonce: try card.challenge())
    let invitation = try await test.center.access.invite(request.encoded)
    var exchange = ClientExchange(request)
    try exchange.receive(invitation.challenge.span.bytes, under: [try test.serverKey])
    try exchange.add(try ConfigurationData())
    try exchange.attach(signature: try other.authenticate(challenge: try exchange.cardChallenge()))
    let forged = try exchange.answer()
    await expectFailure(.denied(.wrongClientKey)) {
      _ = try await test.center.access.admit(forged.octets, in: forged.session)
    }
    let unknown = try AccessRequest(client: .card(blank), role: .holder, nonce: try other.challenge())
    let message = try await test.center.access.invite(unknown.encoded)
    var second = ClientExchange(unknown)
    try second.receive(message.challenge.span.bytes, under: [try test.serverKey])
    try second.add(try ConfigurationData())
    try second.attach(signature: try other.authenticate(challenge: try second.cardChallenge()))
    let stray = try second.answer()
    await expectFailure(.denied(.unknownClient)) {
      _ = try await test.center.access.admit(stray.octets, in: stray.session)
    }
  }

  /// The centre's key may change between message and answer.
  @Test func C9_aMessageOfTheKeyBeforeIsStillGood() async throws {
    let test = try await TestCenter()
    let machine = try await Machine.registered(test)
    let rotated = try test.centerWithNewTimeKey()
    let before = try await machine.answer(test)
    let grant = try await rotated.access.admit(before.octets, in: before.session)
    #expect(try await rotated.access.identity(of: grant.token).client == machine.client)
    // The instance that has not heard of the new key does not know its messages, nor does a client that has not.
    let request = try AccessRequest(client: machine.client, role: .machine, nonce: test.random.octets(32))
    let newer = try await rotated.access.invite(request.encoded)
    var client = ClientExchange(request)
    do throws(AccessRefusal) {
      try client.receive(newer.challenge.span.bytes, under: [try test.key()])
      Issue.record("a key that the client does not keep was taken")
    } catch {
      #expect(error == .wrongServerKey)
    }
  }

  /// A card keeps to the centre's key and the authority that its issue put on it.
  @Test func C9_aCardOfBeforeARotationGetsIn() async throws {
    let test = try await TestCenter()
    let (card, serial) = try await test.issuedCard()
    let key = try test.serverKey
    for purpose in [KeyPurpose.authority, .timeSigning] {
      _ = try await CenterFolder(test.path).rotate(
        purpose, passphrase: Secret(copying: TestCenter.passphrase), database: test.room.location, random: test.random,
        clock: test.clock)
    }
    let rotated = try await CenterFolder(test.path).open(
      passphrase: Secret(copying: TestCenter.passphrase), database: test.room.location, random: test.random,
      clock: test.clock)
    let answer = try await answer(of: card, serial, at: rotated, under: key)
    let grant = try await rotated.access.admit(answer.octets, in: answer.session)
    #expect(try await rotated.access.identity(of: grant.token).client == .card(serial))
    try rotated.close()
  }

  @Test func aCardWhoseCertificateHasExpiredIsDenied() async throws {
    let test = try await TestCenter()
    let (card, serial) = try await test.issuedCard()
    test.clock.advance(by: Authority.cardValiditySeconds + 1)
    let answer = try await answer(of: card, serial, at: test.center, under: try test.serverKey)
    await expectFailure(.denied(.certificateInvalid)) {
      _ = try await test.center.access.admit(answer.octets, in: answer.session)
    }
  }

  // MARK: Once

  /// Attack 8: an answer that was heard, again; at once, after the centre was opened anew, and in parallel.
  @Test func C8_aReplayedAnswerIsDenied() async throws {
    let test = try await TestCenter()
    let machine = try await Machine.registered(test)
    let answer = try await machine.answer(test)
    _ = try await test.center.access.admit(answer.octets, in: answer.session)
    await expectFailure(.denied(.replayed)) {
      _ = try await test.center.access.admit(answer.octets, in: answer.session)
    }
    let again = try await CenterFolder(test.path).open(
      passphrase: Secret(copying: TestCenter.passphrase), database: test.room.location, random: test.random,
      clock: test.clock)
    await expectFailure(.denied(.replayed)) { _ = try await again.access.admit(answer.octets, in: answer.session) }
    try again.close()
  }

  @Test func C8_manyAnswersAtOnceGetInOnce() async throws {
    let test = try await TestCenter()
    let machine = try await Machine.registered(test)
    let answer = try await machine.answer(test)
    let center = test.center
    let count = Randomness(seed: 0).soak(40, full: 2_000)
    let denials = await withTaskGroup(of: CenterError.Code?.self, returning: [CenterError.Code?].self) { group in
      for _ in 0..<count {
        group.addTask {
          do throws(CenterError) {
            _ = try await center.access.admit(answer.octets, in: answer.session)
            return nil
          } catch {
            return error.code
          }
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(denials.count { $0 == nil } == 1)
    #expect(denials.count { $0 == .denied(.replayed) } == count - 1)
    #expect(try await test.count("SELECT 1 FROM access_tokens") == 1)
  }

  /// What a denied client has proved by is used up as well.
  @Test func C8_aDeniedAnswerIsUsedUp() async throws {
    let test = try await TestCenter()
    let machine = try await Machine.registered(test)
    let answer = try await machine.answer(test, as: .auditor)
    await expectFailure(.denied(.roleNotGranted)) {
      _ = try await test.center.access.admit(answer.octets, in: answer.session)
    }
    _ = try await test.center.access.setRoles([.auditor], of: machine.client)
    await expectFailure(.denied(.replayed)) {
      _ = try await test.center.access.admit(answer.octets, in: answer.session)
    }
    #expect(try await machine.enter(test, as: .auditor).permit.role == .auditor)
  }

  @Test func C5_anAnswerMustComeInTime() async throws {
    let test = try await TestCenter()
    let machine = try await Machine.registered(test)
    let last = try await machine.answer(test)
    test.clock.advance(by: AccessDesk.window.lifetime)
    _ = try await test.center.access.admit(last.octets, in: last.session)
    let late = try await machine.answer(test)
    test.clock.advance(by: AccessDesk.window.lifetime + 1)
    await expectFailure(.denied(.stale)) { _ = try await test.center.access.admit(late.octets, in: late.session) }
  }

  /// Two instances of one centre, one of them with a clock that is ahead.
  @Test func C5_aMessageFromTheFutureIsDenied() async throws {
    let test = try await TestCenter()
    let machine = try await Machine.registered(test)
    let ahead = StandingClock()
    let other = try await CenterFolder(test.path).open(
      passphrase: Secret(copying: TestCenter.passphrase), database: test.room.location, random: test.random,
      clock: ahead)
    ahead.advance(by: AccessDesk.window.tolerance)
    let near = try await machine.answer(test, center: other)
    _ = try await test.center.access.admit(near.octets, in: near.session)
    ahead.advance(by: 1)
    let far = try await machine.answer(test, center: other)
    await expectFailure(.denied(.future)) { _ = try await test.center.access.admit(far.octets, in: far.session) }
    try other.close()
  }

  @Test func C4_theCentresMessagesDoNotRepeat() async throws {
    let test = try await TestCenter()
    let machine = try await Machine.registered(test)
    let request = try AccessRequest(client: machine.client, role: .machine, nonce: test.random.octets(32)).encoded
    let count = Randomness(seed: 0).soak(500, full: 20_000)
    var messages: Set<[UInt8]> = []
    var sessions: Set<AccessSession> = []
    for _ in 0..<count {
      let invitation = try await test.center.access.invite(request)
      sessions.insert(invitation.session)
      messages.insert(invitation.challenge)
    }
    #expect(messages.count == count && sessions.count == count)
  }

  // MARK: Denials

  /// Each way to fail has its own reason for the log and the same words for the outside.
  @Test func C1_denialsDifferForTheLogOnly() async throws {
    let test = try await TestCenter()
    let policy = try ConfigurationPolicy([.hostID: .oneOf([[1]])])
    let machine = try await Machine.registered(test, policy: policy)
    let stranger = try Machine(test)
    let none = try #require(SoftwareID(octets: test.random.octets(16)))
    var errors: [CenterError] = []
    func expectDenial(_ denial: AccessDenial, _ answer: (session: AccessSession, octets: [UInt8])) async throws {
      let error = await expectFailure(.denied(denial)) {
        _ = try await test.center.access.admit(answer.octets, in: answer.session)
      }
      errors.append(try #require(error))
    }
    func good(
      _ value: UInt8 = 1, for title: SoftwareID? = nil
    ) async throws -> (session: AccessSession, octets: [UInt8]) {
      try await machine.answer(test, for: title, telling: [.hostID: [value]])
    }

    try await expectDenial(.malformed, (try await good().session, []))
    try await expectDenial(.otherSession, (try await good().session, try await good().octets))
    var changed = try await good()
    changed.octets[60] ^= 1
    try await expectDenial(.messageDiffers, changed)
    changed = try await good()
    changed.octets[changed.octets.count - 1] ^= 1
    try await expectDenial(.wrongClientKey, changed)
    try await expectDenial(.unknownClient, try await stranger.answer(test))
    let asAuditor = try await machine.answer(test, as: .auditor, telling: [.hostID: [1]])
    try await expectDenial(.roleNotGranted, asAuditor)
    try await expectDenial(.configurationUnauthorized, try await good(2))
    try await expectDenial(.unknownTitle, try await good(for: none))
    let late = try await good()
    try await test.center.access.revoke(machine.client)
    try await expectDenial(.revoked, late)
    #expect(Set(errors.map(\.code)).count == errors.count)
    #expect(Set(errors.map(\.description)).count == 1, "\(errors)")
    #expect(errors.allSatisfy { $0.statusWord == nil && !$0.cardMayHaveChanged })
    await expectFailure(.denied(.malformed)) { _ = try await test.center.access.invite([1, 2, 3]) }
  }

  /// Whoever has proved nothing changes nothing, not even the audit log.
  @Test func unprovedRequestsChangeNothing() async throws {
    let test = try await TestCenter()
    let machine = try await Machine.registered(test)
    let stranger = try Machine(test)
    let before = try await test.accessRows()
    let stray = try await stranger.answer(test)
    let answer = try await machine.answer(test)
    for octets in [[], stray.octets, Array(answer.octets.dropLast()), answer.octets.dropLast() + [0]] {
      _ = try? await test.center.access.admit(octets, in: stray.session)
      _ = try? await test.center.access.admit(octets, in: answer.session)
    }
    #expect(try await test.accessRows() == before)
    // Nobody's failed tries take the message from the client that it was made for.
    _ = try await test.center.access.admit(answer.octets, in: answer.session)
    // A replay changes nothing either.
    let after = try await test.accessRows()
    _ = try? await test.center.access.admit(answer.octets, in: answer.session)
    #expect(try await test.accessRows() == after)
    _ = try await test.center.verify()
  }

  @Test func C10_theCentreAsksForWhatItsPolicyNames() async throws {
    let test = try await TestCenter()
    let policy = try ConfigurationPolicy([.architecture: .oneOf([Array("x86_64".utf8)]), .hostID: .any])
    let machine = try await Machine.registered(test, policy: policy)
    let right: [ConfigurationItem: [UInt8]] = [.hostID: [1], .architecture: Array("x86_64".utf8)]
    for (values, denial) in [
      (right, nil), (right.merging([.architecture: [1]]) { $1 }, AccessDenial.configurationUnauthorized),
    ] {
      let answer = try await machine.answer(test, telling: values)
      if let denial {
        await expectFailure(.denied(denial)) {
          _ = try await test.center.access.admit(answer.octets, in: answer.session)
        }
      } else {
        _ = try await test.center.access.admit(answer.octets, in: answer.session)
      }
    }
    // A policy that became stricter while the client was answering holds already.
    let early = try await machine.answer(test, telling: right)
    let stricter = try ConfigurationPolicy([.architecture: .oneOf([[1]]), .hostID: .any])
    _ = try await test.center.access.setRoles([.machine], policy: stricter, of: machine.client)
    await expectFailure(.denied(.configurationUnauthorized)) {
      _ = try await test.center.access.admit(early.octets, in: early.session)
    }
    let denials = "SELECT 1 FROM audit_log WHERE action = 'access.deny' AND detail = 'configurationUnauthorized'"
    #expect(try await test.count(denials) == 2)
  }
}

extension TestCenter {
  /// The same centre with a second version of the key that signs its messages.
  fileprivate func centerWithNewTimeKey() throws -> Center {
    let context = center.context
    var octets = try context.keys.encoded().withBytes { $0.octets }
    // The number of entries stands behind the four octets of magic.
    octets[5] += 1
    octets += [KeyPurpose.timeSigning.rawValue, 0, 0, 0, 0, 2, 0, 32]
    octets += try SigningKey(random: random).exportScalar().withBytes { $0.octets }
    let keys = try KeyStore.parse(octets.span.bytes)
    let facts = try context.facts.renewed(for: keys, at: context.clock.now(), random: random) ?? context.facts
    return Center(
      context: CenterContext(
        facts: facts, database: context.database, keys: keys, clock: context.clock, random: context.random))
  }

  /// ``serverKey``, where only a refusal may be thrown.
  fileprivate func key() throws(AccessRefusal) -> VerificationKey {
    do { return try serverKey } catch { throw .failed }
  }
}
