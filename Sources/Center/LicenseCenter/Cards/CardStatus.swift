import CardProtocol
import Identifiers
import ISO7816
import Octets

/// What a card says of itself: the object DF20 of `docs/card-protocol.md`.
struct CardStatus: Hashable, Sendable {
  var lifeCycle: LifeCycle
  var serial: CardSerial
  var chargeCounter: UInt32
  var chargedCodes: UInt32
  var codesOnCard: Int
  var capacity: Int
  var stagingOctets: Int
  var hasTestKeys: Bool

  /// Reads the object; fields that this program does not know are passed over.
  init(parsing octets: RawSpan) throws(OctetError) {
    var fields: [UInt32: [UInt8]] = [:]
    var reader = TLVReader(try CardStatus.content(of: .applicationStatus, in: octets))
    while !reader.isAtEnd {
      let element = try reader.next()
      fields[element.tag] = element.value.octets
    }
    func field(_ tag: UInt32, _ count: Int) throws(OctetError) -> [UInt8] {
      guard let value = fields[tag], value.count == count else { throw .invalid }
      return value
    }
    func number(_ tag: UInt32, _ count: Int) throws(OctetError) -> UInt32 {
      try field(tag, count).reduce(0) { $0 << 8 | UInt32($1) }
    }
    guard let lifeCycle = LifeCycle(rawValue: UInt8(truncatingIfNeeded: try number(0x80, 1))),
      let serial = CardSerial(octets: try field(0x89, CardSerial.octetCount))
    else { throw .invalid }
    self.lifeCycle = lifeCycle
    self.serial = serial
    chargeCounter = try number(0x81, 4)
    chargedCodes = try number(0x82, 4)
    codesOnCard = Int(try number(0x83, 2))
    capacity = Int(try number(0x84, 2))
    stagingOctets = Int(try number(0x87, 4))
    hasTestKeys = try number(0x8A, 1) & 0x01 != 0
  }

  /// The content of a data object that may or may not come inside its own tag.
  @_lifetime(copy octets)
  static func content(of tag: DataTag, in octets: RawSpan) throws(OctetError) -> RawSpan {
    var reader = TLVReader(octets)
    guard !reader.isAtEnd, let element = try? reader.next(), element.tag == UInt32(tag.rawValue), reader.isAtEnd else {
      return octets
    }
    return element.value
  }

  /// Whether card recognition data (GlobalPlatform 2.3.1, H.2) names SCP03 with MACs of 16 octets: bit 1 of "i", the
  /// last octet of the object identifier under tag 64. A card that says nothing has MACs of 8.
  static func usesLongMACs(parsing octets: RawSpan) throws(OctetError) -> Bool {
    let content = try content(of: .cardRecognitionData, in: octets)
    guard let template = try BERTLV.firstValue(of: 0x73, in: content),
      let scheme = try BERTLV.firstValue(of: 0x64, in: template),
      let identifier = try BERTLV.firstValue(of: 0x06, in: scheme), identifier.byteCount > 0
    else { return false }
    return identifier[octet: identifier.byteCount - 1] & 0x01 != 0
  }
}
