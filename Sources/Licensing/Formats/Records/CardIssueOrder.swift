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
