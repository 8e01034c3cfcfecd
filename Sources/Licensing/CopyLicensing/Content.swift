import Cryptography
import Formats
import Identifiers
import Octets

/// How the content of titles is sealed: ``StreamingAEAD`` in segments of 1 MiB, bound to the title.
enum Content {
  static let parameters = StreamingAEAD.disc

  /// The associated data of a title's stream: a label and the software id, as typed fields.
  static func associatedData(_ softwareID: SoftwareID) -> [UInt8] {
    field(.label, Array("warifu title 1".utf8)) + field(.softwareID, softwareID.octets)
  }

  /// One typed field: type (1) ‖ length (2, big-endian) ‖ value.
  static func field(_ type: FieldType, _ value: [UInt8]) -> [UInt8] {
    [type.rawValue, UInt8(truncatingIfNeeded: value.count >> 8), UInt8(truncatingIfNeeded: value.count)] + value
  }
}
