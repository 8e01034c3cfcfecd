import CardConformance
import CardDriver
import CardEmulator
import CardProtocol
import Cryptography
import Foundation
import ISO7816
import Identifiers
import Octets
import PCSCRig
import Testing

/// Cards in slots of a real pcscd: it goes and comes, they go and come, and things go wrong by plan.
@Suite(.noHang) struct PresenceTests {
  private static let status = "80:CA:00:66:00"

  /// A daemon of the test's own, since it is restarted. Its clients are other programs: libpcsclite finds one daemon a
  /// process.
  private func withDaemon<R>(_ body: (PrivateDaemon) throws -> R) throws -> R {
    let daemon = try PrivateDaemon.start(slots: 2)
    defer { daemon.stop() }
    return try body(daemon)
  }

  /// What `opensc-tool` says of readers and cards.
  private func ask(_ daemon: PrivateDaemon, _ arguments: [String]) throws -> String {
    try run("opensc-tool", arguments, environment: daemon.environment).output
  }

  /// Waits until so many cards are in readers.
  private func waitForCards(_ count: Int, _ daemon: PrivateDaemon) throws -> Bool {
    for _ in 0..<600 {
      if try ask(daemon, ["-l"]).components(separatedBy: " Yes ").count - 1 == count { return true }
      usleep(100_000)
    }
    return false
  }

  @Test func pcscdRestartedUnderneath() throws {
    try withDaemon { daemon in
      let card = try Cards.issued(.t1).card
      let insertion = try CardInsertion(card, into: .vpcd(host: "127.0.0.1", port: daemon.ports[0]))
      try insertion.start()
      defer { insertion.stop() }
      try #require(try waitForCards(1, daemon))
      // A wrong PIN is counted for good.
      let wrong = "00:20:00:81:08:39:39:39:39:39:39:39:39"
      #expect(try ask(daemon, ["-r", "0", "-s", wrong]).contains("SW1=0x63, SW2=0xC2"))
      try daemon.restart()
      try #require(try waitForCards(1, daemon))
      #expect(try ask(daemon, ["-r", "0", "-s", "00:20:00:81"]).contains("SW1=0x63, SW2=0xC2"))
      #expect(try ask(daemon, ["-r", "0", "-s", Self.status]).contains("SW1=0x90, SW2=0x00"))
    }
  }

