import Cryptography
import Formats
import Foundation
import Identifiers
import Octets
import TestSupport
import Testing

@testable import LicenseCenter

@Suite(.onEveryEngine) struct RedemptionTests {
  /// P1 and P23 up to the download: sheet, code, judgement, file, key.
  @Test func P1_whoeverHasTheCodeGetsTheSoftware() async throws {
    let bench = try await RedemptionBench(octets: 2_500_000)
    let typed = try RetrievalCode(typed: bench.codes[0].text.lowercased())
    let grant = try await bench.begun(typed)
    #expect(grant.name == "openssl" && grant.version == "3.0" && grant.type == .program)
    #expect(grant.softwareID == bench.title.softwareID && grant.acknowledged == 0)
    let sealed = try await bench.download(grant, step: 1_000_000)
    var digest = PieceDigest()
    sealed.withUnsafeBytes { digest.update($0) }
    #expect(digest.finalize() == grant.digest)
    #expect(sealed.count == Int(grant.octets))
    #expect(try await bench.finish(grant, sealed) == bench.plaintext)
    #expect(try await bench.state(bench.codes[0]) == .used)
    _ = try await bench.center.verify()
  }

  @Test func P17_codeStatesGoFromUnusedOverInUseToUsed() async throws {
    let bench = try await RedemptionBench()
    let code = bench.codes[0]
    #expect(try await bench.state(code) == .unused)
    let grant = try await bench.begun(code)
    #expect(try await bench.state(code) == .inUse)
    let sealed = try await bench.download(grant)
    #expect(try await bench.state(code) == .inUse, "delivered is not acknowledged")
    #expect(try await bench.center.redemption.progress(grant.ticket).wrappedContentKey == nil)
    _ = try await bench.finish(grant, sealed)
    #expect(try await bench.state(code) == .used)
    #expect(try await bench.state(bench.codes[1]) == .unused)
    // Said again, it is answered again.
    #expect(try await bench.finish(grant, sealed) == bench.plaintext)
    #expect(try await bench.test.count("SELECT 1 FROM audit_log WHERE action = 'redeem.finish'") == 1)
  }

  @Test func P4_oneDownloadPerCode() async throws {
    let bench = try await RedemptionBench()
    let grant = try await bench.begun(bench.codes[0])
    #expect(try await bench.begin(bench.codes[0]) == nil, "in use")
    _ = try await bench.finish(grant, try await bench.download(grant))
    #expect(try await bench.begin(bench.codes[0]) == nil, "used")
    await expectFailure(.conflict) { _ = try await bench.center.redemption.open(grant.ticket, range: 0..<10) }
  }

