import CardDriver
import CardEmulator
import CardFirmware
import CardProtocol
import Cryptography
import Formats
import ISO7816
import Identifiers
import Octets
import Testing

@testable import LicenseCenter

/// A relay over an emulated card, as the command line has one, that can break before or after any message.
private final class EmulatedRelay: CardRelay {
  private let connection: CardConnection
  var cut: (index: Int, moment: TestRelay.Moment)?
  private(set) var exchanges = 0

  init(_ card: EmulatedCard) throws { connection = try CardConnection(card) }

  func exchange(_ command: CommandAPDU) async throws -> ResponseAPDU {
    defer { exchanges += 1 }
    if let cut, cut.index == exchanges, cut.moment == .before { throw try fall() }
    let response = try connection.exchange(command, operation: "relay")
    if let cut, cut.index == exchanges, cut.moment == .after { throw try fall() }
    return response
  }

  private func fall() throws -> TestRelay.Cut {
    try connection.reset()
    return TestRelay.Cut()
  }
}

extension TestCenter {
  /// A blank emulated card, registered at the centre.
  func registeredCard(_ profile: CardProfile) async throws -> (EmulatedCard, CardSerial) {
    let made = try EmulatedCard.inMemory(profile: profile, random: random)
    let (card, serial) = (made.card, made.production.serial)
    let record = try ProductionRecord(
      cardSerial: serial, moduleType: "WARIFU-E", productionNumber: "1", producedAt: 1_700_000_000,
      transportKeys: made.production.transportKeys)
    try await center.cardIssuer.register(record)
    return (card, serial)
  }
}

/// The centre against the card's firmware itself.
@Suite(.onEveryEngine) struct EmulatedCardTests {
  private static let profiles: [CardProfile] = [
    .standard, CardProfile(codeCapacity: 64, stagingOctets: 8192, commandOctets: 4096, macOctets: 16),
  ]

  private func order(_ serial: CardSerial) throws -> CardIssueOrder {
    try CardIssueOrder(cardSerial: serial, purchaser: "Suzuki", maximumCodes: 10_000, generationKeys: [1, 16])
  }

  @Test(arguments: EmulatedCardTests.profiles)
  func P2_issueAndP6_chargeSurviveCutsOnTheFirmware(profile: CardProfile) async throws {
    let test = try await TestCenter()
    let (card, serial) = try await test.registeredCard(profile)
    var index = 0
    var record: CardRecord?
    // Each run breaks one message later than the one before, until a run gets through.
    while record == nil {
      let relay = try EmulatedRelay(card)
      relay.cut = (index, index.isMultiple(of: 2) ? .before : .after)
      index += 1
      do {
        record = try await test.center.cardIssuer.issue(try order(serial), over: relay)
      } catch let error as CenterError {
        try #require(error.code == .cardUnreachable, "\(error)")
      }
    }
    #expect(record?.state == .issued && index > 10)
    let title = try await test.center.titles.register(
      name: "t", version: "1", type: .data, seller: "S", price: Money(minorUnits: 7, currency: .yen))
    var charged: Int64 = 0
    for moment in [TestRelay.Moment.before, .after] {
      var (cutAt, isWhole) = (0, false)
      while !isWhole {
        let charge = try ChargeOrder(
          operationID: try test.operationID(), cardSerial: serial, softwareID: title.softwareID, quantity: 2)
        let relay = try EmulatedRelay(card)
        relay.cut = (cutAt, moment)
        cutAt += 1
        do {
          _ = try await test.center.charging.charge(charge, over: relay)
          isWhole = true
        } catch {
          try #require(error.code == .cardUnreachable, "\(error)")
          _ = try await test.center.charging.charge(charge, over: try EmulatedRelay(card))
        }
        charged += 2
        #expect(try await test.balance(.holder(serial)) == -7 * charged)
      }
    }
    #expect(try await test.center.cardIssuer.card(serial).codesSold == UInt32(charged))
    _ = try await test.center.verify()
  }

  @Test func P16_fullCardIsRefusedAndNothingBilled() async throws {
    let test = try await TestCenter()
    let (card, serial) = try await test.registeredCard(.board)
    let relay = try EmulatedRelay(card)
    _ = try await test.center.cardIssuer.issue(try order(serial), over: relay)
    let title = try await test.center.titles.register(
      name: "t", version: "1", type: .data, seller: "S", price: Money(minorUnits: 7, currency: .yen))
    func charge(_ quantity: UInt16, fewer: Bool) async throws -> ChargeOutcome {
      let order = try ChargeOrder(
        operationID: try test.operationID(), cardSerial: serial, softwareID: title.softwareID, quantity: quantity,
        acceptsFewer: fewer)
      return try await test.center.charging.charge(order, over: relay)
    }
    await expectFailure(.limitReached) { _ = try await charge(65, fewer: false) }
    #expect(try await test.balance(.holder(serial)) == 0)
    #expect(try await charge(65, fewer: true).actual == 64)
    await expectFailure(.limitReached) { _ = try await charge(1, fewer: true) }
    #expect(try await test.balance(.holder(serial)) == -7 * 64)
  }

  /// What the centre makes, the firmware's CERTIFY COPY accepts; and on another medium, card or term it does not.
  @Test func M5_firmwareCertifiesTheLicence() async throws {
    let test = try await TestCenter()
    let (card, serial) = try await test.registeredCard(.standard)
    _ = try await test.center.cardIssuer.issue(try order(serial), over: try EmulatedRelay(card))
    let title = try await test.center.titles.register(
      name: "t", version: "1", type: .program, seller: "S", price: Money(minorUnits: 7, currency: .yen))
    let license = try await test.center.copyLicenses.license(
      LicenseRequest(
        operationID: try test.operationID(), cardSerial: serial, softwareID: title.softwareID,
        mediumID: try #require(MediumID(octets: [1, 2, 3]))))
    let letter = try await test.center.cardIssuer.pinLetter(of: serial)
    let connection = try CardConnection(card)
    func send(_ command: CommandAPDU) throws -> ResponseAPDU { try connection.exchange(command, operation: "test") }
    func certify(_ license: CopyLicense, releasing: Bool) throws -> ResponseAPDU {
      try send(
        .certifyCopy(
          softwareID: license.softwareID, mediumID: license.mediumID, terms: license.terms.encoded,
          wrappedCertificationKey: license.wrappedCertificationKey, certificateCode: license.certificateCode,
          wrappedContentKey: releasing ? license.wrappedContentKey : nil))
    }
    #expect(try send(.select(applicationID: CardProtocol.applicationID)).status == .ok)
    #expect(try send(.verify(.pin, value: Array(letter.pin.utf8) + [0xFF, 0xFF])).status == .ok)
    #expect(try certify(license, releasing: false).status == .ok)
    let answer = try certify(license, releasing: true)
    let expected = try await test.center.titles.contentKey(of: title.softwareID).withBytes { $0.octets }
    #expect(answer.data == expected)
    var moved = license
    moved.mediumID = try #require(MediumID(octets: [1, 2, 4]))
    var longer = license
    longer.terms = LicenseTerms(expiry: 2_000_000_000)
    for changed in [moved, longer] {
      let refusal = try certify(changed, releasing: true)
      #expect(refusal.status == .securityStatusNotSatisfied && refusal.data.isEmpty)
    }
  }
}
