import Cryptography
import Formats
import Octets

/// `center.json` is open to anybody who can write in the folder, while cards and licences carry what it says for ever.
/// It is believed only as far as the key store, which the passphrase protects, and the audit log bear it out.
extension CenterFacts {
  /// Throws unless the facts name keys of the key store alone, and the authority signed the certificates.
  ///
  /// Whether the certificates are in force now is no question of opening: an expired centre still answers for its past.
  func expectKeys(of keys: KeyStore, _ operation: String) throws(CenterError) {
    let isTrue: Bool
    do {
      isTrue = try editions.allSatisfy { try isEdition($0, of: keys) }
    } catch let error as CenterError {
      throw error
    } catch {
      isTrue = false
    }
    guard isTrue else { throw CenterFacts.changed(operation) }
  }

  /// Whether the keys of an edition are ones of the key store, and its authority signed its certificates.
  private func isEdition(_ edition: PublicKeys, of keys: KeyStore) throws -> Bool {
    let authority = try Certificate(der: edition.authorityCertificate)
    let license = try Certificate(der: edition.licenseCertificate)
    let catalogue = try Certificate(der: edition.catalogueCertificate)
    for (certificate, role) in [(license, Certificate.Role.licenseSigning), (catalogue, .catalogueSigning)] {
      let start = max(authority.validity.lowerBound, certificate.validity.lowerBound)
      try certificate.verify(chainTo: authority, at: start, role: role)
    }
    return try authority.isAuthority && authority.subject == authoritySubject
      && Authority.verificationKeys(.authority, keys).contains(authority.publicKey)
      && Authority.verificationKeys(.licenseSigning, keys).contains(license.publicKey)
      && Authority.verificationKeys(.catalogueSigning, keys).contains(catalogue.publicKey)
      && Authority.verificationKeys(.timeSigning, keys).contains { $0.octets == edition.timeKey }
  }

  /// Notes in the audit log's first record whose database this is, and the authority's certificate: nobody stands above
  /// it whose signature would show a change.
  ///
  /// - Throws: ``CenterError/Code/conflict`` when the database is a centre's already.
  func noteFounding(in transaction: any Transaction) throws {
    guard try AuditLog.head(transaction).sequence == 0 else {
      throw CenterError(
        .conflict, "Founding a centre", remedy: "The database holds a centre already; give an empty one.")
    }
    try AuditLog.append(transaction, at: createdAt, CenterFacts.founding, subject: centerID, detail: foundingDetail)
  }

  /// Takes back the founding of a centre that came to nothing, if nothing happened since.
  func withdrawFounding(in transaction: any Transaction) throws {
    guard try AuditLog.head(transaction).sequence == 1 else { return }
    try transaction.run(
      "DELETE FROM audit_log WHERE action = $1 AND subject = $2", [.text(CenterFacts.founding), .text("\(centerID)")])
  }

  /// Throws unless the database is that of the centre with this id, authority and time of making.
  func expectFounding(in transaction: any Transaction, _ operation: String) throws {
    let row = try transaction.first(
      "SELECT action, subject, detail, time FROM audit_log ORDER BY sequence LIMIT 1")
    guard let row, try row.text("action") == CenterFacts.founding, try row.text("subject") == centerID.description,
      try row.text("detail") == foundingDetail, try row.number("time", as: UInt64.self) == createdAt
    else { throw CenterFacts.changed(operation) }
  }

  /// Common name of the authority's certificate.
  var authoritySubject: String { CenterFacts.authoritySubject(name) }

  /// Common name of the certificate of the authority of the centre `name`.
  static func authoritySubject(_ name: String) -> String { "\(name) authority" }

  private var foundingDetail: String { "authority \(Hex.encode(Digest.sha256(editions[0].authorityCertificate)))" }

  private static let founding = "center.create"

  private static func changed(_ operation: String) -> CenterError {
    CenterError(
      .damaged, operation,
      remedy: "center.json, keys.sealed and center.db are not of one centre; restore all three from one backup.")
  }
}
