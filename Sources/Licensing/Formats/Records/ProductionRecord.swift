import Cryptography
import Identifiers
import Octets

/// What the maker of a blank card tells the issuer: who the card is, and the random transport key set with
/// which its individual key can enter, once.
///
/// Holds secrets: its encoding is a ``Secret`` too, and the centre keeps it sealed.
public struct ProductionRecord: ~Copyable, Sendable {
  /// The most octets of the encoding.
  public static let maximumOctetCount = 512
  private static let textOctets = 64
  private static let subject = "production record"

  /// The card's serial.
  public let cardSerial: CardSerial
  /// Module type or profile of the card (P16), 1 to 64 octets of UTF-8.
  public let moduleType: String
  /// The maker's number of this card (P16), 1 to 64 octets of UTF-8.
  public let productionNumber: String
  /// When it was made, seconds since 1970 UTC.
  public let producedAt: UInt64
  /// Transport key ENC: 16, 24 or 32 octets, as long as the other two.
  public let encryptionKey: Secret
  /// Transport key MAC.
  public let macKey: Secret
  /// Transport key DEK.
  public let dataKey: Secret

  /// A record; see the properties for the shapes.
  public init(
    cardSerial: CardSerial, moduleType: String, productionNumber: String, producedAt: UInt64,
    encryptionKey: consuming Secret, macKey: consuming Secret, dataKey: consuming Secret
  ) throws(FormatError) {
    let limit = ProductionRecord.textOctets
    guard isPlainText(moduleType, limit: limit), isPlainText(productionNumber, limit: limit) else {
      throw FormatError(.invalid, ProductionRecord.subject)
    }
    let count = encryptionKey.count
    guard [16, 24, 32].contains(count), macKey.count == count, dataKey.count == count else {
      throw FormatError(.invalid, "\(ProductionRecord.subject), transport keys")
    }
    self.cardSerial = cardSerial
    self.moduleType = moduleType
    self.productionNumber = productionNumber
    self.producedAt = producedAt
    self.encryptionKey = encryptionKey
    self.macKey = macKey
    self.dataKey = dataKey
  }
}

extension ProductionRecord {
  /// A record whose transport keys come joined, ENC ‖ MAC ‖ DEK, as the maker of an emulated card hands them out.
  public init(
    cardSerial: CardSerial, moduleType: String, productionNumber: String, producedAt: UInt64,
    transportKeys: borrowing Secret
  ) throws(FormatError) {
    let count = transportKeys.count / 3
    try self.init(
      cardSerial: cardSerial, moduleType: moduleType, productionNumber: productionNumber, producedAt: producedAt,
      encryptionKey: try ProductionRecord.key(0, of: transportKeys, count),
      macKey: try ProductionRecord.key(1, of: transportKeys, count),
      dataKey: try ProductionRecord.key(2, of: transportKeys, count))
  }

  private static func key(_ index: Int, of joined: borrowing Secret, _ count: Int) throws(FormatError) -> Secret {
    guard joined.count == 3 * count else { throw FormatError(.invalid, "\(subject), transport keys") }
    return joined.withBytes { Secret(copying: $0.extracting(index * count..<(index + 1) * count)) }
  }

  /// The record, as it lies in the sealed file that goes from the maker to the issuer.
  public borrowing func encoded() throws(FormatError) -> Secret {
    var writer = RecordWriter(.productionRecord)
    writer.put(.cardSerial, cardSerial.octets)
    writer.put(.moduleType, Array(moduleType.utf8))
    writer.put(.productionNumber, Array(productionNumber.utf8))
    writer.put(.time, producedAt)
    let buffer = OctetBuffer(capacity: ProductionRecord.maximumOctetCount)
    do {
      try buffer.append(writer.octets.span.bytes)
      try buffer.append(.encryptionKey, encryptionKey)
      try buffer.append(.macKey, macKey)
      try buffer.append(.dataKey, dataKey)
    } catch {
      throw FormatError(.oversized, ProductionRecord.subject)
    }
    return buffer.withBytes { Secret(copying: $0) }
  }

  /// Reads a record.
  public init(parsing octets: RawSpan) throws(FormatError) {
    let limit = ProductionRecord.textOctets
    var reader = try RecordReader(
      octets, .productionRecord, limit: ProductionRecord.maximumOctetCount, subject: ProductionRecord.subject)
    let cardSerial = try reader.value(.cardSerial, 8...8, "card serial") { CardSerial(octets: $0) }
    let moduleType = try reader.value(.moduleType, 1...limit, "module type") { plainText($0, limit: limit) }
    let productionNumber = try reader.value(.productionNumber, 1...limit, "production number") {
      plainText($0, limit: limit)
    }
    let producedAt: UInt64 = try reader.integer(.time, "date")
    let encryptionKey = try reader.key(.encryptionKey, "transport key ENC")
    let macKey = try reader.key(.macKey, "transport key MAC")
    let dataKey = try reader.key(.dataKey, "transport key DEK")
    try reader.expectEnd()
    try self.init(
      cardSerial: cardSerial, moduleType: moduleType, productionNumber: productionNumber, producedAt: producedAt,
      encryptionKey: encryptionKey, macKey: macKey, dataKey: dataKey)
  }
}

extension OctetBuffer {
  /// Appends a key as a record's field; the buffer wipes it.
  fileprivate func append(_ tag: RecordTag, _ key: borrowing Secret) throws(OctetError) {
    try append(tag.rawValue)
    try append(UInt16(clamping: key.count))
    try key.withBytes { (bytes) throws(OctetError) in try append(bytes) }
  }
}
