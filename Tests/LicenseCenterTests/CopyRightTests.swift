import Cryptography
import Formats
import Foundation
import Identifiers
import Octets
import TestSupport
import Testing

@testable import LicenseCenter

/// Copies, off-line files, seats that are taken back, and the books about them.
@Suite(.onEveryEngine) struct CopyRightTests {
  /// A bench whose first code is redeemed, and its ticket.
  private func redeemed(permitted: Int = 3) async throws -> (RedemptionBench, DownloadTicket) {
    let bench = try await RedemptionBench()
    if permitted > 0 { try await bench.center.copyRights.permit(permitted, of: bench.title.softwareID) }
    let grant = try await bench.begun(bench.codes[0])
    _ = try await bench.finish(grant, try await bench.download(grant))
    return (bench, grant.ticket)
  }

  @Test func P10_copyAfterTheLastIsRefused() async throws {
    let (bench, ticket) = try await redeemed()
    let right = try await bench.center.copyRights.set(ticket, copies: 3)
    #expect(right.copies == 3 && right.taken == 0 && !bench.codes.contains(right.code))
    var tickets: Set<DownloadTicket> = [ticket]
    for _ in 0..<3 {
      let key = bench.key()
      let grant = try #require(try await bench.begin(right.code, key))
      #expect(try await bench.begin(right.code, key)?.ticket == grant.ticket, "the same client, not another copy")
      #expect(try await bench.finish(grant, try await bench.download(grant)) == bench.plaintext)
      tickets.insert(grant.ticket)
    }
    #expect(tickets.count == 4)
    #expect(try await bench.begin(right.code) == nil)
    #expect(try await bench.test.count("SELECT 1 FROM copy_rights WHERE code IS NOT NULL") == 0)
    await expectFailure(.limitReached) { _ = try await bench.center.copyRights.set(ticket, copies: 3) }
  }

  /// The same client may take the code's own seat and one of its copies, each with a ticket of its own.
  @Test func P10_copyIsAnotherSeatThanTheCodesOwn() async throws {
    let bench = try await RedemptionBench()
    try await bench.center.copyRights.permit(2, of: bench.title.softwareID)
    let key = bench.key()
    let own = try #require(try await bench.begin(bench.codes[0], key))
    _ = try await bench.finish(own, try await bench.download(own))
    let right = try await bench.center.copyRights.set(own.ticket, copies: 2)
    let copy = try #require(try await bench.begin(right.code, key))
    #expect(copy.ticket != own.ticket)
    #expect(try await bench.center.copyRights.set(own.ticket, copies: 2).taken == 1)
    #expect(try await bench.finish(copy, try await bench.download(copy)) == bench.plaintext)
  }

