import Cryptography
import Formats
import Identifiers

/// One seat that was taken: a row of the redemption table, beside what it is for.
struct RedemptionRow {
  /// Where a seat stands.
  enum State: String {
    /// Its client may go on.
    case open
    /// Its client has everything.
    case done
    /// It was taken back; its ticket is worth nothing.
    case recovered
  }

  /// How the file goes to the client.
  enum Means: String {
    case online
    case offline
  }

  var identifier: Int64
  var codeID: Int64
  var copyRight: Int64?
  var seat: Int
  var state: State
  var means: Means
  /// The client was sent every octet before this one, and never one behind it.
  var delivered: UInt64
  /// The client said that it has every octet before this one.
  var acknowledged: UInt64
  var begunAt: UInt64
  var publication: Publication
  /// Where the code stands that the seat comes from.
  var codeState: CodeSaleState
  var expiry: UInt64?

  static func find(_ transaction: any Transaction, _ ticket: DownloadTicket) throws -> RedemptionRow? {
    try transaction.first(
      query + "WHERE r.ticket = $1", [.blob(Digest.sha256(ticket.octets))]
    ).map(RedemptionRow.init)
  }

  /// The seats of a code, of its copies too, in their order.
  static func seats(_ transaction: any Transaction, code: Int64) throws -> [RedemptionRow] {
    try transaction.run(query + "WHERE r.code = $1 AND r.state <> 'recovered' ORDER BY r.seat", [.integer(code)])
      .map(RedemptionRow.init)
  }

  private static let query = """
    SELECT r.*, p.software_id, p.octets, p.digest, p.content_key, p.published_at, c.state AS code_state, c.expiry
    FROM redemptions r JOIN publications p ON p.id = r.publication JOIN codes c ON c.id = r.code

    """

  private init(_ row: SQLRow) throws {
    identifier = try row.integer("id")
    codeID = try row.integer("code")
    copyRight = try row.optionalNumber("copy_right")
    seat = try row.number("seat")
    state = try row.value("state") { State(rawValue: $0) }
    means = try row.value("means") { Means(rawValue: $0) }
    delivered = try row.number("delivered")
    acknowledged = try row.number("acknowledged")
    begunAt = try row.number("begun_at")
    publication = try Publication(row, identifier: try row.integer("publication"))
    codeState = try row.value("code_state") { CodeSaleState(rawValue: $0) }
    expiry = try row.optionalNumber("expiry")
  }

  /// Whether the seat is good for anything still: not taken back, not refunded, not past its date (P8).
  func isGood(at time: UInt64) -> Bool {
    state != .recovered && codeState != .voided && expiry.map { time <= $0 } ?? true
  }
}
