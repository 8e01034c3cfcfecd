import CardDriver
import CardEmulator
import CardFirmware
import CenterClient
import CenterServer
import Cryptography
import Formats
import Foundation
import ISO7816
import Identifiers
import Logging
import NIOCore
import PostgresRig
import ServiceLifecycle
import Testing

@testable import LicenseCenter

/// What keeps a centre's rows.
enum Engine: String, CaseIterable, Sendable {
  case sqlite = "SQLite"
  case postgreSQL = "PostgreSQL"
}

/// A centre with an issued card and a title for 300 yen, and the line between the two.
final class RelayBench {
  static let passphrase = "correct horse"
  static let token = "counter-token-0123456789abcdef012345"

  let folder: URL
  let center: Center
  let location: DatabaseLocation
  /// Where the database is, for another process; `nil` for the folder's own.
  let databaseURL: String?
  let card: EmulatedCard
  let serial: CardSerial
  let title: TitleRecord
  let log = LogLines()
  let random = SystemRandom()
  private let databaseName: String?

  var path: String { folder.appending(path: "center").path }

  init(_ engine: Engine = .sqlite, profile: CardProfile = .standard) async throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "warifu-relay-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    switch engine {
    case .sqlite: (location, databaseName, databaseURL) = (.file, nil, nil)
    case .postgreSQL:
      let server = try PrivatePostgres.shared()
      let name = try server.makeDatabase()
      (databaseName, databaseURL) = (name, server.url(of: name))
      location = .server(try PostgreSQLAddress(server.url(of: name)))
    }
    let secret = Array(RelayBench.passphrase.utf8)
    let created = try await CenterFolder.create(
      at: folder.appending(path: "center").path, name: "Test centre", passphrase: Secret(copying: secret),
      cost: .test, database: location, random: random, clock: StandingClock())
    center = try await created.open(
      passphrase: Secret(copying: secret), database: location, random: random, clock: StandingClock())
    (card, serial) = try await RelayBench.issuedCard(at: center, profile)
    title = try await center.titles.register(
      name: "Hanafuda", version: "1.0", type: .program, seller: "Publisher",
      price: Money(minorUnits: 300, currency: .yen))
  }

  deinit {
    try? center.close()
    try? FileManager.default.removeItem(at: folder)
    if let databaseName { try? PrivatePostgres.shared().dropDatabase(databaseName) }
  }

  /// A card that the centre issued here, at its counter.
  static func issuedCard(
    at center: Center, _ profile: CardProfile = .standard
  ) async throws -> (EmulatedCard, CardSerial) {
    let made = try EmulatedCard.inMemory(profile: profile, random: SystemRandom())
    let serial = made.production.serial
    try await center.cardIssuer.register(
      try ProductionRecord(
        cardSerial: serial, moduleType: "WARIFU-E", productionNumber: "1", producedAt: 1_700_000_000,
        transportKeys: made.production.transportKeys))
    let order = try CardIssueOrder(
      cardSerial: serial, purchaser: "Suzuki", maximumCodes: 100_000, generationKeys: [1])
    _ = try await center.cardIssuer.issue(order, over: try EmulatedRelay(made.card))
    return (made.card, serial)
  }

  /// Another handle on the same centre, as another instance behind a balancer has one.
  func openAgain() async throws -> Center {
    try await CenterFolder(path).open(
      passphrase: Secret(copying: Array(RelayBench.passphrase.utf8)), database: location, random: random,
      clock: StandingClock())
  }

  /// Serves a centre in this process while `body` runs.
  ///
  /// - Parameter logsIn: whether callers log in at the centre, instead of having the tokens of the tests.
  func serve(
    _ center: Center? = nil, limits: ServerLimits = .patient, identity: TLSIdentity? = nil, logsIn: Bool = false,
    _ body: (_ port: Int) async throws -> Void
  ) async throws {
    var options = ServingOptions.patient
    options.port = 0
    options.identity = identity
    options.limits = limits
    let (addresses, told) = AsyncStream.makeStream(of: Int.self)
    let log = log
    let served = center ?? self.center
    let authenticator: any Authenticating = logsIn ? CenterAccess(served) : TestTokens(card: ownedCard)
    let service = try CenterServer(
      served, options: options, authenticator: authenticator, answers: CenterAnswers(served),
      logger: Logger(label: "test") { JSONLogHandler(label: $0, clock: StandingClock()) { log.add($0) } },
      random: random, onListening: { told.yield($0.port ?? 0) })
    let group = ServiceGroup(services: [service], logger: Logger(label: "group") { _ in SwiftLogNoOpLogHandler() })
    let running = Task {
      defer { told.finish() }
      try await group.run()
    }
    var port = 0
    for await number in addresses {
      port = number
      break
    }
    let result = await Result { try await body(port) }
    await group.triggerGracefulShutdown()
    try await running.value
    try result.get()
  }

  private var ownedCard: OwnedCard {
    let owned = OwnedCard()
    owned.set(serial)
    return owned
  }

  // MARK: Charging

  func order(_ quantity: UInt16 = 5) throws -> ChargeOrder {
    try ChargeOrder(
      operationID: try #require(OperationID(octets: random.octets(16))), cardSerial: serial,
      softwareID: title.softwareID, quantity: quantity)
  }

  /// Charges over the network, through whatever stands between.
  func charge(
    _ order: ChargeOrder, over transport: any APDUTransport, port: Int, as name: String = "counter",
    patience: Patience = .ofTests
  ) async throws -> CenterCharge {
    let token = try #require(CenterToken(TestServer.tokens[name] ?? ""))
    return try await CenterClient.use(CenterAddress("http://127.0.0.1:\(port)"), patience: patience) {
      try await $0.charge(order, over: transport, as: token)
    }
  }

  /// Expects that card and books agree on so many charges of so many codes, all paid once.
  func expectAgreement(
    charges: Int, codes: Int, _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let status = try WarifuCard(CardConnection(card)).status()
    let books = try await center.charging.charges(of: serial)
    let balance = try await center.ledger.balance(of: .holder(serial), in: .yen).minorUnits
    let record = try await center.cardIssuer.card(serial)
    #expect(Int(status.chargeCounter) == charges && status.codeCount == codes, comment, sourceLocation: sourceLocation)
    #expect(
      books.count(where: { $0.state == .booked }) == charges && books.allSatisfy { $0.state != .open }, comment,
      sourceLocation: sourceLocation)
    #expect(balance == Int64(-300 * codes), comment, sourceLocation: sourceLocation)
    #expect(
      record.codesSold == UInt32(codes) && Int(record.chargeNumber) == charges, comment, sourceLocation: sourceLocation)
  }
}

