import CardProtocol
import Cryptography
import Formats
import Foundation
import Identifiers
import Octets
import Testing

@testable import LicenseCenter

/// Rotation serves what is new, and leaves what is old as good as it was.
@Suite(.onEveryEngine) struct KeyRotationTests {
  private func open(_ test: TestCenter) async throws -> Center {
    try await CenterFolder(test.path).open(
      passphrase: Secret(copying: TestCenter.passphrase), database: test.room.location, random: test.random,
      clock: test.clock)
  }

  private func rotate(_ purpose: KeyPurpose, _ test: TestCenter) async throws -> UInt32 {
    try await CenterFolder(test.path).rotate(
      purpose, passphrase: Secret(copying: TestCenter.passphrase), database: test.room.location, random: test.random,
      clock: test.clock)
  }

  private func request(_ test: TestCenter, _ title: TitleRecord, _ serial: CardSerial) throws -> LicenseRequest {
    LicenseRequest(
      operationID: try test.operationID(), cardSerial: serial, softwareID: title.softwareID,
      mediumID: try #require(MediumID(octets: test.random.octets(8))), terms: LicenseTerms())
  }

  @Test func everyKeyIsRotatedAndWhatIsOldStaysGood() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    _ = try await test.center.charging.charge(try test.chargeOrder(title), over: TestRelay(test.card))
    let old = test.center.facts
    let license = try await test.center.copyLicenses.license(try request(test, title, test.serial))
    let firstCode = try #require(RetrievalCode(octets: test.card.state.codes[0].code))
    let rightKey = try await test.center.rightsSeller.rightKey(of: firstCode).withBytes { $0.octets }
    let contentKey = try await test.center.titles.contentKey(of: title.softwareID).withBytes { $0.octets }
    for purpose in KeyPurpose.allCases { #expect(try await rotate(purpose, test) == 2, "\(purpose)") }
    let center = try await open(test)
    #expect(center.keyVersions.allSatisfy { $0.versions == [2, 1] })
    #expect(center.facts.editions.first == old.current)
    #expect(center.facts.editions.count == 5)
    _ = try await center.verify()

    // What was made before.
    #expect(try await center.rightsSeller.record(of: firstCode)?.state == .unused)
    #expect(try await center.rightsSeller.rightKey(of: firstCode).withBytes { $0.octets } == rightKey)
    #expect(try await center.titles.contentKey(of: title.softwareID).withBytes { $0.octets } == contentKey)
    try license.verify(under: old.licenseKey)
    #expect(try await center.cardIssuer.card(test.serial).purchaser == "Purchaser Tanaka")

    // The card of before goes on: charges, licences and times are such as it believes.
    _ = try await center.charging.charge(try test.chargeOrder(title), over: TestRelay(test.card))
    let code = try #require(test.card.state.codes.last)
    let generationKey = try #require(test.card.state.generationKeys[1])
    let expected = try CipherKey.right(generationKey: Secret(copying: generationKey), code: code.code)
    let made = try await center.rightsSeller.rightKey(of: try #require(RetrievalCode(octets: code.code)))
    let isSame = made.matches(expected)
    #expect(isSame)
    try await center.copyLicenses.license(try request(test, title, test.serial)).verify(under: old.licenseKey)
    let challenge = test.random.octets(32)
    let (time, signature) = try await center.cardTime.sign(for: test.serial, challenge: challenge)
    #expect(throws: Never.self) { try verify(time, signature, test.serial, challenge, under: old.timeKey) }

    // A card of after has all that is new.
    let serial = try #require(CardSerial(octets: test.random.octets(8)))
    let transport = (0..<3).map { _ in test.random.octets(16) }
    let card = ModelCard(ModelCard.State(serial: serial, transport: transport), random: test.random)
    try await center.cardIssuer.register(
      ProductionRecord(
        cardSerial: serial, moduleType: "MODEL", productionNumber: "P-0002", producedAt: 1_700_000_000,
        encryptionKey: Secret(copying: transport[0]), macKey: Secret(copying: transport[1]),
        dataKey: Secret(copying: transport[2])))
    _ = try await center.cardIssuer.issue(
      try CardIssueOrder(cardSerial: serial, purchaser: "Suzuki", maximumCodes: 10, generationKeys: [1]),
      over: TestRelay(card))
    #expect(card.state.generationKeys[1] != test.card.state.generationKeys[1])
    #expect(card.state.individualKey != test.card.state.individualKey)
    try await center.copyLicenses.license(try request(test, title, serial)).verify(under: center.facts.licenseKey)
    #expect(try center.facts.licenseKey != old.licenseKey)
    let (newTime, newSignature) = try await center.cardTime.sign(for: serial, challenge: challenge)
    #expect(throws: Never.self) { try verify(newTime, newSignature, serial, challenge, under: center.facts.timeKey) }
    _ = try await center.charging.charge(
      try ChargeOrder(
        operationID: try test.operationID(), cardSerial: serial, softwareID: title.softwareID, quantity: 2,
        acceptsFewer: false), over: TestRelay(card))
    _ = try await center.verify()
    try center.close()
  }

  private func verify(
    _ time: UInt64, _ signature: [UInt8], _ serial: CardSerial, _ challenge: [UInt8], under key: [UInt8]
  ) throws {
    let buffer = OctetBuffer(capacity: 256)
    try buffer.becomeTimeInput(serial: serial.octets.span.bytes, challenge: challenge.span.bytes, time: time)
    try VerificationKey(octets: key).verify(buffer.withBytes { $0.octets }, signature)
  }

  /// A rotation that was cut behind the key store is brought to its end when the centre is opened.
  @Test(arguments: [KeyPurpose.authority, .licenseSigning, .catalogueSigning, .timeSigning])
  func rotationThatWasCutIsFinished(purpose: KeyPurpose) async throws {
    let test = try await TestCenter()
    let file = CenterFolder(test.path).file(.facts)
    let before = try Data(contentsOf: URL(filePath: file))
    #expect(try await rotate(purpose, test) == 2)
    try before.write(to: URL(filePath: file))
    let center = try await open(test)
    #expect(center.facts.formerKeys == [test.center.facts.current])
    #expect(center.facts.current != test.center.facts.current)
    let again = try await open(test)
    #expect(again.facts == center.facts)
    try center.close()
    try again.close()
  }

  /// Several programs find a rotation that was cut: all of them go on with one and the same edition.
  @Test func rotationThatWasCutIsFinishedOnce() async throws {
    let test = try await TestCenter()
    let folder = CenterFolder(test.path)
    let before = try Data(contentsOf: URL(filePath: folder.file(.facts)))
    #expect(try await rotate(.authority, test) == 2)
    try before.write(to: URL(filePath: folder.file(.facts)))
    let stale = try folder.facts()
    let keys = try CenterFolder.unseal(
      try FolderConstruction.read(folder.file(.keys), "test"), passphrase: Secret(copying: TestCenter.passphrase),
      "test")
    let (random, now) = (test.random, test.clock.now())
    let made = try await withThrowingTaskGroup(of: CenterFacts.self) { group in
      for _ in 0..<8 { group.addTask { try await folder.finishRotation(stale, keys, random, now: now) } }
      return try await group.reduce(into: Set<CenterFacts>()) { $0.insert($1) }
    }
    #expect(made == [try folder.facts()] && made.first?.formerKeys == [stale.current])
    #expect(!FileManager.default.fileExists(atPath: folder.file(.facts) + ".new"))
  }

  @Test func rotationsAtOnceLoseNoKey() async throws {
    let test = try await TestCenter()
    let (path, room, random, clock) = (test.path, test.room.location, test.random, test.clock)
    let made = await withTaskGroup(of: UInt32?.self) { group in
      for _ in 0..<4 {
        group.addTask {
          try? await CenterFolder(path).rotate(
            .codePepper, passphrase: Secret(copying: TestCenter.passphrase), database: room, random: random,
            clock: clock)
        }
      }
      return await group.reduce(into: [UInt32]()) { made, version in if let version { made.append(version) } }
    }
    let center = try await open(test)
    #expect(!made.isEmpty && Set(made).count == made.count)
    #expect(center.context.keys.versions(of: .codePepper).count == made.count + 1)
    _ = try await center.verify()
    try center.close()
  }

  /// The line to the database breaks after the key store was replaced, and the transaction is run again.
  @Test func keysAreReplacedWhereTheTransactionIsRunAgain() async throws {
    let test = try await TestCenter()
    let (folder, clock) = (CenterFolder(test.path), test.clock)
    let box = try FolderConstruction.read(folder.file(.keys), "test")
    let keys = try CenterFolder.unseal(box, passphrase: Secret(copying: TestCenter.passphrase), "test")
      .rotating(.codePepper, random: test.random)
    try await folder.replaceKeys(
      with: keys, insteadOf: box, passphrase: Secret(copying: TestCenter.passphrase), test.random,
      TwiceDatabase(base: test.center.context.database), "test"
    ) { try CenterFolder.note(.codePepper, version: 2, $0, at: clock.now()) }
    let center = try await open(test)
    #expect(center.context.keys.versions(of: .codePepper) == [2, 1])
    let notes = "SELECT 1 FROM audit_log WHERE action = 'center.key' AND subject = 'code pepper'"
    #expect(try await test.count(notes) == 1)
    try center.close()
    await expectFailure(.conflict, "somebody else was quicker") {
      try await folder.replaceKeys(
        with: keys, insteadOf: box, passphrase: Secret(copying: TestCenter.passphrase), test.random,
        test.center.context.database, "test"
      ) { _ in }
    }
  }

  @Test func passphraseIsChanged() async throws {
    let test = try await TestCenter()
    let folder = CenterFolder(test.path)
    let new: [UInt8] = Array("battery staple".utf8)
    await expectFailure(.invalid) {
      try await folder.changePassphrase(
        from: Secret(copying: TestCenter.passphrase), to: Secret(copying: []), database: test.room.location,
        random: test.random, clock: test.clock)
    }
    try await folder.changePassphrase(
      from: Secret(copying: TestCenter.passphrase), to: Secret(copying: new), database: test.room.location,
      random: test.random, clock: test.clock)
    await expectFailure(.keyStore) { _ = try await open(test) }
    let center = try await folder.open(
      passphrase: Secret(copying: new), database: test.room.location, random: test.random, clock: test.clock)
    _ = try await center.verify()
    try center.close()
  }
}

/// A database whose transactions are all lost once, and run again.
private struct TwiceDatabase: Database {
  private struct Lost: Error {}
  let base: any Database
  var dialect: SQLDialect { base.dialect }

  func read<R: Sendable>(
    _ body: @escaping @Sendable (any Transaction) throws -> R
  ) async throws(CenterError) -> R {
    try await base.read(body)
  }

  func write<R: Sendable>(
    _ body: @escaping @Sendable (any Transaction) throws -> R
  ) async throws(CenterError) -> R {
    _ = try? await base.write { transaction -> R in
      _ = try body(transaction)
      throw Lost()
    }
    return try await base.write(body)
  }

  func close() throws(CenterError) { try base.close() }
}
