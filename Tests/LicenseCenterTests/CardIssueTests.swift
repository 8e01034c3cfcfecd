import CardProtocol
import Cryptography
import Formats
import ISO7816
import Identifiers
import Octets
import Testing

@testable import LicenseCenter

@Suite(.onEveryEngine) struct CardIssueTests {
  @Test func P2_issueMakesABlankCardSomeones() async throws {
    let test = try await TestCenter()
    let record = try await test.center.cardIssuer.issue(try test.issueOrder(), over: TestRelay(test.card))
    #expect(record.state == .issued)
    #expect(test.card.state.transport == nil)
    #expect(test.card.state.generationKeys.keys.sorted() == [1, 2])
    let expected = try CardKeys.individualKey(of: test.serial, version: 1, test.center.context.keys)
    #expect(test.card.state.individualKey == expected.withBytes { $0.octets })
    let facts = test.center.facts
    #expect(test.card.state.objects[DataTag.issuerCertificate.rawValue] == facts.authorityCertificate)
    #expect(test.card.state.objects[DataTag.licenseCertificate.rawValue] == facts.licenseCertificate)
    #expect(test.card.state.objects[DataTag.centerVerificationKey.rawValue] == facts.timeKey)
    _ = try await test.center.verify()
  }

  @Test func P2_certificatesChainToTheCentre() async throws {
    let test = try await TestCenter()
    _ = try await test.center.cardIssuer.issue(try test.issueOrder(), over: TestRelay(test.card))
    let authority = try Certificate(der: test.center.facts.authorityCertificate)
    let pairs: [(DataTag, DataTag, Certificate.Role)] = [
      (.authenticationCertificate, .authenticationPublicKey, .cardAuthentication),
      (.signatureCertificate, .signaturePublicKey, .cardSignature),
    ]
    for (certificateTag, keyTag, role) in pairs {
      let der = try #require(test.card.state.objects[certificateTag.rawValue])
      let certificate = try Certificate(der: der)
      try certificate.verify(chainTo: authority, at: test.clock.now(), role: role)
      #expect(certificate.publicKey.octets == test.card.state.objects[keyTag.rawValue])
      #expect(certificate.subject.contains(test.serial.description))
    }
  }

  @Test func P16_recordHoldsFigure8() async throws {
    let test = try await TestCenter()
    _ = try await test.issuedCardAndTitle(maximumCodes: 42)
    let record = try await test.center.cardIssuer.card(test.serial)
    #expect(record.purchaser == "Purchaser Tanaka")
    #expect(record.moduleType == "MODEL")
    #expect(record.productionNumber == "P-0001")
    #expect(record.producedAt == 1_700_000_000)
    #expect(record.maximumCodes == 42)
    #expect(record.codesSold == 0)
    #expect(record.amounts.isEmpty)
    #expect(try await test.center.cardIssuer.serials() == [test.serial])
  }

  /// Breaks the line before and after every message of an issue, several times over, and runs it again until it is done.
  @Test(arguments: [TestRelay.Moment.before, .after])
  func P2_issueResumesAfterACutAtEveryMessage(moment: TestRelay.Moment) async throws {
    let whole = try await TestCenter()
    let relay = TestRelay(whole.card)
    _ = try await whole.center.cardIssuer.issue(try whole.issueOrder(), over: relay)
    for index in 0..<relay.exchanges {
      let test = try await TestCenter(seed: UInt64(index))
      let broken = TestRelay(test.card)
      broken.cut = (index, moment)
      await expectFailure(.cardUnreachable) {
        _ = try await test.center.cardIssuer.issue(try test.issueOrder(), over: broken)
      }
      let record = try await test.center.cardIssuer.issue(try test.issueOrder(), over: TestRelay(test.card))
      #expect(record.state == .issued, "cut at message \(index)")
      #expect(test.card.state.objects.count == 8, "cut at message \(index)")
    }
  }

