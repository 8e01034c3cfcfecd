import BrowserRig
import CardDriver
import CardEmulator
import CardFirmware
import ChallengeAccess
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

/// A card that lies in the counter's reader, or does not.
final class CardInReader: @unchecked Sendable {
  // One charge at a time asks for it, as a reader has one slot.
  private let lock = Mutex(())
  private var card: EmulatedCard?
  private let isHeld = Mutex(false)

  init(_ card: EmulatedCard) { self.card = card }

  /// Keeps whoever asks it something waiting, until ``letGo()``.
  func hold() { isHeld.withLock { $0 = true } }

  /// Ends ``hold()``.
  func letGo() { isHeld.withLock { $0 = false } }

  /// Takes it out.
  func remove() { lock.withLock { _ in card = nil } }

  func connect() throws -> any CardRelay {
    guard let card = lock.withLock({ _ in card }) else { throw CocoaError(.fileNoSuchFile) }
    return Line(connection: try CardConnection(card), reader: self)
  }

  private struct Line: CardRelay {
    let connection: CardConnection
    let reader: CardInReader

    func exchange(_ command: CommandAPDU) async throws -> ResponseAPDU {
      while reader.isHeld.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(10)) }
      return try connection.exchange(command, operation: "relay")
    }
  }
}

/// A centre with its pages on a free port of this machine: a card that is Suzuki's, and a title that is published.
final class PageServer: Sendable {
  let folder: URL
  let center: Center
  let random = SeededRandom(seed: 23)
  let answers = MemoryAnswers()
  let card: CardInReader
  let serial: CardSerial
  let title: TitleRecord
  /// What the title's file holds.
  let content: [UInt8]
  private let listening = Mutex(0)

  var origin: String { "http://127.0.0.1:\(listening.withLock { $0 })" }
  var port: Int { listening.withLock { $0 } }

  private init() async throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "warifu-pages-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let passphrase = Array("correct horse".utf8)
    let created = try await CenterFolder.create(
      at: folder.appending(path: "center").path, name: "Kobo Licences", passphrase: Secret(copying: passphrase),
      cost: .test, random: random, clock: StandingClock())
    center = try await created.open(
      passphrase: Secret(copying: passphrase), random: random, clock: StandingClock())
    let made = try EmulatedCard.inMemory(profile: .standard, random: random)
    serial = made.production.serial
    card = CardInReader(made.card)
    try await center.cardIssuer.register(
      try ProductionRecord(
        cardSerial: serial, moduleType: "WARIFU-E", productionNumber: "1", producedAt: 1_700_000_000,
        transportKeys: made.production.transportKeys))
    let order = try CardIssueOrder(
      cardSerial: serial, purchaser: "Suzuki Hana", maximumCodes: 100, generationKeys: [1])
    _ = try await center.cardIssuer.issue(order, over: try card.connect())
    title = try await center.titles.register(
      name: "Hanafuda", version: "1.0", type: .program, seller: "Tsuru Games",
      price: Money(minorUnits: 300, currency: .yen))
    content = random.octets(1_500_000)
    let file = folder.appending(path: "hanafuda").path
    try Data(content).write(to: URL(fileURLWithPath: file))
    _ = try await center.titleStore.publish(title.softwareID, from: file)
  }

  deinit {
    try? center.close()
    try? FileManager.default.removeItem(at: folder)
  }

  /// Serves while `body` runs, and stops as on SIGTERM.
  ///
  /// - Parameter keepsAnswers: whether the centre keeps answers, as it does outside of tests; else the test does.
  static func run(keepsAnswers: Bool = true, _ body: (PageServer) async throws -> Void) async throws {
    let server = try await PageServer()
    let (addresses, told) = AsyncStream.makeStream(of: Int.self)
    var options = ServingOptions.patient
    options.port = 0
    let card = server.card
    let answers: any AnswerKeeping = keepsAnswers ? CenterAnswers(server.center) : server.answers
    let service = try CenterServer(
      server.center, options: options, authenticator: CenterAccess(server.center), answers: answers,
      counterReader: CounterReader(name: "Emulated reader") { try card.connect() },
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, random: server.random,
      onListening: { told.yield($0.port ?? 0) })
    let group = ServiceGroup(services: [service], logger: Logger(label: "group") { _ in SwiftLogNoOpLogHandler() })
    let running = Task {
      defer { told.finish() }
      try await group.run()
    }
    for await number in addresses {
      server.listening.withLock { $0 = number }
      break
    }
    do {
      try await body(server)
    } catch {
      await group.triggerGracefulShutdown()
      _ = try? await running.value
      throw error
    }
    await group.triggerGracefulShutdown()
    try await running.value
  }

  func operationID() throws -> OperationID { try #require(OperationID(octets: random.octets(16))) }

  /// A code by which somebody signs in.
  func signInCode(_ role: AccessRole) async throws -> String {
    let client: AccessClientID? = role == .holder ? .card(serial) : nil
    return try await center.signIn.offer(role, to: client, operation: try operationID()).code.text
  }

  /// Codes on paper, for people at a browser.
  func codes(_ count: UInt16) async throws -> [RetrievalCode] {
    try await center.rightsSeller.sell(
      SealSheetOrder(
        operationID: try operationID(), cardSerial: serial, softwareID: title.softwareID, quantity: count,
        url: origin + "/redeem")
    ).codes
  }

  func state(_ code: RetrievalCode) async throws -> CodeSaleState? {
    try await center.rightsSeller.record(of: code)?.state
  }
}

extension Browser {
  /// Signs in, as a person does.
  func signIn(_ server: PageServer, _ role: AccessRole) async throws {
    try await open(server.origin + "/sign-in")
    try await fill("#code", try await server.signInCode(role).lowercased())
    try await follow("main button")
  }

  /// Waits until a selector finds something.
  func wait(for selector: String) async throws {
    for _ in 0..<300 {
      if (try? await has(selector)) == true { return }
      try await Task.sleep(for: .milliseconds(200))
    }
    throw Failure(description: "\(selector) never came: \(try await source().prefix(3000))")
  }
}
