import CardDriver
import CardEmulator
import Cryptography
import ISO7816
import Testing
import card_rig

/// Plans of faults: their text, and what a line under one does.
@Suite struct LineFaultsTests {
  private static let status: [UInt8] = [0x80, 0xCA, 0x00, 0x66, 0x00]

  // MARK: Text

  @Test(arguments: [
    ("delay=50ms@3", [LineFaults.Rule(.delay(.milliseconds(50)), .at(3))]),
    ("delay=1.5s@*/2", [.init(.delay(.milliseconds(1_500)), .every(2))]),
    ("truncate@4", [.init(.truncate(octets: 1), .at(4))]),
    ("truncate=7@1", [.init(.truncate(octets: 7), .at(1))]),
    ("wrong-mac@5,hang@6", [.init(.wrongMAC, .at(5)), .init(.hang, .at(6))]),
    ("pull@*/1", [.init(.pull, .every(1))]),
  ])
  func rules(_ text: String, _ rules: [LineFaults.Rule]) throws {
    #expect(try LineFaults(parsing: text) == LineFaults(rules))
  }

  @Test func powerCuts() throws {
    #expect(try LineFaults(parsing: "cut-after=12").storage == StorageFaults(cutAfter: 12))
    let plan = try LineFaults(parsing: "tear=5,cut-after=0,hang@1")
    #expect(plan.storage == StorageFaults(cutAfter: 0, tornOctets: 5) && plan.rules == [.init(.hang, .at(1))])
  }

  @Test(arguments: [
    ("", "is no fault"), ("explode@1", "is no fault"), ("hang", "does not say when"), ("hang@0", "no occasion"),
    ("hang@-1", "no occasion"), ("hang@*/0", "no occasion"), ("hang@*", "no occasion"), ("hang@1,", "is no fault"),
    ("hang=2@1", "takes no value"), ("delay@1", "lacks its time"), ("delay=5@1", "lacks its time"),
    ("delay=-1s@1", "lacks its time"), ("delay=nans@1", "lacks its time"), ("delay=infs@1", "lacks its time"),
    ("delay=9999s@1", "lacks its time"), ("truncate=x@1", "lacks its number"), ("truncate=0@1", "lacks its number"),
    ("truncate=65536@1", "lacks its number"),
    ("cut-after", "lacks its number"), ("cut-after=-1", "lacks its number"), ("cut-after=1@2", "storage operations"),
    ("cut-after=1,cut-after=2", "twice"), ("tear=1", "there is none"),
    ("cut-after=99999999999999999999", "lacks its number"),
  ])
  func malformed(_ text: String, _ complaint: String) {
    let error = #expect(throws: LineFaultsError.self) { try LineFaults(parsing: text) }
    #expect(error?.description.contains(complaint) == true, "\(error?.description ?? "")")
  }

  @Test func anyTextWhatsoever() {
    let random = SeededRandom(seed: Soak.seed("fault plans"))
    let letters = Array("cut-after=tear,delay@*/0123456789msxwrong-mac".unicodeScalars)
    for _ in 0..<Soak.count(2_000, full: 100_000) {
      let octets = random.octets(24)
      var text = String.UnicodeScalarView()
      for octet in octets { text.append(letters[Int(octet) % letters.count]) }
      _ = try? LineFaults(parsing: String(text))
    }
  }

  // MARK: A line under a plan

  private func line(
    _ text: String, _ card: EmulatedCard? = nil, patience: Duration = .seconds(2),
    wait: @escaping (Duration) -> Void = { _ in }
  ) throws -> FaultyLine {
    let card = try card ?? EmulatedCard.inMemory(profile: Specimen.smallest, random: SeededRandom(seed: 7)).card
    let line = try FaultyLine(card, faults: try LineFaults(parsing: text), patience: patience, wait: wait)
    _ = try line.reset()
    return line
  }

  private func error(_ body: () throws -> Void) -> CardTransportError? {
    do { try body() } catch { return error as? CardTransportError }
    return nil
  }

  @Test func faultsComeWhenTheyAreDue() throws {
    let line = try line("truncate@2,truncate=3@*/5")
    let lengths = try (1...10).map { _ in try line.transmit(Self.status).count }
    let whole = lengths[0]
    #expect(whole > 3 && lengths == [whole, 1, whole, whole, 3, whole, whole, whole, whole, 3])
  }

