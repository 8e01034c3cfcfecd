import CardDriver
import Dispatch
import ISO7816
import Testing

/// Readers and cards that come and go.
@Suite struct PCSCMonitorTests {
  private static let patience = ReaderMonitor.Backoff(first: .milliseconds(1), longest: .milliseconds(4))

  private func monitor(_ library: MockLibrary) throws -> ReaderMonitor {
    try ReaderMonitor(library, backoff: PCSCMonitorTests.patience)
  }

  private func reader(_ state: Reader.State, _ name: String = "Reader") -> Reader {
    Reader(name: name, state: state, answerToReset: state.hasCard ? [0x3B, 0x00] : nil)
  }

  @Test func theFirstEventIsWhatIsThere() throws {
    let library = MockLibrary(slots: ["A": .init(flags: .empty), "B": .init(flags: .present)])
    #expect(try monitor(library).next() == .snapshot([reader(.empty, "A"), reader(.present, "B")]))
    #expect(library.calls.prefix(3) == ["establish", "list 1", "look 1"])
  }

  @Test func noReaderIsASnapshotToo() throws {
    let library = MockLibrary(slots: [:])
    let monitor = try monitor(library)
    #expect(try monitor.next() == .snapshot([]))
    library.next { library, states in
      library.set("New", .init(flags: .present))
      states[0].event = .changed
      return .success
    }
    #expect(try monitor.next() == .readerAdded(reader(.present, "New")))
  }

  @Test func cardsComeAndGo() throws {
    let library = MockLibrary(slots: ["Reader": .init(flags: .empty)])
    let monitor = try monitor(library)
    _ = try monitor.next()
    for (flags, count, event): (ReaderFlags, UInt16, ReaderEvent) in [
      (.present, 1, .cardInserted(reader(.present))),
      ([.present, .inUse], 1, .stateChanged(reader(.inUse))),
      ([.present, .exclusive], 1, .stateChanged(reader(.exclusive))),
      (.empty, 2, .cardRemoved(reader(.empty))),
      ([.present, .mute], 3, .cardInserted(reader(.mute))),
    ] {
      library.next { library, states in
        library.set("Reader", .init(flags: flags.counting(count)))
        return library.fill(&states)
      }
      #expect(try monitor.next() == event)
    }
    // One look at the start, then nothing but waits: no polling.
    #expect(library.calls.count { $0.hasPrefix("look") } == 1 && library.calls.count { $0.hasPrefix("wait") } == 5)
  }

  /// What the monitor believes goes back to the service, so that nothing between two waits is lost.
  @Test func beliefsGoBackWithTheirCounter() throws {
    let library = MockLibrary(slots: ["Reader": .init(flags: .present.counting(5))])
    let monitor = try monitor(library)
    _ = try monitor.next()
    library.next { library, states in
      #expect(states.map(\.name) == ["Reader", ReaderState.notificationName])
      #expect(states[0].current.eventCounter == 5 && states[0].current.contains(.present))
      library.set("Reader", .init(flags: .present.counting(7)))
      return library.fill(&states)
    }
    #expect(try monitor.next() == .cardRemoved(reader(.empty)))
    #expect(try monitor.next() == .cardInserted(reader(.present)))
  }

  @Test(arguments: [UInt16(0), 0xFFFF]) func aCardThatCameAndWentIsTold(_ counter: UInt16) throws {
    let library = MockLibrary(slots: ["Reader": .init(flags: .empty.counting(counter))])
    let monitor = try monitor(library)
    _ = try monitor.next()
    library.next { library, states in
      library.set("Reader", .init(flags: .empty.counting(counter &+ 2)))
      return library.fill(&states)
    }
    #expect(try monitor.next() == .cardInserted(Reader(name: "Reader", state: .present)))
    #expect(try monitor.next() == .cardRemoved(reader(.empty)))
  }

  @Test func readersComeAndGo() throws {
    let library = MockLibrary(slots: ["A": .init(flags: .empty)])
    let monitor = try monitor(library)
    _ = try monitor.next()
    library.next { library, states in
      library.set("B", .init(flags: .present))
      library.fill(&states)
      states[states.count - 1].event = ReaderFlags.changed.counting(2)
      return .success
    }
    #expect(try monitor.next() == .readerAdded(reader(.present, "B")))
    library.next { library, states in
      #expect(states.last?.current == ReaderFlags.unaware.counting(2))
      library.set("A", nil)
      return library.fill(&states)
    }
    #expect(try monitor.next() == .readerRemoved("A"))
  }

  /// The library takes 16 readers and no more, the pseudo reader for all of them included.
  @Test func sixteenReadersLeaveNoRoomForAnother() throws {
    let names = (10..<26).map { "R\($0)" }
    let library = MockLibrary(slots: Dictionary(uniqueKeysWithValues: names.map { ($0, .init(flags: .empty)) }))
    let monitor = try monitor(library)
    _ = try monitor.next()
    library.next { library, states in
      #expect(states.map(\.name) == names)
      library.set("R12", .init(flags: .present.counting(1)))
      return library.fill(&states)
    }
    #expect(try monitor.next() == .cardInserted(reader(.present, "R12")))
  }

  @Test(arguments: [ReturnCode.noService, .serviceStopped, .invalidHandle, .communicationError])
  func aLostServiceIsAwaited(_ code: ReturnCode) throws {
    let library = MockLibrary()
    let monitor = try monitor(library)
    _ = try monitor.next()
    library.next { _, _ in code }
    #expect(try monitor.next() == .serviceLost)
    library.inject(.establishContext, .noService, .noService, .noService)
    library.set("Reader", .init(flags: .empty))
    #expect(try monitor.next() == .snapshot([reader(.empty)]))
    #expect(library.calls.count { $0 == "establish" } == 5 && library.calls.contains("release 1"))
  }

  @Test func whatNoRestartMendsIsThrown() throws {
    let library = MockLibrary()
    let monitor = try monitor(library)
    library.inject(.listReaders, .noMemory)
    let error = #expect(throws: CardTransportError.self) { try monitor.next() }
    #expect(error?.code == .protocolViolation)
    #expect(try monitor.next() == .snapshot([reader(.present)]))
  }

  @Test func cancellingEndsTheWait() async throws {
    let library = MockLibrary()
    let monitor = try monitor(library)
    _ = try monitor.next()
    DispatchQueue.global().async {
      _ = library.eventually("wait 1")
      monitor.cancel()
    }
    let error = #expect(throws: CardTransportError.self) { try monitor.next() }
    #expect(error?.code == .cancelled)
    #expect(throws: CardTransportError.self) { try monitor.next() }
  }

  @Test func cancellingEndsTheWaitForTheServiceToo() throws {
    let library = MockLibrary()
    let monitor = try ReaderMonitor(library, backoff: .init(first: .seconds(600), longest: .seconds(600)))
    _ = try monitor.next()
    library.next { _, _ in .noService }
    _ = try monitor.next()
    for _ in 0..<10 { library.inject(.establishContext, .noService) }
    DispatchQueue.global().async {
      _ = library.eventually("establish", count: 2)
      monitor.cancel()
    }
    let error = #expect(throws: CardTransportError.self) { try monitor.next() }
    #expect(error?.code == .cancelled)
  }
}
