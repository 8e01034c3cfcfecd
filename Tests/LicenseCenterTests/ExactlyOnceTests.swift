import CardDriver
import CardEmulator
import CardFirmware
import Cryptography
import Formats
import Identifiers
import TestSupport
import Testing

@testable import LicenseCenter

/// Charging over a line on which anything may happen to any message: the ledger and the card agree, and the price is
/// taken once.
@Suite(.onEveryEngine) struct ExactlyOnceTests {
  /// Codes of one charge: as many as make STORE DATA of several blocks.
  private static let quantity: UInt16 = 12
  private static let price: Int64 = 7

  /// A centre and an issued card.
  private struct Shop {
    let test: TestCenter
    let card: EmulatedCard
    let serial: CardSerial

    init() async throws {
      test = try await TestCenter()
      (card, serial) = try await test.registeredCard(.standard)
      let order = try CardIssueOrder(
        cardSerial: serial, purchaser: "Suzuki", maximumCodes: 1_000_000, generationKeys: [1])
      _ = try await test.center.cardIssuer.issue(order, over: try FaultyLine(card))
    }

    /// An order for a title that nobody else buys, so that its codes can be told from all others.
    func order() async throws -> ChargeOrder {
      let title = try await test.center.titles.register(
        name: "t", version: "1", type: .data, seller: "S",
        price: Money(minorUnits: ExactlyOnceTests.price, currency: .yen))
      return try ChargeOrder(
        operationID: try test.operationID(), cardSerial: serial, softwareID: title.softwareID,
        quantity: ExactlyOnceTests.quantity)
    }

    /// Runs the order; whatever the line did, the centre says something that it knows.
    func charge(_ order: ChargeOrder, over line: FaultyLine) async throws -> ChargeOutcome? {
      do {
        return try await test.center.charging.charge(order, over: line)
      } catch {
        try #require([.cardUnreachable, .notCertified, .cardRefused, .conflict].contains(error.code), "\(error)")
        return nil
      }
    }

    /// What is on the card and in the books for an order that is closed.
    func check(_ order: ChargeOrder, _ comment: Comment) async throws -> ChargeOutcome.State {
      let found = try await test.center.charging.outcome(of: order.operationID)
      let outcome = try #require(found, comment)
      let isBooked = outcome.state == .booked
      #expect(isBooked || outcome.state == .voided, comment)
      let codes = try WarifuCard(CardConnection(card)).codes().filter { $0.softwareID == order.softwareID }
      #expect(codes.count == (isBooked ? Int(ExactlyOnceTests.quantity) : 0), comment)
      let paid = try await test.center.ledger.statement(of: .holder(serial), in: .yen)
        .filter { $0.operation == "charge:\(order.operationID)" }.map(\.amount.minorUnits)
      #expect(paid == (isBooked ? [-ExactlyOnceTests.price * Int64(ExactlyOnceTests.quantity)] : []), comment)
      return outcome.state
    }

    /// Card and books count the same charges.
    func checkCounters(booked: Int) async throws {
      let status = try WarifuCard(CardConnection(card)).status()
      let record = try await test.center.cardIssuer.card(serial)
      #expect(Int(status.chargeCounter) == booked)
      #expect(Int(status.codesEverCharged) == booked * Int(ExactlyOnceTests.quantity))
      #expect(record.codesSold == UInt32(booked) * UInt32(ExactlyOnceTests.quantity))
      let total = Int64(booked) * Int64(ExactlyOnceTests.quantity) * ExactlyOnceTests.price
      #expect(try await test.balance(.holder(serial)) == -total)
      #expect(try await test.balance(.seller("S")) == total)
      #expect(try await test.count("SELECT id FROM charges WHERE state = 'open'") == 0)
      _ = try await test.center.verify()
    }
  }

