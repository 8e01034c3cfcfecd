import CardDriver
import CardEmulator
import CardFirmware
import CardProtocol
import CenterClient
import CenterServer
import Cryptography
import Formats
import Foundation
import ISO7816
import Identifiers
import LicenseCenter
import Logging
import NIOCore
import Octets
import ServiceLifecycle

/// A centre with its books on the disk, and many cards that it issued; beside them as many that were issued without one,
/// for the bare cost of the channel.
final class ChargedCards: Sendable {
  /// Codes of one charge.
  static let codes: UInt16 = 10
  /// Data octets of a block that fits a short APDU inside the channel, as the centre sends them.
  private static let blockOctets = 239
  private static let token = "a-token-of-the-benchmark-0123456789"

  private let folder: String
  private let center: Center
  private let title: TitleRecord
  private let own: [Line]
  private let bare: [Line]

  /// One card and the way to it, for one task at a time.
  private final class Line: @unchecked Sendable {
    let serial: CardSerial
    let connection: CardConnection
    let individualKey: Secret
    var charges: UInt32 = 0

    init(_ serial: CardSerial, _ connection: CardConnection, _ individualKey: consuming Secret) {
      self.serial = serial
      self.connection = connection
      self.individualKey = individualKey
    }
  }

  private struct Relay: CardRelay {
    let connection: CardConnection

    func exchange(_ command: CommandAPDU) async throws -> ResponseAPDU {
      try connection.exchange(command, operation: "relay")
    }
  }

  /// Lends a card as it left the factory.
  ///
  /// - Parameter path: where it keeps what it is told, durably; in memory without one.
  private static func withNewCard(
    _ path: String?, _ random: any RandomSource,
    _ issue: (EmulatedCard, borrowing EmulatedCard.Production) async throws -> Line
  ) async throws -> Line {
    guard let path else {
      let made = try EmulatedCard.inMemory(profile: .board, random: random)
      return try await issue(made.card, made.production)
    }
    let key = Secret(random: 32, from: random)
    let production = try EmulatedCard.make(at: path, key: key, profile: .board, random: random)
    return try await issue(try EmulatedCard(path: path, key: key, random: random), production)
  }

  /// - Parameter areInFiles: whether the cards keep what they are told in files, durably, as real ones do; else in memory.
  init(cards: Int, areInFiles: Bool = false) async throws {
    folder = FileManager.default.currentDirectoryPath + "/.warifu-bench-\(UUID().uuidString)"
    let random = SystemRandom()
    let passphrase: [UInt8] = Array("benchmark".utf8)
    let made = try await CenterFolder.create(
      at: folder, name: "Benchmark", passphrase: Secret(copying: passphrase), random: random, clock: SystemClock())
    center = try await made.open(passphrase: Secret(copying: passphrase), random: random, clock: SystemClock())
    title = try await center.titles.register(
      name: "t", version: "1", type: .program, seller: "s", price: Money(minorUnits: 300, currency: .yen))
    let issuer = center.cardIssuer
    var (own, bare): ([Line], [Line]) = ([], [])
    for number in 0..<cards {
      let path = areInFiles ? folder + "/card-\(number)" : nil
      own.append(
        try await ChargedCards.withNewCard(path, random) { card, production in
          let connection = try CardConnection(card)
          try await issuer.register(
            try ProductionRecord(
              cardSerial: production.serial, moduleType: "E", productionNumber: "1", producedAt: 1,
              transportKeys: production.transportKeys))
          _ = try await issuer.issue(
            try CardIssueOrder(
              cardSerial: production.serial, purchaser: "p", maximumCodes: 10_000, generationKeys: [1]),
            over: Relay(connection: connection))
          return Line(production.serial, connection, Secret(random: 32, from: random))
        })
      bare.append(
        try await ChargedCards.withNewCard(path.map { $0 + "-bare" }, random) { card, production in
          let key = Secret(random: 32, from: random)
          let connection = try CardConnection(card)
          try FirmwareCard.issue(
            connection, transportKeys: production.transportKeys, serial: production.serial.octets, individualKey: key,
            SeededRandom(seed: 1))
          return Line(production.serial, connection, key)
        })
    }
    (self.own, self.bare) = (own, bare)
  }

