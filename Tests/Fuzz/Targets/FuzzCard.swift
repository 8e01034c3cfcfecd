import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets
import SecureChannel

/// A card in memory whose keys are known, made once and then copied for every input.
final class FuzzCard {
  /// What an input can begin with; the last speaks T=0 and counts its sessions.
  enum Stage: CaseIterable { case blank, issued, locked, issuedForT0 }

  static let serial: InlineArray<8, UInt8> = [0x57, 0x46, 0x55, 0x5A, 0x5A, 0, 0, 1]
  static let transportKeys = SeededRandom(seed: 201).octets(96)
  static let individualKey = SeededRandom(seed: 202).octets(32)
  static let generationKey = SeededRandom(seed: 203).octets(32)
  static let pin = Array("1234".utf8) + [0xFF, 0xFF, 0xFF, 0xFF]
  static let puk = Array("87654321".utf8)
  static let fileID: UInt16 = 0x0101
  private static func profile(_ stage: Stage) -> CardProfile {
    CardProfile(
      codeCapacity: 8, stagingOctets: 1_024, commandOctets: 1_024, fileOctets: 512,
      hasPseudoRandomChallenge: stage == .issuedForT0, transmissionProtocol: stage == .issuedForT0 ? .t0 : .t1)
  }
  private static let geometry = FlashGeometry(pageSize: 4_096, pageCount: 8, wordSize: 16)
  private static let images: [Stage: [UInt8]] = {
    var images: [Stage: [UInt8]] = [:]
    for stage in Stage.allCases { images[stage] = try? make(stage) }
    return images
  }()

  private let flash: FuzzFlash
  private let engine: OpenSSLEngine
  private var card: Card

  /// A card at this stage of its life, fresh from reset.
  convenience init(_ stage: Stage) throws {
    guard let image = FuzzCard.images[stage] else { throw FuzzFinding(description: "a card can be made") }
    try self.init(flash: FuzzFlash(geometry: FuzzCard.geometry, content: image))
  }

  private init(flash: FuzzFlash) throws {
    self.flash = flash
    engine = OpenSSLEngine(random: SeededRandom(seed: 204))
    card = try Card(store: try KeyValueStore(flash: flash), engine: engine)
    card.powerOn()
  }

  /// Power off and on.
  func reset() { card.powerOn() }

  /// Power off and on with nothing left but the flash.
  func remount() throws {
    card = try Card(store: try KeyValueStore(flash: flash), engine: engine)
    card.powerOn()
  }

  /// Any octets, and what the card answers to them.
  func transmit(_ octets: [UInt8]) throws -> ResponseAPDU {
    card.process(octets.span.bytes)
    let answer = card.response.withBytes { $0.octets }
    return try ResponseAPDU(parsing: answer.span.bytes)
  }

  /// One command with all of its answer, and with another Le where the card of T=0 asks for it.
  func send(_ command: CommandAPDU) throws -> ResponseAPDU {
    var response = try transmit(try command.encoded())
    if let le = response.status.correctLe, ClassByte(rawValue: command.cla).secureMessaging == .none {
      var corrected = command
      corrected.le = le
      response = try transmit(try corrected.encoded())
    }
    var data = response.data
    while let waiting = response.status.bytesAvailable {
      response = try transmit(try CommandAPDU.getResponse(waiting).encoded())
      data += response.data
    }
    return ResponseAPDU(data: data, status: response.status)
  }

  // MARK: Making

  private static func make(_ stage: Stage) throws -> [UInt8] {
    let flash = FuzzFlash(geometry: geometry, content: [UInt8](repeating: 0xFF, count: geometry.octets))
    try Card.manufacture(
      in: try KeyValueStore(flash: flash), serial: serial, profile: profile(stage),
      transportKeys: transportKeys.span.bytes,
      lifeCycleData: InlineArray(repeating: 0x42))
    guard stage != .blank else { return flash.content }
    let card = try FuzzCard(flash: flash)
    try card.issue()
    if stage == .locked {
      let session = try HostSession(card, version: KeyVersion.individualSet, level: .full)
      let number = serial
      guard let serial = CardSerial(octets: number.span.bytes.octets) else { throw OctetError.invalid }
      try expectDone(session.send(.setStatus(.cardLocked, serial: serial), to: card))
    }
    return flash.content
  }

