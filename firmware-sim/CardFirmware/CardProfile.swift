import ISO7816
import Octets

/// What kind of card it is: fixed when it is made.
public struct CardProfile: Hashable, Sendable {
  /// How many codes it holds, up to 1,024.
  public var codeCapacity: UInt16
  /// Octets that STORE DATA can stage, and so the largest charge.
  public var stagingOctets: UInt32
  /// Octets of the longest command APDU.
  public var commandOctets: UInt16
  /// Octets of the longest carried file; 32,767 at most, as READ BINARY addresses 15 bits.
  public var fileOctets: UInt16
  /// Tries of PIN and PUK, 1...15.
  public var pinTries: UInt8, pukTries: UInt8
  /// Octets of the MACs of its secure channel: 8 or 16.
  public var macOctets: UInt8
  /// Made with GlobalPlatform's public test keys; a centre never issues such a card.
  public var hasTestKeys: Bool
  /// Its card challenges come from a counter of the key set (Amendment D, 6.2.2.1) instead of chance.
  public var hasPseudoRandomChallenge: Bool
  /// The one transmission protocol that its answer to reset offers.
  public var transmissionProtocol: TransmissionProtocol

  /// A profile.
  public init(
    codeCapacity: UInt16, stagingOctets: UInt32, commandOctets: UInt16, fileOctets: UInt16 = 32_767,
    pinTries: UInt8 = 3, pukTries: UInt8 = 10, macOctets: UInt8 = 8, hasTestKeys: Bool = false,
    hasPseudoRandomChallenge: Bool = false, transmissionProtocol: TransmissionProtocol = .t1
  ) {
    self.codeCapacity = codeCapacity
    self.stagingOctets = stagingOctets
    self.commandOctets = commandOctets
    self.fileOctets = fileOctets
    self.pinTries = pinTries
    self.pukTries = pukTries
    self.macOctets = macOctets
    self.hasTestKeys = hasTestKeys
    self.hasPseudoRandomChallenge = hasPseudoRandomChallenge
    self.transmissionProtocol = transmissionProtocol
  }

  /// The emulator's card: 1,024 codes, APDUs up to 65,535 octets.
  public static let standard = CardProfile(codeCapacity: 1_024, stagingOctets: 81_920, commandOctets: 65_535)

  /// The card on the board: 64 codes, APDUs up to 4,096 octets.
  public static let board = CardProfile(codeCapacity: 64, stagingOctets: 8_192, commandOctets: 4_096)
}

/// What the factory wrote: who the card is.
struct ProductionData {
  /// Octets of the encoding.
  static let octetCount = 8 + 16 + 42
  /// How the record says T=0; anything else is T=1, which was all there was when these octets were reserved.
  private static let characterOriented: UInt8 = 0x80

  var serial: InlineArray<8, UInt8>
  var profile: CardProfile
  /// Card production life cycle data (CPLC, tag 9F7F); 42 octets.
  var lifeCycleData: InlineArray<42, UInt8>

  init(serial: InlineArray<8, UInt8>, profile: CardProfile, lifeCycleData: InlineArray<42, UInt8>) {
    self.serial = serial
    self.profile = profile
    self.lifeCycleData = lifeCycleData
  }

  /// Reads the record; a profile that no factory writes is ``OctetError/invalid``.
  init(_ octets: RawSpan) throws(OctetError) {
    var reader = OctetReader(octets)
    serial = InlineArray(repeating: 0)
    for index in 0..<8 { serial[index] = try reader.u8() }
    let codeCapacity = try reader.u16()
    let stagingOctets = try reader.u32()
    let commandOctets = try reader.u16()
    let fileOctets = try reader.u16()
    let pinTries = try reader.u8()
    let pukTries = try reader.u8()
    let macOctets = try reader.u8()
    let flags = try reader.u8()
    let line = try reader.u8()
    _ = try reader.u8()
    lifeCycleData = InlineArray(repeating: 0)
    for index in 0..<42 { lifeCycleData[index] = try reader.u8() }
    try reader.expectEnd()
    profile = CardProfile(
      codeCapacity: codeCapacity, stagingOctets: stagingOctets, commandOctets: commandOctets, fileOctets: fileOctets,
      pinTries: pinTries, pukTries: pukTries, macOctets: macOctets, hasTestKeys: flags & 1 != 0,
      hasPseudoRandomChallenge: flags & 2 != 0,
      transmissionProtocol: line == ProductionData.characterOriented ? .t0 : .t1)
    guard profile.isPossible else { throw .invalid }
  }

  func encode(into buffer: OctetBuffer) throws(OctetError) {
    guard profile.isPossible else { throw .invalid }
    for index in 0..<8 { try buffer.append(serial[index]) }
    try buffer.append(profile.codeCapacity)
    try buffer.append(profile.stagingOctets)
    try buffer.append(profile.commandOctets)
    try buffer.append(profile.fileOctets)
    try buffer.append(profile.pinTries)
    try buffer.append(profile.pukTries)
    try buffer.append(profile.macOctets)
    try buffer.append(UInt8(profile.hasTestKeys ? 1 : 0) | UInt8(profile.hasPseudoRandomChallenge ? 2 : 0))
    try buffer.append(profile.transmissionProtocol == .t0 ? ProductionData.characterOriented : 0)
    try buffer.append(UInt8(0))
    for index in 0..<42 { try buffer.append(lifeCycleData[index]) }
  }
}

extension CardProfile {
  fileprivate var isPossible: Bool {
    codeCapacity <= CardLayout.codeSlots && (256...1_048_576).contains(stagingOctets) && commandOctets >= 261
      && fileOctets <= 32_767 && (1...15).contains(pinTries) && (1...15).contains(pukTries)
      && (macOctets == 8 || macOctets == 16)
  }
}
