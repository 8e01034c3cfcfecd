import Cryptography
import Formats
import Identifiers
import Octets
import SecureChannel

/// The copy-licence centre: takes requests in (M4) and gives licences for one title on one medium and one card (M5).
public struct CopyLicenses: Sendable {
  let context: CenterContext

  /// Saves the request in the user profile database (13 of the seeds), registers the user on the first one, and gives
  /// the licence: certificate code, E_KU(KEYc) and IDc, billed once.
  ///
  /// A licence belongs to card, title and medium: asking for it again, under this or another operation id, gives the
  /// same octets and costs nothing. Once it has expired by the centre's clock, another operation with later terms buys a
  /// new one in its place.
  ///
  /// - Throws: ``CenterError/Code/conflict`` when the operation id was used for another request, or the licence was given
  ///   under other terms and is still good; ``CenterError/Code/notFound`` for an unknown card or title;
  ///   ``CenterError/Code/invalid`` for terms that this centre cannot give. A request that contradicts none before it is
  ///   on record even then, unless its card is unknown.
  public func license(_ request: LicenseRequest) async throws(CenterError) -> CopyLicense {
    let context = context
    try await context.database.write { try CopyLicenses.save($0, context, request) }
    return try await context.database.write { transaction in
      if let license = try CopyLicenses.answered(transaction, request) { return license }
      let card = try CardRow.issued(transaction, request.cardSerial)
      let title = try TitleRow.get(transaction, request.softwareID)
      let earlier = try CopyLicenses.find(transaction, request)
      if let earlier, earlier.terms == request.terms {
        try CopyLicenses.answer(transaction, request, with: earlier)
        return earlier
      }
      try CopyLicenses.expectGivable(request.terms, inPlaceOf: earlier, at: context.clock.now())
      let license = try CopyLicenses.make(transaction, context, request, card, title, inPlaceOf: earlier)
      try CopyLicenses.bill(transaction, context, license, title.record)
      try CopyLicenses.answer(transaction, request, with: license)
      return license
    }
  }

  /// The licences of a card, oldest first.
  public func licenses(of serial: CardSerial) async throws(CenterError) -> [CopyLicense] {
    try await context.database.read { transaction in
      try transaction.run("SELECT record FROM licenses WHERE card = $1 ORDER BY number", [.blob(serial.octets)])
        .map { try CopyLicense($0) }
    }
  }

  /// The requests of a card as they were saved (M4), oldest first.
  public func requests(of serial: CardSerial) async throws(CenterError) -> [LicenseRequest] {
    try await context.database.read { transaction in
      let rows = try transaction.run(
        "SELECT * FROM license_requests WHERE card = $1 ORDER BY requested_at, operation", [.blob(serial.octets)])
      return try rows.map { try LicenseRequest($0) }
    }
  }

  private static let operation = "Licensing a copy"
}

extension CopyLicenses {
  /// M4: the request, in a transaction of its own, so that it is on record whatever becomes of the licence.
  private static func save(
    _ transaction: any Transaction, _ context: CenterContext, _ request: LicenseRequest
  ) throws {
    let now = context.clock.now()
    _ = try CardRow.get(transaction, request.cardSerial)
    try transaction.run(
      "INSERT INTO user_profiles (card, registered_at) VALUES ($1, $2) ON CONFLICT (card) DO NOTHING",
      [.blob(request.cardSerial.octets), .number(now)])
    let earlier = try transaction.first(
      "SELECT * FROM license_requests WHERE operation = $1", [.blob(request.operationID.octets)])
    if let earlier {
      guard try LicenseRequest(earlier) == request else {
        throw CenterError(.conflict, operation, remedy: "This operation was done before with another request.")
      }
      return
    }
    try transaction.run(
      """
      INSERT INTO license_requests (operation, card, software_id, medium_id, terms, requested_at)
      VALUES ($1, $2, $3, $4, $5, $6)
      """,
      [
        .blob(request.operationID.octets), .blob(request.cardSerial.octets), .blob(request.softwareID.octets),
        .blob(request.mediumID.octets), .blob(request.terms.encoded), .number(now),
      ])
    try AuditLog.append(
      transaction, at: now, "license.request", subject: request.cardSerial,
      detail: "\(request.softwareID) \(request.mediumID)")
  }

  /// The licence that this very operation was answered with before.
  private static func answered(_ transaction: any Transaction, _ request: LicenseRequest) throws -> CopyLicense? {
    let row = try transaction.first(
      """
      SELECT l.record FROM license_requests r JOIN licenses l ON l.number = r.license WHERE r.operation = $1
      """, [.blob(request.operationID.octets)])
    return try row.map { try CopyLicense($0) }
  }

