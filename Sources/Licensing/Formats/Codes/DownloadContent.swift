import Cryptography
import Identifiers
import SecureChannel

/// How a file that a code buys is sealed, and how its key reaches whoever has it: what distributor and client share.
///
/// The file is a ``StreamingAEAD/disc`` stream under a key of its own: whoever redeemed a code can open this file, and no
/// master disc of the same title.
public enum DownloadContent {
  /// The shape of the stream.
  public static let parameters = StreamingAEAD.disc
  /// Octets of a wrapped key (RFC 3394).
  public static let wrappedKeyOctets = 40

  /// The associated data of a title's stream: a label and the software id, as typed fields.
  public static func associatedData(_ softwareID: SoftwareID) -> [UInt8] {
    field(.label, Array("warifu download 1".utf8)) + field(.softwareID, softwareID.octets)
  }

  /// The key of a file for the client with this ticket.
  public static func wrap(
    _ contentKey: borrowing Secret, for ticket: DownloadTicket, _ softwareID: SoftwareID
  ) throws(CryptoError) -> [UInt8] {
    try KeyWrap.wrap(contentKey, under: try wrappingKey(ticket, softwareID))
  }

  /// Opens what ``wrap(_:for:_:)-(_,DownloadTicket,_)`` made.
  public static func unwrap(
    _ wrapped: [UInt8], for ticket: DownloadTicket, _ softwareID: SoftwareID
  ) throws(CryptoError) -> Secret {
    try KeyWrap.unwrap(wrapped, under: try wrappingKey(ticket, softwareID))
  }

  /// The key of a file for whoever has this code: for files that are handed over off-line.
  public static func wrap(
    _ contentKey: borrowing Secret, for code: RetrievalCode, _ softwareID: SoftwareID
  ) throws(CryptoError) -> [UInt8] {
    try KeyWrap.wrap(contentKey, under: try wrappingKey(code, softwareID))
  }

  /// Opens what was wrapped for a code.
  public static func unwrap(
    _ wrapped: [UInt8], for code: RetrievalCode, _ softwareID: SoftwareID
  ) throws(CryptoError) -> Secret {
    try KeyWrap.unwrap(wrapped, under: try wrappingKey(code, softwareID))
  }

  private static func wrappingKey(_ ticket: DownloadTicket, _ softwareID: SoftwareID) throws(CryptoError) -> Secret {
    try wrappingKey(Secret(copying: ticket.octets), "warifu download ticket 1", softwareID)
  }

  private static func wrappingKey(_ code: RetrievalCode, _ softwareID: SoftwareID) throws(CryptoError) -> Secret {
    try wrappingKey(Secret(copying: code.octets), "warifu download code 1", softwareID)
  }

  private static func wrappingKey(
    _ secret: borrowing Secret, _ label: String, _ softwareID: SoftwareID
  ) throws(CryptoError) -> Secret {
    let info = field(.label, Array(label.utf8)) + field(.softwareID, softwareID.octets)
    return try Derivation.hkdf(secret, salt: [], info: info, octets: 32)
  }

  private static func field(_ type: FieldType, _ value: [UInt8]) -> [UInt8] {
    [type.rawValue] + bigEndian(UInt16(clamping: value.count)) + value
  }
}
