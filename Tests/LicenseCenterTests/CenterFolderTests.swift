import Cryptography
import Formats
import Foundation
import Octets
import Testing

@testable import LicenseCenter

@Suite struct CenterFolderTests {
  private func create(_ test: TestCenter, _ path: String, name: String = "Other") async throws -> CenterFolder {
    try await CenterFolder.create(
      at: path, name: name, passphrase: Secret(copying: [1, 2, 3]), cost: .test, random: test.random, clock: test.clock)
  }

  private func names(in test: TestCenter) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: test.folder.path).sorted()
  }

  @Test func holdsFilesOfItsOwnerAlone() async throws {
    let test = try await TestCenter()
    for name in try FileManager.default.contentsOfDirectory(atPath: test.path) {
      let mode = try FileManager.default.attributesOfItem(atPath: test.path + "/" + name)[.posixPermissions] as? Int
      #expect(mode == 0o600, "\(name)")
    }
    let folderMode = try FileManager.default.attributesOfItem(atPath: test.path)[.posixPermissions] as? Int
    #expect(folderMode == 0o700)
    #expect(try names(in: test) == ["center"])
    #expect(try CenterFolder(test.path).facts() == test.center.facts)
  }

  /// The centre's folder as it was before titles were sold under conversion keys and codes redeemed: without KM and what
  /// came after it.
  private func forgetLaterKeys(_ test: TestCenter) throws {
    let passphrase = Secret(copying: TestCenter.passphrase)
    let file = URL(filePath: test.path + "/keys.sealed")
    let store = try SealedBox.open(Array(Data(contentsOf: file)), passphrase: passphrase)
    // "WKS1", count (2), then entries in the order of their purposes: from KM's on five, of 40 octets each, of which the
    // second and third, which sign heads and seal backups, stay.
    var octets = store.withBytes { $0.octets }.dropLast(2 * 40)
    octets.removeSubrange((octets.count - 120)..<(octets.count - 80))
    octets[5] -= 3
    let box = try SealedBox.seal(
      Secret(copying: Array(octets)), passphrase: passphrase, cost: .test, random: test.random)
    try Data(box).write(to: file)
  }

  private func open(_ test: TestCenter) async throws -> Center {
    try await Self.open(test.path, test.random, test.clock)
  }

  private static func open(
    _ path: String, _ random: any RandomSource, _ clock: any CenterClock
  ) async throws -> Center {
    try await CenterFolder(path).open(passphrase: Secret(copying: TestCenter.passphrase), random: random, clock: clock)
  }

  /// KM of a centre that has one.
  private static func conversionRoot(_ center: Center) throws -> [UInt8] {
    try center.context.keys.withKey(.conversionRoot) { root in root.withBytes { $0.octets } }
  }

  @Test func centreOfBeforeConversionKeysGetsOne() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let before = try Self.conversionRoot(test.center)
    try forgetLaterKeys(test)
    let opened = try await open(test)
    let root = try Self.conversionRoot(opened)
    #expect(root != before)
    #expect(opened.context.keys.versions(of: .conversionRoot) == [1])
    // It stays, beside the old keys.
    let again = try await open(test)
    #expect(try Self.conversionRoot(again) == root)
    let (old, new) = (
      try await test.center.titles.contentKey(of: title.softwareID).withBytes { $0.octets },
      try await again.titles.contentKey(of: title.softwareID).withBytes { $0.octets }
    )
    #expect(old == new)
    _ = try await again.verify()
    #expect(try await test.count("SELECT * FROM audit_log WHERE action = 'center.key'") == 3)
    let names = try FileManager.default.contentsOfDirectory(atPath: test.path).filter { !$0.hasPrefix("center.db-") }
    #expect(names.sorted() == ["audit.heads", "center.db", "center.json", "keys.sealed"])
    let mode = try FileManager.default.attributesOfItem(atPath: test.path + "/keys.sealed")[.posixPermissions] as? Int
    #expect(mode == 0o600)
  }

  /// Two programs at once: there is one KM, and who was late says so.
  @Test func onlyOneConversionRootIsMade() async throws {
    let test = try await TestCenter()
    try forgetLaterKeys(test)
    let (path, random, clock) = (test.path, test.random, test.clock)
    let roots = await withTaskGroup(of: [UInt8]?.self) { group in
      for _ in 0..<6 { group.addTask { try? Self.conversionRoot(await Self.open(path, random, clock)) } }
      return await group.reduce(into: []) { $0 += $1.map { [$0] } ?? [] }
    }
    #expect(Set(roots).count == 1)
    #expect(try roots.first == Self.conversionRoot(await open(test)))
  }

  /// An old `keys.sealed` beside a database of later days: a new KM would make other keys than those that are out.
  @Test func oldKeysOfACentreThatSellsConversionKeysAreNotMadeUp() async throws {
    let test = try await TestCenter()
    let title = try await test.center.titles.register(
      name: "film", version: "1", type: .video, seller: "Publisher", price: Money(minorUnits: 300, currency: .yen),
      profile: .conversion)
    try forgetLaterKeys(test)
    let opened = try await open(test)
    #expect(opened.context.keys.versions(of: .conversionRoot).isEmpty)
    await expectFailure(.keyStore) { _ = try await opened.titles.contentKey(of: title.softwareID) }
  }

  @Test func refusesWhatExists() async throws {
    let test = try await TestCenter()
    let file = test.folder.appending(path: "file").path
    try Data([1]).write(to: URL(filePath: file))
    let link = test.folder.appending(path: "link").path
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "/nowhere")
    let empty = test.folder.appending(path: "empty").path
    try FileManager.default.createDirectory(atPath: empty, withIntermediateDirectories: false)
    for path in [test.path, test.path + "/", file, link, empty] {
      await expectFailure(.conflict) { _ = try await create(test, path) }
    }
    #expect(try names(in: test) == ["center", "empty", "file", "link"])
  }

  /// What a killed creation leaves: a scratch folder at any stage, and a lock that the system has let go.
  @Test func killedCreationLeavesNothingHalfUsable() async throws {
    let test = try await TestCenter()
    let target = test.folder.appending(path: "new").path
    let scratch = test.folder.appending(path: ".new.creating").path
    for stage in 0...3 {
      try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: false)
      try Data().write(to: URL(filePath: scratch + ".lock"))
      for name in ["keys.sealed", "center.json", "center.db"].prefix(stage) {
        try Data([0x57]).write(to: URL(filePath: scratch + "/" + name))
      }
      await expectFailure(.notFound) { _ = try CenterFolder(target).facts() }
      let created = try await create(test, target)
      let center = try await created.open(
        passphrase: Secret(copying: [1, 2, 3]), random: test.random, clock: test.clock)
      #expect(try await center.verify().sequence == 1)
      try center.close()
      #expect(try names(in: test) == ["center", "new"])
      try FileManager.default.removeItem(atPath: target)
    }
  }

  /// Kills creations at moments spread over the whole of one; what is there afterwards is nothing or a whole centre, and
  /// where it is nothing, the next creation needs no help and leaves no litter.
  @Test func killedCreationIsAllOrNothing() async throws {
    let test = try await TestCenter()
    let duration = try await ContinuousClock().measure { _ = try await create(test, test.folder.path + "/whole") }
    // A new process takes longer than this one, which has done it before.
    let step = min((duration * 3) / .milliseconds(14), 25)
    var whole = 0
    for moment in 0..<16 {
      let name = "killed-\(moment)"
      let target = test.folder.appending(path: name).path
      await #expect(processExitsWith: .signal(SIGKILL)) {
        [
          target = target as String, delay = step * Double(moment) as Double, isLast = (moment == 15) as Bool
        ] in
        if !isLast { killMyself(afterMilliseconds: delay) }
        _ = try await CenterFolder.create(
          at: target, name: "Killed", passphrase: Secret(copying: [1, 2, 3]), cost: .test,
          random: SeededRandom(seed: 1),
          clock: StandingClock())
        if isLast { killMyself(afterMilliseconds: 0) }
        try await Task.sleep(for: .seconds(60))
      }
      if FileManager.default.fileExists(atPath: target) {
        whole += 1
      } else {
        _ = try await create(test, target)
        #expect(try names(in: test).filter { $0.hasPrefix(".\(name).") }.isEmpty)
      }
      let center = try await CenterFolder(target).open(
        passphrase: Secret(copying: [1, 2, 3]), random: test.random, clock: test.clock)
      #expect(try await center.verify().sequence == 1)
      try center.close()
    }
    #expect((1..<16).contains(whole), "the first kill comes before the folder, the last after it")
  }

  @Test func failedCreationLeavesNothing() async throws {
    let test = try await TestCenter()
    await expectFailure(.invalid) { _ = try await create(test, test.folder.path + "/new", name: "") }
    await expectFailure(.storage) { _ = try await create(test, test.folder.path + "/missing/new") }
    #expect(try names(in: test) == ["center"])
  }

  @Test func twoCreationsAtOnceMakeOne() async throws {
    let test = try await TestCenter()
    let target = test.folder.appending(path: "new").path
    let (random, clock) = (test.random, test.clock)
    let made = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<4 {
        group.addTask {
          (try? await CenterFolder.create(
            at: target, name: "N", passphrase: Secret(copying: [1]), cost: .test, random: random, clock: clock)) != nil
        }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(made == 1)
    #expect(try names(in: test) == ["center", "new"])
    let center = try await CenterFolder(target).open(passphrase: Secret(copying: [1]), random: random, clock: clock)
    try center.close()
  }

  @Test func wrongPassphraseOpensNothing() async throws {
    let test = try await TestCenter()
    let folder = CenterFolder(test.path)
    for passphrase in [[], Array("correct horsf".utf8)] as [[UInt8]] {
      await expectFailure(.keyStore) {
        _ = try await folder.open(passphrase: Secret(copying: passphrase), random: test.random, clock: test.clock)
      }
    }
  }

  @Test func changedKeyStoreOpensNothing() async throws {
    let test = try await TestCenter()
    let path = test.path + "/keys.sealed"
    let octets = try Data(contentsOf: URL(filePath: path))
    for index in stride(from: 0, to: octets.count, by: 29) {
      var changed = octets
      changed[index] ^= 0x01
      try changed.write(to: URL(filePath: path))
      await expectFailure(.keyStore, "octet \(index)") {
        _ = try await CenterFolder(test.path).open(
          passphrase: Secret(copying: TestCenter.passphrase), database: test.room.location, random: test.random,
          clock: test.clock)
      }
    }
  }

  /// Whatever somebody changes in the open file, the key store or the audit log shows it.
  @Test func changedFactsOpenNothing() async throws {
    let test = try await TestCenter()
    let facts = test.center.facts
    let other = try await TestCenter(seed: 2)
    let foreign = other.center.facts
    let foreignKey = try SigningKey(random: test.random)
    let validity = try Certificate(der: facts.licenseCertificate).validity
    let impostor = try CertificateAuthority(name: "Test centre authority", validity: validity, random: test.random)
    // The true key under a false authority.
    let forged = try impostor.issue(
      subject: "Test centre licences", publicKey: facts.licenseKey, role: .licenseSigning, validity: validity,
      serial: .init(random: test.random))
    let changes: [(inout CenterFacts) -> Void] = [
      { $0.timeKey = foreignKey.publicKey }, { $0.centerID = foreign.centerID }, { $0.name = "Other centre" },
      { $0.createdAt += 1 }, { $0.authorityCertificate = foreign.authorityCertificate },
      { $0.authorityCertificate = impostor.certificate.der },
      { $0.licenseCertificate = foreign.licenseCertificate }, { $0.licenseCertificate = facts.catalogueCertificate },
      { $0.licenseCertificate = forged.der }, { $0.catalogueCertificate = facts.licenseCertificate },
      { $0.catalogueCertificate = [] },
      { $0.authorityCertificate[facts.authorityCertificate.count - 1] ^= 1 },
      { $0.licenseCertificate[facts.licenseCertificate.count - 1] ^= 1 },
      { $0.catalogueCertificate[facts.catalogueCertificate.count - 1] ^= 1 },
    ]
    let file = URL(filePath: test.path + "/center.json")
    for (index, change) in changes.enumerated() {
      var changed = facts
      change(&changed)
      try Data(changed.json()).write(to: file)
      await expectFailure(.damaged, "change \(index)") {
        _ = try await CenterFolder(test.path).open(
          passphrase: Secret(copying: TestCenter.passphrase), database: test.room.location, random: test.random,
          clock: test.clock)
      }
    }
    try Data(facts.json()).write(to: file)
    // Long after the certificates are over, the centre still answers for its past.
    test.clock.advance(by: 100 * 366 * 86_400)
    let opened = try await CenterFolder(test.path).open(
      passphrase: Secret(copying: TestCenter.passphrase), database: test.room.location, random: test.random,
      clock: test.clock)
    #expect(opened.facts == facts)
    try opened.close()
  }

  @Test func namesFitTheCertificates() async throws {
    let test = try await TestCenter()
    for name in [
      "", String(repeating: "n", count: 54), String(repeating: "\u{E9}", count: 27), "a\nb", "a\u{0}", "\u{85}",
    ] {
      await expectFailure(.invalid, "\(name.debugDescription)") {
        _ = try await create(test, test.folder.path + "/new", name: name)
      }
    }
    for name in ["n", String(repeating: "n", count: 53), String(repeating: "\u{E9}", count: 26)] {
      let folder = try await create(test, test.folder.path + "/\(name.utf8.count)", name: name)
      let facts = try folder.facts()
      #expect(try Certificate(der: facts.catalogueCertificate).subject == "\(name) catalogues")
    }
  }

  @Test func missingDatabaseIsNotMadeAnew() async throws {
    let test = try await TestCenter()
    try test.center.close()
    try FileManager.default.removeItem(atPath: test.path + "/center.db")
    await expectFailure(.damaged) {
      _ = try await CenterFolder(test.path).open(
        passphrase: Secret(copying: TestCenter.passphrase), database: test.room.location, random: test.random,
        clock: test.clock)
    }
    #expect(!FileManager.default.fileExists(atPath: test.path + "/center.db"))
  }

  @Test func keyStoreReadsBackAndNeverTraps() async throws {
    let test = try await TestCenter()
    let keys = test.center.context.keys
    let octets = try keys.encoded().withBytes { $0.octets }
    #expect(try KeyStore.parse(octets.span.bytes).encoded().withBytes { $0.octets } == octets)
    for count in 0..<octets.count {
      let short = Array(octets.prefix(count))
      #expect(throws: OctetError.self) { _ = try KeyStore.parse(short.span.bytes) }
    }
  }
}

/// Ends the process by SIGKILL, from a thread of its own.
private func killMyself(afterMilliseconds milliseconds: Double) {
  Thread {
    Thread.sleep(forTimeInterval: milliseconds / 1000)
    kill(getpid(), SIGKILL)
  }.start()
}
