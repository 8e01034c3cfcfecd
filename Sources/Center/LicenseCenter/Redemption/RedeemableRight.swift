import Cryptography
import Formats
import Identifiers

/// What somebody with a code has a right to: the seat of the code itself, or one of those of its copy right (P10).
struct RedeemableRight {
  /// The code that was sold.
  var codeID: Int64
  /// Where that code stands.
  var state: CodeSaleState
  /// The title.
  var softwareID: SoftwareID
  /// When everything that comes from the code dies, seconds since 1970 UTC.
  var expiry: UInt64?
  /// The copy right, where the code for copying was given.
  var copies: CopySeats?

  struct CopySeats {
    var identifier: Int64
    var copies: Int
    var taken: Int
  }

  /// Looks a code up everywhere, under every version of the pepper, whether it was found already or not: all codes take
  /// the same queries.
  ///
  /// - Parameter lookups: ``CodeSales/lookups(_:_:)`` of the code.
  static func find(_ transaction: any Transaction, _ lookups: [[UInt8]]) throws -> RedeemableRight? {
    var rows: [SQLRow] = []
    for lookup in lookups {
      // Joined to one row that is always there, so that codes which are found bring no more rows than others.
      rows += try transaction.run(
        """
        SELECT COALESCE(c.id, p.id) AS id, COALESCE(c.state, p.state) AS state,
        COALESCE(c.software_id, p.software_id) AS software_id, COALESCE(c.expiry, p.expiry) AS expiry,
        r.id AS copy_right, r.copies, r.taken
        FROM (SELECT 1 AS one) q LEFT JOIN codes c ON c.lookup = $1
        LEFT JOIN copy_rights r ON r.lookup = $1 LEFT JOIN codes p ON p.id = r.parent
        """, [.blob(lookup)])
    }
    return try rows.first { $0["id"] != .null }.map { try RedeemableRight($0) }
  }

  /// What a code that nobody made is judged as, read as any other: a code that is worth nothing.
  static func nothing() throws -> RedeemableRight {
    try RedeemableRight(
      SQLRow([
        "id": 0, "state": .text(CodeSaleState.voided.rawValue),
        "software_id": .blob([UInt8](repeating: 0, count: SoftwareID.octetCount)), "expiry": .null,
        "copy_right": .null,
      ]))
  }

  private init(_ row: SQLRow) throws {
    codeID = try row.integer("id")
    state = try row.value("state") { CodeSaleState(rawValue: $0) }
    softwareID = try row.value("software_id") { SoftwareID(octets: $0) }
    expiry = try row.optionalNumber("expiry")
    if let identifier: Int64 = try row.optionalNumber("copy_right") {
      copies = CopySeats(
        identifier: identifier, copies: try row.number("copies"), taken: try row.number("taken"))
    }
  }

  /// Whether a seat is free, as far as was seen.
  func isFree(at time: UInt64) -> Bool {
    guard !isOver(at: time) else { return false }
    guard let copies else { return state == .unused }
    return state == .used && copies.taken < copies.copies
  }

  /// Whether whoever has a seat may go on with it.
  func isOver(at time: UInt64) -> Bool {
    state == .reserved || state == .voided || expiry.map { $0 < time } ?? false
  }

  /// The seats that are taken: of the code itself, or of its copies.
  func seats(_ transaction: any Transaction) throws -> [RedemptionRow] {
    try RedemptionRow.seats(transaction, code: codeID).filter { $0.copyRight == copies?.identifier }
  }

  /// Takes a seat, and answers its number: 0 for that of the code itself. `nil` when another was quicker.
  func take(_ transaction: any Transaction) throws -> Int? {
    guard let copies else {
      let taken = try transaction.change(
        "UPDATE codes SET state = 'inUse' WHERE id = $1 AND state = 'unused'", [.integer(codeID)])
      return taken > 0 ? 0 : nil
    }
    let rows = try transaction.run(
      "UPDATE copy_rights SET taken = taken + 1 WHERE id = $1 AND taken < copies RETURNING taken, copies",
      [.integer(copies.identifier)])
    guard let row = rows.first else { return nil }
    // The centre's copy of a code for copying is of no use any more once nobody can redeem it.
    if try row.integer("taken") == row.integer("copies") {
      try transaction.run("UPDATE copy_rights SET code = NULL WHERE id = $1", [.integer(copies.identifier)])
    }
    let occupied = try transaction.run(
      "SELECT seat FROM redemptions WHERE code = $1 AND copy_right = $2 AND state <> 'recovered'",
      [.integer(codeID), .integer(copies.identifier)]
    ).map { try $0.number("seat", as: Int.self) }
    return (1...copies.copies).first { !occupied.contains($0) }
  }

  /// Undoes ``take(_:)`` of the code's own seat in the same transaction.
  func giveBack(_ transaction: any Transaction) throws {
    try transaction.tell("UPDATE codes SET state = 'unused' WHERE id = $1", [.integer(codeID)])
  }
}
