import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets
import SecureChannel

/// A card in this process: the firmware, with a state file or in memory alone.
///
/// With a file, a response leaves only after what it reports is on the disk, so the process may be killed at any moment.
/// One thread at a time.
public final class EmulatedCard: APDUTransport {
  private let flash: EmulatedFlash
  private let engine: OpenSSLEngine
  private var card: Card?
  private let path: String?

  /// The answer to reset, fixed for the card's life.
  public let answerToReset: ATR
  /// What the line goes by: as after the reset, or as the PPS after it said.
  public private(set) var transmissionParameters: TransmissionParameters
  /// Whether nothing was sent since the reset, so that a PPS may come.
  private var isFreshFromReset = false

  /// Opens a card's state file.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - key: the emulator key it was made under, 32 octets.
  ///   - random: where the card's chance comes from.
  public convenience init(path: String, key: borrowing Secret, random: any RandomSource) throws(CardStateError) {
    let file = try CardStateFile.open(path, key: key)
    // A mount finishes what a power cut left, so it writes. A file that turns out to be no card must stay as it is: the
    // first mount goes to a copy in memory.
    let copy = try EmulatedFlash(geometry: file.geometry, file: file, isRehearsal: true)
    _ = try EmulatedCard(flash: copy, path: path, random: random)
    let flash = try EmulatedFlash(geometry: file.geometry, file: file)
    try self.init(flash: flash, path: path, random: random)
  }

  /// Opens a copy in memory of the card in a state file. The file is only read, and stays as it is to the octet, also where
  /// a power cut left something for the next mount to finish.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - key: the emulator key it was made under, 32 octets.
  ///   - random: where the card's chance comes from.
  public convenience init(
    rehearsing path: String, key: borrowing Secret, random: any RandomSource
  ) throws(CardStateError) {
    let file = try CardStateFile.open(path, key: key, isWritable: false)
    let copy = try EmulatedFlash(geometry: file.geometry, file: file, isRehearsal: true)
    try self.init(flash: copy, path: path, random: random)
  }

  private init(flash: EmulatedFlash, path: String?, random: any RandomSource) throws(CardStateError) {
    self.flash = flash
    self.path = path
    engine = OpenSSLEngine(random: random)
    let card = try EmulatedCard.start(flash, engine, path)
    self.card = card
    do {
      let octets = try card.profile.answerToReset.encoded()
      answerToReset = try ATR(parsing: octets.span.bytes)
    } catch {
      throw CardStateError(.damaged, path ?? "memory")
    }
    transmissionParameters = answerToReset.initialParameters
  }

  /// Power: mounts the store, which recovers from whatever the last cut left.
  private static func start(
    _ flash: EmulatedFlash, _ engine: OpenSSLEngine, _ path: String?
  ) throws(CardStateError) -> Card {
    do {
      let card = try Card(store: try KeyValueStore(flash: flash), engine: engine)
      flash.forgetUntouched()
      return card
    } catch {
      throw CardStateError(.damaged, path ?? "memory")
    }
  }

  // MARK: Making

  /// What the factory knows of a new card.
  public struct Production: ~Copyable {
    /// Its serial.
    public let serial: CardSerial
    /// ENC ‖ MAC ‖ DEK of the transport key set, three keys of 32 octets.
    public let transportKeys: Secret
  }

  /// Makes a blank card with a new state file, which is there whole or not at all.
  ///
  /// - Returns: the card, and what the issuer must know of it.
  public static func make(
    at path: String, key: borrowing Secret, profile: CardProfile = .standard, serial: CardSerial? = nil,
    random: any RandomSource
  ) throws(CardStateError) -> Production {
    let geometry = FlashGeometry.emulated(profile)
    let file = try CardStateFile.create(at: path, geometry: geometry, key: key, random: random)
    let flash = try EmulatedFlash(geometry: geometry, file: file)
    let production = try manufacture(on: flash, path: path, profile, serial, random)
    try file.publish()
    return production
  }

  /// Makes a blank card with GlobalPlatform's public test keys: for trying things out, and never issued by a centre.
  ///
  /// - Returns: the card, and what the issuer must know of it.
  public static func makeWithTestKeys(
    at path: String, key: borrowing Secret, random: any RandomSource
  ) throws(CardStateError) -> Production {
    var profile = CardProfile.standard
    profile.hasTestKeys = true
    return try make(at: path, key: key, profile: profile, random: random)
  }

  /// Makes a blank card that lives in memory alone.
  ///
  /// - Returns: the card, and what the issuer must know of it.
  public static func inMemory(
    profile: CardProfile = .standard, serial: CardSerial? = nil, random: any RandomSource
  ) throws(CardStateError) -> Made {
    let flash = try EmulatedFlash(geometry: .emulated(profile), file: nil)
    let production = try manufacture(on: flash, path: "memory", profile, serial, random)
    return Made(card: try EmulatedCard(flash: flash, path: nil, random: random), production: production)
  }

  /// A new card with what the issuer must know of it.
  public struct Made: ~Copyable {
    /// The card.
    public let card: EmulatedCard
    /// Serial and transport keys.
    public let production: Production
  }

