import Formats
import Foundation
import Identifiers
import Testing

@testable import LicenseCenter

/// The simulated processor keeps every promise of ``PaymentProcessor``, over restarts.
@Suite struct SimulatedProcessorTests {
  private static let amount = Money(minorUnits: 1200, currency: .yen)

  private func operation(_ octet: UInt8) throws -> OperationID {
    try #require(OperationID(octets: [UInt8](repeating: octet, count: 16)))
  }

  /// A processor in a database of its own, which `restart` opens anew.
  private final class Office {
    let path: String
    private(set) var database: SQLiteDatabase
    var processor: SimulatedProcessor { SimulatedProcessor(database: database) }

    init() async throws {
      path = FileManager.default.temporaryDirectory.appending(path: "warifu-processor-\(UUID().uuidString)").path
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      database = try await SQLiteDatabase(path: path + "/p.db")
    }

    func restart() async throws {
      try database.close()
      database = try await SQLiteDatabase(path: path + "/p.db")
    }

    deinit {
      try? database.close()
      try? FileManager.default.removeItem(atPath: path)
    }
  }

  private func heard(_ body: () async throws -> PaymentAnswer) async throws -> PaymentAnswer? {
    do { return try await body() } catch PaymentFailure.timedOut { return nil }
  }

  /// Each way that `authorise` can go, what is heard of the first three tries, and where the payment then stands.
  @Test(
    arguments: [
      ([], [.approved, .approved, .approved], .authorised),
      ([.decline], [.declined(.refused), .declined(.refused), .declined(.refused)], .declined),
      ([.expired], [.declined(.expired), .declined(.expired), .declined(.expired)], .declined),
      ([.timeOut], [nil, .approved, .approved], .authorised),
      ([.answerLost, .answerLost], [nil, nil, .approved], .authorised),
      ([.answerLost, .decline], [nil, .approved, .approved], .authorised),
      ([.timeOut, .decline], [nil, .declined(.refused), .declined(.refused)], .declined),
    ] as [([SimulatedMethod.Turn], [PaymentAnswer?], PaymentStanding.State)])
  func theFirstEffectDecides(
    _ turns: [SimulatedMethod.Turn], _ answers: [PaymentAnswer?], _ state: PaymentStanding.State
  ) async throws {
    let office = try await Office()
    let payment = try operation(1)
    let method = try #require(SimulatedMethod(authorise: turns).method)
    for answer in answers {
      let said = try await heard {
        try await office.processor.authorise(payment, SimulatedProcessorTests.amount, from: method)
      }
      #expect(said == answer)
      try await office.restart()
    }
    #expect(
      try await office.processor.standing(of: payment)
        == PaymentStanding(state: state, amount: SimulatedProcessorTests.amount))
    let isAuthorised = state == .authorised
    #expect(
      try await office.processor.capture(payment)
        == (isAuthorised ? .approved : .declined(answers.last.flatMap { $0?.reason } ?? .refused)))
  }

  @Test func captureAndVoidExcludeEachOther() async throws {
    let office = try await Office()
    let (processor, method) = (office.processor, try #require(SimulatedMethod().method))
    let (captured, voided, unheard) = (try operation(1), try operation(2), try operation(3))
    for payment in [captured, voided] {
      #expect(try await processor.authorise(payment, SimulatedProcessorTests.amount, from: method) == .approved)
    }
    for _ in 0..<2 {
      #expect(try await processor.capture(captured) == .approved)
      #expect(try await processor.void(captured) == .declined(.impossible))
      #expect(try await processor.void(voided) == .approved)
      #expect(try await processor.capture(voided) == .declined(.impossible))
      #expect(try await processor.void(unheard) == .approved)
      #expect(
        try await processor.authorise(unheard, SimulatedProcessorTests.amount, from: method) == .declined(.impossible))
    }
    #expect(try await processor.capture(try operation(4)) == .declined(.impossible))
    #expect(try await processor.standing(of: try operation(4)) == nil)
    let other = Money(minorUnits: 1, currency: .yen)
    #expect(try await processor.authorise(captured, other, from: method) == .declined(.impossible))
  }

  @Test func refundsAreAtMostThePaymentAndOnceEach() async throws {
    let office = try await Office()
    let method = try #require(SimulatedMethod(refund: [.answerLost]).method)
    let payment = try operation(1)
    _ = try await office.processor.authorise(payment, SimulatedProcessorTests.amount, from: method)
    let half = Money(minorUnits: 600, currency: .yen)
    #expect(try await office.processor.refund(try operation(9), half, of: payment) == .declined(.impossible))
    _ = try await office.processor.capture(payment)
    for refund in [try operation(10), try operation(11)] {
      #expect(try await heard { try await office.processor.refund(refund, half, of: payment) } == nil)
      try await office.restart()
      #expect(try await office.processor.refund(refund, half, of: payment) == .approved)
      #expect(try await office.processor.refund(refund, half, of: payment) == .approved)
    }
    let more = try operation(12)
    #expect(try await heard { try await office.processor.refund(more, half, of: payment) } == nil)
    #expect(try await office.processor.refund(more, half, of: payment) == .declined(.impossible))
    #expect(try await office.processor.standing(of: payment)?.refunded == 1200)
  }

  @Test(arguments: [
    "simulated", "simulated:authorise=time-out,answer-lost;capture=decline", "simulated:void=expired",
    "simulated:refund=approve,decline",
  ])
  func tokensAreReadAsTheyAreWritten(_ token: String) throws {
    #expect(try #require(SimulatedMethod(token: token)).token == token)
  }

  @Test(arguments: [
    "", "visa", "simulated:", "simulated:authorise", "simulated:authorise=", "simulated:authorise=x",
    "simulated:authorise=approve;authorise=decline", "simulated:steal=approve", "simulated2",
  ])
  func otherTokensAreSomebodyElses(_ token: String) {
    #expect(SimulatedMethod(token: token) == nil)
  }
}

extension PaymentAnswer {
  fileprivate var reason: PaymentDecline? { if case .declined(let reason) = self { reason } else { nil } }
}
