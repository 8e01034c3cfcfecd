import Cryptography
import Formats
import Identifiers

/// Redeems codes (P4, P17, P23): `unused`, then `inUse` by the one client that won, then `used` when that client has said
/// that it has the last octet.
///
/// The winner has a ticket, HMAC(ticket key, code ‖ its idempotency key), which the centre does not store: whoever comes
/// with the same code and key gets the same ticket, however often, and nobody else gets any. The file's key is given only
/// for the last acknowledgement. So a code whose client is lost before that can be given back (``SeatRecovery``): what
/// that client has cannot be opened.
public struct Redemption: Sendable {
  let context: CenterContext
  /// How often codes may be tried.
  public var limits = AttemptLimits()

  private static let operation = "Redeeming a code"
  private static let downloading = "Downloading a title"

  /// Judges a code (P23, S2) and begins the download, or finds it begun by the same client.
  ///
  /// - Throws: ``CenterError/Code/conflict`` for a good code of a title that is not published yet; it stays unused.
  public func begin(_ request: RedemptionRequest) async throws(CenterError) -> RedemptionAnswer {
    let service = self
    let prepared = try prepare(request)
    return try await context.database.write { try service.begin(prepared, in: $0) }
  }

  /// Does what needs no transaction, while others wait for nobody.
  public func prepare(_ request: RedemptionRequest) throws(CenterError) -> PreparedRedemption {
    do {
      return try PreparedRedemption(request, context.keys)
    } catch {
      throw CenterError(error, during: Redemption.operation)
    }
  }

  /// The same as ``begin(_:)`` inside of the transaction that keeps the answer (``Idempotency``).
  public func begin(_ prepared: PreparedRedemption, in transaction: any Transaction) throws -> RedemptionAnswer {
    try begin(prepared, .online, in: transaction)
  }

  func begin(
    _ prepared: PreparedRedemption, _ means: RedemptionRow.Means, in transaction: any Transaction
  ) throws -> RedemptionAnswer {
    let request = prepared.request
    let now = context.clock.now()
    // Nobody else is looked up before a code fails.
    if request.client.identity != nil {
      let wait = try AttemptBucket(of: request.client, limits, context.keys).wait(transaction, at: now)
      if wait > 0 { return .tooManyAttempts(retryAfter: wait) }
    }
    // From here on a code that fails takes the same statements and steps, whatever is wrong with it.
    let right = try RedeemableRight.find(transaction, prepared.lookups) ?? RedeemableRight.nothing()
    let tickets = try TicketMaker(right, request.key).tickets(context.keys)
    // An unused code is nobody's, so that nothing of it needs to be looked for; but a seat that was taken back stays under
    // its ticket, and where there is more than one, the newest alone does not find it.
    let isSeenByTaking = right.copies == nil && tickets.count == 1
    if isSeenByTaking, let grant = try take(transaction, right, tickets, means, at: now) { return .granted(grant) }
    let begun = try tickets.compactMap { ticket in try RedemptionRow.find(transaction, ticket).map { (ticket, $0) } }
    if let (ticket, row) = begun.first, row.isGood(at: now), row.means == means {
      return .granted(try grant(transaction, ticket, row))
    }
    if !isSeenByTaking, begun.isEmpty, let grant = try take(transaction, right, tickets, means, at: now) {
      return .granted(grant)
    }
    let bucket = try AttemptBucket(of: request.client, limits, context.keys)
    let wait = try bucket.wait(transaction, at: now)
    try bucket.fail(transaction, at: now)
    return wait > 0 ? .tooManyAttempts(retryAfter: wait) : .refused
  }

  /// A range of the sealed file for the client with this ticket, and a note that it was sent.
  ///
  /// Asking for octets from some place on says that all before it arrived, unless `acknowledged` says how many did: of an
  /// answer that is sent in several ranges only the first was asked for. A range begins at or before the end of what was
  /// sent already, so that whoever is sent the last octet was sent all.
  ///
  /// - Throws: ``CenterError/Code/refused`` for a ticket that is good for nothing, ``CenterError/Code/conflict`` when the
  ///   download is done, ``CenterError/Code/invalid`` for a range outside of the file or behind a gap.
  public func open(
    _ ticket: DownloadTicket, range: Range<UInt64>, acknowledged: UInt64? = nil
  ) async throws(CenterError) -> TitleSlice {
    let context = context
    let acknowledged = min(acknowledged ?? range.lowerBound, range.lowerBound)
    let publication = try await context.database.write { transaction in
      let row = try Redemption.good(transaction, ticket, at: context.clock.now())
      guard row.state == .open else { throw Redemption.done() }
      guard !range.isEmpty, range.upperBound <= row.publication.octets, range.lowerBound <= row.delivered else {
        throw CenterError(
          .invalid, Redemption.downloading,
          remedy: "Ask for octets of the file, beginning at \(row.delivered) or before.")
      }
      try row.advance(transaction, delivered: range.upperBound, acknowledged: acknowledged)
      return row.publication
    }
    return try TitleStore(context: context).slice(publication, range)
  }

  /// Notes what the client has. With the last octet the code is used, and the answer has the file's key; saying so again
  /// gives the same answer.
  ///
  /// - Throws: ``CenterError/Code/refused`` for a ticket that is good for nothing, ``CenterError/Code/invalid`` for octets
  ///   that were never sent.
  public func acknowledge(_ ticket: DownloadTicket, upTo end: UInt64) async throws(CenterError) -> DownloadProgress {
    let service = self
    return try await context.database.write { try service.acknowledge(ticket, upTo: end, in: $0) }
  }

