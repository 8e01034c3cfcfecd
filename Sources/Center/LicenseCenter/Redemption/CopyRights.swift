import Cryptography
import Formats
import Identifiers
import Octets
import SecureChannel

/// The right to hand copies of a title on (P10, Fig 3): a code for copying, and how many copies it is good for.
public struct CopyRight: Hashable, Sendable {
  /// The code for copying. It is redeemed as every code is, once for each copy.
  public var code: RetrievalCode
  /// For how many copies.
  public var copies: Int
  /// How many were taken.
  public var taken: Int
}

/// Lets whoever redeemed a code hand the title on to others: copy n + 1 is refused.
///
/// Copies come from the code itself, never from copies, and die with it.
public struct CopyRights: Sendable {
  let context: CenterContext

  /// The most copies of one code.
  public static let mostCopies = 1000
  private static let operation = "Setting a copy right"

  /// Says how many copies whoever redeems a code of this title may hand on; 0 until it is said. The same operation again
  /// changes nothing.
  public func permit(
    _ copies: Int, of softwareID: SoftwareID, operation: OperationID? = nil
  ) async throws(CenterError) {
    guard (0...CopyRights.mostCopies).contains(copies) else {
      throw CenterError(.invalid, CopyRights.operation, remedy: "Permit 0 to \(CopyRights.mostCopies) copies.")
    }
    let context = context
    let order = [softwareID.octets, bigEndian(UInt32(clamping: copies))]
    try await context.write(once: operation, "Permitting copies", order) { transaction in
      _ = try TitleRow.get(transaction, softwareID)
      try transaction.run(
        """
        INSERT INTO copy_rules (software_id, copies) VALUES ($1, $2)
        ON CONFLICT (software_id) DO UPDATE SET copies = $2
        """, [.blob(softwareID.octets), .number(copies)])
      try AuditLog.append(
        transaction, at: context.clock.now(), "copies.permit", subject: softwareID, detail: "\(copies) copies")
    }
  }

  /// Sets the copy right of a download that is done. The same again gives the same code.
  ///
  /// - Throws: ``CenterError/Code/refused`` for a ticket that is good for nothing, ``CenterError/Code/limitReached`` for
  ///   more copies than the title's seller permits, ``CenterError/Code/conflict`` for a download that is not done or is a
  ///   copy itself, and for another number of copies than it was set to.
  public func set(_ ticket: DownloadTicket, copies: Int) async throws(CenterError) -> CopyRight {
    let service = self
    return try await context.database.write { try service.set(ticket, copies: copies, in: $0) }
  }

  /// The same inside of the transaction that keeps the answer (``Idempotency``).
  public func set(_ ticket: DownloadTicket, copies: Int, in transaction: any Transaction) throws -> CopyRight {
    let now = context.clock.now()
    let row = try Redemption.good(transaction, ticket, at: now)
    guard row.state == .done, row.seat == 0 else {
      throw CenterError(
        .conflict, CopyRights.operation, remedy: "Only whoever redeemed a code, and has it all, may hand copies on.")
    }
    if let earlier = try CopyRights.earlier(transaction, context, code: row.codeID) {
      guard earlier.copies == copies else {
        throw CenterError(
          .conflict, CopyRights.operation, remedy: "It was set to \(earlier.copies) copies before, and stays so.")
      }
      return earlier
    }
    try CopyRights.expectPermitted(transaction, copies, row.publication.softwareID)
    let code = RetrievalCode(from: context.random)
    try CopyRights.enter(transaction, context, code, parent: row.codeID, copies: copies, at: now)
    try AuditLog.append(
      transaction, at: now, "copies.set", subject: row.publication.softwareID,
      detail: "code \(row.codeID), \(copies) copies")
    return CopyRight(code: code, copies: copies, taken: 0)
  }

  private static func expectPermitted(
    _ transaction: any Transaction, _ copies: Int, _ softwareID: SoftwareID
  ) throws {
    let rule = try transaction.first("SELECT copies FROM copy_rules WHERE software_id = $1", [.blob(softwareID.octets)])
    let permitted = try rule?.number("copies", as: Int.self) ?? 0
    guard (1...mostCopies).contains(copies), copies <= permitted else {
      throw CenterError(.limitReached, operation, remedy: "At most \(permitted) copies of this title may be handed on.")
    }
  }

  private static func enter(
    _ transaction: any Transaction, _ context: CenterContext, _ code: RetrievalCode, parent: Int64, copies: Int,
    at now: UInt64
  ) throws {
    let pepper = try context.keys.currentVersion(of: .codePepper)
    let lookup = try CodeSales.lookup(code, pepper: pepper, context.keys)
    try transaction.run(
      """
      INSERT INTO copy_rights (id, parent, lookup, pepper, code, copies, taken, made_at)
      VALUES ($1, $2, $3, $4, $5, $6, 0, $7)
      """,
      [
        .integer(try transaction.nextNumber(of: "copy right")), .integer(parent), .blob(lookup), .number(pepper),
        .blob(try context.vault.seal(Secret(copying: code.octets), .copyCode, row: lookup)), .number(copies),
        .number(now),
      ])
  }

  /// The copy right that was set before, as long as it is good for anything.
  static func earlier(
    _ transaction: any Transaction, _ context: CenterContext, code: Int64
  ) throws -> CopyRight? {
    guard let row = try transaction.first("SELECT * FROM copy_rights WHERE parent = $1", [.integer(code)]) else {
      return nil
    }
    guard let sealed = try row.optionalOctets("code") else {
      throw CenterError(.limitReached, operation, remedy: "Every copy of this code was taken.")
    }
    let secret = try context.vault.open(sealed, .copyCode, row: try row.octets("lookup"))
    guard let code = RetrievalCode(octets: secret.withBytes { $0.octets }) else { throw CryptoError.notAuthentic }
    return CopyRight(code: code, copies: try row.number("copies"), taken: try row.number("taken"))
  }
}