  @Test func delaysPassThroughTheClock() throws {
    var waited: [Duration] = []
    let line = try line("delay=40ms@1,delay=2ms@*/1,delay=3s@3") { waited.append($0) }
    for _ in 0..<2 { #expect(try line.transmit(Self.status).suffix(2) == [0x90, 0x00]) }
    let late = error { _ = try line.transmit(Self.status) }
    #expect(late?.code == .timeout && late?.cardMayHaveChanged == true)
    #expect(waited == [.milliseconds(42), .milliseconds(2), .seconds(2)])
  }

  @Test func hangingAndPulledCardsWantAReset() throws {
    for (plan, code) in [("hang@1", CardTransportError.Code.timeout), ("pull@1", .cardRemoved)] {
      let line = try line(plan)
      let failure = error { _ = try line.transmit(Self.status) }
      #expect(failure?.code == code && failure?.cardMayHaveChanged == true)
      let after = error { _ = try line.transmit(Self.status) }
      #expect(after?.code == .cardRemoved && after?.cardMayHaveChanged == false)
      _ = try line.reset()
      #expect(try line.transmit(Self.status).suffix(2) == [0x90, 0x00])
    }
  }

  /// The host's channel notices, and is dead from then on.
  @Test func wrongMACEndsTheSession() throws {
    let card = try Specimen.inMemory(profile: Specimen.smallest)
    let counted = try line("delay=1ms@*/1", card)
    var opening = 0
    let counter = CountingTransport(counted)
    _ = try Specimen.administration(CardConnection(counter))
    opening = counter.commands
    let line = try line("wrong-mac@\(opening + 1)", card)
    var session = try Specimen.administration(CardConnection(line))
    #expect(throws: CardError.self) { try session.storeData(try Specimen.charge(2, count: 1)) }
    #expect(throws: CardError.self) { try session.storeData(try Specimen.charge(2, count: 1)) }
    // A status word alone has no MAC to spoil.
    #expect(try self.line("wrong-mac@1").transmit([0x00, 0xFF, 0x00, 0x00]) == [0x6D, 0x00])
  }

  @Test func powerCutLeavesAllOrNothing() throws {
    var outcomes: Set<Int> = []
    for operations in 0..<40 {
      let card = try Specimen.inMemory(profile: Specimen.smallest)
      let line = try FaultyLine(card, faults: try LineFaults(parsing: "cut-after=\(operations),tear=7"))
      do {
        var session = try Specimen.administration(CardConnection(line))
        _ = try session.storeData(try Specimen.charge(2, count: 1))
      } catch let error as CardError {
        #expect(error.cardMayHaveChanged)
      }
      outcomes.insert(try WarifuCard(CardConnection(line)).status().codeCount)
    }
    #expect(outcomes == [2, 3])
  }

  @Test func powerCutsWantAnEmulatedCard() throws {
    let plan = try LineFaults(parsing: "cut-after=1")
    #expect(throws: LineFaultsError.self) {
      try FaultyLine(try ScriptedTransport(answers: [[0x90, 0x00]]), faults: plan)
    }
  }

  // MARK: In a slot

  @Test func powerCutInASlotTakesTheCardOutForAWhile() throws {
    let reader = try FakeReader()
    let log = EventLog()
    let card = try Specimen.inMemory(profile: Specimen.smallest)
    let insertion = try CardInsertion(
      card, into: .vpcd(host: "127.0.0.1", port: reader.port), faults: try LineFaults(parsing: "cut-after=0"),
      log: log.add)
    try insertion.start()
    defer { insertion.stop() }
    try #require(reader.acceptCard())
    _ = reader.powerOn()
    // A wrong PIN is counted in the store.
    #expect(reader.transmit([0x00, 0x20, 0x00, 0x81, 0x08] + [UInt8](repeating: 0x39, count: 8)) == nil)
    reader.hangUp()
    #expect(reader.acceptCard())
    _ = reader.powerOn()
    #expect(reader.transmit(Self.status)?.suffix(2) == [0x90, 0x00])
    #expect(log.all == [.inserted, .pulled(.powerCut), .inserted])
  }

  @Test func faultsGoOnCountingFromReaderToReader() throws {
    let reader = try FakeReader()
    let card = try EmulatedCard.inMemory(profile: Specimen.smallest, random: SeededRandom(seed: 8)).card
    let insertion = try CardInsertion(
      card, into: .vpcd(host: "127.0.0.1", port: reader.port), faults: try LineFaults(parsing: "truncate@2"))
    try insertion.start()
    defer { insertion.stop() }
    try #require(reader.acceptCard())
    _ = reader.powerOn()
    #expect(reader.transmit(Self.status)?.suffix(2) == [0x90, 0x00])
    reader.hangUp()
    try #require(reader.acceptCard())
    _ = reader.powerOn()
    #expect(reader.transmit(Self.status)?.count == 1)
    #expect(reader.transmit(Self.status)?.suffix(2) == [0x90, 0x00])
  }
}

/// Counts what goes over a line.
private final class CountingTransport: APDUTransport {
  private let line: any APDUTransport
  private(set) var commands = 0

  init(_ line: any APDUTransport) { self.line = line }

  var limits: CardTransportLimits { line.limits }
  func reset() throws(CardTransportError) -> [UInt8] { try line.reset() }
  func transmit(_ command: [UInt8]) throws(CardTransportError) -> [UInt8] {
    commands += 1
    return try line.transmit(command)
  }
}
