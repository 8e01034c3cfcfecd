import CardProtocol
import ISO7816
import Identifiers
import Octets
import SecureChannel

/// One card: its operating system and its application.
///
/// It is driven by ``powerOn()`` and ``process(_:)`` and answers in ``response``. It keeps running after any byte string
/// whatsoever. All its memory is allocated here; no command allocates. A refused command changes nothing, and one that
/// changes the store does so in one atomic batch, durable before the answer is there.
///
/// Not thread-safe: a card has one contact field.
public final class Card {
  let store: KeyValueStore
  let engine: any CryptoEngine
  let production: ProductionData

  /// The whole response APDU to the last command: data and status word.
  public let response: OctetBuffer

  /// The command data at hand: of one command, of a chain joined together, and after the secure channel is taken off.
  let input: OctetBuffer
  /// What a command answers, before it is cut to Le; what is left of it waits for GET RESPONSE.
  let output: OctetBuffer
  /// Blocks of STORE DATA before the last.
  let staging: OctetBuffer
  /// Inputs of derivations and MACs.
  let scratch: OctetBuffer
  /// Records on their way into the store.
  let record: OctetBuffer
  /// The content of EF.ATR/INFO.
  let information: OctetBuffer

  var lifeCycle: LifeCycle
  var codeCount: UInt16 = 0
  var session = CardSession()
  var channels = LogicalChannels()
  var channel: SecureChannelCard
  var transmission = Transmission()
  /// Whether KU and the receipt key are in their engine slots.
  var hasDerivedKeys = false

  /// The card in `store`, as ``manufacture(in:serial:profile:transportKeys:lifeCycleData:)`` made it.
  ///
  /// - Throws: ``FirmwareError/damaged`` when the store holds no card.
  public init(store: KeyValueStore, engine: any CryptoEngine) throws(FirmwareError) {
    self.store = store
    self.engine = engine
    let found = store.withValue(CardLayout.production) { (octets) -> ProductionData? in try? ProductionData(octets) }
    guard let found, let production = found else { throw .damaged }
    self.production = production
    let state = store.withValue(CardLayout.lifeCycle) { (octets) -> UInt8 in
      octets.byteCount == 1 ? octets[octet: 0] : 0
    }
    guard let state, let lifeCycle = LifeCycle(rawValue: state) else { throw .damaged }
    self.lifeCycle = lifeCycle
    channel = SecureChannelCard(
      engine: engine, staticKeys: EngineSlot.channelStatic, sessionKeys: EngineSlot.channelSession)
    let longest = Int(production.profile.commandOctets)
    response = OctetBuffer(capacity: longest)
    input = OctetBuffer(capacity: longest)
    output = OctetBuffer(capacity: max(longest, Card.longestObject) + SecureChannelCard.responseOverhead)
    staging = OctetBuffer(capacity: Int(production.profile.stagingOctets))
    scratch = OctetBuffer(capacity: 1_024)
    record = OctetBuffer(capacity: 1_024)
    information = OctetBuffer(capacity: 32)
    do { try production.profile.appendInformation(to: information) } catch { throw .damaged }
    for index in 0..<production.profile.codeCapacity
    where store.withValue(CardLayout.code(index), { _ in true }) != nil { codeCount += 1 }
  }

  /// Octets of the longest data object, which every card can answer, in parts where its APDUs are shorter.
  static let longestObject = 1_024

  /// Octets that a command may answer, so that the secure channel still finds room for its own.
  var answerRoom: Int { output.capacity - SecureChannelCard.responseOverhead }

  /// Whether the memory failed: the card answers 6581 to every change until it is started anew from its flash.
  public var hasMemoryFailed: Bool { store.isBroken }

  /// The card's profile.
  public var profile: CardProfile { production.profile }

  /// Power, or a reset: security state, channels, chains and staged data are gone.
  public func powerOn() {
    endSession()
    transmission = Transmission()
    session = CardSession()
    channels.reset()
    input.wipe()
    output.wipe()
    response.wipe()
    forgetDerivedKeys()
    scrubSecrets()
  }
}

/// Why there is no card.
public enum FirmwareError: Error, Equatable {
  /// The store holds no card, or one that no factory of ours wrote.
  case damaged
  /// The store refused.
  case storage(StoreError)
  /// A key has a length that AES does not know.
  case badKey
}

/// What lives from reset to reset, whichever channel it is about; what belongs to one is in ``LogicalChannel``.
struct CardSession {
  /// Which key set the SCP03 session runs under.
  var keyVersion: UInt8 = 0
  /// The logical channel that the SCP03 session belongs to; `nil` without one.
  var channel: UInt8?
  /// Whether SET TIME succeeded since reset.
  var hasFreshTime = false
  /// Where the next GET STATUS for further occurrences goes on, and the P1 it must have; none unless some are left.
  var registryCursor: (elements: UInt8, next: UInt8)?
  /// The block number that STORE DATA expects next.
  var nextBlock: UInt16 = 0
}

/// What the engine's key slots are for.
enum EngineSlot {
  /// KU, derived from the individual key.
  static let userKey = KeySlot(rawValue: 0)
  /// Key of charge receipts.
  static let receiptKey = KeySlot(rawValue: 1)
  /// For one command, wiped at its end.
  static let working = KeySlot(rawValue: 2), derived = KeySlot(rawValue: 3), deeper = KeySlot(rawValue: 4)
  /// Static keys of the SCP03 key set in use.
  static let channelStatic = StaticKeySlots(
    enc: KeySlot(rawValue: 8), mac: KeySlot(rawValue: 9), dek: KeySlot(rawValue: 10))
  /// Session keys.
  static let channelSession = SessionKeySlots(
    enc: KeySlot(rawValue: 11), mac: KeySlot(rawValue: 12), rmac: KeySlot(rawValue: 13))
}
