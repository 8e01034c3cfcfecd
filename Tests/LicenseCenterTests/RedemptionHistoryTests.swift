import Formats
import TestSupport
import Testing

@testable import LicenseCenter

/// Random histories of everything that can happen to codes, held against a model of a few lines.
@Suite(.onEveryEngine) struct RedemptionHistoryTests {
  /// What a seat must look like.
  private struct Seat {
    var key: IdempotencyKey
    var ticket: DownloadTicket
    var delivered: UInt64 = 0
    var isDone = false
  }

  /// What a code, or a code for copying, must look like.
  private struct Model {
    var code: RetrievalCode
    var room = 1
    var seats: [Seat] = []
    /// For a code for copying, the index of the code that it comes from.
    var parent: Int?
    var isVoided = false
    var hasCopies = false
  }

  @Test func P17_anyHistoryIsThatOfTheModel() async throws {
    var random = Randomness("histories of codes")
    for _ in 0..<random.soak(2, full: 40) {
      let bench = try await RedemptionBench(codes: 6, octets: 300)
      try await bench.center.copyRights.permit(3, of: bench.title.softwareID)
      var models = bench.codes.map { Model(code: $0) }
      for step in 0..<random.soak(150, full: 600) {
        let index = Int.random(in: 0..<models.count, using: &random.generator)
        try await act(bench, &models, index, &random, "step \(step), seed \(random.seed)")
      }
      try await check(bench, models)
    }
  }

  /// One thing that somebody does to the code at `index`.
  private func act(
    _ bench: RedemptionBench, _ models: inout [Model], _ index: Int, _ random: inout Randomness, _ comment: Comment
  ) async throws {
    let model = models[index]
    let isDead = model.isVoided || model.parent.map { models[$0].isVoided } ?? false
    let seat = model.seats.indices.randomElement(using: &random.generator)
    switch Int.random(in: 0..<20, using: &random.generator) {
    case 0..<7:
      let key = bench.key()
      let grant = try await bench.begin(model.code, key)
      #expect((grant != nil) == (!isDead && model.seats.count < model.room), comment)
      if let grant { models[index].seats.append(Seat(key: key, ticket: grant.ticket)) }
    case 7..<9:
      guard let seat else { return }
      let grant = try await bench.begin(model.code, model.seats[seat].key)
      #expect(grant?.ticket == (isDead ? nil : model.seats[seat].ticket), comment)
    case 9..<16:
      guard let seat else { return }
      models[index].seats[seat] = try await goOn(bench, model.seats[seat], isDead, comment)
    case 16..<18:
      guard let seat, !model.seats[seat].isDone, !isDead else { return }
      try await bench.center.seatRecovery.giveUp(model.seats[seat].ticket)
      models[index].seats.remove(at: seat)
    case 18:
      guard let seat = model.seats.first, seat.isDone, model.parent == nil, !isDead, !model.hasCopies else { return }
      let copies = Int.random(in: 1...3, using: &random.generator)
      let right = try await bench.center.copyRights.set(seat.ticket, copies: copies)
      models[index].hasCopies = true
      models.append(Model(code: right.code, room: copies, parent: index))
    default:
      guard model.parent == nil, Int.random(in: 0..<4, using: &random.generator) == 0 else { return }
      try await bench.center.seatRecovery.retire(model.code)
      models[index].isVoided = true
    }
  }

  /// A client asks for the next octets, or says that it has the last.
  private func goOn(
    _ bench: RedemptionBench, _ seat: Seat, _ isDead: Bool, _ comment: Comment
  ) async throws -> Seat {
    var seat = seat
    let redemption = bench.center.redemption
    guard !isDead else {
      await expectFailure(.refused, comment) { _ = try await redemption.open(seat.ticket, range: 0..<1) }
      return seat
    }
    let progress = try await redemption.progress(seat.ticket)
    #expect(progress.delivered == seat.delivered && progress.isDone == seat.isDone, comment)
    if seat.delivered < progress.octets {
      let end = min(seat.delivered + 150, progress.octets)
      _ = try await redemption.open(seat.ticket, range: seat.delivered..<end)
      seat.delivered = end
    } else {
      seat.isDone = true
      #expect(try await redemption.acknowledge(seat.ticket, upTo: progress.octets).isDone, comment)
    }
    return seat
  }

  /// The books say what the model says.
  private func check(_ bench: RedemptionBench, _ models: [Model]) async throws {
    for model in models where model.parent == nil {
      let expected: CodeSaleState =
        if model.isVoided {
          .voided
        } else if let seat = model.seats.first {
          seat.isDone ? .used : .inUse
        } else {
          .unused
        }
      #expect(try await bench.state(model.code) == expected)
    }
    for model in models where model.parent != nil {
      let isDead = model.parent.map { models[$0].isVoided } ?? false
      let done = try await bench.center.seatRecovery.seats(of: model.code).filter(\.isDone).count
      #expect(done == model.seats.filter(\.isDone).count)
      if !isDead { #expect(try await bench.center.seatRecovery.seats(of: model.code).count == model.seats.count) }
    }
    let taken = try await bench.test.count(
      """
      SELECT 1 FROM copy_rights r
      WHERE taken <> (SELECT COUNT(*) FROM redemptions d WHERE d.copy_right = r.id AND d.state <> 'recovered')
      """)
    #expect(taken == 0)
    _ = try await bench.center.verify()
  }
}
