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
  ///
  /// - Throws: ``CenterError/Code/clockSetBack`` when `time` lies before what is on record already.
  static func append(
    _ transaction: any Transaction, at time: UInt64, _ action: String, subject: some CustomStringConvertible,
    detail: String = ""
  ) throws {
    let newest = try newest(transaction)
    if let newest { try ClockGuard.expect(time, notBefore: newest.time, "Keeping the audit log") }
    try append(
      transaction, after: newest?.head ?? none,
      AuditRecord(sequence: 0, time: time, action: action, subject: subject.description, detail: detail))
  }

  /// Appends a record under a time that may lie before the last one's: somebody has said that this is the right one.
  static func appendWhateverTheTime(
    _ transaction: any Transaction, at time: UInt64, _ action: String, subject: some CustomStringConvertible,
    detail: String = ""
  ) throws {
    try append(
      transaction, after: try head(transaction),
      AuditRecord(sequence: 0, time: time, action: action, subject: subject.description, detail: detail))
  }

  /// Appends a record, which gets the number after `last`.
  private static func append(_ transaction: any Transaction, after last: AuditHead, _ record: AuditRecord) throws {
    var record = record
    record.sequence = last.sequence + 1
    let hash = record.hash(after: last.hash)
    try transaction.tell(
      """
      INSERT INTO audit_log (sequence, time, action, subject, detail, previous, hash)
      VALUES ($1, $2, $3, $4, $5, $6, $7)
      """,
      [
        .integer(record.sequence), .number(record.time), .text(record.action), .text(record.subject),
        .text(record.detail), .blob(last.hash), .blob(hash),
      ])
    transaction.noteAuditRecord(
      NewestAuditRecord(head: AuditHead(sequence: record.sequence, hash: hash), time: record.time))
  }

  /// What stands for the newest record while there is none.
  private static let none = AuditHead(sequence: 0, hash: origin)

  /// The newest record; `nil` while there is none.
  private static func newest(_ transaction: any Transaction) throws -> NewestAuditRecord? {
    if let noted = transaction.notedAuditRecord { return noted }
    return try transaction.first("SELECT sequence, time, hash FROM audit_log ORDER BY sequence DESC LIMIT 1").map {
      NewestAuditRecord(
        head: AuditHead(sequence: try $0.integer("sequence"), hash: try $0.octets("hash")), time: try $0.number("time"))
    }
  }

  /// The newest record's number and hash.
  static func head(_ transaction: any Transaction) throws -> AuditHead { try newest(transaction)?.head ?? none }

  /// The newest record's time; `nil` while there is none.
  static func newestTime(_ transaction: any Transaction) throws -> UInt64? { try newest(transaction)?.time }

  /// Recomputes the chain from its first record, or the one after `start`, on.
  ///
  /// - Parameter kept: heads that were kept elsewhere, hashes by number; each must be in the chain.
  /// - Throws: ``CenterError/Code/damaged`` at the first record that was changed, removed or slipped in, or where the
  ///   chain ends before a head that is kept.
  static func verify(
    _ transaction: any Transaction, after start: AuditHead? = nil, against kept: [Int64: [UInt8]] = [:]
  ) throws -> AuditHead {
    var head = start ?? none
    let early = try transaction.first("SELECT sequence FROM audit_log WHERE sequence < 1 ORDER BY sequence LIMIT 1")
    if let early {
      throw damaged(at: try early.integer("sequence"), "The first record is number 1; compare it with a backup.")
    }
    while let page = try page(transaction, after: head.sequence) {
      for row in page {
        let record = AuditRecord(
          sequence: try row.integer("sequence"), time: try row.number("time"), action: try row.text("action"),
          subject: try row.text("subject"), detail: try row.text("detail"))
        let hash = record.hash(after: head.hash)
        guard record.sequence == head.sequence + 1, try row.octets("previous") == head.hash,
          try row.octets("hash") == hash
        else { throw damaged(at: record.sequence, "Compare it with a backup.") }
        if let witness = kept[record.sequence], witness != hash {
          throw damaged(at: record.sequence, "It is not what the centre signed; compare it with a backup.")
        }
        head = AuditHead(sequence: record.sequence, hash: hash)
      }
    }
    if let last = kept.keys.max(), last > head.sequence {
      throw damaged(at: head.sequence, "The centre signed \(last) records, and the rest is gone; restore a backup.")
    }
    return head
  }

  /// The next records, a few at a time because the log may be larger than memory; `nil` after the last.
  private static func page(_ transaction: any Transaction, after sequence: Int64) throws -> [SQLRow]? {
    let rows = try transaction.run(
      "SELECT * FROM audit_log WHERE sequence > $1 ORDER BY sequence LIMIT 1000", [.integer(sequence)])
    return rows.isEmpty ? nil : rows
  }

  private static func damaged(at sequence: Int64, _ remedy: String) -> CenterError {
    CenterError(.damaged, "Checking the audit log at record \(sequence)", remedy: remedy)
  }
}

/// The newest record of the audit log: whoever keeps it elsewhere notices any change behind it.
public struct AuditHead: Hashable, Sendable {
  /// The record's number, 0 while there is none.
  public var sequence: Int64
  /// Its hash, 32 octets.
  public var hash: [UInt8]
}

/// The newest record of the audit log and its time, behind which no later one may lie.
public struct NewestAuditRecord: Hashable, Sendable {
  /// The record.
  public var head: AuditHead
  /// Its time, seconds since 1970 UTC.
  public var time: UInt64
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
    var input: [UInt8] = []
    input.reserveCapacity(256)
    input.append(contentsOf: previous)
    input.append(bigEndian: UInt64(bitPattern: sequence))
    input.append(bigEndian: time)
    for text in [action, subject, detail] {
      input.append(bigEndian: UInt64(text.utf8.count))
      input.append(contentsOf: text.utf8)
    }
    return Digest.sha256(input)
  }
}

/// The 8 octets of `value`, most significant first.
func bigEndian(_ value: UInt64) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }

/// The 4 octets of `value`, most significant first.
func bigEndian(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }

extension [UInt8] {
  /// Appends the octets of `value`, most significant first.
  mutating func append(bigEndian value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
  }
}
