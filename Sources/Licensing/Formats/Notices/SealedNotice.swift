import Cryptography
import Identifiers
import Octets

/// A notice sealed for one card (P18: "pay-back notices under individual key").
///
/// It comes as a shared key does: K3, made for this notice alone, is wrapped for the card under a key of its individual
/// key, and the centre stands where the other card would. Under K3 the key of the text is wrapped, under that the text is
/// sealed with everything before it as associated data. So a card opens it with USE KEY, wants the PIN for it, and knows
/// that it is the centre's word: nobody else can make the wrap of K3.
public struct SealedNotice: Hashable, Sendable {
  /// Octets of what acknowledges a notice.
  public static let acknowledgementOctets = 16
  /// The most octets of the encoding.
  public static let maximumOctetCount = Notice.maximumOctetCount + 512
  private static let subject = "sealed notice"

  /// Its number: the number of K3 to the card.
  public var number: UInt32
  /// The centre.
  public var centerID: CenterID
  /// The card that opens it.
  public var cardSerial: CardSerial
  /// When it was made, seconds since 1970 UTC.
  public var time: UInt64
  /// K3 wrapped for the card, 40 octets.
  public var wrappedSharedKey: [UInt8]
  /// The text's key wrapped under K3, 40 octets: what the card unwraps.
  public var wrappedKey: [UInt8]
  /// The text, sealed.
  public var ciphertext: [UInt8]

  /// Seals `notice` for a card.
  ///
  /// - Parameters:
  ///   - acknowledgement: 16 octets that go with the text.
  ///   - individualKey: The card's, 32 octets.
  /// - Throws: ``FormatError/Code/invalid`` for an acknowledgement of another length; what OpenSSL says.
  public static func seal(
    _ notice: Notice, acknowledgement: [UInt8], number: UInt32, from centerID: CenterID, to cardSerial: CardSerial,
    at time: UInt64, individualKey: borrowing Secret, random: any RandomSource
  ) throws -> SealedNotice {
    guard acknowledgement.count == acknowledgementOctets else { throw FormatError(.invalid, "\(subject), receipt") }
    let sharedKey = Secret(random: SharedKey.octetCount, from: random)
    let key = Secret(random: SharedKey.octetCount, from: random)
    var sealed = SealedNotice(
      number: number, centerID: centerID, cardSerial: cardSerial, time: time,
      wrappedSharedKey: try SharedKey.wrap(
        sharedKey, for: cardSerial, with: try sender(centerID), number: number, individualKey: individualKey),
      wrappedKey: try KeyWrap.wrap(key, under: try CipherKey.wrapping(sharedKey)), ciphertext: [])
    sealed.ciphertext = try StreamingAEAD.message.seal(
      notice.encoded(acknowledgement: acknowledgement), key: key, associatedData: sealed.head, random: random)
    return sealed
  }

  /// The serial by which the centre stands in the place of the other card: the first 8 octets of its id.
  public var sender: CardSerial { get throws(FormatError) { try SealedNotice.sender(centerID) } }

  /// Opens it with the key that the card unwrapped from ``wrappedKey``.
  ///
  /// - Throws: ``FormatError/Code/notAuthentic`` for another key, or anything that was changed.
  public func open(with key: borrowing Secret) throws(FormatError) -> OpenedNotice {
    let record: Secret
    do {
      record = try StreamingAEAD.message.open(ciphertext, key: key, associatedData: head)
    } catch {
      throw FormatError(.notAuthentic, SealedNotice.subject)
    }
    return try record.withBytes { (bytes) throws(FormatError) in try Notice.parse(bytes) }
  }

  /// The record.
  public var encoded: [UInt8] {
    var writer = headWriter
    writer.put(.ciphertext, ciphertext)
    return writer.octets
  }

  /// Reads a record.
  public init(parsing octets: RawSpan) throws(FormatError) {
    var reader = try RecordReader(
      octets, .sealedNotice, limit: SealedNotice.maximumOctetCount, subject: SealedNotice.subject)
    number = try reader.integer(.number, "number")
    centerID = try reader.value(.centerID, 16...16, "centre id") { CenterID(octets: $0) }
    cardSerial = try reader.value(.cardSerial, 8...8, "card serial") { CardSerial(octets: $0) }
    time = try reader.integer(.time, "time")
    wrappedSharedKey = try reader.take(.wrappedSharedKey, exactly: SharedKey.wrappedOctetCount, "wrapped shared key")
    wrappedKey = try reader.take(.wrappedNoticeKey, exactly: SharedKey.wrappedOctetCount, "wrapped key")
    ciphertext = try reader.take(.ciphertext, 1...SealedNotice.maximumOctetCount, "text")
    try reader.expectEnd()
  }

  private init(
    number: UInt32, centerID: CenterID, cardSerial: CardSerial, time: UInt64, wrappedSharedKey: [UInt8],
    wrappedKey: [UInt8], ciphertext: [UInt8]
  ) {
    self.number = number
    self.centerID = centerID
    self.cardSerial = cardSerial
    self.time = time
    self.wrappedSharedKey = wrappedSharedKey
    self.wrappedKey = wrappedKey
    self.ciphertext = ciphertext
  }

  private static func sender(_ centerID: CenterID) throws(FormatError) -> CardSerial {
    guard let serial = CardSerial(octets: Array(centerID.octets.prefix(CardSerial.octetCount))) else {
      throw FormatError(.invalid, "\(subject), centre id")
    }
    return serial
  }

  /// Everything before the text.
  private var head: [UInt8] { headWriter.octets }

  private var headWriter: RecordWriter {
    var writer = RecordWriter(.sealedNotice)
    writer.put(.number, number)
    writer.put(.centerID, centerID.octets)
    writer.put(.cardSerial, cardSerial.octets)
    writer.put(.time, time)
    writer.put(.wrappedSharedKey, wrappedSharedKey)
    writer.put(.wrappedNoticeKey, wrappedKey)
    return writer
  }
}