  @Test func P4_parallelRedeemersOneWins() async throws {
    let bench = try await RedemptionBench()
    let randomness = Randomness("parallel redeemers")
    let clients = randomness.soak(300, full: 10_000)
    let code = bench.codes[0]
    let tickets = try await withThrowingTaskGroup(of: DownloadTicket?.self) { group in
      for _ in 0..<clients { group.addTask { try await bench.begin(code)?.ticket } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(tickets.count == clients)
    #expect(tickets.compactMap(\.self).count == 1)
    #expect(try await bench.test.count("SELECT 1 FROM redemptions") == 1)
    _ = try await bench.center.verify()
  }

  /// The client that lost the answer asks again with its key; parallel repetitions are one client too.
  @Test func P17_winnerResumesByItsKey() async throws {
    let bench = try await RedemptionBench()
    let (code, key) = (bench.codes[0], bench.key())
    let grants = try await withThrowingTaskGroup(of: DownloadGrant?.self) { group in
      for _ in 0..<20 { group.addTask { try await bench.begin(code, key) } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    let grant = try #require(grants.first ?? nil)
    #expect(Set(grants) == [grant])
    // The same key for another code is another redemption.
    let other = try #require(try await bench.begin(bench.codes[1], key))
    #expect(other.ticket != grant.ticket)
    _ = try await bench.download(grant, to: 2000)
    let resumed = try #require(try await bench.begin(code, key))
    #expect(resumed.ticket == grant.ticket && resumed.acknowledged == 2000)
    _ = try await bench.center.redemption.acknowledge(grant.ticket, upTo: 2000)
    let rest = try await bench.download(resumed, from: 2000)
    #expect(rest.count == Int(grant.octets) - 2000)
    _ = try await bench.center.redemption.acknowledge(grant.ticket, upTo: grant.octets)
    #expect(try await bench.begin(code, key)?.ticket == grant.ticket)
  }

  /// A centre that was closed, and opened again, goes on where it was.
  @Test func P17_downloadGoesOnAfterARestart() async throws {
    let bench = try await RedemptionBench()
    let grant = try await bench.begun(bench.codes[0])
    let first = try await bench.download(grant, to: 1500)
    let again = try await CenterFolder(bench.test.path).open(
      passphrase: Secret(copying: TestCenter.passphrase), database: bench.test.room.location, random: bench.test.random,
      clock: bench.clock)
    #expect(try await again.redemption.progress(grant.ticket).acknowledged == 1500)
    let slice = try await again.redemption.open(grant.ticket, range: 1500..<grant.octets)
    let sealed = first + (try slice.read(at: 1500))
    try again.close()
    #expect(try await bench.finish(grant, sealed) == bench.plaintext)
  }

  /// The file's key is given for the last octet, and for no fewer.
  @Test func P17_lastOctetIsWhatUsesTheCode() async throws {
    let bench = try await RedemptionBench()
    let grant = try await bench.begun(bench.codes[0])
    _ = try await bench.download(grant)
    let nearly = try await bench.center.redemption.acknowledge(grant.ticket, upTo: grant.octets - 1)
    #expect(nearly.wrappedContentKey == nil && nearly.acknowledged == grant.octets - 1)
    #expect(try await bench.state(bench.codes[0]) == .inUse)
    let done = try await bench.center.redemption.acknowledge(grant.ticket, upTo: grant.octets)
    #expect(done.wrappedContentKey != nil)
    #expect(try await bench.state(bench.codes[0]) == .used)
  }

  /// The date is the last second at which a code is good; a code that is ended gives nobody its key any more.
  @Test func P8_codeIsGoodAtItsDateAndForNothingOnceItIsEnded() async throws {
    let bench = try await RedemptionBench(conditions: CodeConditions(expiry: StandingClock().now() + 10))
    let ended = try await bench.begun(bench.codes[0])
    _ = try await bench.finish(ended, try await bench.download(ended))
    try await bench.center.seatRecovery.retire(bench.codes[0])
    await expectFailure(.refused) { _ = try await bench.center.redemption.progress(ended.ticket) }
    await expectFailure(.refused) {
      _ = try await bench.center.redemption.acknowledge(ended.ticket, upTo: ended.octets)
    }
    bench.clock.advance(by: 10)
    let last = try await bench.begun(bench.codes[1])
    #expect(try await bench.finish(last, try await bench.download(last)) == bench.plaintext)
    bench.clock.advance(by: 1)
    #expect(try await bench.begin(bench.codes[2]) == nil)
  }

  @Test func rangesAreAccountedFor() async throws {
    let bench = try await RedemptionBench()
    let grant = try await bench.begun(bench.codes[0])
    let redemption = bench.center.redemption
    for range in [1..<10, 0..<0, 0..<(grant.octets + 1), grant.octets..<(grant.octets + 1)] as [Range<UInt64>] {
      await expectFailure(.invalid, "\(range)") { _ = try await redemption.open(grant.ticket, range: range) }
    }
    await expectFailure(.invalid) { _ = try await redemption.acknowledge(grant.ticket, upTo: 1) }
    let slice = try await redemption.open(grant.ticket, range: 0..<1000)
    await expectFailure(.invalid) { _ = try slice.read(at: 1001) }
    #expect(try slice.read(at: 1000).isEmpty)
    await expectFailure(.invalid, "acknowledging what was not sent") {
      _ = try await redemption.acknowledge(grant.ticket, upTo: grant.octets)
    }
    // Asked for again it is sent again; the count stays.
    _ = try await redemption.open(grant.ticket, range: 0..<10)
    let progress = try await redemption.progress(grant.ticket)
    #expect(progress.delivered == 1000 && progress.acknowledged == 0 && progress.octets == grant.octets)
    // From some place on says that all before it arrived.
    _ = try await redemption.open(grant.ticket, range: 900..<1200)
    #expect(try await redemption.progress(grant.ticket).acknowledged == 900)
    _ = try await redemption.acknowledge(grant.ticket, upTo: 100)
    #expect(try await redemption.progress(grant.ticket).acknowledged == 900)
  }

  @Test func ticketsAreBoundToOneTitleAndNobodyElsesAreGood() async throws {
    let bench = try await RedemptionBench()
    let grant = try await bench.begun(bench.codes[0])
    let foreign = try #require(DownloadTicket(octets: bench.test.random.octets(32)))
    var flipped = grant.ticket.octets
    flipped[31] ^= 1
    for ticket in [foreign, try #require(DownloadTicket(octets: flipped))] {
      await expectFailure(.refused) { _ = try await bench.center.redemption.open(ticket, range: 0..<10) }
      await expectFailure(.refused) { _ = try await bench.center.redemption.acknowledge(ticket, upTo: 0) }
      await expectFailure(.refused) { _ = try await bench.center.redemption.progress(ticket) }
    }
    #expect("\(grant.ticket)" == "DownloadTicket(redacted)")
    #expect(DownloadTicket(text: grant.ticket.text) == grant.ticket)
    #expect(DownloadTicket(text: "00") == nil)
  }

  /// A title that is published anew while it is downloaded: the old file goes on, the next client gets the new one.
  @Test func downloadKeepsItsFile() async throws {
    let bench = try await RedemptionBench()
    let grant = try await bench.begun(bench.codes[0])
    let first = try await bench.download(grant, to: 1000)
    try await bench.publish(Array("newer".utf8))
    #expect(try await bench.center.titleStore.removeOutdated() == 0)
    let sealed = first + (try await bench.download(grant, from: 1000))
    #expect(try await bench.finish(grant, sealed) == bench.plaintext)
    let newer = try await bench.begun(bench.codes[1])
    #expect(try await bench.finish(newer, try await bench.download(newer)) == Array("newer".utf8))
    #expect(try await bench.center.titleStore.removeOutdated() == 1)
    #expect(try await bench.center.titleStore.removeOutdated() == 0)
  }

  /// Publishing a long title takes a while, in which a shorter one may come and what is left over be cleared away.
  @Test func fileThatIsJustBeingPublishedIsNotLeftOver() async throws {
    let bench = try await RedemptionBench()
    let (folder, store) = (bench.test.path + "/titles", bench.center.titleStore)
    let names = { try FileManager.default.contentsOfDirectory(atPath: folder).count }
    let source = bench.test.folder.appending(path: "long").path
    try Data(bench.plaintext).write(to: URL(filePath: source))
    // It took its number before the one that is on record.
    var file = try SealedTitleFile(
      of: bench.title.softwareID, from: source, in: folder, name: Publication.fileName(bench.title.softwareID, 0),
      bench.test.random)
    #expect(try await store.removeOutdated() == 0)
    #expect(try names() == 2, "half written")
    _ = try file.write(under: Secret(random: 32, from: bench.test.random))
    #expect(try await store.removeOutdated() == 0)
    #expect(try names() == 2, "written, and not on record yet")
    _ = consume file
    #expect(try await store.removeOutdated() == 1)
    #expect(try names() == 1)
  }

  @Test func codeOfATitleThatIsNotPublishedStaysUnused() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let code = try await test.center.rightsSeller.sell(
      SealSheetOrder(
        operationID: test.operationID(), cardSerial: test.serial, softwareID: title.softwareID, quantity: 1, url: "u")
    ).codes[0]
    let key = try #require(IdempotencyKey(octets: test.random.octets(16)))
    await expectFailure(.conflict) {
      _ = try await test.center.redemption.begin(RedemptionRequest(code: code, key: key))
    }
    #expect(try await test.center.rightsSeller.record(of: code)?.state == .unused)
  }

  @Test func sealedFileIsNobodysInClear() async throws {
    let bench = try await RedemptionBench()
    let folder = bench.test.path + "/titles"
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    #expect(names.count == 1)
    for name in names {
      let data = try Data(contentsOf: URL(filePath: folder + "/" + name))
      #expect(data.range(of: Data(bench.plaintext[100..<132])) == nil)
      let attributes = try FileManager.default.attributesOfItem(atPath: folder + "/" + name)
      #expect(attributes[.posixPermissions] as? Int == 0o600)
    }
    await expectFailure(.invalid) {
      _ = try await bench.center.titleStore.publish(bench.title.softwareID, from: folder)
    }
    let foreign = try #require(SoftwareID(octets: [UInt8](repeating: 7, count: 16)))
    await expectFailure(.notFound) { _ = try await bench.center.titleStore.publish(foreign, from: "/etc/hostname") }
    // A file that was cut short is noticed before any of it is sent.
    let grant = try await bench.begun(bench.codes[0])
    truncate(folder + "/" + names[0], 100)
    await expectFailure(.damaged) { _ = try await bench.center.redemption.open(grant.ticket, range: 0..<10) }
  }

  /// Attack 8: a redemption that somebody recorded is sent again, while it is under way and when it is done.
  @Test func attack8_replayedRedemptionGivesNothingNew() async throws {
    let bench = try await RedemptionBench()
    let (code, key) = (bench.codes[0], bench.key())
    let grant = try #require(try await bench.begin(code, key))
    #expect(try await bench.begin(bench.codes[1]) != nil)
    _ = try await bench.finish(grant, try await bench.download(grant))
    // The same words are the same client, and its download is done; other words are nobody.
    #expect(try await bench.begin(code, key)?.ticket == grant.ticket)
    await expectFailure(.conflict) { _ = try await bench.center.redemption.open(grant.ticket, range: 0..<10) }
    #expect(try await bench.begin(code) == nil)
    #expect(try await bench.test.count("SELECT 1 FROM redemptions") == 2)
    #expect(try await bench.test.count("SELECT 1 FROM audit_log WHERE action = 'redeem.begin'") == 2)
  }

  /// A seat that was taken back is not had again under the key of then, and asking so takes the code from nobody.
  @Test func whatWasTakenBackIsNotHadAgainUnderTheSameKey() async throws {
    let bench = try await RedemptionBench()
    let (code, key) = (bench.codes[0], bench.key())
    _ = try #require(try await bench.begin(code, key))
    #expect(try await bench.center.seatRecovery.recover(code))
    #expect(try await bench.begin(code, key) == nil)
    let rotated = Redemption(context: try rotated(bench.center.context))
    #expect(try await rotated.begin(RedemptionRequest(code: code, key: key)) == .refused, "under a newer ticket key")
    #expect(try await bench.state(code) == .unused)
    #expect(try await bench.begin(code) != nil)
  }

  /// Tickets and answers of before a rotation stay good; new ones are made under the new keys.
  @Test func downloadGoesOnAfterARotation() async throws {
    let bench = try await RedemptionBench()
    let context = bench.center.context
    let (code, key, digest) = (bench.codes[0], bench.key(), [UInt8(1)])
    let old = try #require(try await bench.begin(code, key))
    _ = try await bench.center.idempotency.run(scope: "c", key: key, digest: digest) { _ in (200, [7]) }
    let rotated = try rotated(context)
    let redemption = Redemption(context: rotated)
    let again = try await redemption.begin(RedemptionRequest(code: code, key: key))
    #expect(again == .granted(old))
    #expect(try await redemption.begin(RedemptionRequest(code: code, key: bench.key())) == .refused)
    let kept = try await Idempotency(context: rotated).answer(scope: "c", key: key, digest: digest)
    #expect(kept?.body == [7] && kept?.status == 200)
    let answer = try await Idempotency(context: rotated).run(scope: "c", key: key, digest: digest) { _ in (500, []) }
    #expect(answer == IdempotentAnswer(status: 200, body: [7], isRepeated: true))
    guard case .granted(let new) = try await redemption.begin(RedemptionRequest(code: bench.codes[1], key: key)) else {
      Issue.record("refused")
      return
    }
    await expectFailure(.refused, "made under the new key") {
      _ = try await bench.center.redemption.begin(RedemptionRequest(code: bench.codes[1], key: key))
      _ = try await bench.center.redemption.progress(try #require(DownloadTicket(octets: new.ticket.octets.reversed())))
    }
    #expect(try await bench.begin(bench.codes[1], key) == nil)
  }

  /// The same with a second version of pepper, ticket key and look-up key.
  private func rotated(_ context: CenterContext) throws -> CenterContext {
    var octets = try context.keys.encoded().withBytes { $0.octets }
    for purpose in [KeyPurpose.codePepper, .downloadTicket, .clientLookup] {
      octets += [purpose.rawValue, 0, 0, 0, 0, 2, 0, 32] + SystemRandom().octets(32)
      octets[5] += 1
    }
    return CenterContext(
      facts: context.facts, database: context.database, keys: try KeyStore.parse(octets.span.bytes),
      clock: context.clock, random: context.random, folder: context.folder)
  }

  /// No code, ticket or key of a file in the database, while as many as can be are under way.
  @Test func nothingSecretOfARedemptionLiesInClear() async throws {
    let bench = try await RedemptionBench()
    try await bench.center.copyRights.permit(3, of: bench.title.softwareID)
    let grant = try await bench.begun(bench.codes[0])
    let sealed = try await bench.download(grant)
    let progress = try await bench.center.redemption.acknowledge(grant.ticket, upTo: grant.octets)
    let right = try await bench.center.copyRights.set(grant.ticket, copies: 3)
    let copy = try await bench.begun(right.code)
    let key = bench.key()
    _ = try await bench.begin(bench.codes[1], key)
    let contentKey = try DownloadContent.unwrap(
      try #require(progress.wrappedContentKey), for: grant.ticket, grant.softwareID)
    let secrets: [(String, [UInt8])] = [
      ("code", bench.codes[0].octets), ("code in use", bench.codes[1].octets), ("code for copying", right.code.octets),
      ("ticket", grant.ticket.octets), ("copy's ticket", copy.ticket.octets), ("client's key", key.octets),
      ("file's key", contentKey.withBytes { $0.octets }),
    ]
    try await bench.center.rightsSeller.confirmPrinted(1)
    let files = try bench.test.files()
    #expect(files.count >= 5 && !sealed.isEmpty)
    for (name, data) in files {
      for (kind, secret) in secrets {
        #expect(data.range(of: Data(secret)) == nil, "\(kind) in \(name)")
        #expect(data.range(of: Data(Hex.encode(secret).utf8)) == nil, "\(kind) in \(name)")
      }
    }
  }
}
