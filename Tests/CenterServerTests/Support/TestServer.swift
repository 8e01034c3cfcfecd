import CardDriver
import CardEmulator
import CardFirmware
import CenterServer
import Cryptography
import Formats
import Foundation
import ISO7816
import Identifiers
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
import Testing

@testable import LicenseCenter

/// A clock that stands.
struct StandingClock: CenterClock {
  func now() -> UInt64 { 1_800_000_000 }
}

/// A clock that stands at the same second until a test moves it.
final class MovableClock: CenterClock {
  private let passed = Mutex<UInt64>(0)

  func now() -> UInt64 { StandingClock().now() + passed.withLock { $0 } }
  func advance(by seconds: UInt64) { passed.withLock { $0 += seconds } }
}

/// Keeps answers as long as the test runs.
final class MemoryAnswers: AnswerKeeping {
  private let kept = Mutex<[String: (digest: [UInt8], answer: KeptAnswer)]>([:])
  /// Whether the server is as if it had been killed before it kept an answer.
  let forgets = Mutex(false)

  private func name(_ request: KeyedRequest) -> String { "\(request.scope) \(request.key)" }

  func answer(to request: KeyedRequest) throws -> KeptAnswer? {
    try kept.withLock { kept in
      guard let found = kept[name(request)] else { return nil }
      guard found.digest == request.digest else { throw KeyReusedError() }
      return found.answer
    }
  }

  func keep(_ answer: KeptAnswer, for request: KeyedRequest) throws -> KeptAnswer {
    guard !forgets.withLock({ $0 }) else { return answer }
    if let earlier = try self.answer(to: request) { return earlier }
    kept.withLock { $0[name(request)] = (request.digest, answer) }
    return answer
  }
}

/// Lines that a program logged.
final class LogLines: Sendable {
  private let lines = Mutex<[String]>([])
  var all: [String] { lines.withLock { $0 } }

  func add(_ octets: [UInt8]) { lines.withLock { $0.append(String(decoding: octets, as: UTF8.self)) } }
}

/// A relay over an emulated card.
final class EmulatedRelay: CardRelay {
  private let connection: CardConnection

  init(_ card: EmulatedCard) throws { connection = try CardConnection(card) }

  func exchange(_ command: CommandAPDU) async throws -> ResponseAPDU {
    try connection.exchange(command, operation: "relay")
  }
}

/// A centre in a folder of its own, served on a free port of this machine.
final class TestServer: Sendable {
  let folder: URL
  let center: Center
  let random = SeededRandom(seed: 11)
  let clock = MovableClock()
  let answers = MemoryAnswers()
  let log = LogLines()
  private let holderCard = OwnedCard()
  private let listening = Mutex(0)

  /// The holder's card.
  var holder: CardSerial? { holderCard.value }

  /// Where it listens.
  var port: Int { listening.withLock { $0 } }

  static let tokens = [
    "counter": "counter-token-0123456789abcdef012345", "auditor": "auditor-token-0123456789abcdef012345",
    "holder": "holder-token-0123456789abcdef0123456", "stranger": "stranger-token-0123456789abcdef01234",
    "everybody": "everybody-token-0123456789abcdef0123",
  ]