  /// Each kind of fault at each message of a charge, then the same operation over an honest line.
  @Test(arguments: LineFault.allCases)
  func P6_oneFaultAtEveryMessage(_ kind: LineFault) async throws {
    let shop = try await Shop()
    var booked = 0
    var index = 0
    while true {
      let order = try await shop.order()
      let line = try FaultyLine(shop.card, kind, at: index)
      let first = try await shop.charge(order, over: line)
      shop.card.plan(StorageFaults())
      let again = try await shop.charge(order, over: try FaultyLine(shop.card))
      if let first, first.state == .booked { #expect(again == first, "\(kind) at \(index)") }
      let state = try await shop.check(order, "\(kind) at \(index)")
      if kind.cutsTheLine { #expect(state == .booked, "\(kind) at \(index)") }
      if state == .booked { booked += 1 }
      guard line.hasFailed else { break }
      index += 1
    }
    #expect(index >= 8, "a charge has so many messages")
    #expect(booked > 0)
    try await shop.checkCounters(booked: booked)
  }

  /// The last message breaks, then each kind of fault at each message of what settles the charge.
  @Test(arguments: [LineFault.requestLost, .responseLost], LineFault.allCases)
  func P6_secondFaultWhileTheFirstIsSettled(_ first: LineFault, _ second: LineFault) async throws {
    let shop = try await Shop()
    let whole = try FaultyLine(shop.card)
    _ = try await shop.charge(try await shop.order(), over: whole)
    var booked = 1
    var index = 0
    while true {
      let order = try await shop.order()
      _ = try await shop.charge(order, over: try FaultyLine(shop.card, first, at: whole.exchanges - 1))
      let line = try FaultyLine(shop.card, second, at: index)
      _ = try await shop.charge(order, over: line)
      shop.card.plan(StorageFaults())
      _ = try await shop.charge(order, over: try FaultyLine(shop.card))
      let state = try await shop.check(order, "\(first), then \(second) at \(index)")
      if second.cutsTheLine { #expect(state == .booked, "\(first), then \(second) at \(index)") }
      if state == .booked { booked += 1 }
      guard line.hasFailed else { break }
      index += 1
    }
    #expect(index >= 6, "what settles a charge has so many messages")
    try await shop.checkCounters(booked: booked)
  }

  /// The power fails at every write of a charge while the line is honest.
  @Test func P6_powerCutAtEveryWrite() async throws {
    let shop = try await Shop()
    var booked = 0
    var writes = 0
    while true {
      let order = try await shop.order()
      let first = try await shop.charge(order, over: try FaultyLine(shop.card, .powerCut, cutAfter: writes))
      shop.card.plan(StorageFaults())
      let again = try await shop.charge(order, over: try FaultyLine(shop.card))
      #expect(again?.state == .booked, "cut after \(writes) writes")
      #expect(try await shop.check(order, "cut after \(writes) writes") == .booked)
      booked += 1
      guard first == nil else { break }
      writes += 1
    }
    #expect(writes > 2, "a charge has so many writes")
    try await shop.checkCounters(booked: booked)
  }

  /// Many faults of all kinds in a row, in one operation after another.
  @Test func P6_anyFaultsInAnyOrder() async throws {
    var random = Randomness("faults on the line to a card")
    let operations = random.soak(60, full: 2_000)
    var shop = try await Shop()
    var booked = 0
    for operation in 0..<operations {
      if booked >= 80 {
        try await shop.checkCounters(booked: booked)
        (shop, booked) = (try await Shop(), 0)
      }
      let order = try await shop.order()
      var faults: [String] = []
      for _ in 0..<Int.random(in: 1...6, using: &random.generator) {
        let kind = LineFault.allCases.randomElement(using: &random.generator)
        let index = Int.random(in: 0..<14, using: &random.generator)
        let cutAfter = Int.random(in: 0..<4, using: &random.generator)
        faults.append("\(kind.map { "\($0)" } ?? "none") at \(index), \(cutAfter)")
        _ = try await shop.charge(order, over: try FaultyLine(shop.card, kind, at: index, cutAfter: cutAfter))
        shop.card.plan(StorageFaults())
      }
      _ = try await shop.charge(order, over: try FaultyLine(shop.card))
      let comment: Comment = "operation \(operation): \(faults)"
      if try await shop.check(order, comment) == .booked { booked += 1 }
    }
    try await shop.checkCounters(booked: booked)
  }
}

extension LineFault {
  /// Whether the line only breaks, and nobody on it makes anything up: then an order is never refused.
  fileprivate var cutsTheLine: Bool {
    switch self {
    case .requestLost, .responseLost, .requestAndPowerLost, .responseAndPowerLost, .powerCut: true
    case .requestRepeated, .requestEchoed, .responseStale, .earlierReplayed, .requestOvertaken, .responseAltered,
      .responseStripped, .successInvented:
      false
    }
  }
}
