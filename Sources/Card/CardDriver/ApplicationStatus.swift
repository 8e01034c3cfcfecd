import CardProtocol
import ISO7816
import Identifiers
import Octets

/// What a Warifu card says of itself without any secret: data object DF20 (`docs/card-protocol.md`).
public struct ApplicationStatus: Sendable, Hashable {
  /// The card's serial.
  public var serial: CardSerial
  /// Its life-cycle state.
  public var lifeCycle: LifeCycle
  /// Number of the last charge; 0 before the first.
  public var chargeCounter: UInt32
  /// Codes ever charged.
  public var codesEverCharged: UInt32
  /// Codes on the card now, in whatever state, and how many fit.
  public var codeCount: Int, codeCapacity: Int
  /// Tries left of PIN and PUK.
  public var pinTries: Int, pukTries: Int
  /// Octets that one charge may have.
  public var stagingOctets: Int
  /// Last time the centre told the card, seconds since 1970; 0 for never.
  public var knownTime: UInt64
  /// Made with GlobalPlatform's public test keys: good for testing only.
  public var hasTestKeys: Bool

  /// Reads the data object.
  ///
  /// - Throws: ``OctetError`` when a part is missing or has another length.
  public init(_ octets: RawSpan) throws(OctetError) {
    func value(_ tag: UInt32, _ count: Int) throws(OctetError) -> UInt64 {
      guard let value = try BERTLV.firstValue(of: tag, in: octets), value.byteCount == count else { throw .invalid }
      var number: UInt64 = 0
      for index in 0..<count { number = number << 8 | UInt64(value[octet: index]) }
      return number
    }
    guard let serialValue = try BERTLV.firstValue(of: 0x89, in: octets),
      let serial = CardSerial(octets: serialValue.octets),
      let lifeCycle = LifeCycle(rawValue: UInt8(try value(0x80, 1)))
    else { throw .invalid }
    self.serial = serial
    self.lifeCycle = lifeCycle
    chargeCounter = UInt32(try value(0x81, 4))
    codesEverCharged = UInt32(try value(0x82, 4))
    codeCount = Int(try value(0x83, 2))
    codeCapacity = Int(try value(0x84, 2))
    pinTries = Int(try value(0x85, 1))
    pukTries = Int(try value(0x86, 1))
    stagingOctets = Int(try value(0x87, 4))
    knownTime = try value(0x88, 8)
    hasTestKeys = try value(0x8A, 1) & 1 == 1
  }
}

/// One line of LIST CODES: the state of a code, never the code.
public struct CodeEntry: Sendable, Hashable {
  /// Octets of one entry.
  static let octetCount = 31

  /// Its number on the card.
  public var index: UInt16
  /// Its state.
  public var state: CodeState
  /// Number of its generation key, 1...16.
  public var generationKey: UInt8
  /// Whether its keys want fresh time.
  public var needsFreshTime: Bool
  /// Seconds since 1970 after which it is dead; 0 for never.
  public var expiry: UInt64
  /// Uses left of its keys; 0 for without limit, unless it is spent.
  public var usesLeft: UInt16
  /// The title it buys.
  public var softwareID: SoftwareID

  /// Reads one entry.
  init(_ reader: inout OctetReader) throws(OctetError) {
    index = try reader.u16()
    guard let state = CodeState(rawValue: try reader.u8()) else { throw .invalid }
    self.state = state
    generationKey = try reader.u8()
    needsFreshTime = try reader.u8() & ChargeRecord.needsFreshTime != 0
    expiry = try reader.u64()
    usesLeft = try reader.u16()
    guard let softwareID = SoftwareID(octets: try reader.take(SoftwareID.octetCount).octets) else { throw .invalid }
    self.softwareID = softwareID
  }
}