  /// The newest licence for the request's card, title and medium.
  private static func find(_ transaction: any Transaction, _ request: LicenseRequest) throws -> CopyLicense? {
    let row = try transaction.first(
      """
      SELECT record FROM licenses WHERE card = $1 AND software_id = $2 AND medium_id = $3 AND successor IS NULL
      """,
      [.blob(request.cardSerial.octets), .blob(request.softwareID.octets), .blob(request.mediumID.octets)])
    return try row.map { try CopyLicense($0) }
  }

  /// Throws unless a licence can be given under `terms`, in place of an earlier one under other terms if there is one.
  private static func expectGivable(
    _ terms: LicenseTerms, inPlaceOf earlier: CopyLicense?, at now: UInt64
  ) throws(CenterError) {
    guard !terms.requiresAttestedMedium else {
      throw CenterError(
        .invalid, operation,
        remedy: "This centre attests no media yet, and no card would accept such a licence; ask without attestation.")
    }
    guard let earlier else { return }
    guard earlier.terms.areOver(at: now) else {
      throw CenterError(.conflict, operation, remedy: "This medium is licensed under other terms; ask for those.")
    }
    guard !terms.areOver(at: now) else {
      throw CenterError(.conflict, operation, remedy: "The licence has expired; ask for terms that have not.")
    }
  }

  private static func answer(
    _ transaction: any Transaction, _ request: LicenseRequest, with license: CopyLicense
  ) throws {
    try transaction.run(
      "UPDATE license_requests SET license = $2 WHERE operation = $1",
      [.blob(request.operationID.octets), .number(license.number)])
  }

  /// M5: a new licence, signed and stored.
  private static func make(
    _ transaction: any Transaction, _ context: CenterContext, _ request: LicenseRequest, _ card: CardRow,
    _ title: TitleRow, inPlaceOf earlier: CopyLicense?
  ) throws -> CopyLicense {
    let contentKey = try context.vault.open(
      title.sealedContentKey, .contentKey, row: request.softwareID.octets)
    var license = try LicenseMaker.make(
      number: UInt64(try transaction.nextNumber(of: "license")), request, centerID: context.facts.centerID,
      issuedAt: context.clock.now(), individualKey: try card.individualKey(context.keys), contentKey: contentKey,
      keys: context.keys)
    license.signature = try Authority.sign(license.signedOctets, .licenseSigning, context.keys)
    if let earlier {
      try transaction.run(
        "UPDATE licenses SET successor = $2 WHERE number = $1", [.number(earlier.number), .number(license.number)])
    }
    try transaction.run(
      """
      INSERT INTO licenses (number, card, software_id, medium_id, terms, root_version, price, currency, issued_at, record)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
      """,
      [
        .number(license.number), .blob(license.cardSerial.octets), .blob(license.softwareID.octets),
        .blob(license.mediumID.octets), .blob(license.terms.encoded), .number(license.rootVersion),
        .integer(title.record.price.minorUnits), .text(title.record.price.currency.code), .number(license.issuedAt),
        .blob(license.encoded),
      ])
    return license
  }

  private static func bill(
    _ transaction: any Transaction, _ context: CenterContext, _ license: CopyLicense, _ title: TitleRecord
  ) throws {
    try Ledger.transfer(
      transaction, title.price, from: .holder(license.cardSerial), to: .seller(title.seller),
      operation: "license:\(license.number)", memo: "copy licence \(license.number)", at: license.issuedAt)
    try AuditLog.append(
      transaction, at: license.issuedAt, "license.issue", subject: license.cardSerial,
      detail: "licence \(license.number), \(license.softwareID) \(license.mediumID), \(title.price)")
  }
}

extension LicenseTerms {
  /// Whether a licence under them is dead at `time`.
  fileprivate func areOver(at time: UInt64) -> Bool { expiry.map { $0 < time } ?? false }
}

extension CopyLicense {
  fileprivate init(_ row: SQLRow) throws {
    let record = try row.octets("record")
    try self.init(parsing: record.span.bytes)
  }
}

extension LicenseRequest {
  fileprivate init(_ row: SQLRow) throws {
    let terms = try row.octets("terms")
    self.init(
      operationID: try row.value("operation") { OperationID(octets: $0) },
      cardSerial: try row.value("card") { CardSerial(octets: $0) },
      softwareID: try row.value("software_id") { SoftwareID(octets: $0) },
      mediumID: try row.value("medium_id") { MediumID(octets: $0) },
      terms: try LicenseTerms(parsing: terms.span.bytes))
  }
}
