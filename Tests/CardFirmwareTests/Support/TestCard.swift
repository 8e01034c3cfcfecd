import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets
import SecureChannel

/// A card over some flash, from power-on to power-off, and the host's end of its secure channel.
final class TestCard {
  static let serial: [UInt8] = [0x57, 0x46, 0, 0, 0, 0, 0, 1]
  static let individualKey: [UInt8] = (0..<32).map { 0xC0 ^ $0 }
  static let transportKeys: [UInt8] = (0..<96).map { $0 }
  static let pin: [UInt8] = [0x31, 0x32, 0x33, 0x34, 0xFF, 0xFF, 0xFF, 0xFF]
  static let puk: [UInt8] = [0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31]

  private static let staticSlots = StaticKeySlots(
    enc: KeySlot(rawValue: 1), mac: KeySlot(rawValue: 2), dek: KeySlot(rawValue: 3))
  private static let sessionSlots = SessionKeySlots(
    enc: KeySlot(rawValue: 4), mac: KeySlot(rawValue: 5), rmac: KeySlot(rawValue: 6))

  let card: Card
  private let host: OpenSSLEngine
  private var channel: SecureChannelHost?

  /// Power on.
  init(flash: any FlashMemory, seed: UInt64 = 1) throws {
    card = try Card(store: KeyValueStore(flash: flash), engine: OpenSSLEngine(random: SeededRandom(seed: seed)))
    card.powerOn()
    host = OpenSSLEngine(random: SeededRandom(seed: seed &+ 1))
  }

  /// Makes a blank card in blank flash.
  static func manufacture(in flash: any FlashMemory, profile: CardProfile = .board) throws {
    var number = InlineArray<8, UInt8>(repeating: 0)
    for index in 0..<8 { number[index] = serial[index] }
    try Card.manufacture(
      in: KeyValueStore(flash: flash), serial: number, profile: profile, transportKeys: transportKeys.span.bytes,
      lifeCycleData: InlineArray(repeating: 0x2A))
  }

  // MARK: Commands

  /// One command as it is; what follows a 61xx is fetched.
  func send(_ command: CommandAPDU) throws -> ResponseAPDU {
    var answer = try exchange(command)
    var data = answer.data
    while answer.status.rawValue >> 8 == 0x61 {
      answer = try exchange(.getResponse(256))
      data += answer.data
    }
    return ResponseAPDU(data: data, status: answer.status)
  }

  /// One command inside the secure channel. An answer without protection is a card whose memory has failed.
  func sendSecured(_ command: CommandAPDU) throws -> ResponseAPDU {
    guard var open = channel.take() else { throw TestCardError.noChannel }
    let answer = try send(try open.wrap(command))
    let plain = try open.unwrap(answer)
    channel = consume open
    return plain
  }

  /// Opens a session at level 33 under the transport set of a blank card, or under set 1.
  func openSession() throws {
    // A SELECT ends the session that may be open.
    channel = nil
    try expectOK(send(.select(applicationID: CardProtocol.applicationID)))
    let status = try send(.getData(.keyInformation)).data
    let isBlank = !status.dropFirst(2).starts(with: [0xC0, 0x04, 0x01, KeyVersion.individualSet])
    if isBlank { try loadTransportKeys() } else { try loadIndividualKeys() }
    var opening = SecureChannelHost(
      engine: host, staticKeys: TestCard.staticSlots, sessionKeys: TestCard.sessionSlots, mode: .s8, level: .full,
      keyVersion: 0, hostChallenge: [1, 2, 3, 4, 5, 6, 7, 8])
    let authenticate = try opening.externalAuthenticate(after: try send(opening.initializeUpdate()))
    try opening.confirm(try send(authenticate))
    channel = consume opening
  }

  /// PUT KEY of one key or of a set of three, encrypted for the open session.
  func putKey(version: UInt8, replacing old: UInt8 = 0, _ keys: [[UInt8]]) throws -> ResponseAPDU {
    var encrypted: [CommandAPDU.EncryptedKey] = []
    for key in keys {
      guard var open = channel.take() else { throw TestCardError.noChannel }
      let ciphertext = try open.encryptSensitiveData(key.span.bytes)
      channel = consume open
      try host.load(key.span.bytes, into: KeySlot(rawValue: 7))
      var check = Block(repeating: 1)
      try host.encryptBlock(KeySlot(rawValue: 7), &check)
      encrypted.append(
        CommandAPDU.EncryptedKey(
          keyOctets: UInt8(key.count), ciphertext: ciphertext, checkValue: [check[0], check[1], check[2]]))
    }
    return try sendSecured(.putKey(version: version, replacing: old, encrypted))
  }

  /// STORE DATA of `objects`, in as many blocks as it takes.
  func storeData(_ objects: [UInt8]) throws -> ResponseAPDU {
    var answer = ResponseAPDU(data: [], status: .ok)
    for block in try CommandAPDU.storeData(objects, blockOctets: 1_024) {
      answer = try sendSecured(block)
      guard answer.status == .ok else { break }
    }
    return answer
  }

  /// Takes a blank card all the way to one that its holder can use.
  func issue() throws {
    try openSession()
    try expectOK(putKey(version: KeyVersion.individualKey, [TestCard.individualKey]))
    try openSession()
    try expectOK(putKey(version: KeyVersion.generationKeyBase + 1, [[UInt8](repeating: 0x61, count: 32)]))
    try expectOK(storeData(BERTLV.encode(tag: 0xDF32, value: TestCard.pin + TestCard.puk)))
  }

  func expectOK(_ answer: ResponseAPDU) throws {
    guard answer.status == .ok else { throw TestCardError.refused(answer.status) }
  }

  // MARK: Inside

  private func exchange(_ command: CommandAPDU) throws -> ResponseAPDU {
    let octets = try command.encoded()
    card.process(octets.span.bytes)
    let answer = card.response.withBytes { $0.octets }
    return try ResponseAPDU(parsing: answer.span.bytes)
  }

  private func loadTransportKeys() throws {
    let slots = [TestCard.staticSlots.enc, TestCard.staticSlots.mac, TestCard.staticSlots.dek]
    for (index, slot) in slots.enumerated() {
      let key = Array(TestCard.transportKeys[(index * 32)..<(index * 32 + 32)])
      try host.load(key.span.bytes, into: slot)
    }
  }

  private func loadIndividualKeys() throws {
    let slots: [(KeyLabel, KeySlot)] = [
      (.channelEncryption, TestCard.staticSlots.enc), (.channelMAC, TestCard.staticSlots.mac),
      (.channelDataEncryption, TestCard.staticSlots.dek),
    ]
    let root = Secret(copying: TestCard.individualKey)
    for (label, slot) in slots {
      let serial = TestCard.serial
      let key = try Derivation.kbkdf(root, label: label, octets: 32) { (context) throws(OctetError) in
        try context.appendField(.cardSerial, serial.span.bytes)
      }
      try key.withBytes { (octets) throws(CryptoError) in try host.load(octets, into: slot) }
    }
  }
}

/// Why a card under test cannot go on.
enum TestCardError: Error {
  case noChannel
  case refused(StatusWord)
}
