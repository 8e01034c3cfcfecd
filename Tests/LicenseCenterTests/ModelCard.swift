import CardProtocol
import Cryptography
import Identifiers
import ISO7816
import Octets
import SecureChannel

/// What the centre's dialogues need of a card, after `docs/card-protocol.md`: state that survives a reset, sessions that
/// do not, and every write whole or not at all.
///
/// It stands in where no emulated card can: a state that is copied and put back, a card that lies or refuses.
final class ModelCard {
  /// What lies in the card's memory.
  struct State {
    var serial: CardSerial
    var transport: [[UInt8]]?
    var individualKey: [UInt8]?
    var generationKeys: [UInt8: [UInt8]] = [:]
    var objects: [UInt16: [UInt8]] = [:]
    var chargeNumber: UInt32 = 0
    var chargedCodes: UInt32 = 0
    var batchDigest: [UInt8] = []
    var codes: [ChargeRecord] = []
    var capacity = 1024
    var hasTestKeys = false
  }

  var state: State
  /// Makes STORE DATA of a batch fail so.
  var refusal: StatusWord?

  private let engine: OpenSSLEngine
  private var channel: SecureChannelCard
  private var staged: [UInt8] = []
  private var isTransportSession = false
  private static let keys = StaticKeySlots(
    enc: KeySlot(rawValue: 0), mac: KeySlot(rawValue: 1), dek: KeySlot(rawValue: 2))
  private static let checkSlot = KeySlot(rawValue: 9)

  init(_ state: State, random: any RandomSource) {
    self.state = state
    engine = OpenSSLEngine(random: random)
    channel = SecureChannelCard(
      engine: engine, staticKeys: ModelCard.keys,
      sessionKeys: SessionKeySlots(enc: KeySlot(rawValue: 3), mac: KeySlot(rawValue: 4), rmac: KeySlot(rawValue: 5)))
  }

  /// Power off and on.
  func reset() {
    channel.close()
    staged = []
  }

  /// One command, one response.
  func transmit(_ command: CommandAPDU) -> ResponseAPDU {
    let buffer = OctetBuffer(capacity: 70_000)
    var header = CommandHeader(cla: command.cla, ins: command.ins, p1: command.p1, p2: command.p2, le: command.le)
    let data = command.data
    try? buffer.append(data.span.bytes)
    let isSecured = header.classByte.isGlobalPlatformSecured && command.ins != Instruction.externalAuthenticate.rawValue
    do {
      if isSecured { header = try channel.unwrap(header, data: buffer) }
    } catch {
      return ResponseAPDU(status: error)
    }
    let response = OctetBuffer(capacity: 70_000)
    var status = StatusWord.ok
    do {
      let answer = try execute(header, buffer.withBytes { $0.octets }, isSecured: isSecured)
      try? response.append(answer.span.bytes)
    } catch {
      status = error
    }
    if isSecured { try? channel.wrap(response, status: status) }
    return ResponseAPDU(data: response.withBytes { $0.octets }, status: status)
  }

  private func execute(_ header: CommandHeader, _ data: [UInt8], isSecured: Bool) throws(StatusWord) -> [UInt8] {
    switch Instruction(rawValue: header.ins) {
    case .select:
      guard data == CardProtocol.applicationID else { throw .fileNotFound }
      reset()
      return []
    case .getData: return try getData(UInt16(header.p1) << 8 | UInt16(header.p2))
    case .initializeUpdate: return try initializeUpdate(header, data)
    case .externalAuthenticate:
      try channel.externalAuthenticate(header, data: data.span.bytes)
      return []
    case .putKey where isSecured: return try putKey(data, replacing: header.p1)
    case .generateAsymmetricKeyPair where isSecured && !isTransportSession: return try makeKeyPair(data)
    case .storeData where isSecured && !isTransportSession: return try storeData(header, data)
    case .putKey, .generateAsymmetricKeyPair, .storeData: throw .securityStatusNotSatisfied
    default: throw .instructionNotSupported
    }
  }

  private func getData(_ tag: UInt16) throws(StatusWord) -> [UInt8] {
    switch DataTag(rawValue: tag) {
    case .applicationStatus: return status()
    case .chargeBatch, .createFile, .referenceData: throw .referencedDataNotFound
    default:
      guard let object = state.objects[tag] else { throw .referencedDataNotFound }
      return object
    }
  }

