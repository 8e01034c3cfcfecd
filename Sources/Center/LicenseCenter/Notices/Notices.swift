import Cryptography
import Formats
import Identifiers
import Octets

/// A notice as the centre has it: what it says, it does not keep.
public struct NoticeRecord: Hashable, Sendable {
  /// How far a notice has come.
  public enum State: String, Hashable, Sendable {
    /// It waits for the holder.
    case waiting
    /// It was fetched.
    case delivered
    /// It was opened: its acknowledgement came back.
    case read
  }

  /// Its number.
  public var number: UInt32
  /// How far it has come.
  public var state: State
  /// When it was made, seconds since 1970 UTC.
  public var madeAt: UInt64
}

/// Notices to holders, sealed for their cards (P18): pay-back above all.
///
/// They are made in the transaction of what they tell about, so that none is told that did not happen. Nobody but the
/// card opens them, whoever fetches them.
public struct Notices: Sendable {
  /// The most notices that are fetched at once.
  public static let pageLimit = 100

  let context: CenterContext

  /// Sends a holder what the counter wrote, once for each operation.
  ///
  /// - Returns: The notice's number.
  public func send(
    _ text: String, to serial: CardSerial, operation: OperationID
  ) async throws(CenterError) -> UInt32 {
    let notice: Notice
    do { notice = try Notice(.message, text: text) } catch { throw CenterError(error, during: Notices.operation) }
    let context = context
    return try await context.database.write { transaction in
      let name = "send:\(operation)"
      let requests = try ClientLookup.notices(text, context.keys)
      if let row = try transaction.first(
        "SELECT number, card, request FROM notices WHERE operation = $1", [.text(name)])
      {
        let request = try row.optionalOctets("request")
        guard try row.octets("card") == serial.octets, request.map(requests.contains) ?? true else {
          throw CenterError(.keyReused, Notices.operation, remedy: "This operation was done before for another notice.")
        }
        return try row.number("number")
      }
      return try Notices.post(transaction, context, notice, to: serial, operation: name, request: requests.first)
    }
  }

  /// The notices of a holder with numbers beyond `number`, oldest first, at most `limit`; from now on they count as
  /// delivered.
  public func fetch(
    of serial: CardSerial, after number: UInt32 = 0, limit: Int = Notices.pageLimit
  ) async throws(CenterError) -> [SealedNotice] {
    let context = context
    return try await context.database.write { transaction in
      let rows = try transaction.run(
        "SELECT number, record, delivered_at FROM notices WHERE card = $1 AND number > $2 ORDER BY number LIMIT $3",
        [.blob(serial.octets), .number(number), .number(limit)])
      let now = context.clock.now()
      for row in rows where try row.optionalNumber("delivered_at", as: UInt64.self) == nil {
        let number = try row.integer("number")
        try transaction.run(
          "UPDATE notices SET delivered_at = $2 WHERE number = $1", [.integer(number), .number(now)])
        try AuditLog.append(transaction, at: now, "notice.deliver", subject: serial, detail: "notice \(number)")
      }
      return try rows.map { row in
        let record = try row.octets("record")
        return try SealedNotice(parsing: record.span.bytes)
      }
    }
  }

  /// Notes that the holder has opened a notice. Saying so again changes nothing.
  ///
  /// - Parameter acknowledgement: What came out of the notice with its text.
  /// - Throws: ``CenterError/Code/notFound`` for a number that is not this holder's, or anything else than what the notice
  ///   holds.
  public func acknowledge(
    _ number: UInt32, of serial: CardSerial, with acknowledgement: [UInt8]
  ) async throws(CenterError) {
    let context = context
    try await context.database.write { transaction in
      let row = try transaction.first(
        "SELECT acknowledgement, read_at FROM notices WHERE number = $1 AND card = $2",
        [.number(number), .blob(serial.octets)])
      let (expected, given) = (try row?.octets("acknowledgement") ?? [], Digest.sha256(acknowledgement))
      guard let row, constantTimeEqual(expected.span.bytes, given.span.bytes) else {
        throw CenterError(.notFound, "Acknowledging a notice", remedy: "No such notice was sent to this card.")
      }
      guard try row.optionalNumber("read_at", as: UInt64.self) == nil else { return }
      let now = context.clock.now()
      try transaction.run("UPDATE notices SET read_at = $2 WHERE number = $1", [.number(number), .number(now)])
      try AuditLog.append(transaction, at: now, "notice.read", subject: serial, detail: "notice \(number)")
    }
  }

  /// How far the notices of a holder have come, oldest first.
  public func records(of serial: CardSerial) async throws(CenterError) -> [NoticeRecord] {
    try await context.database.read { try Notices.records($0, of: serial) }
  }

  /// At most `limit` of them, those with numbers beyond `number`.
  public func records(
    of serial: CardSerial, after number: UInt32, limit: Int
  ) async throws(CenterError) -> [NoticeRecord] {
    try await context.database.read { try Notices.records($0, of: serial, after: number, limit: limit) }
  }

  static let operation = "Sending a notice"

  static func records(
    _ transaction: any Transaction, of serial: CardSerial, after number: UInt32 = 0, limit: Int = .max
  ) throws -> [NoticeRecord] {
    try transaction.run(
      """
      SELECT number, made_at, delivered_at, read_at FROM notices WHERE card = $1 AND number > $2 ORDER BY number LIMIT $3
      """,
      [.blob(serial.octets), .number(number), .number(limit)]
    ).map { row in
      let isRead = try row.optionalNumber("read_at", as: UInt64.self) != nil
      let isDelivered = try row.optionalNumber("delivered_at", as: UInt64.self) != nil
      return NoticeRecord(
        number: try row.number("number"), state: isRead ? .read : isDelivered ? .delivered : .waiting,
        madeAt: try row.number("made_at"))
    }
  }

  /// Seals a notice for a card, in the transaction of what it tells about.
  @discardableResult
  static func post(
    _ transaction: any Transaction, _ context: CenterContext, _ notice: Notice, to serial: CardSerial,
    operation name: String? = nil, request: [UInt8]? = nil
  ) throws -> UInt32 {
    guard let number = UInt32(exactly: try transaction.nextNumber(of: "notice")) else {
      throw CenterError(.limitReached, operation, remedy: "All numbers of notices are used up.")
    }
    let card = try CardRow.issued(transaction, serial)
    let acknowledgement = context.random.octets(SealedNotice.acknowledgementOctets)
    let now = context.clock.now()
    let sealed = try SealedNotice.seal(
      notice, acknowledgement: acknowledgement, number: number, from: context.facts.centerID, to: serial, at: now,
      individualKey: try card.individualKey(context.keys), random: context.random)
    try transaction.run(
      """
      INSERT INTO notices (number, operation, card, record, acknowledgement, made_at, request)
      VALUES ($1, $2, $3, $4, $5, $6, $7)
      """,
      [
        .number(number), name.map { .text($0) } ?? .null, .blob(serial.octets), .blob(sealed.encoded),
        .blob(Digest.sha256(acknowledgement)), .number(now), request.map { .blob($0) } ?? .null,
      ])
    try AuditLog.append(transaction, at: now, "notice.make", subject: serial, detail: "notice \(number)")
    return number
  }
}
