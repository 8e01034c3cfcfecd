import CardDriver
import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets
import SecureChannel

/// A card whose every secret the tests know: what a blank one becomes by ``issue(_:transportKeys:)``.
public struct KnownCard: Sendable {
  /// The individual key, 32 octets.
  public let individualKey: [UInt8]
  /// Generation key number 1, 32 octets.
  public let generationKey: [UInt8]
  /// ENC ‖ MAC ‖ DEK of a further set of AES-128 keys, version ``furtherSet``.
  public let furtherKeys: [UInt8]
  /// Its version.
  public static let furtherSet: UInt8 = 0x02
  /// The codes of the first charge, in their order on the card.
  public let codes: [[UInt8]]
  /// What each of them buys.
  public let softwareIDs: [SoftwareID]
  /// The holder's secrets.
  public let pin = "72905163", puk = "48160593"
  /// The file that the card carries.
  public static let fileID: UInt16 = 0x0042
  /// What is in it.
  public let fileContent: [UInt8]

  /// A card with secrets of its own for every seed.
  public init(seed: UInt64) throws {
    let random = SeededRandom(seed: seed)
    individualKey = random.octets(32)
    generationKey = random.octets(32)
    furtherKeys = random.octets(48)
    codes = (0..<4).map { _ in random.octets(CardProtocol.codeOctets) }
    softwareIDs = try codes.map { _ in
      guard let softwareID = SoftwareID(octets: random.octets(SoftwareID.octetCount)) else { throw OctetError.invalid }
      return softwareID
    }
    fileContent = random.octets(700)
  }

  /// Makes a blank card this one: all keys, PIN and PUK, the carried file, and the first charge.
  public func issue(_ connection: CardConnection, transportKeys: borrowing Secret, keyVersion: UInt8) throws {
    let random = SystemRandom()
    do {
      var session = try AdministrationSession(
        connection, keys: transportKeys, keyVersion: keyVersion, random: random)
      try session.putKeys(version: KeyVersion.individualKey, Secret(copying: individualKey), count: 1)
    }
    var session = try administration(connection)
    try session.putKeys(version: KeyVersion.generationKeyBase + 1, Secret(copying: generationKey), count: 1)
    try session.putKeys(version: KnownCard.furtherSet, Secret(copying: furtherKeys), count: 3)
    for pair in CommandAPDU.KeyPair.allCases { try session.data(.generateKeyPair(pair), operation: "make a key pair") }
    let file =
      [UInt8(KnownCard.fileID >> 8), UInt8(KnownCard.fileID & 0xFF), 0, 0]
      + [UInt8(fileContent.count >> 8), UInt8(fileContent.count & 0xFF)] + Array("tool".utf8)
    try session.storeData(
      object(.referenceData, KnownCard.padded(pin) + KnownCard.padded(puk)) + object(.createFile, file))
    try session.storeData(object(.chargeBatch, try batch(1).encoded()))
    try session.data(.select(file: KnownCard.fileID), operation: "select the file")
    for (start, part) in parts(of: fileContent, octets: 200) {
      try session.data(.updateBinary(offset: UInt16(start), data: part), operation: "write the file")
    }
    try connection.reset()
  }

  /// Everything that nobody but the card, its issuer and its holder may ever see, by name.
  public func secrets(serial: CardSerial) throws -> [(name: String, octets: [UInt8])] {
    let derived: [KeyLabel] = [
      .channelEncryption, .channelMAC, .channelDataEncryption, .copyLicenseUserKey, .chargeReceipt,
    ]
    let keys = try derived.map { (name: "\($0)", octets: try derivedKey($0, serial: serial)) }
    let further = parts(of: furtherKeys, octets: 16).map { (name: "further key at \($0.start)", octets: $0.part) }
    let codes = codes.enumerated().map { (name: "code \($0)", octets: $1) }
    return [
      ("individual key", individualKey), ("generation key", generationKey), ("PIN", Array(pin.utf8)),
      ("PUK", Array(puk.utf8)),
    ] + keys + further + codes
  }

  private func derivedKey(_ label: KeyLabel, serial: CardSerial) throws -> [UInt8] {
    try Derivation.kbkdf(Secret(copying: individualKey), label: label, octets: 32) { (context) throws(OctetError) in
      try context.appendField(.cardSerial, serial.octets.span.bytes)
    }.withBytes { $0.octets }
  }

  /// A session under key set 1.
  public func administration(
    _ connection: CardConnection, level: SecurityLevel = .full
  ) throws -> AdministrationSession {
    let serial = try WarifuCard(connection).status().serial
    let labels: [KeyLabel] = [.channelEncryption, .channelMAC, .channelDataEncryption]
    let keys = try labels.flatMap { try derivedKey($0, serial: serial) }
    return try AdministrationSession(
      connection, keys: Secret(copying: keys), keyVersion: KeyVersion.individualSet, level: level,
      random: SystemRandom())
  }

  /// A charge of the codes. Only the first one is on the card; later numbers are for charging again.
  public func batch(_ number: UInt32) throws -> ChargeBatch {
    let fresh = SeededRandom(seed: UInt64(number))
    return ChargeBatch(
      number: number,
      records: zip(codes, softwareIDs).map { code, softwareID in
        ChargeRecord(code: number == 1 ? code : fresh.octets(code.count), generationKey: 1, softwareID: softwareID)
      })
  }

  /// A PIN or PUK as the card takes it.
  public static func padded(_ value: String) -> [UInt8] {
    Array(value.utf8) + [UInt8](repeating: 0xFF, count: max(0, CardProtocol.pinOctets - value.utf8.count))
  }
}

/// A data object of STORE DATA.
func object(_ tag: DataTag, _ value: [UInt8]) -> [UInt8] { BERTLV.encode(tag: UInt32(tag.rawValue), value: value) }

/// Cuts octets into parts, each with where it begins.
func parts(of octets: [UInt8], octets size: Int) -> [(start: Int, part: [UInt8])] {
  stride(from: 0, to: octets.count, by: size).map { ($0, Array(octets[$0..<min($0 + size, octets.count)])) }
}
