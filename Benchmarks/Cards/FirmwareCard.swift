import CardDriver
import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets
import SecureChannel

/// The card's firmware with nothing around it but memory and OpenSSL.
///
/// All chance is seeded, so a card answers the same challenges after every ``reset()``: a session recorded once can be
/// played to it again and again, and only the card's side of it is measured.
final class FirmwareCard: APDUTransport {
  private let store: KeyValueStore
  private let seed: UInt64
  private(set) var firmware: Card
  /// Everything since the last ``reset()``.
  private(set) var recording: [Exchange] = []

  /// A command APDU and what the card answered.
  struct Exchange {
    let command: [UInt8]
    let response: [UInt8]
  }

  let individualKey: Secret
  let serial: [UInt8] = [0x57, 0x41, 0x52, 0x49, 0, 0, 0, 1]

  let limits = CardTransportLimits.wide

  /// A new card with its individual key, generation key 1, a PIN, and a certificate of 512 octets; just reset.
  static func issued(seed: UInt64 = 1) throws -> FirmwareCard {
    let card = try FirmwareCard(seed: seed)
    try card.issue()
    _ = try card.reset()
    return card
  }

  private init(seed: UInt64) throws {
    self.seed = seed
    let random = SeededRandom(seed: seed)
    store = try KeyValueStore(flash: MemoryFlash())
    individualKey = Secret(random: 32, from: random)
    var serial = InlineArray<8, UInt8>(repeating: 0)
    for index in 0..<8 { serial[index] = self.serial[index] }
    try Card.manufacture(
      in: store, serial: serial, profile: .standard, transportKeys: FirmwareCard.transportKeys.span.bytes,
      lifeCycleData: InlineArray(repeating: 0))
    firmware = try Card(store: store, engine: OpenSSLEngine(random: random))
  }

  private static let transportKeys = [UInt8](repeating: 0x11, count: 96)

  private func issue() throws {
    try FirmwareCard.issue(
      try CardConnection(self), transportKeys: Secret(copying: FirmwareCard.transportKeys), serial: serial,
      individualKey: individualKey, SeededRandom(seed: seed + 1))
  }

  /// Makes a blank card somebody's.
  static func issue(
    _ connection: CardConnection, transportKeys: borrowing Secret, serial: [UInt8], individualKey: borrowing Secret,
    _ random: SeededRandom
  ) throws {
    do {
      var session = try AdministrationSession(
        connection, keys: transportKeys, keyVersion: KeyVersion.transportSet, random: random)
      try session.putKeys(version: KeyVersion.individualKey, individualKey, count: 1)
    }
    var session = try openSession(connection, serial: serial, individualKey: individualKey, random)
    try session.putKeys(version: KeyVersion.generationKeyBase + 1, Secret(random: 32, from: random), count: 1)
    let pin = Array("1234".utf8) + [0xFF, 0xFF, 0xFF, 0xFF]
    try session.storeData(
      BERTLV.encode(tag: UInt32(DataTag.referenceData.rawValue), value: pin + Array("87654321".utf8))
        + BERTLV.encode(tag: UInt32(DataTag.licenseCertificate.rawValue), value: random.octets(512)))
  }

  /// Opens a session at level 33 under the keys that come from the individual key.
  func openSession() throws -> AdministrationSession {
    try FirmwareCard.openSession(
      try CardConnection(self), serial: serial, individualKey: individualKey, SeededRandom(seed: seed + 2))
  }

  static func openSession(
    _ connection: CardConnection, serial: [UInt8], individualKey: borrowing Secret, _ random: SeededRandom
  ) throws -> AdministrationSession {
    var keys: [UInt8] = []
    for label in [KeyLabel.channelEncryption, .channelMAC, .channelDataEncryption] {
      keys += try key(label, serial: serial, individualKey: individualKey).withBytes { $0.octets }
    }
    return try AdministrationSession(
      connection, keys: Secret(copying: keys), keyVersion: KeyVersion.individualSet, random: random)
  }

  /// A key that the card derives from its individual key.
  func key(_ label: KeyLabel) throws -> Secret {
    try FirmwareCard.key(label, serial: serial, individualKey: individualKey)
  }

  private static func key(
    _ label: KeyLabel, serial: [UInt8], individualKey: borrowing Secret
  ) throws -> Secret {
    try Derivation.kbkdf(individualKey, label: label, octets: 32) { (context) throws(OctetError) in
      try context.appendField(.cardSerial, serial.span.bytes)
    }
  }

  // MARK: APDUTransport

  /// Switches the card off and on, back to the beginning of its chance.
  func reset() throws(CardTransportError) -> [UInt8] {
    do {
      firmware = try Card(store: store, engine: OpenSSLEngine(random: SeededRandom(seed: seed)))
      recording = []
      let capabilities = CardCapabilities(
        selectionMethods: 0x90, dataCoding: 0x01, commandChaining: true, extendedLength: true,
        extendedLengthInformation: false, channelsAssignedByCard: false, channelsAssignedByHost: false,
        logicalChannels: 1)
      return try AnswerToReset(
        .t1, historicalBytes: HistoricalBytes(serviceData: 0x80, capabilities: capabilities)
      ).encoded()
    } catch {
      throw CardTransportError(.noCard, operation: "reset", cardMayHaveChanged: false, remedy: "\(error)")
    }
  }

  func transmit(_ command: [UInt8]) -> [UInt8] {
    firmware.process(command.span.bytes)
    let response = firmware.response.withBytes { $0.octets }
    recording.append(Exchange(command: command, response: response))
    return response
  }
}