  private func status() -> [UInt8] {
    func field(_ tag: UInt32, _ value: UInt32, _ count: Int) -> [UInt8] {
      BERTLV.encode(
        tag: tag, value: (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * (count - 1 - $0))) })
    }
    let lifeCycle: LifeCycle = state.individualKey == nil ? .operatingReady : .secured
    return field(0x80, UInt32(lifeCycle.rawValue), 1) + field(0x81, state.chargeNumber, 4)
      + field(0x82, state.chargedCodes, 4) + field(0x83, UInt32(state.codes.count), 2)
      + field(0x84, UInt32(state.capacity), 2) + field(0x85, 3, 1) + field(0x86, 10, 1) + field(0x87, 60_000, 4)
      + BERTLV.encode(tag: 0x88, value: [UInt8](repeating: 0, count: 8))
      + BERTLV.encode(tag: 0x89, value: state.serial.octets) + field(0x8A, state.hasTestKeys ? 1 : 0, 1)
  }

  private func initializeUpdate(_ header: CommandHeader, _ data: [UInt8]) throws(StatusWord) -> [UInt8] {
    switch header.p1 {
    case KeyVersion.transportSet:
      guard let transport = state.transport else { throw .referencedDataNotFound }
      for (key, slot) in zip(transport, [ModelCard.keys.enc, ModelCard.keys.mac, ModelCard.keys.dek]) {
        load(key, slot)
      }
    case KeyVersion.individualSet:
      guard let individual = state.individualKey else { throw .referencedDataNotFound }
      load(derive(individual, .channelEncryption), ModelCard.keys.enc)
      load(derive(individual, .channelMAC), ModelCard.keys.mac)
      load(derive(individual, .channelDataEncryption), ModelCard.keys.dek)
    default: throw .referencedDataNotFound
    }
    isTransportSession = header.p1 == KeyVersion.transportSet
    let response = OctetBuffer(capacity: SecureChannelCard.initializeUpdateOctets)
    let diversification = state.serial.octets + [0, 0]
    try channel.initializeUpdate(
      header, hostChallenge: data.span.bytes, keyVersion: header.p1, diversificationData: diversification.span.bytes,
      into: response)
    return response.withBytes { $0.octets }
  }

  private func putKey(_ data: [UInt8], replacing: UInt8) throws(StatusWord) -> [UInt8] {
    guard data.count == 1 + 3 + 32 + 4, data[1] == 0x88, data[2] == 33, data[3] == 32, data[36] == 3 else {
      throw .incorrectData
    }
    var key = Array(data[4..<36])
    do {
      var span = key.mutableSpan
      var bytes = span.mutableBytes
      try channel.decryptSensitiveData(&bytes)
    }
    let check = checkValue(key)
    guard check == Array(data[37...]) else { throw .incorrectData }
    switch data[0] {
    case KeyVersion.individualKey:
      guard isTransportSession, state.individualKey == nil else { throw .conditionsNotSatisfied }
      state.individualKey = key
      state.transport = nil
    case KeyVersion.generationKeyBase + 1...KeyVersion.generationKeyBase + 16:
      let number = data[0] - KeyVersion.generationKeyBase
      guard !isTransportSession, (state.generationKeys[number] == nil) == (replacing == 0) else {
        throw .conditionsNotSatisfied
      }
      state.generationKeys[number] = key
    default: throw .referencedDataNotFound
    }
    return [data[0]] + check
  }

  private func makeKeyPair(_ data: [UInt8]) throws(StatusWord) -> [UInt8] {
    let tag: DataTag = data.first == 0xA4 ? .authenticationPublicKey : .signaturePublicKey
    guard state.objects[tag.rawValue] == nil else { throw .conditionsNotSatisfied }
    var scalar = Block32(repeating: 0)
    var point = P256PublicKey(repeating: 0)
    do { try engine.generateP256(privateKey: &scalar, publicKey: &point) } catch { throw .noPreciseDiagnosis }
    state.objects[tag.rawValue] = point.span.bytes.octets
    return BERTLV.encode(tag: 0x7F49, value: BERTLV.encode(tag: 0x86, value: point.span.bytes.octets))
  }

  private func storeData(_ header: CommandHeader, _ data: [UInt8]) throws(StatusWord) -> [UInt8] {
    staged += data
    guard header.p1 == 0x90 else { return [] }
    defer { staged = [] }
    var (after, answer) = (state, [UInt8]())
    do {
      var reader = TLVReader(staged.span.bytes)
      while !reader.isAtEnd {
        let element = try reader.next()
        try store(UInt16(truncatingIfNeeded: element.tag), element.value.octets, &after, &answer)
      }
    } catch let error as StatusWord {
      throw error
    } catch {
      throw .incorrectData
    }
    state = after
    return answer
  }

  private func store(
    _ tag: UInt16, _ value: [UInt8], _ after: inout State, _ answer: inout [UInt8]
  ) throws(StatusWord) {
    if tag == DataTag.chargeBatch.rawValue {
      answer = try charge(value, &after)
      return
    }
    guard after.objects[tag] == nil else { throw .conditionsNotSatisfied }
    after.objects[tag] = value
  }

  private func charge(_ value: [UInt8], _ after: inout State) throws(StatusWord) -> [UInt8] {
    if let refusal { throw refusal }
    let (digest, records) = (Digest.sha256(value), ModelCard.records(value))
    guard let records, let number = ModelCard.number(value) else { throw .incorrectData }
    if number == after.chargeNumber, digest == after.batchDigest, let receipt = after.objects[0xDF28] { return receipt }
    guard number == after.chargeNumber &+ 1 else { throw .conditionsNotSatisfied }
    guard after.codes.count + records.count <= after.capacity else { throw .notEnoughMemory }
    after.codes += records
    after.chargeNumber = number
    after.chargedCodes += UInt32(records.count)
    after.batchDigest = digest
    let receipt = receipt(number, digest, UInt16(records.count), after.chargedCodes)
    after.objects[0xDF28] = receipt
    return receipt
  }

  private func receipt(_ number: UInt32, _ digest: [UInt8], _ count: UInt16, _ total: UInt32) -> [UInt8] {
    let input = OctetBuffer(capacity: 128)
    let serial = state.serial.octets
    try? input.becomeReceiptInput(
      serial: serial.span.bytes, number: number, digest: digest.span.bytes, count: count, total: total)
    let key = Secret(copying: derive(state.individualKey ?? [], .chargeReceipt))
    let mac = (try? CMAC.tag(key, input.withBytes { $0.octets })) ?? []
    let output = OctetBuffer(capacity: ChargeReceipt.octetCount)
    try? output.append(number)
    try? output.append(digest.span.bytes)
    try? output.append(count)
    try? output.append(total)
    try? output.append(mac.span.bytes)
    return output.withBytes { $0.octets }
  }

  private static func number(_ batch: [UInt8]) -> UInt32? {
    var reader = OctetReader(batch.span.bytes)
    _ = try? reader.u8()
    return try? reader.u32()
  }

  private static func records(_ batch: [UInt8]) -> [ChargeRecord]? {
    var reader = OctetReader(batch.span.bytes)
    do {
      _ = try reader.take(5)
      let count = Int(try reader.u16())
      var records: [ChargeRecord] = []
      for _ in 0..<count {
        let code = try reader.take(10).octets
        let (key, flags) = (try reader.u8(), try reader.u8())
        let (expiry, uses) = (try reader.u64(), try reader.u16())
        guard let software = SoftwareID(octets: try reader.take(16).octets) else { return nil }
        let messageID = try reader.take(Int(try reader.u8())).octets
        records.append(
          ChargeRecord(
            code: code, generationKey: key, flags: flags, expiry: expiry, uses: uses, softwareID: software,
            messageID: messageID))
      }
      try reader.expectEnd()
      return records
    } catch {
      return nil
    }
  }

  private func derive(_ key: [UInt8], _ label: KeyLabel) -> [UInt8] {
    let serial = state.serial.octets
    let derived = try? Derivation.kbkdf(Secret(copying: key), label: label, octets: 32) { (buffer) throws(OctetError) in
      try buffer.appendField(.cardSerial, serial.span.bytes)
    }
    return derived?.withBytes { $0.octets } ?? []
  }

  private func load(_ key: [UInt8], _ slot: KeySlot) { try? engine.load(key.span.bytes, into: slot) }

  private func checkValue(_ key: [UInt8]) -> [UInt8] {
    load(key, ModelCard.checkSlot)
    var block = Block(repeating: 0x01)
    try? engine.encryptBlock(ModelCard.checkSlot, &block)
    return [block[0], block[1], block[2]]
  }
}
