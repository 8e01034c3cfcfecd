import Cryptography
import LicenseCenter

/// The rows that a redemption looks at and changes, in the centre's own tables: a code by its keyed hash, and the newest
/// record of the audit log with the next one behind it.
enum RedemptionBooks {
  static let codes = 20_000

  static let find = "SELECT id, state, expiry FROM codes WHERE lookup = $1"
  static let take =
    "UPDATE codes SET state = 'inUse', uses = COALESCE(uses, 0) + 1 WHERE id = $1 AND state IN ('unused', 'inUse')"
  static let head = "SELECT sequence, hash FROM audit_log ORDER BY sequence DESC LIMIT 1"
  static let note = """
    INSERT INTO audit_log (sequence, time, action, subject, detail, previous, hash)
    VALUES ($1, $2, 'code.take', $3, '', $4, $5)
    """

  /// The keyed hash of the code with this number.
  static func lookup(_ number: Int) -> [UInt8] {
    [UInt8](repeating: 0, count: 8) + (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
  }

  /// The hash of the record behind one.
  static func hash(after previous: [UInt8]) -> [UInt8] { Digest.sha256(previous + previous) }

  /// Writes a title and its codes.
  static func fill(_ database: any Database) async throws {
    let title = [UInt8](repeating: 7, count: 16)
    try await database.write { transaction in
      _ = try transaction.run(
        """
        INSERT INTO titles (software_id, name, version, type, seller, price, currency, content_key, registered_at)
        VALUES ($1, 't', '1', 'program', 's', 300, 'JPY', $1, 0)
        """, [.blob(title)])
      for number in 0..<codes {
        _ = try transaction.run(
          """
          INSERT INTO codes (id, lookup, pepper, state, software_id, generation_key, generation_root, fresh_time,
            message_id, price, currency, made_at, position)
          VALUES ($1, $2, 1, 'unused', $3, 1, 1, 0, $2, 300, 'JPY', 0, 0)
          """, [.integer(Int64(number)), .blob(lookup(number)), .blob(title)])
      }
      _ = try transaction.run(note, [1, 0, "0", .blob(title), .blob(hash(after: title))])
    }
  }

  /// Takes one code, in a transaction of the centre's.
  static func redeem(_ number: Int, in transaction: any Transaction) throws {
    guard case .integer(let id)? = try transaction.run(find, [.blob(lookup(number))]).first?["id"],
      let last = try transaction.run(head, []).first, case .integer(let sequence)? = last["sequence"],
      case .blob(let previous)? = last["hash"]
    else { throw MeasurementError("There is no code \(number).") }
    _ = try transaction.run(take, [.integer(id)])
    _ = try transaction.run(
      note, [.integer(sequence + 1), 0, .text("\(id)"), .blob(previous), .blob(hash(after: previous))])
  }
}
