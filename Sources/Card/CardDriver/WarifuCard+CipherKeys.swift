import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets

/// Keys wrapped and unwrapped under cipher keys that are no code's on this card (P5, P12, P18, P22).
extension WarifuCard {
  /// A code of another purchaser, told to this card's holder; both cards have the same generation key (P12, P22).
  public struct ToldCode: ~Copyable {
    /// Number of the generation key, 1...16.
    public let generationKey: UInt8
    /// The code, 10 octets.
    public let code: Secret

    /// A code and the number of the generation key that it was charged with.
    public init(generationKey: UInt8, code: consuming Secret) {
      self.generationKey = generationKey
      self.code = code
    }
  }

  /// Wraps or unwraps a key under the right or message key of a code that was told; wants the PIN.
  public func use(
    _ use: CommandAPDU.KeyUse, _ key: borrowing Secret, level: CommandAPDU.KeyLevel, told: borrowing ToldCode,
    messageID: [UInt8] = []
  ) throws(CardError) -> Secret {
    let octets = key.withBytes { $0.octets }
    let code = told.code.withBytes { $0.octets }
    return try transformed(
      .useKey(
        use, level: level, generationKey: told.generationKey, code: code, messageID: messageID, key: octets),
      use, octets.count)
  }

  /// K3 as the seller wrapped it for this card, to speak with the holder of another (P18).
  public struct SharedKey: Sendable, Hashable {
    /// Serial of the other card.
    public var peer: CardSerial
    /// Number of the key.
    public var number: UInt32
    /// K3 wrapped, 40 octets.
    public var wrapped: [UInt8]

    /// A key; see the properties.
    public init(peer: CardSerial, number: UInt32, wrapped: [UInt8]) {
      self.peer = peer
      self.number = number
      self.wrapped = wrapped
    }
  }

  /// Wraps or unwraps a key under K3; wants the PIN.
  ///
  /// - Throws: ``CardError`` with 6982 when K3 was wrapped for another card, or the key under another K3.
  public func use(
    _ use: CommandAPDU.KeyUse, _ key: borrowing Secret, shared: SharedKey
  ) throws(CardError) -> Secret {
    let octets = key.withBytes { $0.octets }
    return try transformed(
      .useSharedKey(use, wrapped: shared.wrapped, peer: shared.peer, number: shared.number, key: octets),
      use, octets.count)
  }

  /// Sends USE KEY; what it answers is 8 octets longer or shorter than what it is given.
  private func transformed(
    _ command: CommandAPDU, _ use: CommandAPDU.KeyUse, _ count: Int
  ) throws(CardError) -> Secret {
    let operation = use == .wrap ? "wrap a key on the card" : "unwrap a key on the card"
    let octets = try connection.data(command, operation: operation)
    guard octets.count == (use == .wrap ? count + 8 : count - 8) else { throw .unexpectedAnswer(operation) }
    return Secret(copying: octets)
  }
}
