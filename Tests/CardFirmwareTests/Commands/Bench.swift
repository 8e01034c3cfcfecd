import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets
import SecureChannel
import Testing

/// A card on a bench: the firmware over flash in memory, and everything its issuer knows of it.
///
/// Nothing stands between a test and the firmware: no driver follows 61xx or cuts lengths here.
final class Bench {
  static let profile = CardProfile(
    codeCapacity: 12, stagingOctets: 4_096, commandOctets: 2_048, fileOctets: 2_048, pinTries: 3, pukTries: 5)
  static let geometry = FlashGeometry(pageSize: 4_096, pageCount: 24, wordSize: 16)
  static let serial: InlineArray<8, UInt8> = [0x57, 1, 2, 3, 4, 5, 6, 7]
  static let transportKeys = SeededRandom(seed: 101).octets(96)
  static let individualKey = SeededRandom(seed: 102).octets(32)
  static let pin = Array("1234".utf8) + [0xFF, 0xFF, 0xFF, 0xFF]
  static let puk = Array("87654321".utf8)

  let flash: BenchFlash
  let random: SeededRandom
  let engine: OpenSSLEngine
  private(set) var store: KeyValueStore
  private(set) var card: Card
  let profile: CardProfile

  /// A card that is in `flash`.
  init(flash: BenchFlash, profile: CardProfile = Bench.profile, seed: UInt64 = 1) throws {
    self.flash = flash
    self.profile = profile
    random = SeededRandom(seed: seed)
    engine = OpenSSLEngine(random: random)
    store = try KeyValueStore(flash: flash)
    card = try Card(store: store, engine: engine)
    card.powerOn()
  }

  /// A card as the factory makes it, in OP_READY.
  static func blank(
    _ profile: CardProfile = Bench.profile, transportKeys: [UInt8] = Bench.transportKeys,
    serial: InlineArray<8, UInt8> = Bench.serial
  ) throws -> Bench {
    let flash = BenchFlash(geometry: geometry)
    try Card.manufacture(
      in: try KeyValueStore(flash: flash), serial: serial, profile: profile,
      transportKeys: transportKeys.span.bytes, lifeCycleData: InlineArray(repeating: 0x42))
    return try Bench(flash: flash, profile: profile)
  }

  /// A card in SECURED with its individual key and nothing else.
  static func secured(_ profile: CardProfile = Bench.profile) throws -> Bench {
    let bench = try blank(profile)
    let session = try bench.open(version: KeyVersion.transportSet)
    try #require(session.send(try session.putKey(KeyVersion.individualKey, individualKey)).status == .ok)
    bench.reset()
    return bench
  }

  /// Its serial.
  var serial: CardSerial {
    get throws {
      let octets = Bench.serial
      return try #require(CardSerial(octets: octets.span.bytes.octets))
    }
  }

  // MARK: Talking to it

  /// Power off and on.
  func reset() { card.powerOn() }

  /// Power off and on with a new mount of the store: nothing but the flash survives.
  func remount() throws {
    store = try KeyValueStore(flash: flash)
    card = try Card(store: store, engine: engine)
    card.powerOn()
  }

  /// Any octets, and what the card answers to them.
  func transmit(_ octets: [UInt8]) -> [UInt8] {
    card.process(octets.span.bytes)
    return card.response.withBytes { $0.octets }
  }

  /// One command, and the one response to it.
  func send(_ command: CommandAPDU) throws -> ResponseAPDU {
    let answer = transmit(try command.encoded())
    return try ResponseAPDU(parsing: answer.span.bytes)
  }

  /// The status word that ends one command.
  func status(_ command: CommandAPDU) throws -> StatusWord { try send(command).status }

  /// One command with all of its answer: the right Le on 6Cxx, GET RESPONSE on 61xx.
  func whole(_ command: CommandAPDU) throws -> ResponseAPDU {
    var response = try send(command)
    if let length = response.status.correctLe {
      var corrected = command
      corrected.le = length
      response = try send(corrected)
    }
    var data = response.data
    let channel = ClassByte(rawValue: command.cla).logicalChannel
    while let waiting = response.status.bytesAvailable {
      response = try send(.getResponse(waiting).onChannel(channel))
      data += response.data
    }
    return ResponseAPDU(data: data, status: response.status)
  }

  /// Verifies the PIN on a logical channel.
  func verifyPIN(onChannel channel: UInt8 = 0) throws {
    try #require(try status(.verify(.pin, value: Bench.pin).onChannel(channel)) == .ok)
  }

  // MARK: Sessions

  /// ENC ‖ MAC ‖ DEK of key set 1, as the issuer derives them.
  static func individualSet(
    of serial: InlineArray<8, UInt8> = Bench.serial, _ individualKey: [UInt8] = Bench.individualKey
  ) throws -> [UInt8] {
    try [KeyLabel.channelEncryption, .channelMAC, .channelDataEncryption].flatMap {
      try derived($0, of: serial, individualKey)
    }
  }

