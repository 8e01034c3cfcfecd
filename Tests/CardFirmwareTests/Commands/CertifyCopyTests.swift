import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets
import Testing

/// CERTIFY COPY: the card is the comparing party (M7), and releases the content key only to run (M10).
@Suite struct CertifyCopyTests {
  /// What a centre gives out for one title on one medium and one card.
  struct License {
    var softwareID: [UInt8] = SeededRandom(seed: 701).octets(16)
    var mediumID: [UInt8] = SeededRandom(seed: 702).octets(20)
    var terms: [UInt8] = [1, 0] + [UInt8](repeating: 0, count: 8)
    var wrappedKey: [UInt8] = []
    var code: [UInt8] = []
    var wrappedContentKey: [UInt8] = []

    static let contentKey = SeededRandom(seed: 703).octets(32)
    static let certificationKey = SeededRandom(seed: 704).octets(32)

    /// A sound licence for the card with this KU.
    init(userKey: [UInt8], expiry: UInt64 = 0, needsAttestation: Bool = false) throws {
      terms = [1, needsAttestation ? 1 : 0] + (0..<8).map { UInt8(truncatingIfNeeded: expiry >> (56 - 8 * $0)) }
      let input = OctetBuffer(capacity: 256)
      try input.becomeCertificateInput(
        softwareID: softwareID.span.bytes, mediumID: mediumID.span.bytes, terms: terms.span.bytes)
      let octets = input.withBytes { $0.octets }
      let certificationKey = Secret(copying: License.certificationKey)
      wrappedKey = try KeyWrap.wrap(certificationKey, under: Secret(copying: userKey))
      code = try CMAC.tag(certificationKey, octets)
      let wrapping = try Derivation.kbkdf(certificationKey, label: .content, octets: 32) {
        (context) throws(OctetError) in
        try context.appendField(.certificateInput, octets.span.bytes)
      }
      wrappedContentKey = try KeyWrap.wrap(Secret(copying: License.contentKey), under: wrapping)
    }

    func command(running: Bool, driveSignature: [UInt8]? = nil) throws -> CommandAPDU {
      .certifyCopy(
        softwareID: try #require(SoftwareID(octets: softwareID)), mediumID: try #require(MediumID(octets: mediumID)),
        terms: terms, wrappedCertificationKey: wrappedKey, certificateCode: code,
        wrappedContentKey: running ? wrappedContentKey : nil, driveSignature: driveSignature)
    }
  }

  private func license(expiry: UInt64 = 0) throws -> License {
    try License(userKey: try Bench.derived(.copyLicenseUserKey), expiry: expiry)
  }

  @Test func M7_cardComparesTheCode() throws {
    let bench = try Bench.issued()
    let license = try license()
    #expect(try bench.send(license.command(running: false)) == ResponseAPDU(data: [], status: .ok))
    #expect(try bench.send(license.command(running: true)) == ResponseAPDU(data: License.contentKey, status: .ok))
  }

  /// Another version of the terms, or a flag that the card does not know, is malformed; an attested medium id is what no
  /// drive is here for; the rest is false.
  private func termsRefusal(_ bit: Int) -> StatusWord {
    switch bit {
    case 8: .conditionsNotSatisfied
    case 0..<16: .incorrectData
    default: .securityStatusNotSatisfied
    }
  }

  /// Every bit of every field decides: moved to other media, titles or terms, the licence is nothing.
  @Test func M7_cardComparesTheCodeAndAnyFlippedBitFails() throws {
    let bench = try Bench.issued()
    let sound = try license()
    let fields: [WritableKeyPath<License, [UInt8]>] = [
      \.softwareID, \.mediumID, \.terms, \.wrappedKey, \.code, \.wrappedContentKey,
    ]
    for field in fields {
      for bit in 0..<(8 * sound[keyPath: field].count) {
        var changed = sound
        changed[keyPath: field][bit / 8] ^= 1 << UInt8(bit % 8)
        let word = field == \.terms ? termsRefusal(bit) : .securityStatusNotSatisfied
        let answer = try bench.send(changed.command(running: true))
        #expect(answer == ResponseAPDU(data: [], status: word), "\(field), bit \(bit)")
      }
    }
    for field in [\License.softwareID, \.mediumID] {
      var other = sound
      other[keyPath: field] = SeededRandom(seed: 705).octets(16)
      #expect(try bench.status(other.command(running: false)) == .securityStatusNotSatisfied)
    }
  }

  /// A code does not say where the medium id ends and the terms begin: the typed lengths do.
  @Test func M7_cardComparesTheCodeWithItsFieldsApart() throws {
    let bench = try Bench.issued()
    var moved = try license()
    moved.mediumID.removeLast()
    #expect(try bench.status(moved.command(running: false)) == .securityStatusNotSatisfied)
  }

  @Test func M7_cardComparesTheCodeForItselfAlone() throws {
    let license = try License(userKey: [UInt8](repeating: 9, count: 32))
    #expect(try Bench.issued().status(license.command(running: false)) == .securityStatusNotSatisfied)
  }

  @Test func P8_licenceDiesAtItsDate() throws {
    let bench = try Bench.issued()
    let license = try license(expiry: 5_000)
    #expect(try bench.status(license.command(running: false)) == .ok)
    #expect(try bench.setTime(5_000) == .ok)
    #expect(try bench.status(license.command(running: true)) == .ok)
    #expect(try bench.setTime(5_001) == .ok)
    for running in [false, true] {
      #expect(
        try bench.send(license.command(running: running)) == ResponseAPDU(data: [], status: .conditionsNotSatisfied))
    }
  }

  @Test func malformedRequests() throws {
    let bench = try Bench.issued()
    let license = try license()
    let good = try license.command(running: true)
    for p1p2 in [(2, 0), (0, 1), (0x80, 0)] as [(UInt8, UInt8)] {
      var command = good
      (command.p1, command.p2) = p1p2
      #expect(try bench.status(command) == .incorrectP1P2)
    }
    for length in 0..<good.data.count {
      var command = good
      command.data = Array(good.data[..<length])
      #expect(try bench.status(command) == .incorrectData)
    }
    var trailing = good
    trailing.data += [0x86, 0]
    #expect(try bench.status(trailing) == .incorrectData)
    // Copying and running are two requests.
    var mixed = good
    mixed.p1 = 0
    #expect(try bench.status(mixed) == .incorrectData)
    for (field, count) in [(\License.wrappedKey, 32), (\.code, 15), (\.terms, 11), (\.terms, 65), (\.terms, 9)] {
      var command = license
      command[keyPath: field] = [1] + [UInt8](repeating: 0, count: count - 1)
      #expect(try bench.status(command.command(running: false)) == .incorrectData)
    }
  }
}
