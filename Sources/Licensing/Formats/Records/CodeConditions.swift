import CardProtocol
import Octets

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

extension RecordWriter {
  /// Appends the five fields of conditions.
  mutating func put(_ conditions: CodeConditions) {
    put(.generationKeys, conditions.generationKey)
    put(.expiry, conditions.expiry ?? 0)
    put(.uses, conditions.uses ?? 0)
    put(.freshTime, conditions.needsFreshTime ? UInt8(1) : 0)
    put(.messageID, conditions.messageID)
  }
}

extension RecordReader {
  /// The next five fields as conditions.
  @_lifetime(self: copy self)
  mutating func conditions() throws(FormatError) -> CodeConditions {
    let generationKey: UInt8 = try integer(.generationKeys, "generation key")
    let expiry: UInt64 = try integer(.expiry, "expiry")
    let uses: UInt16 = try integer(.uses, "uses")
    let needsFreshTime = try flag(.freshTime, "fresh time")
    let messageID = try take(.messageID, 0...CardProtocol.messageIDOctets, "ID")
    return try CodeConditions(
      generationKey: generationKey, expiry: expiry, uses: uses, needsFreshTime: needsFreshTime, messageID: messageID)
  }
}