  @Test func P10_parallelCopiesAreCounted() async throws {
    let (bench, ticket) = try await redeemed(permitted: 7)
    let right = try await bench.center.copyRights.set(ticket, copies: 7)
    let clients = Randomness("parallel copies").soak(60, full: 2_000)
    let tickets = try await withThrowingTaskGroup(of: DownloadTicket?.self) { group in
      for _ in 0..<clients { group.addTask { try await bench.begin(right.code)?.ticket } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(Set(tickets.compactMap(\.self)).count == 7)
    #expect(try await bench.center.seatRecovery.seats(of: right.code).map(\.number) == Array(1...7))
  }

  /// What was seen free may be taken when it comes to taking it, where transactions run beside one another.
  @Test func P4_seatThatIsTakenMeanwhileIsNotTakenAgain() async throws {
    let (bench, ticket) = try await redeemed()
    let right = try await bench.center.copyRights.set(ticket, copies: 1)
    let context = bench.center.context
    for code in [bench.codes[1], right.code] {
      let seen = try await context.database.read { try RedeemableRight.find($0, CodeSales.lookups(code, context.keys)) }
      let seat = try #require(seen)
      #expect(seat.isFree(at: bench.clock.now()))
      _ = try await bench.begun(code)
      #expect(try await context.database.write { try seat.take($0) } == nil)
    }
    #expect(try await bench.center.seatRecovery.seats(of: right.code).count == 1)
    _ = try await bench.center.verify()
  }

  @Test func P10_copyRightNeedsPermissionAndTheWholeTitle() async throws {
    let (bench, ticket) = try await redeemed(permitted: 0)
    let rights = bench.center.copyRights
    await expectFailure(.limitReached, "nothing permitted") { _ = try await rights.set(ticket, copies: 1) }
    try await rights.permit(2, of: bench.title.softwareID)
    for copies in [0, 3] {
      await expectFailure(.limitReached, "\(copies)") { _ = try await rights.set(ticket, copies: copies) }
    }
    await expectFailure(.invalid) { try await rights.permit(-1, of: bench.title.softwareID) }
    let open = try await bench.begun(bench.codes[1])
    await expectFailure(.conflict, "not done") { _ = try await rights.set(open.ticket, copies: 1) }
    let right = try await rights.set(ticket, copies: 2)
    #expect(try await rights.set(ticket, copies: 2) == right)
    await expectFailure(.conflict, "another number") { _ = try await rights.set(ticket, copies: 1) }
    let copy = try await bench.begun(right.code)
    _ = try await bench.finish(copy, try await bench.download(copy))
    await expectFailure(.conflict, "a copy of a copy") { _ = try await rights.set(copy.ticket, copies: 1) }
    await expectFailure(.conflict, "whose right it is not") { _ = try await rights.set(copy.ticket, copies: 2) }
  }

  /// Said again after somebody else's word, it does not undo that, and is not done twice.
  @Test func permissionIsOneForItsOperation() async throws {
    let bench = try await RedemptionBench()
    let (rights, title) = (bench.center.copyRights, bench.title.softwareID)
    let operation = try bench.test.operationID()
    try await rights.permit(2, of: title, operation: operation)
    try await rights.permit(5, of: title, operation: try bench.test.operationID())
    let records = try await bench.center.audit.head().sequence
    try await rights.permit(2, of: title, operation: operation)
    await expectFailure(.keyReused) { try await rights.permit(3, of: title, operation: operation) }
    #expect(try await bench.center.audit.head().sequence == records)
    #expect(try await bench.test.count("SELECT 1 FROM copy_rules WHERE copies = 5") == 1)
  }

  @Test func P10_copiesDieWithTheCode() async throws {
    let (bench, ticket) = try await redeemed()
    let right = try await bench.center.copyRights.set(ticket, copies: 3)
    let open = try await bench.begun(right.code)
    await expectFailure(.conflict) { try await bench.center.seatRecovery.retire(right.code) }
    try await bench.center.seatRecovery.retire(bench.codes[0])
    #expect(try await bench.begin(right.code) == nil)
    await expectFailure(.refused) { _ = try await bench.center.redemption.open(open.ticket, range: 0..<10) }
  }

  @Test func P9_offlineProvisionIsASignedFile() async throws {
    let bench = try await RedemptionBench(octets: 1_200_000, conditions: CodeConditions(expiry: 1_900_000_000))
    let code = bench.codes[0]
    let path = bench.test.folder.appending(path: "handed-over").path
    let operation = try bench.test.operationID()
    let made = try await bench.center.offlineCounter.provide(code, operation: operation, to: path)
    #expect(try await bench.state(code) == .used)
    let file = Array(try Data(contentsOf: URL(filePath: path)))
    let key = try bench.center.facts.licenseKey
    let (provision, start) = try OfflineProvision.open(fileHead: file, under: key)
    #expect(provision.number == made.number && provision.centerID == bench.center.facts.centerID)
    #expect(provision.expiry == 1_900_000_000 && provision.softwareID == bench.title.softwareID)
    let sealed = Array(file[start...])
    var digest = PieceDigest()
    sealed.withUnsafeBytes { digest.update($0) }
    #expect(digest.finalize() == provision.digest && UInt64(sealed.count) == provision.octets)
    let contentKey = try provision.contentKey(for: code, at: 1_900_000_000)
    let opened = try DownloadContent.parameters.open(
      sealed, key: contentKey, associatedData: DownloadContent.associatedData(provision.softwareID))
    #expect(opened.withBytes { $0.octets } == bench.plaintext)
    #expect(throws: FormatError.self) { _ = try provision.contentKey(for: code, at: 1_900_000_001) }
    #expect(throws: FormatError.self) { _ = try provision.contentKey(for: bench.codes[1], at: 0) }
    for index in 0..<start {
      var altered = file
      altered[index] ^= 1
      #expect(throws: FormatError.self, "octet \(index)") {
        _ = try OfflineProvision.open(fileHead: altered, under: key)
      }
      #expect(throws: FormatError.self) { _ = try OfflineProvision.open(fileHead: Array(file[..<index]), under: key) }
    }
    // Done is done: nothing is written again, and nobody else gets anything.
    try FileManager.default.removeItem(atPath: path)
    _ = try await bench.center.offlineCounter.provide(code, operation: operation, to: path)
    #expect(!FileManager.default.fileExists(atPath: path))
    await expectFailure(.refused) {
      _ = try await bench.center.offlineCounter.provide(code, operation: try bench.test.operationID(), to: path)
    }
    #expect(try await bench.begin(code) == nil)
  }

  /// Whoever got a copy right can have its copies off-line too (Fig 3, step 7).
  @Test func P10_copyIsProvidedOffline() async throws {
    let (bench, ticket) = try await redeemed()
    let right = try await bench.center.copyRights.set(ticket, copies: 1)
    let path = bench.test.folder.appending(path: "copy").path
    _ = try await bench.center.offlineCounter.provide(right.code, operation: try bench.test.operationID(), to: path)
    let file = Array(try Data(contentsOf: URL(filePath: path)))
    let (provision, start) = try OfflineProvision.open(fileHead: file, under: try bench.center.facts.licenseKey)
    let opened = try DownloadContent.parameters.open(
      Array(file[start...]), key: try provision.contentKey(for: right.code, at: 0),
      associatedData: DownloadContent.associatedData(provision.softwareID))
    #expect(opened.withBytes { $0.octets } == bench.plaintext)
    #expect(try await bench.begin(right.code) == nil)
    #expect(try await bench.center.seatRecovery.seats(of: right.code).map(\.isDone) == [true])
  }

  @Test func offlineProvisionThatFailedIsDoneAgain() async throws {
    let bench = try await RedemptionBench()
    let operation = try bench.test.operationID()
    let counter = bench.center.offlineCounter
    await expectFailure(.storage) {
      _ = try await counter.provide(bench.codes[0], operation: operation, to: "/nowhere/at/all")
    }
    #expect(try await bench.state(bench.codes[0]) == .inUse)
    let path = bench.test.folder.appending(path: "again").path
    _ = try await counter.provide(bench.codes[0], operation: operation, to: path)
    #expect(try await bench.state(bench.codes[0]) == .used)
    #expect(FileManager.default.fileExists(atPath: path) && !FileManager.default.fileExists(atPath: path + ".new"))
    // A code that somebody downloads is not handed over as well, and its ticket opens nothing at the counter.
    let grant = try await bench.begun(bench.codes[1])
    await expectFailure(.refused) {
      _ = try await counter.provide(bench.codes[1], operation: operation, to: path)
    }
    _ = try await bench.center.redemption.progress(grant.ticket)
  }

  /// Who was handed a title over the counter has no download as well, even by the same name; nor the other way round.
  @Test func P4_nameOfOneMeansIsNoneOfTheOther() async throws {
    let bench = try await RedemptionBench()
    let counter = bench.center.offlineCounter
    let path = bench.test.folder.appending(path: "handed-over").path
    let operation = try bench.test.operationID()
    let key = try #require(IdempotencyKey(octets: operation.octets))
    _ = try await counter.provide(bench.codes[0], operation: operation, to: path)
    #expect(try await bench.begin(bench.codes[0], key) == nil)
    _ = try #require(try await bench.begin(bench.codes[1], key))
    await expectFailure(.refused) { _ = try await counter.provide(bench.codes[1], operation: operation, to: path) }
    #expect(try await bench.state(bench.codes[1]) == .inUse)
  }

  @Test func P17_lostSeatIsTakenBackAndRedeemedAgain() async throws {
    let bench = try await RedemptionBench()
    let recovery = bench.center.seatRecovery
    let (code, key) = (bench.codes[0], bench.key())
    #expect(try await recovery.recover(code) == false, "nobody has it")
    let lost = try #require(try await bench.begin(code, key))
    _ = try await bench.download(lost)
    let seats = try await recovery.seats(of: code)
    #expect(seats.count == 1 && seats[0].number == 0 && !seats[0].isDone && seats[0].octets == lost.octets)
    #expect(try await recovery.recover(code))
    #expect(try await bench.state(code) == .unused)
    // The lost client comes again: it has no key and gets none, and cannot take the seat from the next one.
    await expectFailure(.refused) { _ = try await bench.center.redemption.acknowledge(lost.ticket, upTo: lost.octets) }
    #expect(try await bench.begin(code, key) == nil)
    let next = try await bench.begun(code)
    #expect(try await bench.finish(next, try await bench.download(next)) == bench.plaintext)
    await expectFailure(.conflict) { _ = try await recovery.recover(code) }
    await expectFailure(.conflict) { try await recovery.giveUp(next.ticket) }
    #expect(try await bench.state(code) == .used)
  }

  @Test func clientGivesItsSeatUp() async throws {
    let (bench, ticket) = try await redeemed(permitted: 1)
    let right = try await bench.center.copyRights.set(ticket, copies: 1)
    let first = try await bench.begun(right.code)
    #expect(try await bench.begin(right.code) == nil)
    try await bench.center.seatRecovery.giveUp(first.ticket)
    await expectFailure(.refused) { try await bench.center.seatRecovery.giveUp(first.ticket) }
    let second = try await bench.begun(right.code)
    #expect(try await bench.finish(second, try await bench.download(second)) == bench.plaintext)
    #expect(try await bench.begin(right.code) == nil)
    let foreign = RetrievalCode(from: bench.test.random)
    await expectFailure(.notFound) { _ = try await bench.center.seatRecovery.seats(of: foreign) }
  }

  /// N uses bought: each is somewhere, whatever became of it.
  @Test func P9_usesBalance() async throws {
    let (bench, ticket) = try await redeemed()
    _ = try await bench.begun(bench.codes[1])
    let right = try await bench.center.copyRights.set(ticket, copies: 2)
    _ = try await bench.begun(right.code)
    let balances = try await bench.center.codeBooks.balances(of: bench.test.serial)
    let balance = try #require(balances.first)
    #expect(balances.count == 1 && balance.softwareID == bench.title.softwareID)
    #expect(balance.counts == [.used: 1, .inUse: 1, .unused: 1] && balance.bought == 3)
    #expect(balance.copies == 2 && balance.copiesTaken == 1)
    #expect(balance.amount == Money(minorUnits: 900, currency: .yen))
    #expect(try await bench.test.balance(.holder(bench.test.serial)) == -900)
    try await bench.center.seatRecovery.retire(bench.codes[1])
    let after = try #require(try await bench.center.codeBooks.balances(of: bench.test.serial).first)
    #expect(after.counts == [.used: 1, .voided: 1, .unused: 1] && after.bought == 3)
    #expect(after.amount == Money(minorUnits: 600, currency: .yen))
    _ = try await bench.center.verify()
  }

  @Test func P11_messagesBetweenTheOfficesAreOnRecord() async throws {
    let (bench, _) = try await redeemed(permitted: 0)
    let messages = try await bench.center.codeBooks.messages()
    #expect(
      messages.map(\.kind) == [.makeRequest, .issueRequest, .issue, .make, .inquiry, .provide])
    let ways = messages.map { "\($0.from.rawValue) to \($0.to.rawValue)" }
    #expect(
      ways == [
        "cardSeller to distributor", "rightsSeller to cardSeller", "cardSeller to rightsSeller",
        "distributor to cardSeller", "distributor to cardSeller", "distributor to user",
      ])
    let last = try #require(messages.last)
    #expect(last.subject == bench.title.softwareID.description)
    #expect(try await bench.center.codeBooks.messages(after: last.sequence).isEmpty)
  }
}
