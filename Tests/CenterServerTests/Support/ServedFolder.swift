import CardEmulator
import CardFirmware
import Cryptography
import Formats
import Foundation
import Identifiers
import Octets
import PostgresRig
import Testing

@testable import LicenseCenter

/// A centre's folder with a published title and codes for it, opened only to look into it: programs serve it.
final class ServedFolder: Sendable {
  let folder: URL
  let title: TitleRecord
  let content: [UInt8]
  let codes: [RetrievalCode]
  let card: CardSerial
  /// The database's URL and its name on the private server.
  let url: String?
  private let name: String?
  private let random: SeededRandom

  var path: String { folder.appending(path: "center").path }

  init(_ engine: Engine, codes count: UInt16, octets: Int = 3000, seed: UInt64 = 1) async throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "warifu-served-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    random = SeededRandom(seed: seed)
    name = engine == .sqlite ? nil : try PrivatePostgres.shared().makeDatabase()
    url = try name.map { try PrivatePostgres.shared().url(of: $0) }
    content = SeededRandom(seed: 9).octets(octets)
    let path = folder.appending(path: "center").path
    let created = try await CenterFolder.create(
      at: path, name: "Test centre", passphrase: Secret(copying: ServedFolder.passphrase), cost: .test,
      database: try DatabaseLocation(url), random: random, clock: StandingClock())
    let center = try await created.open(
      passphrase: Secret(copying: ServedFolder.passphrase), database: try DatabaseLocation(url), random: random,
      clock: StandingClock())
    let made = try EmulatedCard.inMemory(profile: .standard, random: random)
    card = made.production.serial
    try await center.cardIssuer.register(
      try ProductionRecord(
        cardSerial: card, moduleType: "WARIFU-E", productionNumber: "1", producedAt: 1_700_000_000,
        transportKeys: made.production.transportKeys))
    let order = try CardIssueOrder(cardSerial: card, purchaser: "Suzuki", maximumCodes: 50_000, generationKeys: [1])
    _ = try await center.cardIssuer.issue(order, over: try EmulatedRelay(made.card))
    title = try await center.titles.register(
      name: "Hanafuda", version: "1.0", type: .program, seller: "Publisher",
      price: Money(minorUnits: 300, currency: .yen), profile: .certificate)
    let plain = folder.appending(path: "plain")
    try Data(content).write(to: plain)
    _ = try await center.titleStore.publish(title.softwareID, from: plain.path)
    let operation = try #require(OperationID(octets: random.octets(16)))
    let sale = try SealSheetOrder(
      operationID: operation, cardSerial: card, softwareID: title.softwareID, quantity: count,
      url: "https://shop.example/redeem")
    codes = try await center.rightsSeller.sell(sale).codes
    try center.close()
  }

  deinit {
    try? FileManager.default.removeItem(at: folder)
    if let name { try? PrivatePostgres.shared().dropDatabase(name) }
  }

  private static let passphrase = Array("correct horse".utf8)

  /// - Parameter token: what somebody at the counter is known by, if there is somebody.
  func start(killAt write: Int? = nil, token: String? = nil) async throws -> RigServer {
    try await RigServer.start(path, database: url, killAt: write, token: token)
  }

  /// Looks into the centre as a program of its own does.
  func look<R>(_ body: (Center) async throws -> R) async throws -> R {
    let center = try await CenterFolder(path).open(
      passphrase: Secret(copying: ServedFolder.passphrase), database: try DatabaseLocation(url), random: random,
      clock: StandingClock())
    do {
      let result = try await body(center)
      try center.close()
      return result
    } catch {
      try? center.close()
      throw error
    }
  }

  /// Ledger and audit log are whole, and every code is unused, in use or used; how many stand where.
  func audit() async throws -> [CodeSaleState: Int] {
    try await look { center in
      _ = try await center.verify()
      let balance = try #require(try await center.codeBooks.balances(of: card).first)
      let owed = try await center.ledger.balance(of: .holder(card), in: .yen)
      #expect(owed.minorUnits == Int64(-300 * codes.count))
      #expect(balance.counts.values.reduce(0, +) == codes.count)
      #expect(Set(balance.counts.keys).isSubset(of: [.unused, .inUse, .used]))
      return balance.counts
    }
  }

  /// What the sealed file and the last acknowledgement open to.
  func open(_ sealed: [UInt8], _ done: RawAnswer, _ ticket: String) throws -> [UInt8] {
    let wrapped = try #require(done.octets("wrappedContentKey"), "\(done.text)")
    let ticket = try #require(DownloadTicket(text: ticket))
    let key = try DownloadContent.unwrap(wrapped, for: ticket, title.softwareID)
    return try DownloadContent.parameters.open(
      sealed, key: key, associatedData: DownloadContent.associatedData(title.softwareID)
    ).withBytes { $0.octets }
  }
}
