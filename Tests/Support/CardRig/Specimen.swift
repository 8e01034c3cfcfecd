import CardDriver
import CardEmulator
import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets
import SecureChannel

/// A card that tests make, issue and charge, in this process or in another: all its secrets are known.
public enum Specimen {
  /// The emulator key of its state file.
  public static let stateKey = [UInt8](repeating: 0x5A, count: 32)
  /// Its individual key.
  public static let individualKey = SeededRandom(seed: 11).octets(32)
  /// Its only generation key, number 1.
  public static let generationKey = SeededRandom(seed: 12).octets(32)
  /// Its PIN and PUK.
  public static let pin = "1357", puk = "24682468"
  /// The file it carries.
  public static let fileID: UInt16 = 0x0042, fileContent = SeededRandom(seed: 13).octets(60)

  /// Room for 256 codes, and not much else.
  public static let profile = CardProfile(
    codeCapacity: 256, stagingOctets: 16_384, commandOctets: 4_096, fileOctets: 64)
  /// As small as a card can be: what the fixture is.
  public static let smallest = CardProfile(codeCapacity: 4, stagingOctets: 1_024, commandOctets: 1_024, fileOctets: 64)

  /// Makes a card in a new state file and issues it.
  public static func make(at path: String, profile: CardProfile = profile, seed: UInt64 = 1) throws {
    let random = SeededRandom(seed: seed)
    let production = try EmulatedCard.make(
      at: path, key: Secret(copying: stateKey), profile: profile, random: random)
    try issue(CardConnection(try open(path, random: random)), production.transportKeys, profile.mode, random)
  }

  /// What a card of the second release can be beyond the first: long MACs, counted sessions, T=0.
  public static let second = CardProfile(
    codeCapacity: 4, stagingOctets: 1_024, commandOctets: 1_024, fileOctets: 64, macOctets: 16,
    hasPseudoRandomChallenge: true, transmissionProtocol: .t0)
  /// The further key set of that card, ENC ‖ MAC ‖ DEK of version 2.
  public static let furtherSet = SeededRandom(seed: 14).octets(96)

  /// Makes a card with all that the second release can store: what the second fixture is.
  public static func makeSecond(at path: String) throws {
    try make(at: path, profile: second, seed: 20_261_121)
    let connection = try CardConnection(try open(path, random: SeededRandom(seed: 20_261_122)))
    let card = try WarifuCard(connection)
    try card.verify(pin: Secret(copying: Array(pin.utf8)))
    _ = try card.handOver(index: 1)
    var session = try administration(connection, SeededRandom(seed: 20_261_123), mode: .s16)
    try session.putKeys(version: 0x02, Secret(copying: furtherSet), count: 3)
    try session.data(.setApplicationLock(true), operation: "lock the application")
    try connection.reset()
    // The application is locked, so its serial is asked of the issuer security domain.
    let serial = try connection.data(.getData(.cardImageNumber), operation: "read the serial")
    session = try administration(
      connection, SeededRandom(seed: 20_261_124), mode: .s16, serial: Array(serial.dropFirst(2)))
    try session.data(.setApplicationLock(false), operation: "unlock the application")
    try connection.reset()
  }

  /// A card in memory, issued.
  public static func inMemory(profile: CardProfile = profile, seed: UInt64 = 1) throws -> EmulatedCard {
    let random = SeededRandom(seed: seed)
    let made = try EmulatedCard.inMemory(profile: profile, random: random)
    try issue(CardConnection(made.card), made.production.transportKeys, profile.mode, random)
    return made.card
  }

  /// Opens the state file.
  public static func open(_ path: String, random: any RandomSource = SystemRandom()) throws -> EmulatedCard {
    try EmulatedCard(path: path, key: Secret(copying: stateKey), random: random)
  }

  /// Makes a blank card someone's: keys, PIN, a carried file, and a first batch of two codes.
  private static func issue(
    _ connection: CardConnection, _ transportKeys: borrowing Secret, _ mode: SecureChannelMode,
    _ random: any RandomSource
  ) throws {
    do {
      var session = try AdministrationSession(
        connection, keys: transportKeys, keyVersion: KeyVersion.transportSet, mode: mode, random: random)
      try session.putKeys(version: KeyVersion.individualKey, Secret(copying: individualKey), count: 1)
    }
    var session = try administration(connection, random, mode: mode)
    try session.putKeys(version: KeyVersion.generationKeyBase + 1, Secret(copying: generationKey), count: 1)
    for pair in CommandAPDU.KeyPair.allCases { try session.data(.generateKeyPair(pair), operation: "make a key pair") }
    let references = Array(pin.utf8) + [0xFF, 0xFF, 0xFF, 0xFF] + Array(puk.utf8)
    let file = [UInt8(fileID >> 8), UInt8(fileID & 0xFF), 0, 0, 0, UInt8(fileContent.count)] + Array("tool".utf8)
    try session.storeData(object(.referenceData, references) + object(.createFile, file) + (try charge(1, count: 2)))
    try session.data(.select(file: fileID), operation: "select the file")
    try session.data(.updateBinary(offset: 0, data: fileContent), operation: "write the file")
    try connection.reset()
  }

  /// A session under key set 1, in the mode of ``profile``'s cards unless told another.
  public static func administration(
    _ connection: CardConnection, _ random: any RandomSource = SystemRandom(), level: SecurityLevel = .full,
    mode: SecureChannelMode = .s8, serial: [UInt8]? = nil
  ) throws -> AdministrationSession {
    let serial = try serial ?? WarifuCard(connection).status().serial.octets
    let labels: [KeyLabel] = [.channelEncryption, .channelMAC, .channelDataEncryption]
    let keys = try labels.flatMap { label in
      try Derivation.kbkdf(Secret(copying: individualKey), label: label, octets: 32) {
        (context) throws(OctetError) in
        try context.appendField(.cardSerial, serial.span.bytes)
      }.withBytes { $0.octets }
    }
    return try AdministrationSession(
      connection, keys: Secret(copying: keys), keyVersion: KeyVersion.individualSet, level: level, mode: mode,
      random: random)
  }

  /// A batch as an object of STORE DATA; every code buys another title, so that a list tells them apart.
  public static func charge(_ number: UInt32, count: Int) throws -> [UInt8] {
    object(.chargeBatch, try batch(number, count: count).encoded())
  }

  /// The batch of this number.
  public static func batch(_ number: UInt32, count: Int) throws -> ChargeBatch {
    let random = SeededRandom(seed: 1_000 + UInt64(number))
    return ChargeBatch(
      number: number,
      records: try (0..<count).map { _ in
        guard let softwareID = SoftwareID(octets: random.octets(16)) else { throw OctetError.invalid }
        return ChargeRecord(code: random.octets(10), generationKey: 1, softwareID: softwareID)
      })
  }

  private static func object(_ tag: DataTag, _ value: [UInt8]) -> [UInt8] {
    BERTLV.encode(tag: UInt32(tag.rawValue), value: value)
  }
}

extension CardProfile {
  /// The mode of this card's secure channel.
  fileprivate var mode: SecureChannelMode { macOctets == 16 ? .s16 : .s8 }
}
