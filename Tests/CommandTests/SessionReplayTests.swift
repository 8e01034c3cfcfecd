import CardDriver
import CardEmulator
import CardProtocol
import Cryptography
import Formats
import Foundation
import ISO7816
import Identifiers
import LicenseCenter
import Octets
import Testing
import WarifuTesting

/// Sessions of whole programs, recorded and repeated: chance comes from seeds, time from a virtual clock.
@Suite struct SessionReplayTests {
  private static let cardSeed: UInt64 = 9
  private static let cardKey = [UInt8](repeating: 7, count: 32)

  /// A centre with a title and an issued card in a file, the same every time.
  private struct Scene {
    let bench: Workbench
    let serial: CardSerial
    let title: SoftwareID

    var card: String { bench.folder("card") }

    static func set() async throws -> Scene {
      let bench = try await Workbench.setUp(seed: 5)
      let path = bench.folder("card")
      let production = try EmulatedCard.make(at: path, key: key, random: bench.random)
      let serial = production.serial
      try await bench.center.cardIssuer.register(
        try production.record(moduleType: "emulated card", producedAt: bench.clock.now()))
      let order = try CardIssueOrder(cardSerial: serial, purchaser: "A. Holder", maximumCodes: 50)
      _ = try await bench.center.cardIssuer.issue(
        order, over: DirectRelay(try CardConnection(try EmulatedCard(path: path, key: key, random: bench.random))))
      let title = try await bench.center.titles.register(
        name: "Title", version: "1", type: .text, seller: "Seller", price: Money(minorUnits: 500, currency: .euro))
      return Scene(bench: bench, serial: serial, title: title.softwareID)
    }

    static var key: Secret { Secret(copying: cardKey) }

    /// The card, whose chance begins anew.
    func insert(_ path: String? = nil) throws -> EmulatedCard {
      try EmulatedCard(path: path ?? card, key: Scene.key, random: SeededRandom(seed: cardSeed))
    }

    /// A charge of 5 codes under one name.
    func charge(over transport: any APDUTransport) async throws -> ChargeOutcome {
      let operation = try #require(OperationID(octets: [UInt8](repeating: 1, count: 16)))
      let order = try ChargeOrder(operationID: operation, cardSerial: serial, softwareID: title, quantity: 5)
      return try await bench.center.charging.charge(order, over: DirectRelay(try CardConnection(transport)))
    }

    /// A session in which the card signs twice.
    func signing(_ pin: [UInt8], inPieces: Bool = false) throws -> CardRecording {
      let card = try insert()
      let recorder = RecordingTransport(inPieces ? Halves(card) : card)
      let connection = try CardConnection(recorder)
      for command: CommandAPDU in [
        .select(applicationID: CardProtocol.applicationID), .verify(.pin, value: pin),
        .internalAuthenticate(challenge: [UInt8](repeating: 3, count: 32)),
        .computeSignature(digest: [UInt8](repeating: 4, count: 32)),
      ] {
        _ = try connection.data(command, operation: "test")
      }
      return recorder.recording
    }

    /// The PIN of the card's letter, as it is sent.
    func pin() async throws -> [UInt8] {
      Array(try await bench.center.cardIssuer.pinLetter(of: serial).pin.utf8) + [0xFF, 0xFF]
    }
  }

  @Test func aSeededSessionIsTheSameOctetForOctet() async throws {
    var recordings: [CardRecording] = []
    for _ in 0..<2 {
      let scene = try await Scene.set()
      let recorder = RecordingTransport(try scene.insert(), seed: Self.cardSeed)
      let outcome = try await scene.charge(over: recorder)
      #expect(outcome.state == .booked && outcome.actual == 5)
      recordings.append(recorder.recording)
    }
    #expect(recordings[0] == recordings[1])
    #expect(recordings[0].exchangeCount >= 5)
  }

  @Test func theCardRepeatsItsPart() async throws {
    let scene = try await Scene.set()
    let before = scene.bench.folder("before")
    try FileManager.default.copyItem(atPath: scene.card, toPath: before)
    let recorder = RecordingTransport(try scene.insert(), seed: Self.cardSeed)
    _ = try await scene.charge(over: recorder)
    let replay = try RecordingReplay.run(recorder.recording, on: try scene.insert(before))
    #expect(replay.difference == nil)
    #expect(replay.exchanges == recorder.recording.exchangeCount)
    // The copy holds the codes now, as the card does.
    #expect(try WarifuCard(try CardConnection(try scene.insert(before))).codes().count == 5)
    // Another seed is another session.
    let other = try EmulatedCard(path: before, key: Scene.key, random: SeededRandom(seed: 10))
    #expect(try RecordingReplay.run(recorder.recording, on: other).difference?.kind == .response)
  }