  private func issue() throws {
    let transport = try HostSession(self, version: KeyVersion.transportSet, level: .full)
    try FuzzCard.expectDone(transport.putKey(KeyVersion.individualKey, 0, FuzzCard.individualKey, to: self))
    reset()
    let session = try HostSession(self, version: KeyVersion.individualSet, level: .full)
    try FuzzCard.expectDone(session.putKey(KeyVersion.generationKeyBase + 1, 0, FuzzCard.generationKey, to: self))
    for pair in CommandAPDU.KeyPair.allCases {
      try FuzzCard.expectDone(session.send(.generateKeyPair(pair), to: self))
    }
    let objects: [(DataTag, [UInt8])] = [
      (.referenceData, FuzzCard.pin + FuzzCard.puk), (.centerVerificationKey, try FuzzCard.center().publicKey),
      (.createFile, [0x01, 0x01, 0, 0, 0, 64] + Array("tool".utf8)),
      (.chargeBatch, try FuzzCard.batch(1).encoded()),
    ]
    let octets = objects.flatMap { BERTLV.encode(tag: UInt32($0.rawValue), value: $1) }
    for block in try CommandAPDU.storeData(octets, blockOctets: 200) {
      try FuzzCard.expectDone(session.send(block, to: self))
    }
    try FuzzCard.expectDone(session.send(.select(file: FuzzCard.fileID), to: self))
    try FuzzCard.expectDone(
      session.send(.updateBinary(offset: 0, data: [UInt8](repeating: 0x46, count: 40)), to: self))
    reset()
  }

  private static func expectDone(_ response: ResponseAPDU) throws {
    guard response.status == .ok else { throw FuzzFinding(description: "a card can be issued") }
  }

  /// Four codes: one plain, one with two uses and an ID, one that dies, one that wants the time.
  private static func batch(_ number: UInt32) throws -> ChargeBatch {
    let random = SeededRandom(seed: 210 + UInt64(number))
    guard let title = SoftwareID(octets: random.octets(SoftwareID.octetCount)) else { throw OctetError.invalid }
    var records = (0..<4).map { _ in
      ChargeRecord(code: random.octets(CardProtocol.codeOctets), generationKey: 1, softwareID: title)
    }
    records[1].uses = 2
    records[1].messageID = Array("box 17".utf8)
    records[2].expiry = 1_700_000_000
    records[3].flags = ChargeRecord.needsFreshTime
    return ChargeBatch(number: number, records: records)
  }

  // MARK: Its issuer

  /// The centre's key for times and signatures.
  static func center() throws -> SigningKey {
    try SigningKey(scalar: Secret(copying: [UInt8](repeating: 0x11, count: 32)))
  }

  /// The key set that its issuer opens sessions under.
  static func keyVersion(at stage: Stage) -> UInt8 {
    stage == .blank ? KeyVersion.transportSet : KeyVersion.individualSet
  }

  /// ENC ‖ MAC ‖ DEK of a key set that the issuer knows.
  static func keySet(_ version: UInt8) throws -> [UInt8] {
    guard version == KeyVersion.individualSet else { return transportKeys }
    let serial = serial
    return try [KeyLabel.channelEncryption, .channelMAC, .channelDataEncryption].flatMap { label in
      try Derivation.kbkdf(Secret(copying: individualKey), label: label, octets: 32) { (context) throws(OctetError) in
        try context.appendField(.cardSerial, serial.span.bytes)
      }.withBytes { $0.octets }
    }
  }

  /// Octets that no answer may hold.
  static let secrets: [ArraySlice<UInt8>] = {
    let keys = [individualKey, generationKey, transportKeys] + [(try? keySet(KeyVersion.individualSet)) ?? []]
    return keys.flatMap { [$0.prefix(16), $0.suffix(16)] }
  }()
}

/// Flash in memory that never fails.
private final class FuzzFlash: FlashMemory {
  let geometry: FlashGeometry
  private let memory: UnsafeMutableRawBufferPointer
  let base: UnsafeRawPointer

  init(geometry: FlashGeometry, content: [UInt8]) {
    self.geometry = geometry
    let start = UnsafeMutableRawPointer.allocate(byteCount: geometry.octets, alignment: 16)
    memory = UnsafeMutableRawBufferPointer(start: start, count: geometry.octets)
    base = UnsafeRawPointer(start)
    memory.copyBytes(from: content)
  }

  deinit { memory.deallocate() }

  var content: [UInt8] { [UInt8](memory) }

  func program(at offset: Int, _ words: RawSpan) throws(FlashError) {
    guard offset >= 0, words.byteCount <= memory.count - offset else { throw .outOfRange }
    for index in 0..<words.byteCount { memory[offset + index] &= words[octet: index] }
  }

  func erase(page: Int) throws(FlashError) {
    guard (0..<geometry.pageCount).contains(page) else { throw .outOfRange }
    let start = page * geometry.pageSize
    for index in start..<(start + geometry.pageSize) { memory[index] = 0xFF }
  }

  func sync() throws(FlashError) {}
}
