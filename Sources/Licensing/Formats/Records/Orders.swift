import CardProtocol
import Identifiers
import Octets

/// The order to make a blank card someone's (P2, P16): what the counter fills in.
public struct CardIssueOrder: Hashable, Sendable {
  /// The most octets of the encoding.
  public static let maximumOctetCount = 512
  /// The most octets of the purchaser's name in UTF-8.
  public static let purchaserOctets = 256
  private static let subject = "card issue order"

  /// The card.
  public var cardSerial: CardSerial
  /// Who buys it; kept encrypted at the centre.
  public var purchaser: String
  /// The most retrieval codes that may ever be charged onto it (P16).
  public var maximumCodes: UInt32
  /// Numbers of the generation keys it gets, 1...16, ascending, each once.
  public var generationKeys: [UInt8]

  /// An order.
  ///
  /// - Throws: ``FormatError/Code/invalid`` for a name or a key number that is not allowed.
  public init(
    cardSerial: CardSerial, purchaser: String, maximumCodes: UInt32, generationKeys: [UInt8] = [1]
  ) throws(FormatError) {
    guard isPlainText(purchaser, limit: CardIssueOrder.purchaserOctets) else {
      throw FormatError(.invalid, "\(CardIssueOrder.subject), purchaser")
    }
    guard CardIssueOrder.areKeyNumbers(generationKeys) else {
      throw FormatError(.invalid, "\(CardIssueOrder.subject), generation keys")
    }
    self.cardSerial = cardSerial
    self.purchaser = purchaser
    self.maximumCodes = maximumCodes
    self.generationKeys = generationKeys
  }

  /// The record.
  public var encoded: [UInt8] {
    var writer = RecordWriter(.cardIssueOrder)
    writer.put(.cardSerial, cardSerial.octets)
    writer.put(.purchaser, Array(purchaser.utf8))
    writer.put(.maximumCodes, maximumCodes)
    writer.put(.generationKeys, generationKeys)
    return writer.octets
  }

  /// Reads a record.
  public init(parsing octets: RawSpan) throws(FormatError) {
    let limit = CardIssueOrder.purchaserOctets
    var reader = try RecordReader(
      octets, .cardIssueOrder, limit: CardIssueOrder.maximumOctetCount, subject: CardIssueOrder.subject)
    let cardSerial = try reader.value(.cardSerial, 8...8, "card serial") { CardSerial(octets: $0) }
    let purchaser = try reader.value(.purchaser, 1...limit, "purchaser") { plainText($0, limit: limit) }
    let maximumCodes: UInt32 = try reader.integer(.maximumCodes, "maximum of codes")
    let keys = try reader.take(.generationKeys, 0...Int(CardProtocol.generationKeyCount), "generation keys")
    try reader.expectEnd()
    try self.init(
      cardSerial: cardSerial, purchaser: purchaser, maximumCodes: maximumCodes, generationKeys: keys)
  }

  private static func areKeyNumbers(_ numbers: [UInt8]) -> Bool {
    numbers.allSatisfy { (1...CardProtocol.generationKeyCount).contains($0) }
      && zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 }
  }
}

/// The order to charge retrieval codes onto a card (P6): the desired quantity, and what the codes are good for.
public struct ChargeOrder: Hashable, Sendable {
  /// The most octets of the encoding.
  public static let maximumOctetCount = 256
  private static let subject = "charge order"
  private static let freshTime: UInt8 = 0x01
  private static let fewer: UInt8 = 0x02

  /// The order's own name: repeating it never charges again.
  public var operationID: OperationID
  /// The card.
  public var cardSerial: CardSerial
  /// The title that each code buys.
  public var softwareID: SoftwareID
  /// How many codes are wanted, at least 1.
  public var quantity: UInt16
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
    let flags =
      (conditions.needsFreshTime ? ChargeOrder.freshTime : 0) | (acceptsFewer ? ChargeOrder.fewer : 0)
    writer.put(.operationID, operationID.octets)
    writer.put(.cardSerial, cardSerial.octets)
    writer.put(.softwareID, softwareID.octets)
    writer.put(.quantity, quantity)
    writer.put(.flags, flags)
    writer.put(.generationKeys, conditions.generationKey)
    writer.put(.expiry, conditions.expiry ?? 0)
    writer.put(.uses, conditions.uses ?? 0)
    writer.put(.messageID, conditions.messageID)
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
    let flags: UInt8 = try reader.integer(.flags, "flags")
    guard flags & ~(ChargeOrder.freshTime | ChargeOrder.fewer) == 0 else {
      throw FormatError(.invalid, "\(ChargeOrder.subject), flags")
    }
    let generationKey: UInt8 = try reader.integer(.generationKeys, "generation key")
    let expiry: UInt64 = try reader.integer(.expiry, "expiry")
    let uses: UInt16 = try reader.integer(.uses, "uses")
    let messageID = try reader.take(.messageID, 0...CardProtocol.messageIDOctets, "ID")
    try reader.expectEnd()
    try self.init(
      operationID: operationID, cardSerial: cardSerial, softwareID: softwareID, quantity: quantity,
      acceptsFewer: flags & ChargeOrder.fewer != 0,
      conditions: CodeConditions(
        generationKey: generationKey, expiry: expiry, uses: uses, needsFreshTime: flags & ChargeOrder.freshTime != 0,
        messageID: messageID))
  }
}

/// Under which conditions a retrieval code's keys can be used (P8, P9, P22).
public struct CodeConditions: Hashable, Sendable {
  /// Number of the generation key, 1...16.
  public let generationKey: UInt8
  /// Seconds since 1970 UTC after which the code is dead; `nil` for never.
  public let expiry: UInt64?
  /// How often its message key may be used; `nil` for without limit.
  public let uses: UInt16?
  /// Whether the card wants fresh time before the keys are used.
  public let needsFreshTime: Bool
  /// The ID set beside the code, 0 to 32 octets (P22).
  public let messageID: [UInt8]

  /// Conditions; an expiry or a number of uses of 0 means none.
  ///
  /// - Throws: ``FormatError/Code/invalid`` for a key number outside 1...16 or an ID of over 32 octets.
  public init(
    generationKey: UInt8 = 1, expiry: UInt64? = nil, uses: UInt16? = nil, needsFreshTime: Bool = false,
    messageID: [UInt8] = []
  ) throws(FormatError) {
    guard (1...CardProtocol.generationKeyCount).contains(generationKey) else {
      throw FormatError(.invalid, "generation key's number")
    }
    guard messageID.count <= CardProtocol.messageIDOctets else { throw FormatError(.oversized, "ID of a code") }
    self.init(
      checked: generationKey, expiry: expiry == 0 ? nil : expiry, uses: uses == 0 ? nil : uses,
      needsFreshTime: needsFreshTime, messageID: messageID)
  }

  /// Generation key 1, no limits, no ID.
  public static let standard = CodeConditions(
    checked: 1, expiry: nil, uses: nil, needsFreshTime: false, messageID: [])

  private init(checked generationKey: UInt8, expiry: UInt64?, uses: UInt16?, needsFreshTime: Bool, messageID: [UInt8]) {
    self.generationKey = generationKey
    self.expiry = expiry
    self.uses = uses
    self.needsFreshTime = needsFreshTime
    self.messageID = messageID
  }
}
