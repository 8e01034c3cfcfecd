import Cryptography
import Formats
import Identifiers
import Octets

/// One title as the centre knows it.
public struct TitleRecord: Hashable, Sendable {
  /// SIDi.
  public var softwareID: SoftwareID
  /// Its name.
  public var name: String
  /// Its version.
  public var version: String
  /// What it is.
  public var type: TitleType
  /// Whose ledger account earns its price.
  public var seller: String
  /// What a licence or a code for it costs.
  public var price: Money
  /// Which way of copying it is sold under, for all its life.
  public var profile: CopyProfile
  /// When it first went onto a master disc, seconds since 1970 UTC; `nil` before.
  public var pressedAt: UInt64?
}

/// The distributor's office: titles, their content keys, and the catalogues of master discs (M2). It keeps the contents
/// identifier file (33 of the seeds, M11).
public struct Titles: Sendable {
  let context: CenterContext

  /// Registers a title; the centre makes its software id, and its content key: a random Kd, or Ka from KM and the
  /// software id.
  ///
  /// - Parameter operationID: repeating it registers nothing more. The software id is made from it, or else at random.
  /// - Throws: ``CenterError/Code/keyReused`` when the operation was done before with another title.
  public func register(
    name: String, version: String, type: TitleType, seller: String, price: Money, profile: CopyProfile = .certificate,
    operationID: OperationID? = nil
  ) async throws(CenterError) -> TitleRecord {
    let operation = "Registering the title"
    guard price.currency != .points else {
      throw CenterError(.invalid, operation, remedy: "Titles are sold for money; points are exchanged first.")
    }
    guard !seller.isEmpty, seller.utf8.count <= 128 else {
      throw CenterError(.invalid, operation, remedy: "Name the seller in at most 128 octets.")
    }
    guard let softwareID = SoftwareID(octets: newID(operationID)) else {
      throw CenterError(.invalid, operation, remedy: "The random source gave no 16 octets.")
    }
    let record = TitleRecord(
      softwareID: softwareID, name: name, version: version, type: type, seller: seller, price: price,
      profile: profile)
    let contentKey: TitleKey
    do {
      try CatalogueTitle.validate(name: name, version: version, price: price)
      contentKey = try TitleKey(of: softwareID, profile, context)
    } catch {
      throw CenterError(error, during: operation)
    }
    let context = context
    try await context.database.write { transaction in
      if operationID != nil, let earlier = try TitleRow.find(transaction, record.softwareID) {
        guard earlier.record.isRegistered(as: record) else {
          throw CenterError(.keyReused, operation, remedy: "This operation was done before with another title.")
        }
        return
      }
      let now = context.clock.now()
      try transaction.run(
        """
        INSERT INTO titles
        (software_id, name, version, type, seller, price, currency, content_key, conversion_root, registered_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        [
          .blob(record.softwareID.octets), .text(name), .text(version), .text(type.rawValue), .text(seller),
          .integer(price.minorUnits), .text(price.currency.code), .blob(contentKey.sealed),
          .number(contentKey.conversionRoot), .number(now),
        ])
      try AuditLog.append(
        transaction, at: now, "title.register", subject: record.softwareID, detail: "\(price), \(profile.rawValue)")
    }
    return record
  }

  /// 16 octets that no other title has: whoever chose the operation's name at random chose them.
  private func newID(_ operationID: OperationID?) -> [UInt8] {
    guard let operationID else { return context.random.octets(SoftwareID.octetCount) }
    let name = typedOctets("title", [context.facts.centerID.octets, operationID.octets])
    return Array(Digest.sha256(name).prefix(SoftwareID.octetCount))
  }

  /// The key that a title is sealed under on master discs, for the machine that presses it: Kd, or Ka.
  public func contentKey(of softwareID: SoftwareID) async throws(CenterError) -> Secret {
    let key = try await context.database.read { try TitleRow.get($0, softwareID).contentKey }
    do {
      return try key.open(of: softwareID, context)
    } catch {
      throw CenterError(error, during: "Opening the content key of \(softwareID)")
    }
  }

  /// A title.
  public func title(_ softwareID: SoftwareID) async throws(CenterError) -> TitleRecord {
    try await context.database.read { try TitleRow.get($0, softwareID).record }
  }

  /// Every title, oldest first.
  public func titles() async throws(CenterError) -> [TitleRecord] {
    try await context.database.read { transaction in
      try transaction.run("SELECT * FROM titles ORDER BY registered_at, software_id").map { try TitleRow($0).record }
    }
  }

  /// Signs the catalogue of a master disc, after checking that every title in it is the one registered here.
  public func sign(_ catalogue: MasterCatalogue) async throws(CenterError) -> SignedCatalogue {
    let operation = "Signing the catalogue"
    guard catalogue.centerID == context.facts.centerID else {
      throw CenterError(.invalid, operation, remedy: "The catalogue names another centre.")
    }
    let signed: SignedCatalogue
    do {
      let json = try catalogue.json()
      let signature = try Authority.sign(SignedCatalogue.signedOctets(json: json), .catalogueSigning, context.keys)
      signed = SignedCatalogue(json: json, signature: signature)
    } catch {
      throw CenterError(error, during: operation)
    }
    let context = context
    try await context.database.write { transaction in
      let now = context.clock.now()
      for entry in catalogue.titles {
        let title = try TitleRow.get(transaction, entry.softwareID).record
        guard title.name == entry.name, title.version == entry.version, title.type == entry.type,
          title.price == entry.price
        else {
          throw CenterError(.conflict, operation, remedy: "The title \(entry.softwareID) is registered otherwise.")
        }
        try transaction.run(
          "UPDATE titles SET pressed_at = COALESCE(pressed_at, $2) WHERE software_id = $1",
          [.blob(entry.softwareID.octets), .number(now)])
        transaction.titleMemory?.forget()
      }
      try AuditLog.append(
        transaction, at: now, "catalogue.sign", subject: Hex.encode(Digest.sha256(signed.json)),
        detail: "\(catalogue.titles.count) titles")
    }
    return signed
  }
}

extension TitleRecord {
  /// Whether it was registered as `other` is; that it was pressed since does not count.
  fileprivate func isRegistered(as other: TitleRecord) -> Bool {
    var (one, other) = (self, other)
    (one.pressedAt, other.pressedAt) = (nil, nil)
    return one == other
  }
}

extension SQLRow {
  /// The amount in `column`, in the currency of the column `currency`.
  func money(_ column: String) throws(CenterError) -> Money {
    let currency = try value("currency") { (text: String) in Currency(text) }
    return Money(minorUnits: try integer(column), currency: currency)
  }
}
