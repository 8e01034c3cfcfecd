import Formats
import Identifiers
import Octets

/// What the centre writes down about licences: requests, licences and bills. One statement each; the order of them is
/// ``LicenseDesk``'s.
enum LicenseBooks {
  /// M4: the request, in a transaction of its own, so that it is on record whatever becomes of the licence.
  static func save(_ transaction: any Transaction, _ context: CenterContext, _ request: LicenseRequest) throws {
    let now = context.clock.now()
    _ = try CardRow.get(transaction, request.cardSerial)
    try transaction.run(
      "INSERT INTO user_profiles (card, registered_at) VALUES ($1, $2) ON CONFLICT (card) DO NOTHING",
      [.blob(request.cardSerial.octets), .number(now)])
    let earlier = try transaction.first(
      "SELECT * FROM license_requests WHERE operation = $1", [.blob(request.operationID.octets)])
    if let earlier {
      guard try LicenseRequest(earlier) == request else {
        throw CenterError(
          .keyReused, LicenseDesk.operation, remedy: "This operation was done before with another request.")
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
  static func answered(_ transaction: any Transaction, _ request: LicenseRequest) throws -> TitleLicense? {
    let row = try transaction.first(
      """
      SELECT l.record FROM license_requests r JOIN licenses l ON l.number = r.license WHERE r.operation = $1
      """, [.blob(request.operationID.octets)])
    return try row.map { try TitleLicense($0) }
  }

  /// The newest licence for the request's card, title and medium.
  static func newest(_ transaction: any Transaction, _ request: LicenseRequest) throws -> TitleLicense? {
    let row = try transaction.first(
      """
      SELECT record FROM licenses WHERE card = $1 AND software_id = $2 AND medium_id = $3 AND successor IS NULL
      """,
      [.blob(request.cardSerial.octets), .blob(request.softwareID.octets), .blob(request.mediumID.octets)])
    return try row.map { try TitleLicense($0) }
  }

  /// Notes what an operation was answered with.
  static func answer(_ transaction: any Transaction, _ request: LicenseRequest, with license: TitleLicense) throws {
    try transaction.run(
      "UPDATE license_requests SET license = $2 WHERE operation = $1",
      [.blob(request.operationID.octets), .number(license.number)])
  }

  /// A new licence.
  static func enter(
    _ transaction: any Transaction, _ license: TitleLicense, _ price: Money, inPlaceOf earlier: TitleLicense?
  ) throws {
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
        .integer(price.minorUnits), .text(price.currency.code), .number(license.issuedAt), .blob(license.encoded),
      ])
  }

  /// The bill for a licence, and its line in the audit log.
  static func bill(_ transaction: any Transaction, _ license: TitleLicense, _ title: TitleRecord) throws {
    try AuditLog.append(
      transaction, at: license.issuedAt, "license.issue", subject: license.cardSerial,
      detail: "licence \(license.number), \(license.softwareID) \(license.mediumID), \(title.price)")
    try Ledger.transfer(
      transaction, title.price, from: .holder(license.cardSerial), to: .seller(title.seller),
      operation: "license:\(license.number)", memo: "copy licence \(license.number)", at: license.issuedAt)
  }

  /// The licences of a card, oldest first.
  static func licenses(_ transaction: any Transaction, of serial: CardSerial) throws -> [TitleLicense] {
    try transaction.run("SELECT record FROM licenses WHERE card = $1 ORDER BY number", [.blob(serial.octets)])
      .map { try TitleLicense($0) }
  }

  /// The requests of a card, oldest first.
  static func requests(_ transaction: any Transaction, of serial: CardSerial) throws -> [LicenseRequest] {
    try transaction.run(
      "SELECT * FROM license_requests WHERE card = $1 ORDER BY requested_at, operation", [.blob(serial.octets)]
    ).map { try LicenseRequest($0) }
  }
}

extension TitleLicense {
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
