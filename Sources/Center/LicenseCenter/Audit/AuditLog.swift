import Cryptography
import Formats
import Octets

/// The chain of everything that changed: each record's hash covers the record before it.
///
/// Details name serials, numbers and amounts, never a code, a key or a person.
enum AuditLog {
  /// What stands before the first record.
  static let origin = [UInt8](repeating: 0, count: 32)

  /// Appends a record, in the transaction that makes the change.
  static func append(
    _ transaction: any Transaction, at time: UInt64, _ action: String, subject: some CustomStringConvertible,
    detail: String = ""
  ) throws {
    let last = try head(transaction)
    let record = AuditRecord(
      sequence: last.sequence + 1, time: time, action: action, subject: subject.description, detail: detail)
    try transaction.run(
      """
      INSERT INTO audit_log (sequence, time, action, subject, detail, previous, hash)
      VALUES ($1, $2, $3, $4, $5, $6, $7)
      """,
      [
        .integer(record.sequence), .number(time), .text(action), .text(record.subject), .text(detail),
        .blob(last.hash), .blob(record.hash(after: last.hash)),
      ])
  }

  /// The newest record's number and hash.
  static func head(_ transaction: any Transaction) throws -> AuditHead {
    guard let row = try transaction.first("SELECT sequence, hash FROM audit_log ORDER BY sequence DESC LIMIT 1") else {
      return AuditHead(sequence: 0, hash: origin)
    }
    return AuditHead(sequence: try row.integer("sequence"), hash: try row.octets("hash"))
  }

  /// Recomputes the chain from its first record on.
  ///
  /// - Throws: ``CenterError/Code/damaged`` at the first record that was changed, removed or slipped in.
  static func verify(_ transaction: any Transaction) throws -> AuditHead {
    var head = AuditHead(sequence: 0, hash: origin)
    for row in try transaction.run("SELECT * FROM audit_log ORDER BY sequence") {
      let record = AuditRecord(
        sequence: try row.integer("sequence"), time: try row.number("time"), action: try row.text("action"),
        subject: try row.text("subject"), detail: try row.text("detail"))
      let hash = record.hash(after: head.hash)
      guard record.sequence == head.sequence + 1, try row.octets("previous") == head.hash,
        try row.octets("hash") == hash
      else {
        throw CenterError(
          .damaged, "Checking the audit log at record \(record.sequence)", remedy: "Compare it with a backup.")
      }
      head = AuditHead(sequence: record.sequence, hash: hash)
    }
    return head
  }
}

/// The newest record of the audit log: whoever keeps it elsewhere notices any change behind it.
public struct AuditHead: Hashable, Sendable {
  /// The record's number, 0 while there is none.
  public var sequence: Int64
  /// Its hash, 32 octets.
  public var hash: [UInt8]
}

/// What one record says.
struct AuditRecord {
  var sequence: Int64
  var time: UInt64
  var action: String
  var subject: String
  var detail: String

  /// SHA-256 over the hash before, the numbers, and each text behind its length.
  func hash(after previous: [UInt8]) -> [UInt8] {
    var input = previous + bigEndian(UInt64(bitPattern: sequence)) + bigEndian(time)
    for text in [action, subject, detail] {
      input += bigEndian(UInt64(text.utf8.count)) + Array(text.utf8)
    }
    return Digest.sha256(input)
  }
}

/// The 8 octets of `value`, most significant first.
func bigEndian(_ value: UInt64) -> [UInt8] {
  (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * $0)) }
}

/// The 4 octets of `value`, most significant first.
func bigEndian(_ value: UInt32) -> [UInt8] {
  (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) }
}