  @Test func commandInsertsSeveralCardsAndTakesOrders() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("warifu-insert-\(UUID().uuidString)")
      .path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let environment = ["XDG_DATA_HOME": folder]
    let files = ["a", "b"].map { "\(folder)/\($0).card" }
    for file in files { try run(try warifuPath(), ["card", "new", file, "--test-keys"], environment: environment) }
    try withDaemon { daemon in
      let program = try Program(
        try warifuPath(), ["card", "insert"] + files + ["--port", "\(daemon.ports[0])", "--json"],
        environment: environment)
      var told: [String] = []
      var present: Set<String> = []
      func nextEvent() throws -> String {
        guard let line = program.readLine() else {
          Issue.record("It ended after \(told): \(try program.finish()) pcscd says:\n\(daemon.log)")
          throw CancellationError()
        }
        told.append(line)
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        #expect(object?["version"] as? Int == 1)
        let file = try #require(object?["file"] as? String)
        let event = object?["event"] as? String ?? ""
        switch event {
        case "inserted": present.insert(file)
        case "slot-taken":
          // A pcscd that does not look for five seconds seems to have another card.
          try #require(!present.contains(file) && told.count < 30, "\(told)")
          return try nextEvent()
        default: present.remove(file)
        }
        return "\(file.suffix(6)) \(event)"
      }
      #expect(try Set([nextEvent(), nextEvent()]) == ["a.card inserted", "b.card inserted"])
      try #require(try waitForCards(2, daemon))
      try program.write("eject 2\n")
      #expect(try nextEvent() == "b.card ejected")
      #expect(try waitForCards(1, daemon))
      try program.write("insert\n")
      #expect(try nextEvent() == "b.card inserted")
      #expect(try waitForCards(2, daemon))
      try daemon.restart()
      // Each tells that its reader has gone, perhaps that it waits for one, and that it is in again.
      var after: [String] = []
      while after.count(where: { $0.hasSuffix(" inserted") }) < 2 { after.append(try nextEvent()) }
      #expect(after.count { $0.hasSuffix(" reader-gone") } == 2)
      let ending = try program.finish("quit\n")
      #expect(ending.status == 0, "\(ending)")
    }
  }

  // MARK: Faults

  private func withFaultyCard<R>(_ plan: String, _ body: (KnownCardInSlot) throws -> R) throws -> R {
    try Slots.withReader { slot in
      let card = try Cards.issued(.t1).card
      let insertion = try CardInsertion(
        card, into: .vpcd(host: "127.0.0.1", port: slot.port), faults: try LineFaults(parsing: plan))
      try insertion.start()
      try PrivateDaemon.waitForCard(true, in: slot.name)
      return try slot.eject(insertion) { try body(KnownCardInSlot(slot: slot, insertion: insertion)) }
    }
  }

  private struct KnownCardInSlot {
    let slot: Slot
    let insertion: CardInsertion
    func connect() throws -> ReaderTransport { try ReaderContext().connect(to: slot.name, timeout: .seconds(60)) }
  }

  private func failure(_ body: () throws -> [UInt8]) -> CardTransportError? {
    do { _ = try body() } catch { return error as? CardTransportError }
    return nil
  }

  private static let getStatus: [UInt8] = [0x80, 0xCA, 0x00, 0x66, 0x00]
  private static let wrongPIN: [UInt8] = [0x00, 0x20, 0x00, 0x81, 0x08] + [UInt8](repeating: 0x39, count: 8)

  @Test(arguments: ["pull@2", "truncate@2"])
  func lostResponses(_ plan: String) throws {
    try withFaultyCard(plan) { card in
      let transport = try card.connect()
      #expect(try transport.transmit(Self.getStatus).suffix(2) == [0x90, 0x00])
      let changes = try PrivateDaemon.changes(in: card.slot.name)
      let lost = failure { try transport.transmit(Self.getStatus) }
      #expect(lost?.cardMayHaveChanged == true, "\(String(describing: lost))")
      // A card that was pulled was out, and is in again.
      try PrivateDaemon.waitForCard(true, in: card.slot.name, after: changes + (plan.hasPrefix("pull") ? 2 : 0))
      #expect(try card.connect().transmit(Self.getStatus).suffix(2) == [0x90, 0x00])
    }
  }

  @Test func powerCutTakesTheCardOutForAWhile() throws {
    try withFaultyCard("cut-after=0") { card in
      let transport = try card.connect()
      let changes = try PrivateDaemon.changes(in: card.slot.name)
      let lost = failure { try transport.transmit(Self.wrongPIN) }
      #expect(lost?.cardMayHaveChanged == true, "\(String(describing: lost))")
      // Out and in again: it may be over before somebody looks.
      try PrivateDaemon.waitForCard(true, in: card.slot.name, after: changes + 2)
      // The decrement was cut, so it did not happen.
      #expect(try card.connect().transmit([0x00, 0x20, 0x00, 0x81]) == [0x63, 0xC3])
    }
  }

  /// Its reader waits with it, so taking it out is all that helps.
  @Test func aCardThatHangsIsTakenOutAndPutInAgain() throws {
    try withFaultyCard("hang@2") { card in
      let transport = try card.connect()
      #expect(try transport.transmit(Self.getStatus).suffix(2) == [0x90, 0x00])
      transport.timeout = .seconds(1)
      let lost = failure { try transport.transmit(Self.getStatus) }
      #expect(lost?.code == .timeout && lost?.cardMayHaveChanged == true, "\(String(describing: lost))")
      card.insertion.eject()
      try PrivateDaemon.waitForCard(false, in: card.slot.name)
      card.insertion.insert()
      try PrivateDaemon.waitForCard(true, in: card.slot.name)
      #expect(try card.connect().transmit(Self.getStatus).suffix(2) == [0x90, 0x00])
    }
  }

  /// A session notices the first response that is not as the card made it, and goes no further.
  @Test func aWrongMACEndsTheSession() throws {
    let known = try KnownCard(seed: 7)
    let opening = try Self.responses(untilOpen: known)
    for wrong in [opening + 1, opening + 2] {
      try withFaultyCard("wrong-mac@\(wrong)") { card in
        try card.connect().withTransaction { transaction in
          var session = try known.administration(CardConnection(transaction.transport))
          for number in opening + 1..<wrong {
            _ = try session.data(.getData(.applicationStatus), operation: "read, response \(number)")
          }
          for _ in 1...2 {
            let error = #expect(throws: CardError.self) {
              _ = try session.data(.getData(.applicationStatus), operation: "read")
            }
            guard case .secureChannel = error?.code else { Issue.record("\(String(describing: error))"); continue }
          }
        }
        // The card is none the worse for it.
        try card.connect().withTransaction { transaction in
          var session = try known.administration(CardConnection(transaction.transport))
          _ = try session.data(.getData(.applicationStatus), operation: "read")
        }
      }
    }
  }

  /// How many responses it takes to open a session.
  private static func responses(untilOpen known: KnownCard) throws -> Int {
    let counter = Counter(try Cards.issued(.t1).card)
    _ = try known.administration(CardConnection(counter))
    return counter.responses
  }

  /// Counts the responses of a card.
  private final class Counter: APDUTransport {
    private let card: EmulatedCard
    private(set) var responses = 0
    var limits: CardTransportLimits { card.limits }
    init(_ card: EmulatedCard) { self.card = card }
    func reset() throws(CardTransportError) -> [UInt8] { try card.reset() }
    func transmit(_ command: [UInt8]) throws(CardTransportError) -> [UInt8] {
      responses += 1
      return try card.transmit(command)
    }
  }

  // MARK: Many, and soon after one another

  /// A client resets a card that was pulled out meanwhile: pcscd tells at once that it is gone, but only its next look, up
  /// to 0.4 s later, takes note of it. A card that is there by then would be taken for the one before for ever.
  @Test func aCardThatComesRightAfterAnotherIsSeen() throws {
    try Slots.withReader { slot in
      for number in 1...3 {
        let insertion = try CardInsertion(
          try Cards.issued(.t1).card, into: .vpcd(host: "127.0.0.1", port: slot.port),
          faults: try LineFaults(parsing: "pull@1"))
        try insertion.start()
        try PrivateDaemon.waitForCard(true, in: slot.name)
        do {
          let transport = try ReaderContext().connect(to: slot.name, timeout: .seconds(60))
          #expect(failure { try transport.transmit(Self.getStatus) } != nil)
          insertion.stop()
        }
        let next = try Cards.blank(.t1).card
        let inserted = try slot.insert(next)
        let transport = try ReaderContext().connect(to: slot.name, timeout: .seconds(60))
        _ = try transport.reset()
        #expect(try transport.transmit(Self.getStatus).suffix(2) == [0x90, 0x00], "time \(number)")
        try slot.eject(inserted)
      }
    }
  }

  @Test func sixteenCardsAtOnce() throws {
    let daemon = try PrivateDaemon.start(slots: PrivateDaemon.mostSlots)
    defer { daemon.stop() }
    let cards = try daemon.ports.map { _ -> (EmulatedCard, [UInt8]) in
      let made = try Cards.blank(.t1)
      return (made.card, made.production.serial.octets.span.bytes.octets)
    }
    let insertions = try zip(cards, daemon.ports).map { card, port in
      let insertion = try CardInsertion(card.0, into: .vpcd(host: "127.0.0.1", port: port))
      try insertion.start()
      return insertion
    }
    defer { for insertion in insertions { insertion.stop() } }
    try #require(try waitForCards(PrivateDaemon.mostSlots, daemon))
    for (index, card) in cards.enumerated() {
      let said = try ask(daemon, ["-r", daemon.readers[index], "-s", "80:CA:DF:20:00"])
      #expect(said.contains("SW1=0x90, SW2=0x00"))
      // Each card in its own reader. A line of the answer: 16 octets, and what they are as text.
      let octets = said.split(separator: "\n").map { $0.prefix(48).filter(\.isHexDigit) }.joined()
      #expect(octets.contains(Hex.encode(card.1)), "\(said)")
    }
  }

  @Test func delaysArePatientlyAwaited() throws {
    try withFaultyCard("delay=700ms@1") { card in
      let transport = try card.connect()
      let time = try ContinuousClock().measure { _ = try transport.transmit(Self.getStatus) }
      #expect(time >= .milliseconds(700))
    }
  }
}

/// The program beside this test's own.
func warifuPath() throws -> String {
  let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
  let beside = URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("warifu").path
  try #require(FileManager.default.isExecutableFile(atPath: beside), "warifu is not built")
  return beside
}
