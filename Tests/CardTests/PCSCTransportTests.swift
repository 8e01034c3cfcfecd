import CardDriver
import Foundation
import ISO7816
import Testing

/// A connection to a card over a service that does what it is told.
@Suite struct PCSCTransportTests {
  private static let command: [UInt8] = [0x00, 0xA4, 0x04, 0x00]

  private func transport(
    _ library: MockLibrary, _ sharing: ShareMode = .shared, timeout: Duration? = nil,
    cancellation: Cancellation = Cancellation()
  ) throws -> ReaderTransport {
    let transport = try ReaderTransport(
      library, reader: "Reader", sharing: sharing, timeout: timeout, cancellation: cancellation)
    _ = library.takeCalls()
    return transport
  }

  /// The error of a command.
  private func failure(_ transport: ReaderTransport) -> CardTransportError? {
    #expect(throws: CardTransportError.self) { try transport.transmit(Self.command) }
  }

  // MARK: Connecting

  @Test(arguments: [(ShareMode.shared, "shared"), (.exclusive, "exclusive")])
  func connectsInAContextOfItsOwn(_ sharing: ShareMode, _ name: String) throws {
    let library = MockLibrary()
    do {
      let transport = try ReaderTransport(library, reader: "Reader", sharing: sharing)
      #expect(transport.reader == "Reader")
    }
    // Nothing was sent, so nothing is taken from the card.
    let expected = ["establish", "connect Reader \(name)", "control 42000d48 ", "disconnect leave", "release 1"]
    #expect(library.calls == expected)
  }

  @Test func whatWasSentEndsInAReset() throws {
    let library = MockLibrary()
    do { _ = try transport(library).transmit(Self.command) }
    #expect(library.calls == ["transmit T=1 00A40400", "disconnect reset", "release 1"])
  }

  @Test(arguments: [(ProtocolSet.t0, "T=0"), (.t1, "T=1")])
  func theNegotiatedProtocolGoesWithEachCommand(_ activeProtocol: ProtocolSet, _ name: String) throws {
    let library = MockLibrary(activeProtocol)
    let transport = try transport(library)
    #expect(try transport.transmit(Self.command) == [0x90, 0x00])
    #expect(library.calls == ["transmit \(name) 00A40400"])
    #expect(transport.limits.transmissionProtocol == (activeProtocol == .t0 ? .t0 : .t1))
  }

  @Test func waitsForABusyCard() throws {
    let library = MockLibrary()
    library.inject(.connect, .sharingViolation, .sharingViolation)
    _ = try ReaderTransport(library, reader: "Reader", sharing: .shared, timeout: .seconds(60))
    #expect(library.calls.count { $0.hasPrefix("connect") } == 3)
    #expect(library.calls.filter { $0.hasPrefix("release") } == ["release 1", "release 2", "release 3"])
  }

