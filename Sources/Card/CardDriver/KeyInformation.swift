import CardProtocol
import ISO7816
import Octets

/// One key that a card says it has: never the key (GlobalPlatform 2.3.1, 11.3.3.1, key information data).
public struct KeyInformation: Hashable, Sendable {
  /// Number within its set; in an SCP03 set 1 is ENC, 2 is MAC, 3 is DEK.
  public let identifier: UInt8
  /// Version number of its set.
  public let version: UInt8
  /// Coding of table 11-16: 88 for AES. Of a key with several parts, the first one's.
  public let type: UInt8
  /// Length of that part in octets.
  public let octets: UInt16

  private static let template: UInt32 = 0xE0
  private static let entry: UInt32 = 0xC0

  /// Reads the entries of a key information template, with or without its own tag E0.
  ///
  /// - Throws: ``OctetError`` for a template or an entry that is malformed; other objects are passed over.
  public static func parse(_ octets: RawSpan) throws(OctetError) -> [KeyInformation] {
    let inner = (try? BERTLV.firstValue(of: template, in: octets))?.octets ?? octets.octets
    var reader = TLVReader(inner.span.bytes)
    var keys: [KeyInformation] = []
    while !reader.isAtEnd {
      let element = try reader.next()
      if element.tag == entry { keys.append(try KeyInformation(element.value)) }
    }
    return keys
  }

  /// The basic coding, or the extended one, where FF stands before the type and the length has two octets.
  private init(_ octets: RawSpan) throws(OctetError) {
    var reader = OctetReader(octets)
    identifier = try reader.u8()
    version = try reader.u8()
    let first = try reader.u8()
    type = first == 0xFF ? try reader.u8() : first
    self.octets = first == 0xFF ? try reader.u16() : UInt16(try reader.u8())
  }
}

extension WarifuCard {
  /// The keys for secure channels that the card says it has; needs no secret.
  public func keyInformation() throws(CardError) -> [KeyInformation] {
    let operation = "list the card's keys"
    let octets = try connection.data(.getData(.keyInformation), operation: operation)
    do { return try KeyInformation.parse(octets.span.bytes) } catch { throw .unexpectedAnswer(operation) }
  }
}
