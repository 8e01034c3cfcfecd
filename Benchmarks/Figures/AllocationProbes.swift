import CardDriver
import CardEmulator
import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets
import Sockets

extension AllocationProbe {
  /// What one operation is, for the report.
  var subject: String {
    switch self {
    case .plainCommand: "GET DATA"
    case .securedCommand: "SCP03 GET DATA"
    case .registry: "SCP03 GET STATUS"
    case .channels: "MANAGE CHANNEL, open and close"
    case .enciphering: "PSO: ENCIPHER and DECIPHER"
    case .toldCode: "USE KEY with a told code"
    case .conversionKeys: "OPEN CONVERSION KEYS"
    case .insertedCard: "APDU at a socket"
    }
  }

  /// Makes everything ready.
  ///
  /// - Returns: what performs the operations.
  func prepare() throws -> () -> Void {
    switch self {
    case .plainCommand: return try repeating([.getData(.applicationStatus)], on: try FirmwareCard.issued())
    case .securedCommand: return try playing(.getData(.applicationStatus))
    case .registry: return try playing(.getStatus([.issuerDomain, .applications, .loadFilesAndModules]))
    case .channels: return try repeating([.openChannel(1), .closeChannel(1)], on: try FirmwareCard.issued())
    case .enciphering:
      let card = try AllocationProbe.chargedCard()
      let first = try answer(.encipher(key: AllocationProbe.key), of: card)
      return try repeating([.encipher(key: AllocationProbe.key), .decipher(cryptogram: first)], on: card)
    case .toldCode:
      let code = [UInt8](repeating: 3, count: CardProtocol.codeOctets)
      let command = CommandAPDU.useKey(
        .wrap, level: .message, generationKey: 1, code: code, messageID: code, key: AllocationProbe.key)
      return try repeating([command], on: try AllocationProbe.chargedCard())
    case .conversionKeys:
      let card = try FirmwareCard.issued()
      return try repeating([try AllocationProbe.conversion(by: card)], on: card)
    case .insertedCard: return try AllocationProbe.talkToInsertedCard()
    }
  }

  private static let key = [UInt8](repeating: 7, count: 32)

  /// One command within a session, again and again. The first exchange makes the engine's contexts; they are kept.
  private func playing(_ command: CommandAPDU) throws -> () -> Void {
    let card = try FirmwareCard.issued()
    let tape = try CommandTape(of: card) { session in
      for _ in 0...AllocationProbe.operations {
        let answer = try session.exchange(command, operation: "measure")
        guard answer.status == .ok else { throw MeasurementError("the card refused \(subject)") }
      }
    }
    return try tape.player(on: card, after: 1)
  }

  /// Plain commands one after the other, again and again; once before, which makes the engine's contexts.
  private func repeating(_ commands: [CommandAPDU], on card: FirmwareCard) throws -> () -> Void {
    let encoded = try commands.map { try $0.encoded() }
    for command in commands { _ = try answer(command, of: card) }
    let firmware = card.firmware
    return {
      for _ in 0..<AllocationProbe.operations {
        for command in encoded { firmware.process(command.span.bytes) }
      }
    }
  }

  private func answer(_ command: CommandAPDU, of card: FirmwareCard) throws -> [UInt8] {
    let octets = card.transmit(try command.encoded())
    let answer = try ResponseAPDU(parsing: octets.span.bytes)
    guard answer.status == .ok else { throw MeasurementError("the card refused \(subject)") }
    return answer.data
  }

  /// A card with a code, whose key PSO takes, and the PIN verified.
  private static func chargedCard() throws -> FirmwareCard {
    let card = try FirmwareCard.issued()
    guard let title = SoftwareID(octets: [UInt8](repeating: 2, count: SoftwareID.octetCount)) else {
      throw MeasurementError("no software id")
    }
    let code = [UInt8](repeating: 1, count: CardProtocol.codeOctets)
    let batch = ChargeBatch(number: 1, records: [ChargeRecord(code: code, generationKey: 1, softwareID: title)])
    var session = try card.openSession()
    try session.storeData(BERTLV.encode(tag: UInt32(DataTag.chargeBatch.rawValue), value: try batch.encoded()))
    _ = try card.reset()
    let pin = Array("1234".utf8) + [0xFF, 0xFF, 0xFF, 0xFF]
    for command in [
      CommandAPDU.verify(.pin, value: pin), .setCipherKey(nil, level: .message, codeIndex: 0, messageID: code),
    ] {
      guard card.transmit(try command.encoded()).suffix(2) == [0x90, 0x00] else {
        throw MeasurementError("the card refused its PIN or a key")
      }
    }
    return card
  }

  /// What the card opens Ku by: it is wrapped for this card and a medium.
  private static func conversion(by card: FirmwareCard) throws -> CommandAPDU {
    let medium = Array("medium 1".utf8)
    guard let mediumID = MediumID(octets: medium) else { throw MeasurementError("no medium id") }
    let wrapping = try Derivation.hkdf(
      try card.key(.conversionSecret), salt: [], info: Array("Ku".utf8) + medium, octets: 32)
    let wrapped = try KeyWrap.wrap(Secret(copying: key), under: wrapping)
    return .openConversionKey(mediumID: mediumID, wrappedMediumKey: wrapped)
  }

  /// A card that listens, on a thread of its own, and a reader that keeps nothing of what it gets: both ends count.
  private static func talkToInsertedCard() throws -> () -> Void {
    let card = try EmulatedCard.inMemory(random: SeededRandom(seed: 1)).card
    let insertion = try CardInsertion(card, into: .tcp(host: "127.0.0.1", port: 0))
    try insertion.start()
    guard let address = insertion.listeningAddress else { throw MeasurementError("the card does not listen") }
    let reader = FrameStream(try StreamSocket.connect(to: address))
    let powerOn = [ReaderFrame.Control.powerOn.rawValue]
    try reader.send(powerOn.span.bytes)
    let command = try CommandAPDU.getData(.applicationStatus).encoded()
    func exchange() -> Bool {
      guard (try? reader.send(command.span.bytes)) != nil, (try? reader.receive()) == true else { return false }
      return reader.withBody { $0.byteCount > 2 }
    }
    guard exchange() else { throw MeasurementError("the card did not answer GET DATA") }
    return {
      for _ in 0..<AllocationProbe.operations { precondition(exchange(), "the card did not answer GET DATA") }
      withExtendedLifetime(insertion) {}
    }
  }
}
