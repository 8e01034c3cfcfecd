import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets
import SecureChannel
import Testing

/// OPEN CONVERSION KEYS: E_Mid(Ku) and E_Mid(Ka) as the centre wraps them (M12, M13), opened by the card that they are for.
@Suite struct ConversionKeyTests {
  private static let ku = SeededRandom(seed: 180).octets(32)
  private static let ka = SeededRandom(seed: 181).octets(32)

  /// A title and a medium, with both keys wrapped as the centre does: AES-KW under HKDF of the card's conversion secret.
  private struct Order {
    var software: SoftwareID
    var medium: MediumID
    var wrappedKu: [UInt8], wrappedKa: [UInt8]

    init(medium octets: [UInt8] = [0xC0, 0xFF, 0xEE, 0x01]) throws {
      software = try #require(SoftwareID(octets: Bench.softwareID))
      medium = try #require(MediumID(octets: octets))
      wrappedKu = try Order.wrap(ConversionKeyTests.ku, info: Array("Ku".utf8) + medium.octets)
      wrappedKa = try Order.wrap(ConversionKeyTests.ka, info: Array("Ka".utf8) + medium.octets + software.octets)
    }

    private static func wrap(_ key: [UInt8], info: [UInt8]) throws -> [UInt8] {
      let secret = Secret(copying: try Bench.derived(.conversionSecret))
      return try KeyWrap.wrap(
        Secret(copying: key), under: try Derivation.hkdf(secret, salt: [], info: info, octets: 32))
    }

    var toRun: CommandAPDU { .openConversionKey(mediumID: medium, wrappedMediumKey: wrappedKu) }
    var toCopy: CommandAPDU {
      .openConversionKeys(
        softwareID: software, mediumID: medium, wrappedMediumKey: wrappedKu, wrappedMasterKey: wrappedKa)
    }
  }

  @Test(arguments: [1, 4, 55, 64]) func M13_cardOpensWhatTheCentreWrapped(_ octets: Int) throws {
    let bench = try Bench.issued()
    let order = try Order(medium: SeededRandom(seed: 182).octets(octets))
    #expect(try bench.send(order.toRun) == ResponseAPDU(data: Self.ku, status: .ok))
    #expect(try bench.send(order.toCopy) == ResponseAPDU(data: Self.ku + Self.ka, status: .ok))
    #expect(try bench.open().send(order.toCopy).data == Self.ku + Self.ka)
  }

  /// A listener who saw the request, another card, another medium, another title: none opens the keys.
  @Test func M13_nobodyElseOpensThem() throws {
    let order = try Order()
    let other = try Bench.otherPurchaser()
    let bench = try Bench.issued()
    var rows = [(other, order.toRun), (other, order.toCopy)]
    var changed = order
    changed.medium = try #require(MediumID(octets: [0xC0, 0xFF, 0xEE, 0x02]))
    rows += [(bench, changed.toRun), (bench, changed.toCopy)]
    changed = order
    changed.software = try #require(SoftwareID(octets: [UInt8](repeating: 7, count: 16)))
    rows += [(bench, changed.toCopy)]
    // One taken for the other.
    changed = order
    (changed.wrappedKu, changed.wrappedKa) = (order.wrappedKa, order.wrappedKu)
    rows += [(bench, changed.toRun), (bench, changed.toCopy)]
    for (card, command) in rows {
      #expect(try card.send(command) == ResponseAPDU(data: [], status: .securityStatusNotSatisfied))
    }
    // Another title's key is no business of running.
    changed = order
    changed.wrappedKa[0] ^= 1
    #expect(try bench.send(changed.toRun).data == Self.ku)
  }

  @Test func malformedOrdersAreRefused() throws {
    let bench = try Bench.issued()
    let order = try Order()
    for length in 0..<order.toCopy.data.count {
      var cut = order.toCopy
      cut.data = Array(cut.data[..<length])
      #expect(try bench.status(cut) == .incorrectData)
    }
    var run = order.toCopy
    run.p1 = 0
    #expect(try bench.status(run) == .incorrectData)
  }
}
