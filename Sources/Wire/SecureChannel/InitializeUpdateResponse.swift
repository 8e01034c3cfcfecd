import ISO7816
import Octets

/// What a card answers to INITIALIZE UPDATE (Amendment D, 7.1.1.5).
///
/// A host whose static keys depend on the card reads it first, loads the keys, then goes on with
/// ``SecureChannelHost/externalAuthenticate(after:)``.
public struct InitializeUpdateResponse: Hashable, Sendable {
  /// Octets of the key diversification data.
  public static let diversificationOctets = 10

  /// Key diversification data, 10 octets.
  public var diversificationData: [UInt8]
  /// Version of the key set that the card took.
  public var keyVersion: UInt8
  /// The parameter "i".
  public var options: SecureChannelOptions
  /// Card challenge, 8 or 16 octets.
  public var cardChallenge: [UInt8]
  /// Card cryptogram, 8 or 16 octets.
  public var cardCryptogram: [UInt8]
  /// Sequence counter of a pseudo-random challenge, 24 bits; `nil` when the challenge is random.
  public var sequenceCounter: UInt32?

  /// Reads the data field of an answer in `mode`.
  ///
  /// - Throws: ``SecureChannelError/unexpectedAnswer`` when it is not SCP03's or has another length.
  public init(parsing data: RawSpan, mode: SecureChannelMode) throws(SecureChannelError) {
    do throws(OctetError) {
      var reader = OctetReader(data)
      diversificationData = try reader.take(InitializeUpdateResponse.diversificationOctets).octets
      keyVersion = try reader.u8()
      guard try reader.u8() == 0x03 else { throw .invalid }
      options = SecureChannelOptions(rawValue: try reader.u8())
      cardChallenge = try reader.take(mode.octets).octets
      cardCryptogram = try reader.take(mode.octets).octets
      sequenceCounter = nil
      if !reader.isAtEnd { sequenceCounter = UInt32(try reader.u8()) << 16 | UInt32(try reader.u16()) }
      try reader.expectEnd()
    } catch {
      throw .unexpectedAnswer
    }
  }
}
