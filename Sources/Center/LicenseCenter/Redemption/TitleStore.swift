import CLinux
import Cryptography
import Formats
import Foundation
import Identifiers

/// What is known of a title's sealed file.
public struct PublishedTitle: Hashable, Sendable {
  /// The title.
  public var softwareID: SoftwareID
  /// Octets of the sealed file.
  public var octets: UInt64
  /// ``PieceDigest`` over it, 32 octets.
  public var digest: [UInt8]
  /// When it was put there, seconds since 1970 UTC.
  public var publishedAt: UInt64
}

/// The distributor's store: the sealed files that codes buy, in the folder `titles` of the centre.
///
/// Each is sealed under a key of its own (``Formats/DownloadContent``). A title can be published again; whoever began to download
/// goes on with the file that was there.
public struct TitleStore: Sendable {
  let context: CenterContext

  private static let operation = "Publishing the title"

  /// Seals a file of this machine and puts it up for download. Memory stays constant, and nothing is written in clear.
  ///
  /// - Throws: ``CenterError/Code/notFound`` for a title that is not registered, ``CenterError/Code/invalid`` for what is
  ///   no readable file, ``CenterError/Code/storage``.
  public func publish(_ softwareID: SoftwareID, from path: String) async throws(CenterError) -> PublishedTitle {
    let context = context
    let folder = try folder()
    // The number is taken first, so that no two sealed files ever have one name; one that is cut off leaves a gap.
    let identifier = try await context.database.write { transaction in
      _ = try TitleRow.get(transaction, softwareID)
      return try transaction.nextNumber(of: "publication")
    }
    let key = Secret(random: 32, from: context.random)
    var file = try SealedTitleFile(
      of: softwareID, from: path, in: folder, name: Publication.fileName(softwareID, identifier), context.random)
    let (octets, digest) = try file.write(under: key)
    do {
      let sealedKey = try context.vault.seal(key, .downloadKey, row: Publication.keyRow(identifier))
      let published = try await context.database.write { transaction in
        let now = context.clock.now()
        try transaction.run(
          """
          INSERT INTO publications (id, software_id, octets, digest, content_key, published_at)
          VALUES ($1, $2, $3, $4, $5, $6)
          """,
          [
            .integer(identifier), .blob(softwareID.octets), .number(octets), .blob(digest), .blob(sealedKey),
            .number(now),
          ])
        transaction.titleMemory?.forget()
        try AuditLog.append(
          transaction, at: now, "title.publish", subject: softwareID, detail: "publication \(identifier), \(octets)")
        return PublishedTitle(softwareID: softwareID, octets: octets, digest: digest, publishedAt: now)
      }
      // Until now nothing said that it is wanted (``removeOutdated()``).
      _ = consume file
      return published
    } catch {
      throw CenterError(error, during: TitleStore.operation)
    }
  }

  /// The file that a title's codes buy now; `nil` before it is published.
  public func published(_ softwareID: SoftwareID) async throws(CenterError) -> PublishedTitle? {
    try await context.database.read { transaction in
      try Publication.newest(transaction, softwareID).map {
        PublishedTitle(
          softwareID: $0.softwareID, octets: $0.octets, digest: $0.digest, publishedAt: $0.publishedAt)
      }
    }
  }

  /// A publication's whole file, for the counter: without a code it is of no use to anybody.
  ///
  /// - Throws: ``CenterError/Code/notFound``.
  public func file(_ publication: Int64) async throws(CenterError) -> (title: PublishedTitle, slice: TitleSlice) {
    let found = try await context.database.read { transaction in
      try transaction.first("SELECT * FROM publications WHERE id = $1", [.integer(publication)]).map {
        try Publication($0, identifier: publication)
      }
    }
    guard let found else {
      throw CenterError(.notFound, "Reading a title's sealed file", remedy: "Provide the title; the answer names it.")
    }
    let title = PublishedTitle(
      softwareID: found.softwareID, octets: found.octets, digest: found.digest, publishedAt: found.publishedAt)
    return (title, try slice(found, 0..<found.octets))
  }

  /// How long the file of a title that a counter provided is kept for it, in seconds.
  static let handOverSeconds: UInt64 = 86_400

  /// Removes the files that nobody can ask for: of publications that have a newer one and no download under way, and what
  /// a publishing that was cut off left behind. Says how many.
  @discardableResult
  public func removeOutdated() async throws(CenterError) -> Int {
    let folder = try folder()
    let now = context.clock.now()
    let recently = now - min(now, TitleStore.handOverSeconds)
    let (kept, last) = try await context.database.read { transaction in
      let rows = try transaction.run(
        """
        SELECT p.id, p.software_id, p.octets, p.digest, p.content_key, p.published_at FROM publications p
        WHERE p.id = (SELECT MAX(n.id) FROM publications n WHERE n.software_id = p.software_id)
        OR EXISTS (
          SELECT 1 FROM redemptions r WHERE r.publication = p.id
          AND (r.state = 'open' OR r.means = 'offline' AND r.ended_at >= $1)
        )
        """, [.number(recently)])
      let files = try rows.map { try Publication($0, identifier: try $0.integer("id")).fileName }
      let known = try transaction.first("SELECT COALESCE(MAX(id), 0) AS last FROM publications")
      return (Set(files), try known?.integer("last") ?? 0)
    }
    var removed = 0
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where !kept.contains(name) {
      // One with a higher number may be about to be published; and so may one with a lower, as long as it has a writer.
      guard let number = TitleStore.number(of: name), number <= last,
        !ScratchFile.isBeingWritten(folder + "/" + name)
      else { continue }
      if unlink(folder + "/" + name) == 0 { removed += 1 }
    }
    return removed
  }

  /// A range of a publication's file.
  func slice(_ publication: Publication, _ range: Range<UInt64>) throws(CenterError) -> TitleSlice {
    try TitleSlice(path: try folder() + "/" + publication.fileName, octets: publication.octets, range: range)
  }

  /// The folder, made when it is not there yet.
  private func folder() throws(CenterError) -> String {
    guard let folder = context.folder.map({ $0 + "/titles" }), mkdir(folder, 0o700) == 0 || errno == EEXIST else {
      throw CenterError(.storage, TitleStore.operation, remedy: "The centre's folder cannot be written; check it.")
    }
    return folder
  }

  /// The publication's number in a file's name.
  private static func number(of name: String) -> Int64? {
    guard let end = name.range(of: ".sealed"), let hyphen = name[..<end.lowerBound].lastIndex(of: "-") else {
      return nil
    }
    return Int64(name[name.index(after: hyphen)..<end.lowerBound])
  }
}