  @Test func theCentreRepeatsItsPartWithoutACard() async throws {
    let recorded = try await Scene.set()
    let recorder = RecordingTransport(try recorded.insert())
    let outcome = try await recorded.charge(over: recorder)
    let scene = try await Scene.set()
    let card = ReplayingTransport(recorder.recording)
    #expect(try await scene.charge(over: card) == outcome)
    #expect(card.remaining == 0)
    // A host that says anything else is stopped there.
    let strict = ReplayingTransport(recorder.recording)
    _ = try strict.reset()
    #expect(throws: CardTransportError.self) { try strict.transmit([0x00, 0x84, 0x00, 0x00, 0x08]) }
    #expect(throws: CardTransportError.self) { try strict.reset() }
  }

  @Test func signaturesAreVerifiedWhereTheyCannotBeRepeated() async throws {
    let scene = try await Scene.set()
    let recording = try scene.signing(try await scene.pin())
    let replay = try RecordingReplay.run(recording, on: try scene.insert())
    #expect(replay.difference == nil && replay.verifiedSignatures == 2)
    for (number, kind) in [(2, RecordingReplay.Difference.Kind.signature), (3, .signature), (1, .response)] {
      let liar = Liar(try scene.insert(), at: number)
      let difference = try #require(try RecordingReplay.run(recording, on: liar).difference)
      #expect(difference.kind == kind, "\(number)")
      // The answer to reset is event 0.
      #expect(difference.event == number + 1)
    }
  }