  @Test func issuingAgainAnswersWithoutTheCard() async throws {
    let test = try await TestCenter()
    let first = try await test.center.cardIssuer.issue(try test.issueOrder(), over: TestRelay(test.card))
    let idle = TestRelay(test.card)
    #expect(try await test.center.cardIssuer.issue(try test.issueOrder(), over: idle) == first)
    #expect(idle.exchanges == 0)
    await #expect(throws: CenterError.self) {
      _ = try await test.center.cardIssuer.issue(try test.issueOrder(maximumCodes: 7), over: idle)
    }
  }

  @Test func foreignCardsAreNotCertified() async throws {
    let test = try await TestCenter()
    let changes: [(inout ModelCard.State) -> Void] = [
      { $0.transport = [[UInt8]](repeating: [UInt8](repeating: 9, count: 16), count: 3) },
      { $0.serial = CardSerial(octets: [1, 2, 3, 4, 5, 6, 7, 8]) ?? $0.serial }, { $0.hasTestKeys = true },
      { $0.individualKey = [UInt8](repeating: 7, count: 32) },
    ]
    for change in changes {
      var state = test.card.state
      change(&state)
      let foreign = ModelCard(state, random: test.random)
      await expectFailure(.notCertified) {
        _ = try await test.center.cardIssuer.issue(try test.issueOrder(), over: TestRelay(foreign))
      }
      #expect(try await test.center.cardIssuer.card(test.serial).state == .issuing)
    }
  }

  @Test func registeringTwiceIsFineAndOtherwiseAConflict() async throws {
    let test = try await TestCenter()
    let transport = try #require(test.card.state.transport)
    func record(_ number: String, _ keys: [[UInt8]]) throws -> ProductionRecord {
      try ProductionRecord(
        cardSerial: test.serial, moduleType: "MODEL", productionNumber: number, producedAt: 1_700_000_000,
        encryptionKey: Secret(copying: keys[0]), macKey: Secret(copying: keys[1]), dataKey: Secret(copying: keys[2]))
    }
    try await test.center.cardIssuer.register(record("P-0001", transport))
    await expectFailure(.conflict) { try await test.center.cardIssuer.register(try record("P-0002", transport)) }
    for index in transport.indices {
      var other = transport
      other[index][15] ^= 1
      await expectFailure(.conflict) { try await test.center.cardIssuer.register(try record("P-0001", other)) }
    }
    _ = try await test.center.cardIssuer.issue(try test.issueOrder(), over: TestRelay(test.card))
    try await test.center.cardIssuer.register(record("P-0001", transport))
  }

  @Test func pinLetterFitsTheCardAndIsForgotten() async throws {
    let test = try await TestCenter()
    _ = try await test.center.cardIssuer.issue(try test.issueOrder(), over: TestRelay(test.card))
    let letter = try await test.center.cardIssuer.pinLetter(of: test.serial)
    #expect(letter.pin.count == 6 && letter.puk.count == 8)
    let expected = Array(letter.pin.utf8) + [0xFF, 0xFF] + Array(letter.puk.utf8)
    #expect(test.card.state.objects[DataTag.referenceData.rawValue] == expected)
    try await test.center.cardIssuer.confirmPINLetter(of: test.serial)
    try await test.center.cardIssuer.confirmPINLetter(of: test.serial)
    await #expect(throws: CenterError.self) { _ = try await test.center.cardIssuer.pinLetter(of: test.serial) }
  }

  @Test func timeIsSignedForOneChallenge() async throws {
    let test = try await TestCenter()
    let challenge = test.random.octets(16)
    let (time, signature) = try await test.center.cardTime.sign(for: test.serial, challenge: challenge)
    let buffer = OctetBuffer(capacity: 256)
    let serial = test.serial.octets
    try buffer.becomeTimeInput(serial: serial.span.bytes, challenge: challenge.span.bytes, time: time)
    let key = try VerificationKey(octets: test.center.facts.timeKey)
    try key.verify(buffer.withBytes { $0.octets }, signature)
    await #expect(throws: CenterError.self) { try await test.center.cardTime.sign(for: test.serial, challenge: [1]) }
  }
}
