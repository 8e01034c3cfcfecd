import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets
import Testing

/// Attack 9 at the card: where the licence asks for it, a medium id is worth what the drive that holds the medium says.
@Suite struct DriveAttestationTests {
  /// A drive and what the centre says of it.
  struct Drive: ~Copyable {
    let key: SigningKey
    let certificate: [UInt8]

    init(
      vouchedBy authority: borrowing SigningKey, validity: ClosedRange<UInt64> = 946_684_800...4_102_444_799
    ) throws {
      let key = try SigningKey(scalar: Secret(copying: [UInt8](repeating: 0x22, count: 32)))
      let body = CardVerifiableCertificate.body(
        authority: Array("CENTRE".utf8), holder: Array("WF00000001".utf8), publicKey: key.verificationKey.octets,
        validity: validity)
      let signed = try #require(body)
      certificate = CardVerifiableCertificate.encode(body: signed, signature: try authority.sign(signed))
      self.key = key
    }

    func attest(_ mediumID: [UInt8], _ challenge: [UInt8]) throws -> [UInt8] {
      let input = OctetBuffer(capacity: 256)
      try input.becomeDriveAttestationInput(challenge: challenge.span.bytes, mediumID: mediumID.span.bytes)
      return try key.sign(input.withBytes { $0.octets })
    }
  }

  private func license() throws -> CertifyCopyTests.License {
    try CertifyCopyTests.License(userKey: try Bench.derived(.copyLicenseUserKey), needsAttestation: true)
  }

  private func trust(_ drive: borrowing Drive, on bench: Bench) throws -> StatusWord {
    try bench.status(try #require(CommandAPDU.verifyCertificate(drive.certificate)))
  }

  @Test func attack09_attestedMediumIsAccepted() throws {
    let bench = try Bench.issued()
    let drive = try Drive(vouchedBy: try Bench.center())
    #expect(try trust(drive, on: bench) == .ok)
    let license = try license()
    for running in [false, true] {
      let challenge = try bench.send(.getChallenge(32)).data
      let command = try license.command(running: running, driveSignature: drive.attest(license.mediumID, challenge))
      #expect(try bench.status(command) == .ok)
      // A challenge is good once: the same signature again says nothing about now.
      #expect(try bench.status(command) == .conditionsNotSatisfied)
    }
  }

  @Test func attack09_hostsWordIsNotEnough() throws {
    let bench = try Bench.issued()
    let drive = try Drive(vouchedBy: try Bench.center())
    let license = try license()
    #expect(try bench.status(license.command(running: false)) == .conditionsNotSatisfied)
    #expect(try trust(drive, on: bench) == .ok)
    #expect(try bench.status(license.command(running: false)) == .conditionsNotSatisfied)

    // The host names another disc's id than the one that the drive saw.
    let challenge = try bench.send(.getChallenge(32)).data
    let elsewhere = try drive.attest([UInt8](repeating: 7, count: 16), challenge)
    #expect(try bench.status(license.command(running: true, driveSignature: elsewhere)) == .securityStatusNotSatisfied)
    // The drive answered another challenge, or none was asked for.
    _ = try bench.send(.getChallenge(32))
    let stale = try drive.attest(license.mediumID, challenge)
    #expect(try bench.status(license.command(running: true, driveSignature: stale)) == .securityStatusNotSatisfied)
    #expect(try bench.status(license.command(running: true, driveSignature: stale)) == .conditionsNotSatisfied)
    // Too short a challenge could be asked for again and again until it repeats.
    let short = try bench.send(.getChallenge(8)).data
    let weak = try drive.attest(license.mediumID, short)
    #expect(try bench.status(license.command(running: true, driveSignature: weak)) == .conditionsNotSatisfied)
  }

  @Test func attack09_onlyTheCentresDrivesAreBelieved() throws {
    let bench = try Bench.issued()
    let stranger = try SigningKey(scalar: Secret(copying: [UInt8](repeating: 0x33, count: 32)))
    let drive = try Drive(vouchedBy: stranger)
    #expect(try trust(drive, on: bench) == .securityStatusNotSatisfied)
    let license = try license()
    let challenge = try bench.send(.getChallenge(32)).data
    let signature = try drive.attest(license.mediumID, challenge)
    #expect(try bench.status(license.command(running: true, driveSignature: signature)) == .conditionsNotSatisfied)

    // A certificate that fails takes away what the one before it gave.
    let good = try Drive(vouchedBy: try Bench.center())
    #expect(try trust(good, on: bench) == .ok)
    #expect(try trust(drive, on: bench) == .securityStatusNotSatisfied)
    let again = try bench.send(.getChallenge(32)).data
    let late = try good.attest(license.mediumID, again)
    #expect(try bench.status(license.command(running: true, driveSignature: late)) == .conditionsNotSatisfied)
  }

  @Test func certificateExpires() throws {
    let bench = try Bench.issued()
    // 1 to 2 January 2026.
    let drive = try Drive(vouchedBy: try Bench.center(), validity: 1_767_225_600...1_767_398_399)
    #expect(try bench.setTime(1_767_398_399) == .ok)
    #expect(try trust(drive, on: bench) == .ok)
    #expect(try bench.setTime(1_767_398_400) == .ok)
    #expect(try trust(drive, on: bench) == .conditionsNotSatisfied)
  }

  /// Whatever bit of a certificate is flipped, the card takes in no key.
  @Test func alteredCertificatesAreRefused() throws {
    let bench = try Bench.issued()
    let drive = try Drive(vouchedBy: try Bench.center())
    let sound = try #require(CommandAPDU.verifyCertificate(drive.certificate))
    for bit in 0..<(8 * sound.data.count) {
      var altered = sound
      altered.data[bit / 8] ^= 1 << UInt8(bit % 8)
      let word = try bench.status(altered)
      #expect(word == .incorrectData || word == .securityStatusNotSatisfied, "bit \(bit)")
    }
    for count in 0..<sound.data.count {
      var cut = sound
      cut.data.removeLast(sound.data.count - count)
      #expect(try bench.status(cut) == .incorrectData, "\(count) octets")
    }
  }

  @Test func theKeyStaysOnItsChannel() throws {
    let bench = try Bench.issued()
    let drive = try Drive(vouchedBy: try Bench.center())
    #expect(try trust(drive, on: bench) == .ok)
    bench.reset()
    #expect(try bench.status(.select(applicationID: CardProtocol.applicationID)) == .ok)
    let license = try license()
    let challenge = try bench.send(.getChallenge(32)).data
    let signature = try drive.attest(license.mediumID, challenge)
    #expect(try bench.status(license.command(running: true, driveSignature: signature)) == .conditionsNotSatisfied)
  }
}