  /// Over T=0 a signature comes in pieces: one that differs is enough to have the whole verified.
  @Test func signaturesInPiecesAreVerifiedAsOne() async throws {
    let scene = try await Scene.set()
    let recording = try scene.signing(try await scene.pin(), inPieces: true)
    let replay = try RecordingReplay.run(recording, on: Halves(try scene.insert()))
    #expect(replay.difference == nil && replay.verifiedSignatures == 2)
    // Answer to reset, SELECT, VERIFY, then twice a signature and its GET RESPONSE.
    try #require(recording.events.count == 7)
    guard case .exchange(_, let first) = recording.events[3], case .exchange(_, let last) = recording.events[4]
    else { throw CocoaError(.coderInvalidValue) }
    let recorded = Array(first.dropLast(2) + last.dropLast(2))
    for position in [0, recorded.count - 1] {
      var forged = recorded
      forged[position] ^= 1
      let difference = try RecordingReplay.run(recording, on: Halves(try scene.insert(), forged: forged)).difference
      #expect(difference?.kind == .signature && difference?.event == 3 && difference?.answer == forged, "\(position)")
    }
    #expect(
      try RecordingReplay.run(recording, on: Halves(try scene.insert(), forged: recorded)).verifiedSignatures == 1)
  }

  /// What cannot be verified any more, since its rest was never fetched, is a difference.
  @Test(arguments: [(3, 4), (5, 6)])
  func aSignatureThatIsNeverWhole(_ signature: Int, _ getResponse: Int) async throws {
    let scene = try await Scene.set()
    let recording = try scene.signing(try await scene.pin(), inPieces: true)
    for next in [nil, CardRecording.Event.reset([0x3B]), .broken(command: [0x00, 0x84, 0x00, 0x00, 0x08])] {
      var cut = recording
      cut.events.replaceSubrange(getResponse...getResponse, with: next.map { [$0] } ?? [])
      let difference = try RecordingReplay.run(cut, on: Halves(try scene.insert())).difference
      #expect(difference?.kind == .response && difference?.event == signature)
    }
  }

  /// A card whose signatures come in two pieces.
  private final class Halves: APDUTransport {
    private let card: EmulatedCard
    private var forged: [UInt8]?
    private var rest: [UInt8] = []

    /// - Parameter forged: what comes in place of the first signature.
    init(_ card: EmulatedCard, forged: [UInt8]? = nil) { (self.card, self.forged) = (card, forged) }

    var limits: CardTransportLimits { card.limits }

    func reset() throws(CardTransportError) -> [UInt8] { try card.reset() }

    func transmit(_ command: [UInt8]) throws(CardTransportError) -> [UInt8] {
      guard command[1] != 0xC0 else { return rest }
      var answer = try card.transmit(command)
      guard answer.count == 66 else { return answer }
      if let forged { answer.replaceSubrange(..<64, with: forged) }
      forged = nil
      rest = Array(answer[32...])
      return answer[..<32] + [0x61, 32]
    }
  }

  /// What was stopped before it was sent, never was on the line.
  @Test func aCommandThatWasNotSentIsNotRecorded() throws {
    let recorder = RecordingTransport(Stopped())
    #expect(throws: CardTransportError.self) { try recorder.transmit([0x00, 0x84, 0x00, 0x00, 0x08]) }
    #expect(recorder.recording.events.isEmpty)
  }

  /// A card that nothing is sent to.
  private final class Stopped: APDUTransport {
    var limits: CardTransportLimits { .wide }

    func reset() throws(CardTransportError) -> [UInt8] { [0x3B, 0x00] }

    func transmit(_ command: [UInt8]) throws(CardTransportError) -> [UInt8] {
      throw CardTransportError(.cancelled, operation: "transmit", cardMayHaveChanged: false, remedy: "Begin again.")
    }
  }

  /// A card one of whose answers is changed on the way; the status word where that is all there is.
  private final class Liar: APDUTransport {
    private let card: EmulatedCard
    private let number: Int
    private var count = 0

    init(_ card: EmulatedCard, at number: Int) { (self.card, self.number) = (card, number) }

    var limits: CardTransportLimits { card.limits }

    func reset() throws(CardTransportError) -> [UInt8] { try card.reset() }

    func transmit(_ command: [UInt8]) throws(CardTransportError) -> [UInt8] {
      var answer = try card.transmit(command)
      if count == number { answer[answer.startIndex] ^= 1 }
      count += 1
      return answer
    }
  }

  @Test func aFileHoldsWhatWasSaidAndShowsNothing() throws {
    let folder = try TemporaryFolder()
    let pin = Array("135790".utf8)
    let recording = CardRecording(
      events: [
        .reset([0x3B, 0x00]), .exchange(command: [0x00, 0x20, 0x00, 0x81, 0x06] + pin, response: [0x90, 0x00]),
        .broken(command: [0x80, 0x10, 0x00, 0x00]),
      ], seed: .max)
    try recording.write(to: folder("session"), key: Scene.key, random: SystemRandom())
    #expect(try CardRecording(contentsOf: folder("session"), key: Scene.key) == recording)
    let octets = try Data(contentsOf: URL(fileURLWithPath: folder("session")))
    #expect(octets.range(of: Data(pin)) == nil)
    let attributes = try FileManager.default.attributesOfItem(atPath: folder("session"))
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    #expect("\(recording)" == "CardRecording(3 events)")
    var dumped = ""
    dump(recording, to: &dumped)
    #expect(!dumped.contains("53") && !dumped.contains("0x3"))
    #expect(throws: CardRecordingError(.exists, folder("session"))) {
      try recording.write(to: folder("session"), key: Scene.key, random: SystemRandom())
    }
    #expect(throws: CardRecordingError(.notAuthentic, folder("session"))) {
      try CardRecording(contentsOf: folder("session"), key: Secret(copying: [UInt8](repeating: 8, count: 32)))
    }
    // Whatever is cut off or changed, nothing is believed.
    for position in 0..<octets.count {
      var changed = octets
      changed[position] ^= 0x80
      for (name, content) in [("changed", changed), ("cut", octets.prefix(position))] {
        try content.write(to: URL(fileURLWithPath: folder(name)))
        #expect(throws: CardRecordingError.self) { try CardRecording(contentsOf: folder(name), key: Scene.key) }
      }
    }
  }

  @Test func aBrokenLineIsPartOfASession() async throws {
    let scene = try await Scene.set()
    let card = try scene.insert()
    let recorder = RecordingTransport(card)
    _ = try recorder.reset()
    card.plan(StorageFaults(cutAfter: 0))
    let pin = try await scene.pin()
    // Counting a try is the first thing that VERIFY stores.
    #expect(throws: CardTransportError.self) { try recorder.transmit([0x00, 0x20, 0x00, 0x81, 0x08] + pin) }
    #expect(recorder.recording.events.last == .broken(command: [0x00, 0x20, 0x00, 0x81, 0x08] + pin))
    let player = ReplayingTransport(recorder.recording)
    _ = try player.reset()
    #expect(throws: CardTransportError.self) { try player.transmit([0x00, 0x20, 0x00, 0x81, 0x08] + pin) }
    #expect(player.remaining == 0)
  }
}
