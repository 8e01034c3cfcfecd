import CardProtocol
import Cryptography
import Formats
import Foundation
import ISO7816
import Identifiers
import Synchronization
import Testing

@testable import LicenseCenter

/// A clock that stands until it is moved.
final class StandingClock: CenterClock {
  private let time = Mutex<UInt64>(1_800_000_000)

  func now() -> UInt64 { time.withLock { $0 } }
  func advance(by seconds: UInt64) { time.withLock { $0 += seconds } }
}

/// A relay over a model card that can break before or after any message.
final class TestRelay: CardRelay {
  enum Moment { case before, after }
  struct Cut: Error {}

  let card: ModelCard
  /// Breaks at the exchange with this number, from 0.
  var cut: (index: Int, moment: Moment)?
  /// Breaks at the first command with this instruction.
  var cutAt: (instruction: Instruction, moment: Moment)?
  /// Rewrites a response on its way, as somebody on the line may.
  var tamper: ((CommandAPDU, ResponseAPDU) -> ResponseAPDU)?
  /// What others do before the first exchange.
  var meanwhile: (() async -> Void)?
  private(set) var exchanges = 0

  init(_ card: ModelCard) { self.card = card }

  func exchange(_ command: CommandAPDU) async throws -> ResponseAPDU {
    if exchanges == 0 { await meanwhile?() }
    defer { exchanges += 1 }
    if breaks(at: .before, command) { throw fall() }
    let response = card.transmit(command)
    if breaks(at: .after, command) { throw fall() }
    return tamper?(command, response) ?? response
  }

  private func breaks(at moment: Moment, _ command: CommandAPDU) -> Bool {
    if let cut, cut.index == exchanges, cut.moment == moment { return true }
    return cutAt.map { $0.instruction.rawValue == command.ins && $0.moment == moment } ?? false
  }

  /// The card loses power with the line.
  private func fall() -> Cut {
    card.reset()
    return Cut()
  }
}

/// A centre in a folder of its own, with a registered blank card; the folder goes with the value.
final class TestCenter {
  let folder: URL
  let clock = StandingClock()
  let random: SeededRandom
  let center: Center
  /// Where the database is, on the engine that the test runs on.
  let room: ScratchLocation
  let serial: CardSerial
  let card: ModelCard
  var path: String { folder.appending(path: "center").path }

  static let passphrase: [UInt8] = Array("correct horse".utf8)

  init(seed: UInt64 = 1) async throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "warifu-center-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    random = SeededRandom(seed: seed)
    room = try ScratchLocation()
    let created = try await CenterFolder.create(
      at: folder.appending(path: "center").path, name: "Test centre",
      passphrase: Secret(copying: TestCenter.passphrase), cost: .test, database: room.location, random: random,
      clock: clock)
    center = try await created.open(
      passphrase: Secret(copying: TestCenter.passphrase), database: room.location, random: random, clock: clock)
    serial = try #require(CardSerial(octets: random.octets(8)))
    let transport = (0..<3).map { [random] _ in random.octets(16) }
    card = ModelCard(ModelCard.State(serial: serial, transport: transport), random: random)
    try await center.cardIssuer.register(
      ProductionRecord(
        cardSerial: serial, moduleType: "MODEL", productionNumber: "P-0001", producedAt: 1_700_000_000,
        encryptionKey: Secret(copying: transport[0]), macKey: Secret(copying: transport[1]),
        dataKey: Secret(copying: transport[2])))
  }

  deinit {
    try? center.close()
    try? FileManager.default.removeItem(at: folder)
  }

  func operationID() throws -> OperationID { try #require(OperationID(octets: random.octets(16))) }

  func issueOrder(maximumCodes: UInt32 = 100) throws -> CardIssueOrder {
    try CardIssueOrder(
      cardSerial: serial, purchaser: "Purchaser Tanaka", maximumCodes: maximumCodes, generationKeys: [1, 2])
  }

  /// Issues the card and registers a title for 300 yen.
  func issuedCardAndTitle(maximumCodes: UInt32 = 100) async throws -> TitleRecord {
    _ = try await center.cardIssuer.issue(try issueOrder(maximumCodes: maximumCodes), over: TestRelay(card))
    return try await center.titles.register(
      name: "openssl", version: "3.0", type: .program, seller: "Publisher",
      price: Money(minorUnits: 300, currency: .yen))
  }

  func chargeOrder(_ title: TitleRecord, quantity: UInt16 = 5, acceptsFewer: Bool = false) throws -> ChargeOrder {
    try ChargeOrder(
      operationID: try operationID(), cardSerial: serial, softwareID: title.softwareID, quantity: quantity,
      acceptsFewer: acceptsFewer)
  }

  func balance(_ account: LedgerAccount) async throws -> Int64 {
    try await center.ledger.balance(of: account, in: .yen).minorUnits
  }

  /// How many rows a query answers.
  func count(_ sql: String) async throws -> Int {
    try await center.context.database.read { try $0.run(sql, []).count }
  }
}

/// Runs `body`, which must fail with an error of this code; answers the error.
@discardableResult
func expectFailure(
  _ code: CenterError.Code, _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation,
  _ body: () async throws -> Void
) async -> CenterError? {
  do {
    try await body()
    Issue.record(comment ?? "it succeeded", sourceLocation: sourceLocation)
  } catch let error as CenterError {
    #expect(error.code == code, comment, sourceLocation: sourceLocation)
    return error
  } catch {
    Issue.record("\(error) is no error of the centre", sourceLocation: sourceLocation)
  }
  return nil
}