  /// The same inside of the transaction that keeps the answer (``Idempotency``).
  public func acknowledge(
    _ ticket: DownloadTicket, upTo end: UInt64, in transaction: any Transaction
  ) throws -> DownloadProgress {
    let now = context.clock.now()
    let row = try Redemption.good(transaction, ticket, at: now)
    guard end <= row.delivered else {
      throw CenterError(
        .invalid, Redemption.downloading, remedy: "Octets up to \(row.delivered) were sent; acknowledge no more.")
    }
    if row.state == .open {
      try row.advance(transaction, delivered: end, acknowledged: end)
      if end == row.publication.octets { try row.finish(transaction, at: now) }
    }
    return try progress(try Redemption.good(transaction, ticket, at: now), ticket)
  }

  /// How far the download with this ticket has come.
  public func progress(_ ticket: DownloadTicket) async throws(CenterError) -> DownloadProgress {
    let service = self
    return try await context.database.read { transaction in
      try service.progress(try Redemption.good(transaction, ticket, at: service.context.clock.now()), ticket)
    }
  }

  private func progress(_ row: RedemptionRow, _ ticket: DownloadTicket) throws -> DownloadProgress {
    var key: [UInt8]?
    if row.state == .done {
      key = try DownloadContent.wrap(
        row.publication.contentKey(context.vault), for: ticket, row.publication.softwareID)
    }
    return DownloadProgress(
      softwareID: row.publication.softwareID, delivered: row.delivered, acknowledged: row.acknowledged,
      octets: row.publication.octets, digest: row.publication.digest, wrappedContentKey: key)
  }

  /// The seat of a ticket that is good for something.
  static func good(
    _ transaction: any Transaction, _ ticket: DownloadTicket, at time: UInt64
  ) throws -> RedemptionRow {
    guard let row = try RedemptionRow.find(transaction, ticket), row.isGood(at: time), row.means == .online else {
      throw CenterError(.refused, downloading, remedy: "The ticket is good for nothing here; redeem a code.")
    }
    return row
  }

  private static func done() -> CenterError {
    CenterError(.conflict, downloading, remedy: "It was downloaded already; each code buys one download.")
  }

  /// Takes a seat, if one is free, for the client with the newest of `tickets`; `nil` when another client is quicker, or
  /// this one had a seat under the same ticket and gave it back.
  private func take(
    _ transaction: any Transaction, _ right: RedeemableRight, _ tickets: [DownloadTicket],
    _ means: RedemptionRow.Means, at now: UInt64
  ) throws -> DownloadGrant? {
    guard right.isFree(at: now), let ticket = tickets.first else { return nil }
    guard let published = try TitledPublication.newest(transaction, right.softwareID) else {
      throw CenterError(.conflict, Redemption.operation, remedy: "The title is not published yet; try again later.")
    }
    // Who is quicker may be the same client, whose line broke and who asks again: then this is its seat.
    guard let seat = try right.take(transaction) else {
      return try RedemptionRow.find(transaction, ticket).map { try grant(transaction, ticket, $0) }
    }
    let isNew = try transaction.change(
      """
      INSERT INTO redemptions
      (id, ticket, code, copy_right, seat, publication, means, state, delivered, acknowledged, begun_at)
      VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM redemptions), $1, $2, $3, $4, $5, $6, 'open', 0, 0, $7)
      ON CONFLICT (ticket) DO NOTHING
      """,
      [
        .blob(Digest.sha256(ticket.octets)), .integer(right.codeID), .number(right.copies?.identifier), .number(seat),
        .integer(published.file.identifier), .text(means.rawValue), .number(now),
      ])
    guard isNew > 0 else {
      try right.giveBack(transaction)
      return nil
    }
    try AuditLog.append(
      transaction, at: now, "redeem.begin", subject: right.softwareID,
      detail: "code \(right.codeID), seat \(seat), \(means.rawValue)")
    return DownloadGrant(ticket, published, acknowledged: 0, expiry: right.expiry)
  }

  private func grant(
    _ transaction: any Transaction, _ ticket: DownloadTicket, _ row: RedemptionRow
  ) throws -> DownloadGrant {
    DownloadGrant(
      ticket, try TitledPublication(row.publication, transaction), acknowledged: row.acknowledged, expiry: row.expiry)
  }
}

extension DownloadGrant {
  fileprivate init(_ ticket: DownloadTicket, _ published: TitledPublication, acknowledged: UInt64, expiry: UInt64?) {
    self.init(
      ticket: ticket, softwareID: published.file.softwareID, name: published.name, version: published.version,
      type: published.type, octets: published.file.octets, digest: published.file.digest, acknowledged: acknowledged,
      expiry: expiry)
  }
}

/// Makes tickets: HMAC-SHA-256 under the ticket key over the title, the seat's origin and the client's key.
private struct TicketMaker {
  private let input: [UInt8]

  init(_ right: RedeemableRight, _ key: IdempotencyKey) {
    let origin: UInt8 = right.copies == nil ? 0 : 1
    let code = bigEndian(UInt64(bitPattern: right.codeID))
    input = typedOctets("download ticket", [right.softwareID.octets, [origin], code, key.octets])
  }

  /// The ticket under every version of the key, newest first: downloads of before a rotation go on.
  func tickets(_ keys: KeyStore) throws -> [DownloadTicket] {
    try keys.versions(of: .downloadTicket).compactMap { version in
      DownloadTicket(octets: try keys.tag(input, .downloadTicket, version: version))
    }
  }
}