  private static func manufacture(
    on flash: EmulatedFlash, path: String, _ profile: CardProfile, _ wanted: CardSerial?, _ random: any RandomSource
  ) throws(CardStateError) -> Production {
    guard let serial = wanted ?? CardSerial(octets: random.octets(CardSerial.octetCount)) else {
      throw CardStateError(.damaged, path)
    }
    let keys = profile.hasTestKeys ? Secret(copying: testKeys) : Secret(random: 96, from: random)
    var octets = InlineArray<8, UInt8>(repeating: 0)
    for index in 0..<8 { octets[index] = serial.octets[index] }
    do {
      let store = try KeyValueStore(flash: flash)
      try keys.withBytes { (keys) throws(FirmwareError) in
        try Card.manufacture(
          in: store, serial: octets, profile: profile, transportKeys: keys, lifeCycleData: lifeCycleData(serial))
      }
    } catch {
      throw CardStateError(.storage, path)
    }
    return Production(serial: serial, transportKeys: keys)
  }

  /// GlobalPlatform's public test key, three times (AES-128): 404142…4F.
  private static let testKeys: [UInt8] = {
    let key = (0x40...0x4F).map { UInt8($0) }
    return key + key + key
  }()

  /// Card production life cycle data (GlobalPlatform 2.3.1, 11.3.3.3): an emulator's, so fabricator and type are zero; IC
  /// serial and batch are the card's serial.
  private static func lifeCycleData(_ serial: CardSerial) -> InlineArray<42, UInt8> {
    var data = InlineArray<42, UInt8>(repeating: 0)
    for index in 0..<4 { data[12 + index] = serial.octets[4 + index] }
    for index in 0..<2 { data[16 + index] = serial.octets[2 + index] }
    return data
  }

  // MARK: APDUTransport

  /// What the in-process way can carry.
  public var limits: CardTransportLimits { .wide }

  /// Switches the card off and on; answers its ATR.
  public func reset() throws(CardTransportError) -> [UInt8] {
    if flash.faults.isDark { flash.plan(StorageFaults()) }
    do {
      if card?.hasMemoryFailed != false {
        card = nil
        try flash.reload()
        card = try EmulatedCard.start(flash, engine, path)
      }
    } catch {
      throw CardTransportError(
        .unavailable, operation: "reset", cardMayHaveChanged: false, remedy: error.description)
    }
    card?.powerOn()
    transmissionParameters = answerToReset.initialParameters
    isFreshFromReset = true
    return answerToReset.octets
  }

  /// Answers a PPS request (ISO/IEC 7816-3, clause 9); readers that pass whole APDUs never send one.
  ///
  /// - Returns: the response, or `nil` where a card keeps silent: the request is malformed, asks for a protocol that the
  ///   card does not offer, or is not the first thing after the reset. The reader's part is to reset the card then.
  public func negotiate(_ request: [UInt8]) -> [UInt8]? {
    guard isFreshFromReset, card != nil else { return nil }
    isFreshFromReset = false
    guard let request = try? PPS(parsing: request.span.bytes), let response = answerToReset.response(to: request),
      let parameters = request.parameters(after: response)
    else { return nil }
    transmissionParameters = parameters
    return response.encoded
  }

  /// Executes one command APDU.
  public func transmit(_ command: [UInt8]) throws(CardTransportError) -> [UInt8] {
    try execute(command.span.bytes)
    return withResponse { $0.octets }
  }

  /// Takes the power away: security state is gone, and the card wants a ``reset()``.
  public func powerOff() { card?.powerOn() }

  /// Executes one command APDU; the response can be had with ``withResponse(_:)``. Nothing is copied or allocated.
  func execute(_ command: RawSpan) throws(CardTransportError) {
    guard let card else { throw EmulatedCard.powerLost(cardMayHaveChanged: false) }
    isFreshFromReset = false
    card.process(command)
    if flash.faults.isDark {
      self.card = nil
      throw EmulatedCard.powerLost(cardMayHaveChanged: true)
    }
  }

  /// Lends the response to the last command; empty when there is none.
  func withResponse<R: ~Copyable, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    guard let card else { return try body(RawSpan()) }
    return try card.response.withBytes(body)
  }

  private static func powerLost(cardMayHaveChanged: Bool) -> CardTransportError {
    CardTransportError(
      .cardRemoved, operation: "transmit", cardMayHaveChanged: cardMayHaveChanged,
      remedy: "The card lost power; reset it and ask it what it knows before repeating the command.")
  }

  // MARK: Faults

  /// Arms a plan by which the power fails during storage operations; ``reset()`` gives power again.
  public func plan(_ faults: StorageFaults) { flash.plan(faults) }

  /// Storage operations since the last plan was armed.
  public var storageOperations: Int { flash.faults.operations }
}

extension FlashGeometry {
  /// The emulator's flash for a profile: pages of 4 KiB, words of 16 octets; room for the codes, the carried files and
  /// three quarters as much again.
  static func emulated(_ profile: CardProfile) -> FlashGeometry {
    let needed = Int(profile.codeCapacity) * 96 + 16 * Int(profile.fileOctets) + 65_536
    return FlashGeometry(pageSize: 4_096, pageCount: max(16, needed * 7 / 4 / 4_096), wordSize: 16)
  }
}
