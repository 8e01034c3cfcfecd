import CardDriver
import CardEmulator
import Cryptography
import Formats
import Foundation
import ISO7816
import Identifiers
import LicenseCenter
import Synchronization

/// A centre in a folder of its own below this one, with a published title and codes that were sold for it.
final class SoldCodes: Sendable {
  /// How many are sold unless somebody needs more.
  static let count = 20_000

  let center: Center
  let codes: [RetrievalCode]
  private let folder: String

  /// The file of an embedded centre's database.
  var file: String { folder + "/center/center.db" }

  /// - Parameters:
  ///   - location: where the centre's database is.
  ///   - count: how many codes are sold.
  ///   - isLarge: whether the file holds millions of others' codes, too.
  init(in location: DatabaseLocation = .file, count: Int = SoldCodes.count, isLarge: Bool = false) async throws {
    let folder = FileManager.default.currentDirectoryPath + "/.warifu-bench-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    self.folder = folder
    do {
      let passphrase = SystemRandom().octets(16)
      let made = try await CenterFolder.create(
        at: folder + "/center", name: "Measured", passphrase: Secret(copying: passphrase), cost: .test,
        database: location, random: SystemRandom(), clock: SystemClock())
      let first = try await made.open(
        passphrase: Secret(copying: passphrase), database: location, random: SystemRandom(), clock: SystemClock())
      codes = try await SoldCodes.sell(count, first, folder)
      guard isLarge else {
        center = first
        return
      }
      try first.close()
      try ManyCodes.add(to: folder + "/center/center.db", besides: count)
      center = try await made.open(
        passphrase: Secret(copying: passphrase), database: location, random: SystemRandom(), clock: SystemClock())
    } catch {
      try? FileManager.default.removeItem(atPath: folder)
      throw error
    }
  }

  deinit {
    try? center.close()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// Issues a card, publishes a title, and sells codes for it on sheets.
  private static func sell(_ count: Int, _ center: Center, _ folder: String) async throws -> [RetrievalCode] {
    let made = try EmulatedCard.inMemory(random: SystemRandom())
    let serial = made.production.serial
    try await center.cardIssuer.register(
      try ProductionRecord(
        cardSerial: serial, moduleType: "WARIFU-E", productionNumber: "1", producedAt: 1_700_000_000,
        transportKeys: made.production.transportKeys))
    let order = try CardIssueOrder(
      cardSerial: serial, purchaser: "P", maximumCodes: UInt32(count), generationKeys: [1])
    _ = try await center.cardIssuer.issue(order, over: try CardAtHand(made.card))
    let title = try await center.titles.register(
      name: "Hanafuda", version: "1.0", type: .program, seller: "S", price: Money(minorUnits: 300, currency: .yen))
    try Data("cards of flowers".utf8).write(to: URL(fileURLWithPath: folder + "/title"))
    _ = try await center.titleStore.publish(title.softwareID, from: folder + "/title")
    var codes: [RetrievalCode] = []
    while codes.count < count {
      guard let operationID = OperationID(octets: SystemRandom().octets(OperationID.octetCount)) else { continue }
      let sheet = try await center.rightsSeller.sell(
        SealSheetOrder(
          operationID: operationID, cardSerial: serial, softwareID: title.softwareID,
          quantity: SealSheetOrder.maximumQuantity, url: "https://shop.example/redeem"))
      try await center.rightsSeller.confirmPrinted(sheet.number)
      codes += sheet.codes
    }
    return codes
  }

  /// Redeems one code as a request does, with its answer kept under a new idempotency key.
  ///
  /// - Parameter center: this centre, or the same one on another handle to its database.
  func redeem(_ number: Int, at center: Center) async throws {
    guard codes.indices.contains(number), let key = IdempotencyKey(octets: SystemRandom().octets(16)) else {
      throw MeasurementError("There are \(codes.count) codes, and not number \(number).")
    }
    let code = codes[number]
    let redemption = center.redemption
    let request = try redemption.prepare(
      RedemptionRequest(code: code, key: key, client: RedeemingClient(address: "192.0.2.1")))
    _ = try await center.idempotency.run(scope: "", key: key, digest: Digest.sha256(code.octets)) { transaction in
      guard case .granted(let grant) = try redemption.begin(request, in: transaction) else {
        throw MeasurementError("Code \(number) was refused.")
      }
      return (201, grant.ticket.octets + grant.digest)
    }
  }

  /// What makes every code as it was when it was sold. Records of the audit log stay.
  static let renewal = [
    "UPDATE codes SET state = 'unused' WHERE id IN (SELECT code FROM redemptions)", "DELETE FROM redemptions",
    "DELETE FROM idempotent_answers",
  ]
}

/// A card in a reader beside the centre.
private final class CardAtHand: CardRelay {
  private let connection: CardConnection

  init(_ card: EmulatedCard) throws { connection = try CardConnection(card) }

  func exchange(_ command: CommandAPDU) async throws -> ResponseAPDU {
    try connection.exchange(command, operation: "Issuing a card")
  }
}

/// 256 callers at once.
enum Callers {
  static let count = 256

  /// Has all callers do so many operations between them, each its next one when its last one is answered.
  ///
  /// - Parameter operation: is told the number of each, from 0.
  static func perform(
    _ count: Int, _ operation: @escaping @Sendable (_ number: Int) async throws -> Void
  ) async throws -> Duration {
    let numbers = Numbers()
    return try await ContinuousClock().measure {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<Callers.count {
          group.addTask {
            while true {
              let number = numbers.next()
              guard number < count else { return }
              try await operation(number)
            }
          }
        }
        try await group.waitForAll()
      }
    }
  }

  /// One after the other, each for one caller.
  private final class Numbers: Sendable {
    private let counter = Atomic(0)

    func next() -> Int { counter.wrappingAdd(1, ordering: .relaxed).oldValue }
  }
}
