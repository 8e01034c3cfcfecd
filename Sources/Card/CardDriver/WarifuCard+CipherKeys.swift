import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets

/// Keys wrapped and unwrapped under cipher keys that are no code's on this card (P5, P12, P18, P22). All want the PIN.
extension WarifuCard {
  /// What another purchaser told, whose card has the same generation key; or what two people agreed on.
  public struct ToldCode: Sendable, Hashable {
    /// Number of the generation key, 1...16.
    public var generationKey: UInt8
    /// The code, 10 octets.
    public var code: [UInt8]
    /// The ID, 0 to 32 octets.
    public var messageID: [UInt8]

    /// A code that was told.
    public init(generationKey: UInt8, code: [UInt8], messageID: [UInt8] = []) {
      self.generationKey = generationKey
      self.code = code
      self.messageID = messageID
    }
  }

  /// Wraps a key (16, 24 or 32 octets) under the right or message key of a code that was told.
  public func wrap(
    _ key: borrowing Secret, level: CommandAPDU.KeyLevel, told: ToldCode
  ) throws(CardError) -> [UInt8] {
    let octets = key.withBytes { $0.octets }
    return try transform(
      .useKey(
        .wrap, level: level, generationKey: told.generationKey, code: told.code, messageID: told.messageID, key: octets),
      octets: key.count + 8, operation: "wrap a key on the card")
  }

  /// Unwraps what ``wrap(_:level:told:)`` made.
  public func unwrap(
    _ wrapped: [UInt8], level: CommandAPDU.KeyLevel, told: ToldCode
  ) throws(CardError) -> Secret {
    let octets = try transform(
      .useKey(
        .unwrap, level: level, generationKey: told.generationKey, code: told.code, messageID: told.messageID,
        key: wrapped),
      octets: wrapped.count - 8, operation: "unwrap a key on the card")
    return Secret(copying: octets)
  }

  /// K3 as the seller wrapped it for this card (P18).
  public struct WrappedSharedKey: Sendable, Hashable {
    /// The card that it is shared with.
    public var peer: CardSerial
    /// Its number.
    public var number: UInt32
    /// The wrap, 40 octets.
    public var octets: [UInt8]

    /// A wrap for this card.
    public init(peer: CardSerial, number: UInt32, octets: [UInt8]) {
      self.peer = peer
      self.number = number
      self.octets = octets
    }
  }

  /// Wraps a key (16, 24 or 32 octets) under K3, for the holder of the other card.
  ///
  /// - Throws: ``CardError`` with 6982 when K3 is wrapped for another card, or is another key than the one named.
  public func wrap(_ key: borrowing Secret, under shared: WrappedSharedKey) throws(CardError) -> [UInt8] {
    let octets = key.withBytes { $0.octets }
    return try transform(
      .useSharedKey(.wrap, wrapped: shared.octets, peer: shared.peer, number: shared.number, key: octets),
      octets: key.count + 8, operation: "wrap a key for the other card")
  }

  /// Unwraps what the holder of the other card made with ``wrap(_:under:)``.
  public func unwrap(_ wrapped: [UInt8], under shared: WrappedSharedKey) throws(CardError) -> Secret {
    let octets = try transform(
      .useSharedKey(.unwrap, wrapped: shared.octets, peer: shared.peer, number: shared.number, key: wrapped),
      octets: wrapped.count - 8, operation: "unwrap a key from the other card")
    return Secret(copying: octets)
  }

  private func transform(
    _ command: CommandAPDU, octets: Int, operation: String
  ) throws(CardError) -> [UInt8] {
    let result = try connection.data(command, operation: operation)
    guard result.count == octets else { throw .unexpectedAnswer(operation) }
    return result
  }
}
