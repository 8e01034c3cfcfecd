import Cryptography
import Formats
import Identifiers
import Octets

/// Provides titles off-line (P9, P10): the counter redeems a code for somebody, and hands a signed file over.
public struct OfflineCounter: Sendable {
  let context: CenterContext

  private static let operation = "Providing a title off-line"
  private static let pieceOctets = TitleSlice.largestPiece

  /// Writes the file that a code buys to `path`, complete or not at all, and uses the code with it.
  ///
  /// A counter that is cut off does it again under the same operation: the file is then written anew. Once it is done, the
  /// same again changes nothing and writes nothing.
  ///
  /// - Throws: ``CenterError/Code/refused`` for a code that is good for nothing, ``CenterError/Code/conflict`` for a title
  ///   that is not published, ``CenterError/Code/storage``.
  public func provide(
    _ code: RetrievalCode, operation: OperationID, to path: String
  ) async throws(CenterError) -> OfflineProvision {
    let (row, provision) = try await begin(code, operation)
    guard row.state == .open else { return provision }
    let slice = try TitleStore(context: context).slice(row.publication, 0..<row.publication.octets)
    try OfflineCounter.write(provision, slice, to: path)
    let context = context
    try await context.database.write { transaction in
      let octets = row.publication.octets
      try row.advance(transaction, delivered: octets, acknowledged: octets)
      try row.finish(transaction, at: context.clock.now())
    }
    return provision
  }

  /// Uses a code for what a counter elsewhere hands over, in the transaction that keeps the answer: the file is
  /// ``Formats/OfflineProvision/fileHead``, and behind it the publication that the answer names (``TitleStore/file``).
  public func provide(
    _ code: RetrievalCode, operation: OperationID, in transaction: any Transaction
  ) throws -> (provision: OfflineProvision, publication: Int64) {
    let (row, provision) = try begin(code, operation, in: transaction)
    if row.state == .open {
      try row.advance(transaction, delivered: row.publication.octets, acknowledged: row.publication.octets)
      try row.finish(transaction, at: context.clock.now())
    }
    return (provision, row.publication.identifier)
  }

  /// Takes the code's seat, or finds it taken by the same operation, and signs what goes over.
  private func begin(
    _ code: RetrievalCode, _ operation: OperationID
  ) async throws(CenterError) -> (RedemptionRow, OfflineProvision) {
    let service = self
    return try await context.database.write { try service.begin(code, operation, in: $0) }
  }

  private func begin(
    _ code: RetrievalCode, _ operation: OperationID, in transaction: any Transaction
  ) throws -> (RedemptionRow, OfflineProvision) {
    guard let key = IdempotencyKey(octets: operation.octets) else {
      throw CenterError(.invalid, OfflineCounter.operation, remedy: "Give an operation id.")
    }
    let answer = try Redemption(context: context).begin(
      PreparedRedemption(RedemptionRequest(code: code, key: key), context.keys), .offline, in: transaction)
    guard case .granted(let grant) = answer, let row = try RedemptionRow.find(transaction, grant.ticket) else {
      throw CenterError(
        .refused, OfflineCounter.operation, remedy: "The code is good for nothing here; check how it was typed.")
    }
    return (row, try OfflineCounter.provision(row, code, context))
  }

  private static func provision(
    _ row: RedemptionRow, _ code: RetrievalCode, _ context: CenterContext
  ) throws -> OfflineProvision {
    let publication = row.publication
    var provision = OfflineProvision(
      number: UInt64(clamping: row.identifier), centerID: context.facts.centerID, softwareID: publication.softwareID,
      octets: publication.octets, digest: publication.digest,
      wrappedContentKey: try DownloadContent.wrap(
        publication.contentKey(context.vault), for: code, publication.softwareID),
      expiry: row.expiry, madeAt: row.begunAt)
    provision.signature = try Authority.sign(provision.signedOctets, .licenseSigning, context.keys)
    return provision
  }

  private static func write(
    _ provision: OfflineProvision, _ slice: TitleSlice, to path: String
  ) throws(CenterError) {
    do {
      var file = try ScratchFile(path, suffix: ".new", operation)
      try file.write(provision.fileHead)
      var position: UInt64 = 0
      while position < slice.range.upperBound {
        let piece = try slice.read(at: position, upTo: pieceOctets)
        try file.write(piece)
        position += UInt64(piece.count)
      }
      try file.finish(replacing: true)
    } catch {
      throw CenterError(error, during: operation)
    }
  }
}
