import Formats
import Identifiers

extension Redemption {
  /// What a ticket is for, as its client was answered when it began.
  ///
  /// - Throws: ``CenterError/Code/refused`` for a ticket that is good for nothing.
  public func grant(of ticket: DownloadTicket) async throws(CenterError) -> DownloadGrant {
    let context = context
    return try await context.database.read { transaction in
      let row = try Redemption.good(transaction, ticket, at: context.clock.now())
      let title = try TitleRow.get(transaction, row.publication.softwareID).record
      return DownloadGrant(
        ticket: ticket, softwareID: title.softwareID, name: title.name, version: title.version, type: title.type,
        octets: row.publication.octets, digest: row.publication.digest, acknowledged: row.acknowledged,
        expiry: row.expiry)
    }
  }
}

/// What the holder of a ticket may hand on (P10).
public struct CopyOffer: Hashable, Sendable {
  /// The most copies that the title's seller permits; 0 for none, and for a download that is a copy itself.
  public var permitted: Int
  /// The copy right that was set; `nil` before, and when its last copy was taken.
  public var right: CopyRight?
  /// Whether one was set and every copy of it was taken.
  public var isUsedUp: Bool
}

extension CopyRights {
  /// What the holder of a ticket may hand on.
  ///
  /// - Throws: ``CenterError/Code/refused`` for a ticket that is good for nothing.
  public func offer(of ticket: DownloadTicket) async throws(CenterError) -> CopyOffer {
    let context = context
    return try await context.database.read { transaction in
      let row = try Redemption.good(transaction, ticket, at: context.clock.now())
      guard row.seat == 0 else { return CopyOffer(permitted: 0, right: nil, isUsedUp: false) }
      let rule = try transaction.first(
        "SELECT copies FROM copy_rules WHERE software_id = $1", [.blob(row.publication.softwareID.octets)])
      let permitted = try rule?.number("copies", as: Int.self) ?? 0
      do {
        let right = try CopyRights.earlier(transaction, context, code: row.codeID)
        return CopyOffer(permitted: permitted, right: right, isUsedUp: false)
      } catch let error as CenterError where error.code == .limitReached {
        return CopyOffer(permitted: permitted, right: nil, isUsedUp: true)
      }
    }
  }
}
