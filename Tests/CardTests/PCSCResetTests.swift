import CardDriver
import ISO7816
import Testing

/// Resets, ours and others', and the protocol that is negotiated after each, over a service that does what it is told.
@Suite struct PCSCResetTests {
  private static let command: [UInt8] = [0x00, 0xA4, 0x04, 0x00]

  private func transport(_ library: MockLibrary) throws -> ReaderTransport {
    let transport = try ReaderTransport(library, reader: "Reader", sharing: .shared)
    _ = library.takeCalls()
    return transport
  }

  /// The error of a command.
  private func failure(_ transport: ReaderTransport) -> CardTransportError? {
    #expect(throws: CardTransportError.self) { try transport.transmit(Self.command) }
  }

  // MARK: Reset

  @Test func resetTellsTheAnswerAndForgetsState() throws {
    let library = MockLibrary()
    do {
      let transport = try transport(library)
      _ = try transport.transmit(Self.command)
      #expect(try transport.reset() == [0x3B, 0x00])
      #expect(library.takeCalls() == ["transmit T=1 00A40400", "begin", "reconnect reset", "status", "end leave"])
    }
    #expect(library.calls == ["disconnect leave", "release 1"])
  }

  @Test func anotherResetWhileOursIsReadOutIsAsGood() throws {
    let library = MockLibrary()
    library.inject(.status, .resetCard, .resetCard)
    #expect(try transport(library).reset() == [0x3B, 0x00])
    let expected = [
      "begin", "reconnect reset", "status", "reconnect leave", "status", "reconnect leave", "status", "end leave",
    ]
    #expect(Array(library.calls.prefix(8)) == expected)
  }

  /// Somebody else's reset takes our state: that is told until we begin again, and nothing is sent by itself.
  @Test func aForeignResetIsToldUntilWeBeginAgain() throws {
    let library = MockLibrary()
    let transport = try transport(library)
    _ = try transport.transmit(Self.command)
    library.inject(.transmit, .resetCard, .resetCard)
    for _ in 0..<2 {
      let error = failure(transport)
      #expect(error?.code == .cardWasReset && error?.cardMayHaveChanged == false)
    }
    #expect(library.takeCalls().allSatisfy { $0.hasPrefix("transmit") })
    _ = try transport.reset()
    #expect(try transport.transmit(Self.command) == [0x90, 0x00])
  }

  @Test func aForeignResetBeforeOurFirstCommandIsNobodysLoss() throws {
    let library = MockLibrary()
    let transport = try transport(library)
    library.inject(.transmit, .resetCard)
    #expect(try transport.transmit(Self.command) == [0x90, 0x00])
    #expect(library.calls == ["transmit T=1 00A40400", "reconnect leave", "transmit T=1 00A40400"])
  }

  /// pcscd 1.9.9 asks whether a reset is allowed and only then waits for the reader: in a turn of our own, ours comes into
  /// nobody's transaction, and what others did meanwhile makes no difference to it.
  @Test func aResetHasItsTurn() throws {
    let library = MockLibrary()
    let transport = try transport(library)
    _ = try transport.transmit(Self.command)
    _ = library.takeCalls()
    library.inject(.beginTransaction, .resetCard)
    _ = try transport.reset()
    let expected = ["begin", "reconnect leave", "begin", "reconnect reset", "status", "end leave"]
    #expect(library.takeCalls() == expected)
    library.inject(.status, .removedCard)
    #expect(throws: CardTransportError.self) { try transport.reset() }
    #expect(library.calls.last == "end leave")
  }

  // MARK: Protocols

  /// Amid somebody else's reset there is no protocol: the service agrees to none, or says that ours does not match.
  @Test func waitsForAProtocol() throws {
    let library = MockLibrary(.t0)
    library.inject(.connect, .protocolMismatch, .success)
    library.inject(.reconnect, .protocolMismatch, .success)
    library.agree(to: [], [], .t0)
    let transport = try ReaderTransport(library, reader: "Reader", sharing: .shared)
    #expect(
      library.takeCalls() == [
        "establish", "connect Reader shared", "connect Reader shared", "reconnect leave", "reconnect leave",
        "reconnect leave", "control 42000d48 ",
      ])
    library.agree(to: [])
    _ = try transport.reset()
    #expect(library.takeCalls() == ["begin", "reconnect reset", "reconnect leave", "status", "end leave"])
    #expect(transport.limits.transmissionProtocol == .t0)
  }

  @Test func waitsForAProtocolNotForEver() throws {
    let library = MockLibrary()
    for _ in 0..<1_000 { library.inject(.connect, .protocolMismatch) }
    let error = #expect(throws: CardTransportError.self) {
      try ReaderTransport(library, reader: "Reader", sharing: .shared)
    }
    #expect(error?.code == .unresponsive && library.calls.last == "release 1")
  }

  /// A mismatch is the only trace of a reset that we were told of before it happened.
  @Test func aProtocolThatIsGoneIsAForeignReset() throws {
    let library = MockLibrary()
    let transport = try transport(library)
    library.inject(.transmit, .protocolMismatch)
    #expect(try transport.transmit(Self.command) == [0x90, 0x00])
    #expect(library.takeCalls() == ["transmit T=1 00A40400", "reconnect leave", "transmit T=1 00A40400"])
    library.inject(.transmit, .protocolMismatch)
    for _ in 1...2 {
      let error = failure(transport)
      #expect(error?.code == .cardWasReset && error?.cardMayHaveChanged == false)
    }
    #expect(library.takeCalls() == ["transmit T=1 00A40400", "disconnect reset", "release 1"])
    _ = try transport.reset()
    #expect(try transport.transmit(Self.command) == [0x90, 0x00])
  }
}