  private init() async throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "warifu-server-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let path = folder.appending(path: "center").path
    let passphrase = Array("correct horse".utf8)
    let created = try await CenterFolder.create(
      at: path, name: "Test centre", passphrase: Secret(copying: passphrase), cost: .test, random: random,
      clock: clock)
    center = try await created.open(
      passphrase: Secret(copying: passphrase), random: random, clock: clock, payments: .simulated)
  }

  deinit {
    try? center.close()
    try? FileManager.default.removeItem(at: folder)
  }

  /// Serves while `body` runs, and stops as on SIGTERM.
  ///
  /// - Parameter keepsAnswers: whether the centre keeps answers, as it does outside of tests; else the test does.
  static func run(
    _ options: ServingOptions = .patient, further: [Endpoint] = [], keepsAnswers: Bool = false,
    _ body: (TestServer) async throws -> Void
  ) async throws {
    let server = try await TestServer()
    let answers: any AnswerKeeping = keepsAnswers ? CenterAnswers(server.center) : server.answers
    try await server.serve(options, further: further, answers) { try await body(server) }
  }

  /// A centre that nobody serves yet.
  static func made() async throws -> TestServer { try await TestServer() }

  /// Serves while `body` runs. Once more, it is a server that has been started anew.
  func serving(_ body: () async throws -> Void) async throws {
    try await serve(.patient, further: [], answers, body)
  }

  private func serve(
    _ options: ServingOptions, further: [Endpoint], _ answers: any AnswerKeeping, _ body: () async throws -> Void
  ) async throws {
    var options = options
    options.port = 0
    let (addresses, told) = AsyncStream.makeStream(of: Int.self)
    let (log, holderCard) = (log, holderCard)
    let service = try CenterServer(
      center, options: options, authenticator: AnyAuthentication(TestTokens(card: holderCard), CenterAccess(center)),
      answers: answers, further: further,
      logger: Logger(label: "test") { JSONLogHandler(label: $0, clock: StandingClock()) { log.add($0) } },
      random: random, onListening: { told.yield($0.port ?? 0) })
    let group = ServiceGroup(services: [service], logger: Logger(label: "group") { _ in SwiftLogNoOpLogHandler() })
    let running = Task {
      defer { told.finish() }
      try await group.run()
    }
    for await number in addresses {
      listening.withLock { $0 = number }
      break
    }
    do {
      try await body()
    } catch {
      await group.triggerGracefulShutdown()
      _ = try? await running.value
      throw error
    }
    await group.triggerGracefulShutdown()
    try await running.value
  }

  /// Issues a card, which is the holder's from then on.
  @discardableResult
  func issueCard() async throws -> CardSerial { try await issuedCard().serial }

  /// The same, with the card.
  func issuedCard() async throws -> (card: EmulatedCard, serial: CardSerial) {
    let made = try EmulatedCard.inMemory(profile: .standard, random: random)
    let serial = made.production.serial
    try await center.cardIssuer.register(
      try ProductionRecord(
        cardSerial: serial, moduleType: "WARIFU-E", productionNumber: "1", producedAt: 1_700_000_000,
        transportKeys: made.production.transportKeys))
    let order = try CardIssueOrder(cardSerial: serial, purchaser: "Suzuki", maximumCodes: 10_000, generationKeys: [1])
    _ = try await center.cardIssuer.issue(order, over: try EmulatedRelay(made.card))
    holderCard.set(serial)
    return (made.card, serial)
  }

  /// A title for 300 yen.
  func title(_ profile: CopyProfile = .certificate) async throws -> TitleRecord {
    try await center.titles.register(
      name: "Hanafuda", version: "1.0", type: .program, seller: "Publisher",
      price: Money(minorUnits: 300, currency: .yen), profile: profile)
  }

  /// Everything that the database says about what was done.
  func state() async throws -> [Int] {
    try await center.context.database.read { transaction in
      try ["audit_log", "license_requests", "licenses", "ledger_entries", "titles", "cards"].map { table in
        try transaction.run("SELECT 1 FROM \(table)", []).count
      }
    }
  }
}

/// A card that is somebody's, once it is issued.
final class OwnedCard: Sendable {
  private let serial = Mutex<CardSerial?>(nil)
  var value: CardSerial? { serial.withLock { $0 } }

  func set(_ serial: CardSerial) { self.serial.withLock { $0 = serial } }
}

/// Knows the tokens of the tests: one for each role, one of a holder of another
/// card, and one of somebody who may be everything.
struct TestTokens: Authenticating {
  let card: OwnedCard

  func identity(bearing token: [UInt8]) -> Identity? {
    guard let name = TestServer.tokens.first(where: { Array($0.value.utf8) == token })?.key else { return nil }
    if name == "everybody" { return Identity(name: name, roles: Set(Role.allCases)) }
    guard let role = Role(rawValue: name) else {
      return Identity(name: name, roles: [.holder], card: CardSerial(octets: [UInt8](repeating: 7, count: 8)))
    }
    return Identity(name: name, roles: [role], card: role == .holder ? card.value : nil)
  }
}