  @Test func waitsNotForEver() throws {
    let library = MockLibrary()
    for _ in 0..<1_000 { library.inject(.connect, .sharingViolation) }
    for timeout in [nil, Duration.milliseconds(20)] {
      let error = #expect(throws: CardTransportError.self) {
        try ReaderTransport(library, reader: "Reader", sharing: .exclusive, timeout: timeout)
      }
      #expect(error?.code == .busy && error?.cardMayHaveChanged == false)
    }
  }

  /// A service that makes who connects wait for somebody else's transaction.
  @Test func aConnectionThatNeverComesIsBusy() throws {
    let library = MockLibrary()
    library.block(.connect)
    let error = #expect(throws: CardTransportError.self) {
      try ReaderTransport(library, reader: "Reader", sharing: .shared, timeout: .milliseconds(20))
    }
    #expect(error?.code == .busy && error?.cardMayHaveChanged == false)
    library.release()
    #expect(library.eventually("release 1"))
    #expect(library.calls.contains("disconnect leave"))
  }

  @Test func noServiceIsUnavailable() {
    let library = MockLibrary()
    library.inject(.establishContext, .noService)
    let error = #expect(throws: CardTransportError.self) { try ReaderContext(library) }
    #expect(error?.code == .unavailable && error?.remedy.contains("pcscd") == true)
  }

  // MARK: Transactions

  @Test(arguments: [Disposition.reset, .leave, .unpower])
  func transactionEndsAsAsked(_ disposition: Disposition) throws {
    let library = MockLibrary()
    let transport = try transport(library)
    let answer = try transport.withTransaction(endingWith: disposition) { transaction in
      try transaction.transmit(Self.command)
    }
    #expect(answer == [0x90, 0x00])
    #expect(library.calls == ["begin", "transmit T=1 00A40400", "end \(disposition)"])
  }

  @Test func transactionWithoutCommandsLeavesTheCardAlone() throws {
    let library = MockLibrary()
    try transport(library).withTransaction { _ in }
    #expect(library.calls.prefix(2) == ["begin", "end leave"])
  }

  @Test func transactionEndsWhenItsBodyFails() throws {
    struct Stop: Error {}
    let library = MockLibrary()
    let transport = try transport(library)
    #expect(throws: Stop.self) {
      try transport.withTransaction { transaction in
        _ = try transaction.transmit(Self.command)
        throw Stop()
      }
    }
    #expect(library.calls.last == "end reset")
  }

  @Test func whatATransactionLentIsDeadAfterwards() throws {
    let transport = try transport(MockLibrary())
    let kept = try transport.withTransaction { $0.transport }
    let error = #expect(throws: CardTransportError.self) { try kept.transmit(Self.command) }
    #expect(error?.code == .cardWasReset && error?.cardMayHaveChanged == false)
  }

  @Test func aResetWithinATransactionIsTold() throws {
    let library = MockLibrary()
    let transport = try transport(library)
    let error = #expect(throws: CardTransportError.self) {
      try transport.withTransaction { transaction in
        library.inject(.transmit, .resetCard)
        _ = try transaction.transmit(Self.command)
      }
    }
    #expect(error?.code == .cardWasReset && library.calls.count { $0.hasPrefix("transmit") } == 1)
  }

  @Test func stateThatWasLostBeforeATransactionIsTold() throws {
    let library = MockLibrary()
    let transport = try transport(library)
    _ = try transport.transmit(Self.command)
    library.inject(.beginTransaction, .resetCard)
    let error = #expect(throws: CardTransportError.self) { try transport.withTransaction { _ in Issue.record() } }
    #expect(error?.code == .cardWasReset && error?.cardMayHaveChanged == false)
    // Told once; the next transaction starts afresh.
    try transport.withTransaction { _ in }
    #expect(Array(library.calls.suffix(4)) == ["begin", "reconnect leave", "begin", "end leave"])
  }

  @Test func resetsBetweenOurTurnsAreNothingToUs() throws {
    let library = MockLibrary()
    let transport = try transport(library)
    try transport.withTransaction { _ = try $0.transmit(Self.command) }
    _ = library.takeCalls()
    library.inject(.beginTransaction, .resetCard, .resetCard)
    try transport.withTransaction { _ = try $0.transmit(Self.command) }
    let expected = [
      "begin", "reconnect leave", "begin", "reconnect leave", "begin", "transmit T=1 00A40400", "end reset",
    ]
    #expect(library.calls == expected)
  }

  @Test func anEndThatFailsFreesTheCardAllTheSame() throws {
    let library = MockLibrary()
    let transport = try transport(library)
    library.inject(.endTransaction, .removedCard)
    try transport.withTransaction { _ = try $0.transmit(Self.command) }
    #expect(Array(library.takeCalls().suffix(3)) == ["end reset", "disconnect reset", "release 1"])
    try transport.withTransaction { _ = try $0.transmit(Self.command) }
    #expect(library.calls.prefix(2) == ["establish", "connect Reader shared"])
  }

  // MARK: Losses

  @Test(arguments: [ReturnCode.removedCard, .noSmartCard]) func removalInMidCommand(_ code: ReturnCode) throws {
    let library = MockLibrary()
    let transport = try transport(library)
    library.inject(.transmit, code)
    let error = failure(transport)
    #expect(error?.code == .cardRemoved && error?.cardMayHaveChanged == true)
    #expect(library.calls.count == 1)
  }

  /// A driver that only says that the exchange failed: whether the card is still there tells why.
  @Test(arguments: [(ReturnCode.removedCard, CardTransportError.Code.cardRemoved), (.success, .unresponsive)])
  func aFailedExchangeIsLookedInto(_ status: ReturnCode, _ code: CardTransportError.Code) throws {
    let library = MockLibrary()
    let transport = try transport(library)
    library.inject(.transmit, .notTransacted)
    library.inject(.status, status)
    let error = failure(transport)
    #expect(error?.code == code && error?.cardMayHaveChanged == true)
  }

  @Test(arguments: [ReturnCode.noService, .serviceStopped, .communicationError])
  func aRestartOfTheServiceIsSurvived(_ code: ReturnCode) throws {
    let library = MockLibrary()
    let transport = try transport(library)
    library.inject(.transmit, code)
    let first = failure(transport)
    #expect(first?.code == .unavailable && first?.cardMayHaveChanged == true)
    // Not sent at all this time.
    let second = failure(transport)
    #expect(second?.code == .unavailable && second?.cardMayHaveChanged == false)
    #expect(library.takeCalls() == ["transmit T=1 00A40400", "disconnect reset", "release 1"])
    #expect(try transport.reset() == [0x3B, 0x00])
    #expect(try transport.transmit(Self.command) == [0x90, 0x00])
  }

  @Test func listingSurvivesARestartOfTheService() throws {
    let library = MockLibrary()
    let context = try ReaderContext(library)
    library.inject(.listReaders, .noService)
    #expect(try context.readers().map(\.name) == ["Reader"])
    #expect(library.calls == ["establish", "list 1", "release 1", "establish", "list 2", "look 2"])
    library.inject(.listReaders, .noService)
    library.inject(.establishContext, .noService)
    #expect(throws: CardTransportError.self) { try context.readers() }
  }

  // MARK: Time

  @Test func aLateCommandIsLeftBehind() throws {
    let library = MockLibrary()
    let transport = try transport(library)
    // Time enough to begin.
    transport.timeout = .seconds(2)
    library.block(.transmit)
    let error = failure(transport)
    #expect(error?.code == .timeout && error?.cardMayHaveChanged == true)
    let next = failure(transport)
    #expect(next?.code == .timeout && next?.cardMayHaveChanged == false)
    #expect(library.takeCalls() == ["begin", "transmit T=1 00A40400"])
    // It comes back after all: its connection is closed, the card reset, and a new connection works meanwhile.
    transport.timeout = .seconds(60)
    _ = try transport.reset()
    library.release()
    #expect(library.eventually("release 1"))
    #expect(library.calls.contains("disconnect reset"))
    #expect(try transport.transmit(Self.command) == [0x90, 0x00])
  }

  /// Somebody else's transaction: nothing of ours waits behind it to reach the card when nobody expects it any more.
  @Test func aCardThatSomebodyKeepsIsBusy() throws {
    for attempt in 0..<3 {
      let library = MockLibrary()
      let transport = try transport(library)
      transport.timeout = .milliseconds(30)
      library.block(.beginTransaction)
      let error = #expect(throws: CardTransportError.self) {
        switch attempt {
        case 0: try transport.beginTransaction()
        case 1: _ = try transport.transmit(Self.command)
        default: _ = try transport.reset()
        }
      }
      #expect(error?.code == .busy && error?.cardMayHaveChanged == false)
      library.release()
      #expect(library.eventually("release 1"))
      #expect(library.calls.allSatisfy { ["begin", "disconnect leave", "disconnect reset", "release 1"].contains($0) })
    }
  }

  @Test func commandsWithATimeoutClaimTheCard() throws {
    let library = MockLibrary()
    let transport = try transport(library, timeout: .seconds(60))
    _ = try transport.reset()
    _ = try transport.transmit(Self.command)
    let expected = [
      "begin", "reconnect reset", "status", "end leave", "begin", "transmit T=1 00A40400", "end leave",
    ]
    #expect(library.takeCalls() == expected)
    library.inject(.beginTransaction, .resetCard)
    let error = failure(transport)
    #expect(error?.code == .cardWasReset && error?.cardMayHaveChanged == false && library.calls == ["begin"])
  }

  @Test func transactionsDoNotNest() throws {
    let transport = try transport(MockLibrary())
    let error = #expect(throws: CardTransportError.self) {
      try transport.withTransaction { _ in try transport.withTransaction { _ in } }
    }
    #expect(error?.code == .busy)
  }

  @Test func cancellingStopsBetweenCommands() throws {
    let cancellation = Cancellation()
    let library = MockLibrary()
    let transport = try transport(library, cancellation: cancellation)
    let error = #expect(throws: CardTransportError.self) {
      try transport.withTransaction { transaction in
        _ = try transaction.transmit(Self.command)
        cancellation.cancel()
        _ = try transaction.transmit(Self.command)
      }
    }
    #expect(error?.code == .cancelled && error?.cardMayHaveChanged == false)
    // What was begun is tidied up.
    #expect(library.calls == ["begin", "transmit T=1 00A40400", "end reset"])
  }

  // MARK: Names

  @Test(arguments: [
    ("Reader A", "Reader A"), ("b 00", "Reader B 00"), ("Reader", nil), ("01", "Reader B 01"), ("none", nil),
  ])
  func readersGoByPartsOfTheirNames(_ part: String, _ name: String?) throws {
    let empty = MockLibrary.Slot(flags: .empty)
    let library = MockLibrary(slots: [
      "Reader A": empty, "Reader A too": empty, "Reader B 00": empty, "Reader B 01": empty,
    ])
    let context = try ReaderContext(library)
    #expect(try context.readers().map(\.name) == ["Reader A", "Reader A too", "Reader B 00", "Reader B 01"])
    guard let name else {
      let error = #expect(throws: CardTransportError.self) { try context.reader(matching: part) }
      #expect(error?.code == (part == "none" ? .unknownReader : .ambiguousReader))
      #expect(error?.remedy.contains("Reader B 01") == true)
      return
    }
    #expect(try context.reader(matching: part).name == name)
  }

  @Test(
    arguments: [
      (.empty, .empty), (.present, .present), ([.present, .inUse], .inUse), ([.present, .exclusive], .exclusive),
      ([.present, .mute], .mute), ([.unavailable], .unavailable), ([.unknown], .unavailable),
    ] as [(ReaderFlags, Reader.State)])
  func statesOfReaders(_ flags: ReaderFlags, _ state: Reader.State) {
    let reader = Reader(ReaderState(name: "R", event: flags.counting(7), answerToReset: [0x3B]))
    #expect(reader.state == state && (reader.answerToReset != nil) == reader.hasCard)
  }
}
