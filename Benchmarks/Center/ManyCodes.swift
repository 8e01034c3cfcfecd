import GRDB

/// Codes of others beside those that are redeemed, as a centre has them that sold ten millions.
enum ManyCodes {
  /// How many.
  static let count = 10_000_000

  /// Makes them in a centre's file that nobody has open: random look-up values, and the sold codes far apart between them.
  static func add(to file: String, besides sold: Int) throws {
    var configuration = Configuration()
    configuration.foreignKeysEnabled = false
    let queue = try DatabaseQueue(path: file, configuration: configuration)
    try queue.writeWithoutTransaction { database in
      // Nothing here must survive a crash; the room is for an index that grows everywhere at once.
      try database.execute(
        sql: "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1500000")
      let gap = count / sold
      try database.execute(
        sql: """
          CREATE TEMP TABLE sold AS SELECT * FROM codes;
          DELETE FROM codes;
          UPDATE sold SET id = id * \(gap);
          WITH RECURSIVE numbers (number) AS (
            SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < \(count))
          INSERT INTO codes (id, lookup, pepper, state, software_id, generation_key, generation_root, fresh_time,
            message_id, price, currency, made_at, sheet, position)
          SELECT number, randomblob(32), 1, 'unused', s.software_id, 1, 1, 0, s.message_id, 300, 'JPY', s.made_at,
            1000 + number / 1000, number % 1000
          FROM numbers, (SELECT software_id, message_id, made_at FROM sold LIMIT 1) s WHERE number % \(gap) <> 0;
          INSERT INTO codes SELECT * FROM sold;
          """)
    }
    try queue.close()
  }
}
