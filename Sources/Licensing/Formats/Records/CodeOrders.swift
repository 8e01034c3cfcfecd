import Identifiers
import Octets

/// The order to charge retrieval codes onto a card (P6): the desired quantity, and what the codes are good for.
public struct ChargeOrder: Hashable, Sendable {
  /// The most octets of the encoding.
  public static let maximumOctetCount = 256
  private static let subject = "charge order"

  /// The order's own name: repeating it never charges again.
  public var operationID: OperationID
  /// The card.
  public var cardSerial: CardSerial
  /// The title that each code buys.
  public var softwareID: SoftwareID
  /// How many codes are wanted, at least 1.
  public let quantity: UInt16
  /// Whether fewer codes will do when the card's limit or its room allows no more.
  public var acceptsFewer: Bool
  /// What the codes' keys are made from and limited by.
  public var conditions: CodeConditions

  /// An order.
  ///
  /// - Throws: ``FormatError/Code/invalid`` for a quantity of 0.
  public init(
    operationID: OperationID, cardSerial: CardSerial, softwareID: SoftwareID, quantity: UInt16,
    acceptsFewer: Bool = false, conditions: CodeConditions = .standard
  ) throws(FormatError) {
    guard quantity > 0 else { throw FormatError(.invalid, "\(ChargeOrder.subject), quantity") }
    self.operationID = operationID
    self.cardSerial = cardSerial
    self.softwareID = softwareID
    self.quantity = quantity
    self.acceptsFewer = acceptsFewer
    self.conditions = conditions
  }

  /// The record.
  public var encoded: [UInt8] {
    var writer = RecordWriter(.chargeOrder)
    writer.put(.operationID, operationID.octets)
    writer.put(.cardSerial, cardSerial.octets)
    writer.put(.softwareID, softwareID.octets)
    writer.put(.quantity, quantity)
    writer.put(.acceptsFewer, acceptsFewer ? UInt8(1) : 0)
    writer.put(conditions)
    return writer.octets
  }

  /// Reads a record.
  public init(parsing octets: RawSpan) throws(FormatError) {
    var reader = try RecordReader(
      octets, .chargeOrder, limit: ChargeOrder.maximumOctetCount, subject: ChargeOrder.subject)
    let operationID = try reader.value(.operationID, 16...16, "operation id") { OperationID(octets: $0) }
    let cardSerial = try reader.value(.cardSerial, 8...8, "card serial") { CardSerial(octets: $0) }
    let softwareID = try reader.value(.softwareID, 16...16, "software id") { SoftwareID(octets: $0) }
    let quantity: UInt16 = try reader.integer(.quantity, "quantity")
    let acceptsFewer = try reader.flag(.acceptsFewer, "acceptance of fewer codes")
    let conditions = try reader.conditions()
    try reader.expectEnd()
    try self.init(
      operationID: operationID, cardSerial: cardSerial, softwareID: softwareID, quantity: quantity,
      acceptsFewer: acceptsFewer, conditions: conditions)
  }
}

/// The order for a seal sheet (P2): codes printed on paper and sold with a card.
public struct SealSheetOrder: Hashable, Sendable {
  /// The most octets of the encoding.
  public static let maximumOctetCount = 1024
  /// The most octets of the address in UTF-8.
  public static let urlOctets = 512
  /// The most codes on one sheet.
  public static let maximumQuantity: UInt16 = 1000
  private static let subject = "seal sheet order"

  /// The order's own name: repeating it never sells again.
  public var operationID: OperationID
  /// The card that the codes are sold with.
  public var cardSerial: CardSerial
  /// The title that each code buys.
  public var softwareID: SoftwareID
  /// How many codes, 1...1000.
  public let quantity: UInt16
  /// Where they are redeemed.
  public let url: String
  /// What the codes' keys are made from and limited by.
  public var conditions: CodeConditions

  /// An order.
  ///
  /// - Throws: ``FormatError/Code/invalid`` for a quantity or an address that is not allowed.
  public init(
    operationID: OperationID, cardSerial: CardSerial, softwareID: SoftwareID, quantity: UInt16, url: String,
    conditions: CodeConditions = .standard
  ) throws(FormatError) {
    guard (1...SealSheetOrder.maximumQuantity).contains(quantity) else {
      throw FormatError(.invalid, "\(SealSheetOrder.subject), quantity")
    }
    guard isPlainText(url, limit: SealSheetOrder.urlOctets) else {
      throw FormatError(.invalid, "\(SealSheetOrder.subject), address")
    }
    self.operationID = operationID
    self.cardSerial = cardSerial
    self.softwareID = softwareID
    self.quantity = quantity
    self.url = url
    self.conditions = conditions
  }

  /// The record.
  public var encoded: [UInt8] {
    var writer = RecordWriter(.sealSheetOrder)
    writer.put(.operationID, operationID.octets)
    writer.put(.cardSerial, cardSerial.octets)
    writer.put(.softwareID, softwareID.octets)
    writer.put(.quantity, quantity)
    writer.put(.url, Array(url.utf8))
    writer.put(conditions)
    return writer.octets
  }

  /// Reads a record.
  public init(parsing octets: RawSpan) throws(FormatError) {
    let limit = SealSheetOrder.urlOctets
    var reader = try RecordReader(
      octets, .sealSheetOrder, limit: SealSheetOrder.maximumOctetCount, subject: SealSheetOrder.subject)
    let operationID = try reader.value(.operationID, 16...16, "operation id") { OperationID(octets: $0) }
    let cardSerial = try reader.value(.cardSerial, 8...8, "card serial") { CardSerial(octets: $0) }
    let softwareID = try reader.value(.softwareID, 16...16, "software id") { SoftwareID(octets: $0) }
    let quantity: UInt16 = try reader.integer(.quantity, "quantity")
    let url = try reader.value(.url, 1...limit, "address") { plainText($0, limit: limit) }
    let conditions = try reader.conditions()
    try reader.expectEnd()
    try self.init(
      operationID: operationID, cardSerial: cardSerial, softwareID: softwareID, quantity: quantity, url: url,
      conditions: conditions)
  }
}
