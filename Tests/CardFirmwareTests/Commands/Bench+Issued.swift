import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets
import SecureChannel
import Testing

/// A card as its holder has it: keys, PIN, four codes, a carried file. Made once, then copied.
extension Bench {
  static let generationKeys = (0..<2).map { SeededRandom(seed: 110 + UInt64($0)).octets(32) }
  static let softwareID = SeededRandom(seed: 120).octets(16)
  static let fileID: UInt16 = 0x0101
  static let fileContent = SeededRandom(seed: 121).octets(600)
  /// When code 2 dies.
  static let expiry: UInt64 = 1_700_000_000

  /// What the codes on an issued card are good for.
  enum Code {
    static let plain: UInt16 = 0
    static let twoUses: UInt16 = 1
    static let expiring: UInt16 = 2
    static let freshTime: UInt16 = 3
  }

  /// The codes of the first batch.
  static func records() throws -> [ChargeRecord] {
    let softwareID = try #require(SoftwareID(octets: Bench.softwareID))
    func record(_ seed: UInt64, _ key: UInt8) -> ChargeRecord {
      ChargeRecord(code: SeededRandom(seed: seed).octets(10), generationKey: key, softwareID: softwareID)
    }
    var records = [record(130, 1), record(131, 1), record(132, 2), record(133, 2)]
    records[1].uses = 2
    records[1].messageID = Array("box 17".utf8)
    records[2].expiry = Bench.expiry
    records[3].flags = ChargeRecord.needsFreshTime
    return records
  }

  /// The centre's key for times and signatures.
  static func center() throws -> SigningKey {
    try SigningKey(scalar: Secret(copying: [UInt8](repeating: 0x11, count: 32)))
  }

  private static let issuedFlash = Result { try makeIssued(profile).flash.content }
  private static let issuedCharacterFlash = Result { try makeIssued(characterProfile).flash.content }

  /// The same card for T=0.
  static let characterProfile: CardProfile = {
    var profile = Bench.profile
    profile.transmissionProtocol = .t0
    return profile
  }()

  /// An issued card in SECURED, fresh from reset.
  static func issued() throws -> Bench {
    // Another seed than the one it was made with: what chance gave then are private keys now.
    try Bench(flash: BenchFlash(geometry: geometry, content: try issuedFlash.get()), seed: 2)
  }

  /// The same for T=0.
  static func issuedForCharacters() throws -> Bench {
    try Bench(
      flash: BenchFlash(geometry: geometry, content: try issuedCharacterFlash.get()), profile: characterProfile,
      seed: 2)
  }

  private static func makeIssued(_ profile: CardProfile) throws -> Bench {
    let bench = try secured(profile)
    let session = try bench.open()
    for (index, key) in generationKeys.enumerated() {
      let command = try session.putKey(KeyVersion.generationKeyBase + 1 + UInt8(index), key)
      try #require(session.status(command) == .ok)
    }
    for pair in CommandAPDU.KeyPair.allCases { try #require(session.status(.generateKeyPair(pair)) == .ok) }
    let batch = ChargeBatch(number: 1, records: try records())
    let objects =
      object(.referenceData, pin + puk) + object(.centerVerificationKey, try center().publicKey)
      + object(.createFile, fileDescription(fileID, size: fileContent.count))
      + object(.chargeBatch, try batch.encoded())
    let receipt = try session.store(objects)
    try #require(receipt.status == .ok && receipt.data.count == ChargeReceipt.octetCount)
    try #require(session.status(.select(file: fileID)) == .ok)
    for start in stride(from: 0, to: fileContent.count, by: 150) {
      let part = Array(fileContent[start..<min(start + 150, fileContent.count)])
      try #require(session.status(.updateBinary(offset: UInt16(start), data: part)) == .ok)
    }
    bench.reset()
    return bench
  }

  /// One object of STORE DATA.
  static func object(_ tag: DataTag, _ value: [UInt8]) -> [UInt8] {
    BERTLV.encode(tag: UInt32(tag.rawValue), value: value)
  }

  /// A batch as an object of STORE DATA.
  static func charge(_ number: UInt32, _ records: [ChargeRecord]) throws -> [UInt8] {
    object(.chargeBatch, try ChargeBatch(number: number, records: records).encoded())
  }

  /// The value of DF31.
  static func fileDescription(_ identifier: UInt16, size: Int, name: String = "player") -> [UInt8] {
    [UInt8(identifier >> 8), UInt8(identifier & 0xFF)]
      + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: size >> $0) } + Array(name.utf8)
  }

  // MARK: What the card knows

  /// A part of data object DF20.
  func applicationStatus(_ tag: UInt32) throws -> UInt64 {
    let answer = try whole(.getData(.applicationStatus))
    try #require(answer.status == .ok)
    let value = try #require(try BERTLV.firstValue(of: tag, in: answer.data.span.bytes)?.octets)
    return value.reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// State of a code, and its uses left.
  func code(_ index: UInt16) throws -> (state: CodeState, uses: UInt16)? {
    let answer = try whole(.listCodes(from: index))
    guard answer.status == .ok || answer.status == StatusWord(0x63, 0x10), answer.data.count >= 31,
      UInt16(answer.data[0]) << 8 | UInt16(answer.data[1]) == index
    else { return nil }
    let state = try #require(CodeState(rawValue: answer.data[2]))
    return (state, UInt16(answer.data[13]) << 8 | UInt16(answer.data[14]))
  }

  /// Tells the card the time as the centre would.
  func setTime(_ time: UInt64) throws -> StatusWord {
    let challenge = try send(.getChallenge(16)).data
    return try status(.setTime(time, signature: try Bench.signedTime(time, challenge)))
  }

  /// The centre's signature by which it proves itself over a challenge.
  static func centerAuthentication(
    _ challenge: [UInt8], serial: InlineArray<8, UInt8> = Bench.serial, by key: borrowing SigningKey
  ) throws -> [UInt8] {
    let input = OctetBuffer(capacity: 256)
    try input.becomeCenterAuthenticationInput(serial: serial.span.bytes, challenge: challenge.span.bytes)
    return try key.sign(input.withBytes { $0.octets })
  }

  /// The centre's signature over a time.
  static func signedTime(
    _ time: UInt64, _ challenge: [UInt8], serial: InlineArray<8, UInt8> = Bench.serial
  ) throws -> [UInt8] {
    let input = OctetBuffer(capacity: 256)
    try input.becomeTimeInput(serial: serial.span.bytes, challenge: challenge.span.bytes, time: time)
    return try center().sign(input.withBytes { $0.octets })
  }
}