  /// A key of this card, derived from its individual key.
  static func derived(
    _ label: KeyLabel, of serial: InlineArray<8, UInt8> = Bench.serial, _ individualKey: [UInt8] = Bench.individualKey
  ) throws -> [UInt8] {
    try Derivation.kbkdf(Secret(copying: individualKey), label: label, octets: 32) {
      (context) throws(OctetError) in
      try context.appendField(.cardSerial, serial.span.bytes)
    }.withBytes { $0.octets }
  }

  /// Opens a session; by default at level 33 under key set 1.
  func open(
    level: SecurityLevel = .full, version: UInt8 = KeyVersion.individualSet, keys: [UInt8]? = nil,
    onChannel channel: UInt8 = 0
  ) throws -> BenchSession {
    let own = version == KeyVersion.transportSet ? Bench.transportKeys : try Bench.individualSet()
    return try BenchSession(self, keys: keys ?? own, version: version, level: level, channel: channel)
  }

  /// Leads a card from SECURED, or a blank one, into `state`.
  func move(to state: LifeCycle) throws {
    let isBlank = state == .initialized || state == .operatingReady
    let session = try open(version: isBlank ? KeyVersion.transportSet : KeyVersion.individualSet)
    try #require(session.send(.setStatus(state, serial: try serial)).status == .ok)
    reset()
  }

  /// A card in any state of its life; from SECURED on an issued one.
  static func inState(_ state: LifeCycle) throws -> Bench {
    switch state {
    case .operatingReady: return try blank()
    case .initialized:
      let bench = try blank()
      try bench.move(to: .initialized)
      return bench
    case .secured: return try issued()
    case .cardLocked, .terminated:
      let bench = try issued()
      try bench.move(to: state)
      return bench
    }
  }
}

/// An open secure channel to a card on the bench.
final class BenchSession {
  private let bench: Bench
  private let engine: OpenSSLEngine
  private var host: SecureChannelHost
  private let channel: UInt8

  fileprivate init(_ bench: Bench, keys: [UInt8], version: UInt8, level: SecurityLevel, channel: UInt8) throws {
    self.bench = bench
    self.channel = channel
    engine = OpenSSLEngine(random: bench.random)
    let length = keys.count / 3
    let slots = (0..<6).map { KeySlot(rawValue: UInt8($0)) }
    for index in 0..<3 {
      let part = Array(keys[(index * length)..<((index + 1) * length)])
      try engine.load(part.span.bytes, into: slots[index])
    }
    let mode: SecureChannelMode = bench.profile.macOctets == 16 ? .s16 : .s8
    host = SecureChannelHost(
      engine: engine, staticKeys: StaticKeySlots(enc: slots[0], mac: slots[1], dek: slots[2]),
      sessionKeys: SessionKeySlots(enc: slots[3], mac: slots[4], rmac: slots[5]), mode: mode, level: level,
      keyVersion: version, hostChallenge: bench.random.octets(mode.octets))
    let challenge = try bench.whole(host.initializeUpdate().onChannel(channel))
    try host.confirm(try bench.send(try host.externalAuthenticate(after: challenge).onChannel(channel)))
  }

  /// The command as it goes to the card.
  func wrap(_ command: CommandAPDU) throws -> CommandAPDU { try host.wrap(command).onChannel(channel) }

  /// The plain response to the command that was wrapped last.
  func unwrap(_ response: ResponseAPDU) throws -> ResponseAPDU { try host.unwrap(response) }

  /// Sends one command through the channel.
  func send(_ command: CommandAPDU) throws -> ResponseAPDU { try unwrap(try bench.whole(try wrap(command))) }

  /// The status word that ends one command.
  func status(_ command: CommandAPDU) throws -> StatusWord { try send(command).status }

  /// STORE DATA of all objects in blocks; the answer to the last block that was taken or refused.
  func store(_ objects: [UInt8], blockOctets: Int = 200) throws -> ResponseAPDU {
    var response = ResponseAPDU(data: [], status: .ok)
    for command in try CommandAPDU.storeData(objects, blockOctets: blockOctets) {
      response = try send(command)
      if response.status != .ok { return response }
    }
    return response
  }

  /// PUT KEY of one key, or of a set (all keys behind each other).
  func putKey(_ version: UInt8, _ key: [UInt8], count: Int = 1, replacing old: UInt8 = 0) throws -> CommandAPDU {
    let length = key.count / count
    let keys = try (0..<count).map { try encrypted(Array(key[($0 * length)..<(($0 + 1) * length)])) }
    return .putKey(version: version, replacing: old, keys)
  }

  private func encrypted(_ key: [UInt8]) throws -> CommandAPDU.EncryptedKey {
    let slot = KeySlot(rawValue: 7)
    var check = Block(repeating: 1)
    try engine.load(key.span.bytes, into: slot)
    try engine.encryptBlock(slot, &check)
    return CommandAPDU.EncryptedKey(
      keyOctets: UInt8(key.count), ciphertext: try host.encryptSensitiveData(key.span.bytes),
      checkValue: Array(check.span.bytes.octets[..<3]))
  }
}