extension Patience {
  /// Short pauses, and time enough for a machine that stalls.
  static var ofTests: Patience {
    var patience = Patience()
    patience.firstPause = .milliseconds(10)
    patience.longestPause = .milliseconds(200)
    return patience
  }
}

extension Result where Failure == any Error {
  /// What an asynchronous body came to.
  init(_ body: () async throws -> Success) async {
    do { self = .success(try await body()) } catch { self = .failure(error) }
  }
}

/// The way to a card, which loses its power before or after one of its messages.
final class CutTransport: APDUTransport {
  enum Moment: CaseIterable { case before, after }

  let card: EmulatedCard
  let cut: (index: Int, moment: Moment)?
  /// Is told before and after each message.
  var onMessage: (Int, Moment) -> Void = { _, _ in }
  private(set) var messages = 0
  /// Every octet that went either way.
  private(set) var octets: [[UInt8]] = []

  init(_ card: EmulatedCard, cut: (index: Int, moment: Moment)? = nil) {
    self.card = card
    self.cut = cut
  }

  var limits: CardTransportLimits { card.limits }

  func reset() throws(CardTransportError) -> [UInt8] { try card.reset() }

  func transmit(_ command: [UInt8]) throws(CardTransportError) -> [UInt8] {
    let index = messages
    messages += 1
    octets.append(command)
    onMessage(index, .before)
    if let cut, cut == (index, .before) { throw try fall() }
    let response = try card.transmit(command)
    octets.append(response)
    onMessage(index, .after)
    if let cut, cut == (index, .after) { throw try fall() }
    return response
  }

  private func fall() throws(CardTransportError) -> CardTransportError {
    _ = try card.reset()
    return CardTransportError(
      .cardRemoved, operation: "transmit", cardMayHaveChanged: true, remedy: "Put the card back.")
  }
}
