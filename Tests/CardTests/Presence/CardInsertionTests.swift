import CardDriver
import CardEmulator
import CardProtocol
import Cryptography
import Glibc
import ISO7816
import Sockets
import Synchronization
import Testing
import card_rig

/// A card in a slot of vpcd, which the test plays.
@Suite struct CardInsertionTests {
  private static let status: [UInt8] = [0x80, 0xCA, 0x00, 0x66, 0x00]
  private static let ok: [UInt8] = [0x90, 0x00]

  /// A card in the reader's slot, powered.
  private func insert(
    _ card: EmulatedCard, _ reader: FakeReader, faults: LineFaults = LineFaults(), _ log: EventLog = EventLog()
  ) throws -> CardInsertion {
    let insertion = try CardInsertion(
      card, into: .vpcd(host: "127.0.0.1", port: reader.port), faults: faults, log: log.add)
    try insertion.start()
    try #require(reader.acceptCard())
    return insertion
  }

  private func blankCard() throws -> EmulatedCard {
    try EmulatedCard.inMemory(profile: Specimen.smallest, random: SeededRandom(seed: 5)).card
  }

  // MARK: What a reader asks

  @Test func answersLikeTheCardItself() throws {
    let (direct, card) = (try blankCard(), try blankCard())
    let answerToReset = try direct.reset()
    let reader = try FakeReader()
    let log = EventLog()
    let insertion = try insert(card, reader, log)
    defer { insertion.stop() }
    #expect(reader.powerOn() == answerToReset)
    for command in [Self.status, [0x00, 0xA4, 0x04, 0x00, 0x00], [0x00, 0xFF, 0x00, 0x00], [0x00, 0xA4], []] {
      #expect(reader.transmit(command) == (try direct.transmit(command)))
    }
    #expect(log.all == [.inserted])
  }

  @Test func withoutPowerThereIsNoAnswer() throws {
    let reader = try FakeReader()
    let insertion = try insert(try blankCard(), reader)
    defer { insertion.stop() }
    // Not an empty frame: vpcd would wait for ever.
    #expect(reader.transmit(Self.status) == [0])
    // Its answer to reset is what tells the reader that it is there, powered or not.
    #expect(reader.transmit([4])?.first == 0x3B)
    _ = reader.powerOn()
    #expect(reader.transmit(Self.status)?.suffix(2) == Self.ok[...])
    reader.sendFrame([0])
    #expect(reader.transmit(Self.status) == [0])
  }

  @Test(arguments: [[0], [2], [1]] as [[UInt8]])
  func losesSecurityStateWithPowerAndByReset(_ control: [UInt8]) throws {
    let reader = try FakeReader()
    let insertion = try insert(try Specimen.inMemory(profile: Specimen.smallest), reader)
    defer { insertion.stop() }
    _ = reader.powerOn()
    try verifyPIN(reader)
    reader.sendFrame(control)
    _ = reader.powerOn()
    #expect(try !isPINVerified(reader))
  }

