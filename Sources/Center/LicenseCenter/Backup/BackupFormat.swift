import Cryptography
import Octets

/// The file of a backup: "WARIFUBK" ‖ version 01 ‖ length of the sealed key store (4) ‖ the sealed key store ‖ version of
/// the backup key (4) ‖ stream.
///
/// The stream is sealed as ``StreamingAEAD/message`` under the backup key in that key store, bound to all that stands
/// before it. So a backup opens with the passphrase that the centre had when it was made, and with nothing else. Inside,
/// each record is a length (4) and as many octets, the first of which is its ``Kind``.
enum BackupFormat {
  static let magic = Array("WARIFUBK".utf8) + [1]
  static let parameters = StreamingAEAD.message
  static let boxLimit = 1 << 20
  static let recordLimit = 1 << 28

  enum Kind: UInt8 {
    /// The content of `center.json`.
    case facts = 1
    /// A line of `audit.heads`.
    case heads = 2
    /// Number of migrations that the database had seen (8).
    case schema = 3
    /// A table: its name and those of its columns, texts.
    case table = 4
    /// A row of the table before it: a value for each column.
    case row = 5
    /// Number of rows (8), and the line of the audit log's signed head.
    case end = 6
  }

  static func damaged(_ operation: String) -> CenterError {
    CenterError(.damaged, operation, remedy: "The backup is cut, changed or none at all; use another copy.")
  }
}

/// What a record of a backup is made of.
extension [UInt8] {
  mutating func appendText(_ text: String) {
    append(contentsOf: bigEndian(UInt32(clamping: text.utf8.count)))
    append(contentsOf: text.utf8)
  }

  mutating func appendValue(_ value: SQLValue) {
    switch value {
    case .null: append(0)
    case .integer(let integer):
      append(1)
      append(contentsOf: bigEndian(UInt64(bitPattern: integer)))
    case .text(let text):
      append(2)
      appendText(text)
    case .blob(let octets):
      append(3)
      append(contentsOf: bigEndian(UInt32(clamping: octets.count)))
      append(contentsOf: octets)
    }
  }
}

extension OctetReader {
  @_lifetime(self: copy self)
  mutating func text() throws(OctetError) -> String {
    let octets = try take(Int(try u32())).octets
    guard let text = String(validating: octets, as: UTF8.self) else { throw .invalid }
    return text
  }

  @_lifetime(self: copy self)
  mutating func value() throws(OctetError) -> SQLValue {
    switch try u8() {
    case 0: return .null
    case 1: return .integer(Int64(bitPattern: try u64()))
    case 2: return .text(try text())
    case 3: return .blob(try take(Int(try u32())).octets)
    default: throw .invalid
    }
  }
}
