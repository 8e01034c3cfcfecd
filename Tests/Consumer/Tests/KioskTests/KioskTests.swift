import CardDriver
import CardEmulator
import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Kiosk
import Octets
import SecureChannel
import Testing

/// Another project's tests, on a card in memory.
@Suite struct KioskTests {
  private static let pin = "1234", wrongPIN = "4321"
  private static let codes = (0..<3).map { number in [UInt8](repeating: UInt8(0xA0 + number), count: 10) }

  private static func secret(_ text: String) -> Secret { Secret(copying: Array(text.utf8)) }

  private static func title(_ number: Int) throws -> SoftwareID {
    try #require(SoftwareID(octets: [UInt8](repeating: UInt8(number), count: 16)))
  }

  /// A card with a PIN and three codes, each for another title.
  private func chargedCard() throws -> EmulatedCard {
    let random = SystemRandom()
    let made = try EmulatedCard.inMemory(random: random)
    let connection = try CardConnection(made.card)
    let individualKey = Secret(random: 32, from: random)
    do {
      var session = try AdministrationSession(
        connection, keys: made.production.transportKeys, keyVersion: KeyVersion.transportSet, random: random)
      try session.putKeys(version: KeyVersion.individualKey, individualKey, count: 1)
    }
    let serial = made.production.serial.octets
    let labels: [KeyLabel] = [.channelEncryption, .channelMAC, .channelDataEncryption]
    let set = try labels.flatMap { label in
      try Derivation.kbkdf(individualKey, label: label, octets: 32) { (context) throws(OctetError) in
        try context.appendField(.cardSerial, serial.span.bytes)
      }.withBytes { $0.octets }
    }
    var session = try AdministrationSession(
      connection, keys: Secret(copying: set), keyVersion: KeyVersion.individualSet, random: random)
    try session.putKeys(version: KeyVersion.generationKeyBase + 1, Secret(random: 32, from: random), count: 1)
    let records = try KioskTests.codes.enumerated().map { number, code in
      ChargeRecord(code: code, generationKey: 1, softwareID: try KioskTests.title(number))
    }
    let batch = try ChargeBatch(number: 1, records: records).encoded()
    let padding = [UInt8](repeating: 0xFF, count: 4)
    let references = Array(KioskTests.pin.utf8) + padding + Array("12345678".utf8)
    try session.storeData(
      BERTLV.encode(tag: UInt32(DataTag.referenceData.rawValue), value: references)
        + BERTLV.encode(tag: UInt32(DataTag.chargeBatch.rawValue), value: batch))
    return made.card
  }

  @Test func showsWhatIsOnTheCard() throws {
    let offers = try Kiosk(chargedCard()).offers()
    #expect(try offers.map(\.title) == (0..<3).map(KioskTests.title))
  }

  @Test func handsOverWhatWasChosen() throws {
    let kiosk = try Kiosk(chargedCard())
    let offer = try kiosk.offers()[1]
    #expect(try kiosk.handOver(offer, pin: KioskTests.secret(KioskTests.pin)) == .handedOver(KioskTests.codes[1]))
    #expect(try kiosk.offers().count == 2)
  }

  @Test func tellsOfAWrongPIN() throws {
    let kiosk = try Kiosk(chargedCard())
    let offer = try kiosk.offers()[0]
    for outcome in [Kiosk.Outcome.wrongPIN(triesLeft: 2), .wrongPIN(triesLeft: 1), .blocked] {
      #expect(try kiosk.handOver(offer, pin: KioskTests.secret(KioskTests.wrongPIN)) == outcome)
    }
    #expect(try kiosk.handOver(offer, pin: KioskTests.secret(KioskTests.pin)) == .blocked)
  }

  /// The seam between driver and card is open to others.
  @Test func reachesTheCardByAWayOfItsOwn() throws {
    let counter = CountingTransport(try chargedCard())
    _ = try Kiosk(counter).offers()
    #expect(counter.commands > 1)
  }
}

/// A way to a card that counts what passes.
private final class CountingTransport: APDUTransport {
  private let card: any APDUTransport
  private(set) var commands = 0

  init(_ card: any APDUTransport) { self.card = card }

  var limits: CardTransportLimits { card.limits }

  func reset() throws(CardTransportError) -> [UInt8] { try card.reset() }

  func transmit(_ command: [UInt8]) throws(CardTransportError) -> [UInt8] {
    commands += 1
    return try card.transmit(command)
  }
}