  @Test func framesMayComeInAnyPieces() throws {
    let reader = try FakeReader()
    let insertion = try insert(try blankCard(), reader)
    defer { insertion.stop() }
    let frames: [UInt8] = [0, 1, 1, 0, 1, 4, 0, 5] + Self.status + [0, 5] + Self.status
    for octet in frames {
      reader.sendRaw([octet])
      usleep(500)
    }
    #expect(reader.receiveFrame()?.first == 0x3B)
    #expect(reader.receiveFrame()?.suffix(2) == Self.ok[...])
    #expect(reader.receiveFrame()?.suffix(2) == Self.ok[...])
    // All at once, too.
    reader.sendRaw(frames + frames)
    for _ in 0..<6 { #expect(reader.receiveFrame() != nil) }
  }

  @Test func longestFrames() throws {
    let reader = try FakeReader()
    let card = try EmulatedCard.inMemory(random: SeededRandom(seed: 5)).card
    let insertion = try insert(card, reader)
    defer { insertion.stop() }
    _ = reader.powerOn()
    // STORE DATA of 65,526 octets: header 4, Lc 3, Le 2.
    let count = 65_535 - 9
    let header: [UInt8] = [0x80, 0xE2, 0x80, 0x00, 0x00, UInt8(count >> 8), UInt8(count & 0xFF)]
    let command = header + [UInt8](repeating: 1, count: count) + [0, 0]
    #expect(reader.transmit(command)?.count == 2)
    #expect(reader.transmit(Self.status)?.suffix(2) == Self.ok[...])
  }

  /// Debian's vpcd sends length and body apart. With delayed acknowledgements every exchange then takes 40 ms and more.
  @Test func lengthAndBodyApartCostNoTime() throws {
    let reader = try FakeReader()
    let insertion = try insert(try blankCard(), reader)
    defer { insertion.stop() }
    _ = reader.powerOn()
    var times = try (0..<41).map { _ in
      try ContinuousClock().measure { try #require(reader.transmit(Self.status) != nil) }
    }
    times.sort()
    #expect(times[20] < .milliseconds(20), "median \(times[20])")
  }

  @Test func anyOctetsWhatsoever() throws {
    let reader = try FakeReader()
    let insertion = try insert(try Specimen.inMemory(profile: Specimen.smallest), reader)
    defer { insertion.stop() }
    let random = SeededRandom(seed: Soak.seed("frames"))
    _ = reader.powerOn()
    for _ in 0..<Soak.count(2_000, full: 50_000) {
      let draw = random.octets(3)
      let body = random.octets(draw[0] < 8 ? Int(draw[1]) << 8 | Int(draw[2]) : Int(draw[1] & 0x3F))
      reader.sendFrame(body)
      // No answer follows on, off and reset.
      guard body.count != 1 || ![0, 1, 2].contains(body[0]) else { continue }
      try #require(reader.receiveFrame() != nil, "the card went after \(body)")
    }
    _ = reader.powerOn()
    #expect(reader.transmit(Self.status)?.suffix(2) == Self.ok[...])
  }

  /// SCardTransmit of one octet 00 looks like power off, and pcscd waits for an answer that never comes.
  @Test func freesAReaderThatWaitsForNoAnswer() throws {
    let reader = try FakeReader()
    let insertion = try insert(try blankCard(), reader)
    defer { insertion.stop() }
    _ = reader.powerOn()
    reader.sendFrame([0])
    #expect(reader.receiveFrame() == nil)
    #expect(reader.acceptCard())
  }

  // MARK: Going and coming

  @Test func readerRestartedUnderneath() throws {
    var reader: FakeReader? = try FakeReader()
    let port = try #require(reader).port
    let log = EventLog()
    let insertion = try insert(try Specimen.inMemory(profile: Specimen.smallest), try #require(reader), log)
    defer { insertion.stop() }
    _ = reader?.powerOn()
    try verifyPIN(try #require(reader))
    // One wrong PIN is remembered for good.
    #expect(reader?.transmit([0x00, 0x20, 0x00, 0x81, 0x08] + [UInt8](repeating: 0x39, count: 8)) == [0x63, 0xC2])
    try verifyPIN(try #require(reader))
    reader = nil
    #expect(log.wait(for: .readerGone))
    #expect(log.wait { $0.isWaiting })
    let next = try FakeReader(port: port)
    try #require(next.acceptCard())
    _ = next.powerOn()
    #expect(try !isPINVerified(next))
    #expect(next.transmit(Self.status)?.suffix(2) == Self.ok[...])
    #expect(log.wait(for: .inserted, count: 2))
  }

  @Test func startsBeforeItsReader() throws {
    let port = try FakeReader().port
    let log = EventLog()
    let insertion = try CardInsertion(
      try blankCard(), into: .vpcd(host: "127.0.0.1", port: port), log: log.add)
    try insertion.start()
    defer { insertion.stop() }
    #expect(log.wait { $0.isWaiting })
    let reader = try FakeReader(port: port)
    #expect(reader.acceptCard())
    #expect(reader.powerOn()?.first == 0x3B)
    #expect(log.all.count(where: \.isWaiting) == 1)
  }

  @Test func ejectAndInsert() throws {
    let reader = try FakeReader()
    let log = EventLog()
    let insertion = try insert(try blankCard(), reader, log)
    defer { insertion.stop() }
    _ = reader.powerOn()
    let start = ContinuousClock.now
    insertion.eject()
    #expect(reader.receiveFrame() == nil)
    reader.hangUp()
    #expect(log.wait(for: .ejected))
    insertion.insert()
    #expect(reader.acceptCard())
    // pcscd looks every 400 ms: a card that came back earlier would be taken for one that never went.
    #expect(ContinuousClock.now - start >= .seconds(1))
    #expect(reader.powerOn()?.first == 0x3B)
    #expect(log.all == [.inserted, .ejected, .inserted])
  }

  /// However soon it is ordered in again: its thread may find both orders at once, as it does here the first time.
  @Test func isOutForAWhileEvenWhenInsertedAtOnce() throws {
    let reader = try FakeReader()
    let log = EventLog()
    let insertion = try CardInsertion(
      try blankCard(), into: .vpcd(host: "127.0.0.1", port: reader.port), log: log.add)
    defer { insertion.stop() }
    for round in 1...3 {
      let start = ContinuousClock.now
      insertion.eject()
      insertion.insert()
      if round == 1 {
        try insertion.start()
      } else {
        #expect(reader.receiveFrame() == nil)
        reader.hangUp()
      }
      try #require(reader.acceptCard())
      #expect(ContinuousClock.now - start >= .seconds(1))
      #expect(reader.powerOn()?.first == 0x3B)
      #expect(log.wait(for: .inserted, count: round))
    }
    #expect(log.all == [.ejected, .inserted, .ejected, .inserted, .ejected, .inserted])
  }

  /// Ordered in and out while it is out, it was never in. Both orders come from its own thread, so it finds them together.
  @Test func oneTimeOutIsToldOnce() throws {
    let reader = try FakeReader()
    let log = EventLog()
    let orders = Mutex<CardInsertion?>(nil)
    let insertion = try CardInsertion(try blankCard(), into: .vpcd(host: "127.0.0.1", port: reader.port)) { event in
      log.add(event)
      let insertion = orders.withLock { $0.take() }
      insertion?.insert()
      insertion?.eject()
    }
    defer { insertion.stop() }
    try insertion.start()
    try #require(reader.acceptCard())
    _ = reader.powerOn()
    #expect(log.wait(for: .inserted))
    orders.withLock { $0 = insertion }
    insertion.eject()
    #expect(reader.receiveFrame() == nil)
    reader.hangUp()
    #expect(log.wait(for: .ejected))
    #expect(!reader.acceptCard(within: 1_500))
    insertion.insert()
    try #require(reader.acceptCard())
    _ = reader.powerOn()
    #expect(log.wait(for: .inserted, count: 2))
    #expect(log.all == [.inserted, .ejected, .inserted])
  }

  @Test func ordersThatChangeNothingDisturbNobody() throws {
    let reader = try FakeReader()
    let log = EventLog()
    let insertion = try insert(
      try blankCard(), reader, faults: LineFaults([.init(.delay(.milliseconds(600)), .at(2))]), log)
    defer { insertion.stop() }
    _ = reader.powerOn()
    #expect(reader.transmit(Self.status)?.suffix(2) == Self.ok[...])
    insertion.insert()
    let start = ContinuousClock.now
    #expect(reader.transmit(Self.status)?.suffix(2) == Self.ok[...])
    // The bell would have cut the delay short.
    #expect(ContinuousClock.now - start >= .milliseconds(600))
    insertion.eject()
    #expect(log.wait(for: .ejected))
    insertion.eject()
    #expect(!reader.acceptCard(within: 300))
    #expect(log.all == [.inserted, .ejected])
  }

  /// pcscd misses it when one card goes and another comes between two looks: it only looks at the new one, for ever.
  @Test func goesAndComesAgainWhenTakenForAnotherCard() throws {
    let reader = try FakeReader()
    let log = EventLog()
    let insertion = try insert(try blankCard(), reader, log)
    defer { insertion.stop() }
    var looks = 0
    while looks < 30, reader.transmit([4]) != nil {
      looks += 1
      usleep(300_000)
    }
    #expect((5..<30).contains(looks))
    reader.hangUp()
    try #require(reader.acceptCard())
    // Resetting what was never on is no better.
    reader.sendFrame([2])
    #expect(reader.receiveFrame() == nil)
    reader.hangUp()
    try #require(reader.acceptCard())
    // A card that was on may be looked at, and reset.
    _ = reader.powerOn()
    for control in [0, 2] as [UInt8] {
      reader.sendFrame([control])
      for _ in 0..<5 {
        #expect(reader.transmit([4]) != nil)
        usleep(300_000)
      }
    }
    let out = PresenceEvent.pulled(.overlooked)
    #expect(log.all == [.inserted, out, .inserted, out, .inserted])
  }

  /// A reader that is always like that is no pcscd that missed something.
  @Test func putsUpWithAReaderOfItsOwnWays() throws {
    let reader = try FakeReader()
    let insertion = try insert(try blankCard(), reader)
    defer { insertion.stop() }
    for _ in 1...3 {
      reader.sendFrame([2])
      #expect(reader.receiveFrame() == nil)
      reader.hangUp()
      try #require(reader.acceptCard())
    }
    reader.sendFrame([2])
    #expect(reader.transmit([4])?.first == 0x3B)
    #expect(reader.transmit(Self.status)?.suffix(2) == Self.ok[...])
  }

  @Test func staysOutUntilInserted() throws {
    let reader = try FakeReader()
    let log = EventLog()
    let insertion = try insert(try blankCard(), reader, log)
    defer { insertion.stop() }
    insertion.eject()
    #expect(log.wait(for: .ejected))
    #expect(!reader.acceptCard(within: 1_500))
  }

  @Test func stopEndsAtOnce() throws {
    let reader = try FakeReader()
    // In a reader, without one, taken out, and hanging.
    let served = try insert(try blankCard(), reader)
    let waiting = try CardInsertion(try blankCard(), into: .vpcd(host: "127.0.0.1", port: try FakeReader().port))
    try waiting.start()
    let ejected = try CardInsertion(try blankCard(), into: .vpcd(host: "127.0.0.1", port: reader.port))
    ejected.eject()
    try ejected.start()
    let unstarted = try CardInsertion(try blankCard(), into: .vpcd(host: "127.0.0.1", port: reader.port))
    let other = try FakeReader()
    let hanging = try insert(
      try blankCard(), other, faults: LineFaults([.init(.hang, .at(1))]))
    _ = other.powerOn()
    other.sendFrame(Self.status)
    let time = ContinuousClock().measure {
      for insertion in [served, waiting, ejected, unstarted, hanging] { insertion.stop() }
    }
    #expect(time < .seconds(2), "\(time)")
    #expect(reader.receiveFrame() == nil)
  }

  @Test func cardIsItsOwnersAgainAfterStop() throws {
    let reader = try FakeReader()
    let card = try blankCard()
    let insertion = try insert(card, reader)
    _ = reader.powerOn()
    insertion.stop()
    _ = try card.reset()
    #expect(try card.transmit(Self.status).suffix(2) == Self.ok[...])
  }

  @Test func severalCardsAtOnce() throws {
    let readers = try (0..<8).map { _ in try FakeReader() }
    let insertions = try readers.enumerated().map { index, reader in
      let made = try EmulatedCard.inMemory(
        profile: Specimen.smallest, random: SeededRandom(seed: 100 + UInt64(index)))
      return try insert(made.card, reader)
    }
    defer { for insertion in insertions { insertion.stop() } }
    for reader in readers { _ = reader.powerOn() }
    for _ in 0..<20 {
      for reader in readers { reader.sendFrame(Self.status) }
      for reader in readers { #expect(reader.receiveFrame()?.suffix(2) == Self.ok[...]) }
    }
    #expect(Set(readers.map { $0.transmit([0x80, 0xCA, 0x9F, 0x7F, 0x00]) }).count == readers.count)
  }

  // MARK: Where a card may go

  @Test func otherHostsOnlyWhenWanted() throws {
    let away = PresenceAddress.vpcd(host: "192.0.2.1", port: 35_963)
    #expect(throws: SocketError(.notLoopback, away.socket)) { try CardInsertion(try blankCard(), into: away) }
    #expect(throws: SocketError(.notLoopback, .tcp(host: "0.0.0.0", port: 0))) {
      try CardInsertion(try blankCard(), into: .tcp(host: "0.0.0.0", port: 0))
    }
    let allowed = try CardInsertion(try blankCard(), into: .tcp(host: "0.0.0.0", port: 0), reach: .anyHost)
    #expect(allowed.listeningAddress != nil)
  }

  @Test func slots() {
    #expect(PresenceAddress.slot(0) == .vpcd(host: "127.0.0.1", port: 35_963))
    #expect(PresenceAddress.slot(3)?.description == "slot 3")
    #expect(PresenceAddress.slot(-1) == nil && PresenceAddress.slot(.max) == nil)
  }

  // MARK: Helpers

  private func verifyPIN(_ reader: FakeReader) throws {
    let pin = Array(Specimen.pin.utf8) + [UInt8](repeating: 0xFF, count: 8 - Specimen.pin.utf8.count)
    try #require(reader.transmit([0x00, 0x20, 0x00, 0x81, 0x08] + pin) == Self.ok)
    try #require(try isPINVerified(reader))
  }

  /// Whether the card takes an empty VERIFY for verified (ISO/IEC 7816-4, 11.6.6).
  private func isPINVerified(_ reader: FakeReader) throws -> Bool {
    reader.transmit([0x00, 0x20, 0x00, 0x81]) == Self.ok
  }
}