  deinit {
    try? center.close()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// Charges every card once in the service layer.
  func charge(callers: Int) async throws -> Duration {
    let (center, title) = (center, title)
    return try await each(of: own, callers) { line in
      let order = try ChargedCards.order(line.serial, title)
      _ = try await center.charging.charge(order, over: Relay(connection: line.connection))
    }
  }

  /// Charges every card once over HTTP, so many hosts at once.
  func chargeOverHTTP(hosts: Int) async throws -> Duration {
    var options = ServingOptions()
    options.port = 0
    options.limits.requestsPerSecond = 1e9
    options.limits.burst = 1e9
    options.limits.relay.dialoguesPerCaller = hosts
    let (addresses, told) = AsyncStream.makeStream(of: Int.self)
    let counter = Identity(name: "counter", roles: [.counter])
    let server = try CenterServer(
      center, options: options, authenticator: FixedTokens([(Array(ChargedCards.token.utf8), counter)]),
      answers: CenterAnswers(center), logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() },
      random: SystemRandom(), onListening: { told.yield($0.port ?? 0) })
    let group = ServiceGroup(services: [server], logger: Logger(label: "group") { _ in SwiftLogNoOpLogHandler() })
    let running = Task { try await group.run() }
    var addressed = addresses.makeAsyncIterator()
    guard let port = await addressed.next(), let token = CenterToken(ChargedCards.token) else {
      throw MeasurementError("The server does not listen.")
    }
    let (own, title) = (own, title)
    let time = try await CenterClient.use(CenterAddress("http://127.0.0.1:\(port)")) { client in
      try await each(of: own, hosts) { line in
        _ = try await client.charge(try ChargedCards.order(line.serial, title), over: line.connection, as: token)
      }
    }
    await group.triggerGracefulShutdown()
    try await running.value
    return time
  }

  /// Has the conversation of a charge with every card, without any centre: select, certify, ask for its status, store a
  /// batch of as many codes in blocks as short.
  func bareChannel(callers: Int) async throws -> Duration {
    let title = title
    return try await each(of: bare, callers) { line in
      let random = SystemRandom()
      line.charges += 1
      let records = (0..<ChargedCards.codes).map { _ in
        ChargeRecord(code: random.octets(CardProtocol.codeOctets), generationKey: 1, softwareID: title.softwareID)
      }
      let batch = try ChargeBatch(number: line.charges, records: records).encoded()
      _ = try line.connection.select(applicationID: CardProtocol.applicationID, operation: "select")
      var session = try FirmwareCard.openSession(
        line.connection, serial: line.serial.octets, individualKey: line.individualKey, SeededRandom(seed: 2))
      try session.data(.getData(.applicationStatus), operation: "status")
      let object = BERTLV.encode(tag: UInt32(DataTag.chargeBatch.rawValue), value: batch)
      for block in try CommandAPDU.storeData(object, blockOctets: ChargedCards.blockOctets) {
        try session.data(block, operation: "store")
      }
    }
  }

  private static func order(_ serial: CardSerial, _ title: TitleRecord) throws -> ChargeOrder {
    guard let operation = OperationID(octets: SystemRandom().octets(16)) else { throw MeasurementError("no id") }
    return try ChargeOrder(
      operationID: operation, cardSerial: serial, softwareID: title.softwareID, quantity: codes)
  }

  private func each(
    of lines: [Line], _ callers: Int, _ work: @escaping @Sendable (Line) async throws -> Void
  ) async throws -> Duration {
    try await ContinuousClock().measure {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for caller in 0..<callers {
          group.addTask {
            for index in stride(from: caller, to: lines.count, by: callers) { try await work(lines[index]) }
          }
        }
        try await group.waitForAll()
      }
    }
  }
}
