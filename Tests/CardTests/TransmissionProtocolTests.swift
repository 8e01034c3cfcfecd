import CardDriver
import CardEmulator
import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import Octets
import Testing
import card_rig

/// Cards for T=0 and for T=1: what they say of themselves, how they negotiate, and that the driver drives both.
@Suite struct TransmissionProtocolTests {
  private static func profile(_ transmissionProtocol: TransmissionProtocol) -> CardProfile {
    var profile = Specimen.profile
    profile.transmissionProtocol = transmissionProtocol
    return profile
  }

  @Test(arguments: [TransmissionProtocol.t0, .t1])
  func answerToResetFollowsTheProfile(_ transmissionProtocol: TransmissionProtocol) throws {
    let card = try Specimen.inMemory(profile: Self.profile(transmissionProtocol))
    let octets = try card.reset()
    let atr = try ATR(parsing: octets.span.bytes)
    #expect(atr == card.answerToReset && atr.protocols == [transmissionProtocol.rawValue])
    #expect(atr.isNegotiable && atr.clockRateConversion == 512 && atr.baudRateAdjustment == 16)
    #expect(atr.historicalOctets == [0x80, 0x31, 0xD8, 0x56] + Array("WARIFU".utf8) + [0x73, 0xF0, 0x01, 0xDB])
    // TCK is there for T=1 and not for T=0 alone (8.2.5).
    #expect(octets.count == (transmissionProtocol == .t0 ? 17 : 21))
  }

  /// The protocol is in the state file; one that was made before there was a choice reads as T=1.
  @Test func protocolIsKept() throws {
    try withTemporaryFolder { folder in
      for transmissionProtocol in [TransmissionProtocol.t0, .t1] {
        let path = folder + "/card-\(transmissionProtocol.rawValue)"
        var profile = Specimen.smallest
        profile.transmissionProtocol = transmissionProtocol
        try Specimen.make(at: path, profile: profile)
        #expect(try Specimen.open(path).answerToReset.protocols == [transmissionProtocol.rawValue])
      }
    }
  }

  /// Holder's commands, a session at level 33 and a charge longer than any TPDU.
  @Test(arguments: [TransmissionProtocol.t0, .t1])
  func driverDrivesBoth(_ transmissionProtocol: TransmissionProtocol) throws {
    let emulated = try Specimen.inMemory(profile: Self.profile(transmissionProtocol))
    let connection = try CardConnection(emulated)
    #expect(connection.takesExtendedLength == (transmissionProtocol == .t1))
    var session = try Specimen.administration(connection)
    let receipt = try session.storeData(try Specimen.charge(2, count: 100))
    #expect(receipt.count == ChargeReceipt.octetCount)
    try connection.reset()
    let card = try WarifuCard(connection)
    #expect(try card.codes().count == 102)
    try card.verify(pin: Secret(copying: Array(Specimen.pin.utf8)))
    let code = try card.handOver(index: 101)
    #expect(code.code.withBytes { $0.octets } == (try Specimen.batch(2, count: 100)).records[99].code)
    let key = [UInt8](repeating: 7, count: 32)
    let wrapped = try card.wrap(Secret(copying: key), level: .right, codeIndex: 0)
    #expect(try card.unwrap(wrapped, level: .right, codeIndex: 0).withBytes { $0.octets } == key)
  }

  // MARK: PPS

  @Test(arguments: [TransmissionProtocol.t0, .t1])
  func cardNegotiatesOnceAfterAReset(_ transmissionProtocol: TransmissionProtocol) throws {
    let card = try EmulatedCard.inMemory(
      profile: Self.profile(transmissionProtocol), random: SeededRandom(seed: 5)
    ).card
    let type = transmissionProtocol.rawValue
    let fast = PPS(protocolType: type, pps1: 0x95).encoded
    let initial = TransmissionParameters(protocolType: type)
    #expect(card.negotiate(fast) == nil, "no reset yet")
    _ = try card.reset()
    #expect(card.transmissionParameters == initial)
    #expect(card.negotiate(fast) == fast)
    #expect(card.transmissionParameters == TransmissionParameters(protocolType: type, fiDi: 0x95))
    #expect(card.negotiate(fast) == nil, "a second time")
    #expect(card.transmissionParameters.fiDi == 0x95)
    _ = try card.transmit([0x80, 0xCA, 0xDF, 0x20, 58])
    #expect(card.transmissionParameters.fiDi == 0x95)
    _ = try card.reset()
    #expect(card.transmissionParameters == initial)
    _ = try card.transmit([0x80, 0xCA, 0xDF, 0x20, 58])
    #expect(card.negotiate(fast) == nil, "after a command")
  }

  /// Silence, and the line as after the reset.
  @Test func wrongRequestsAreNotAnswered() throws {
    let card = try EmulatedCard.inMemory(profile: Self.profile(.t1), random: SeededRandom(seed: 6)).card
    for request: [UInt8] in [
      [], [0xFF], [0xFF, 0x11, 0x95, 0x7A], [0xFF, 0x11, 0x95], [0xFE, 0x01, 0xFF], [0xFF, 0x00, 0xFF],
      [0xFF, 0x81, 0x7E], [0xFF, 0x01, 0xFE, 0x00],
    ] {
      _ = try card.reset()
      #expect(card.negotiate(request) == nil)
      #expect(card.transmissionParameters == TransmissionParameters(protocolType: 1))
      // The exchange has failed: nothing but a reset brings another.
      #expect(card.negotiate([0xFF, 0x01, 0xFE]) == nil)
    }
    _ = try card.reset()
    #expect(card.negotiate([0xFF, 0x11, 0x18, 0xF6]) == [0xFF, 0x01, 0xFE])
    #expect(card.transmissionParameters == TransmissionParameters(protocolType: 1))
  }
}
