/// The tables, as a list of migrations that only ever grows.
enum Schema {
  /// Every migration, oldest first.
  static let migrations: [@Sendable (SQLDialect) -> [String]] = [
    first, second, third, payments, payback, notices, idempotency, redemption, access, webhooks, cardRoots,
    signIn, requests, ruleRequests,
  ]

  /// Brings a database up to date, or up to an earlier `target` for what was written then, inside one transaction.
  static func migrate(_ transaction: any Transaction, _ dialect: SQLDialect, upTo target: Int? = nil) throws {
    try transaction.run(
      "CREATE TABLE IF NOT EXISTS schema_version (version \(dialect.integer) NOT NULL)\(dialect.tableSuffix)")
    let version = try version(transaction)
    let target = max(version, target ?? migrations.count)
    guard target <= migrations.count else {
      throw CenterError(
        .storage, "Opening the centre's database", remedy: "A newer program made it; use that one or a newer one.")
    }
    for migration in migrations[version..<target] {
      for table in migration(dialect) { try transaction.run(table) }
    }
    try transaction.run("DELETE FROM schema_version")
    try transaction.run("INSERT INTO schema_version (version) VALUES ($1)", [.number(target)])
  }

  /// Makes a database that holds nothing one of an earlier `schema`, for what was written then.
  ///
  /// - Throws: ``CenterError/Code/conflict`` where any table has a row.
  static func renew(
    _ transaction: any Transaction, _ dialect: SQLDialect, upTo schema: Int, _ operation: String
  ) throws {
    let tables = tables(upTo: try version(transaction))
    for table in tables where try transaction.first("SELECT 1 FROM \(table.name) LIMIT 1") != nil {
      throw CenterError(.conflict, operation, remedy: "The database holds a centre already; give an empty one.")
    }
    try remove(transaction)
    try migrate(transaction, dialect, upTo: schema)
  }

  /// Takes all tables away, with whatever is in them.
  static func remove(_ transaction: any Transaction) throws {
    for table in tables(upTo: try version(transaction)).reversed() { try transaction.run("DROP TABLE \(table.name)") }
    try transaction.run("DELETE FROM schema_version")
  }

  /// How many migrations a database has seen.
  static func version(_ transaction: any Transaction) throws -> Int {
    Int(try transaction.first("SELECT version FROM schema_version")?.integer("version") ?? 0)
  }

  @Sendable private static func first(_ dialect: SQLDialect) -> [String] {
    let integer = dialect.integer
    let blob = dialect.blob
    func table(_ name: String, _ columns: String) -> String {
      "CREATE TABLE \(name) (\n\(columns)\n)\(dialect.tableSuffix)"
    }
    return [
      table("counters", "name TEXT PRIMARY KEY, value \(integer) NOT NULL"),
      // Every change, chained by hashes.
      table(
        "audit_log",
        """
        sequence \(integer) PRIMARY KEY,
        time \(integer) NOT NULL,
        action TEXT NOT NULL,
        subject TEXT NOT NULL,
        detail TEXT NOT NULL,
        previous \(blob) NOT NULL,
        hash \(blob) NOT NULL
        """),
      // Fig 8 (P16). Sealed columns: transport_keys, purchaser, reference_data.
      table(
        "cards",
        """
        serial \(blob) PRIMARY KEY,
        state TEXT NOT NULL CHECK (state IN ('registered', 'issuing', 'issued')),
        module_type TEXT NOT NULL,
        production_number TEXT NOT NULL,
        produced_at \(integer) NOT NULL,
        registered_at \(integer) NOT NULL,
        transport_keys \(blob),
        issuer_root \(integer) NOT NULL,
        purchaser \(blob),
        maximum_codes \(integer),
        generation_keys \(blob),
        reference_data \(blob),
        issued_at \(integer),
        charge_number \(integer) NOT NULL DEFAULT 0,
        charged_codes \(integer) NOT NULL DEFAULT 0
        """),
      table(
        "card_certificates",
        """
        card \(blob) NOT NULL REFERENCES cards (serial),
        role TEXT NOT NULL,
        public_key \(blob) NOT NULL,
        certificate \(blob) NOT NULL,
        PRIMARY KEY (card, role)
        """),
      // Sealed column: content_key.
      table(
        "titles",
        """
        software_id \(blob) PRIMARY KEY,
        name TEXT NOT NULL,
        version TEXT NOT NULL,
        type TEXT NOT NULL,
        seller TEXT NOT NULL,
        price \(integer) NOT NULL CHECK (price >= 0),
        currency TEXT NOT NULL,
        content_key \(blob) NOT NULL,
        registered_at \(integer) NOT NULL,
        pressed_at \(integer)
        """),
      table(
        "charges",
        """
        id \(integer) PRIMARY KEY,
        operation \(blob) NOT NULL UNIQUE,
        order_digest \(blob) NOT NULL,
        card \(blob) NOT NULL REFERENCES cards (serial),
        number \(integer) NOT NULL,
        software_id \(blob) NOT NULL REFERENCES titles (software_id),
        desired \(integer) NOT NULL,
        actual \(integer) NOT NULL,
        price \(integer) NOT NULL,
        currency TEXT NOT NULL,
        batch_digest \(blob) NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('open', 'booked', 'voided')),
        opened_at \(integer) NOT NULL,
        closed_at \(integer)
        """),
      // A card has at most one charge whose fate is unknown.
      "CREATE UNIQUE INDEX one_open_charge ON charges (card) WHERE state = 'open'",
      "CREATE UNIQUE INDEX one_booking ON charges (card, number) WHERE state = 'booked'",
      table(
        "seal_sheets",
        """
        id \(integer) PRIMARY KEY,
        operation \(blob) NOT NULL UNIQUE,
        order_digest \(blob) NOT NULL,
        card \(blob) NOT NULL REFERENCES cards (serial),
        software_id \(blob) NOT NULL REFERENCES titles (software_id),
        url TEXT NOT NULL,
        expiry \(integer),
        sold_at \(integer) NOT NULL,
        printed_at \(integer)
        """),
      // Sealed column: code, erased once the charge is booked or the sheet printed.
      table(
        "codes",
        """
        id \(integer) PRIMARY KEY,
        lookup \(blob) NOT NULL UNIQUE,
        pepper \(integer) NOT NULL,
        code \(blob),
        state TEXT NOT NULL CHECK (state IN ('reserved', 'unused', 'inUse', 'used', 'voided')),
        software_id \(blob) NOT NULL REFERENCES titles (software_id),
        generation_key \(integer) NOT NULL,
        generation_root \(integer) NOT NULL,
        expiry \(integer),
        uses \(integer),
        fresh_time \(integer) NOT NULL,
        message_id \(blob) NOT NULL,
        price \(integer) NOT NULL,
        currency TEXT NOT NULL,
        made_at \(integer) NOT NULL,
        charge \(integer) REFERENCES charges (id),
        sheet \(integer) REFERENCES seal_sheets (id),
        position \(integer) NOT NULL
        """),
      "CREATE INDEX codes_by_charge ON codes (charge, position)",
      "CREATE INDEX codes_by_sheet ON codes (sheet, position)",
      // Database 13 of the seeds: users and their requests (M4).
      table(
        "user_profiles",
        "card \(blob) PRIMARY KEY REFERENCES cards (serial), registered_at \(integer) NOT NULL"),
      table(
        "licenses",
        """
        number \(integer) PRIMARY KEY,
        card \(blob) NOT NULL REFERENCES cards (serial),
        software_id \(blob) NOT NULL REFERENCES titles (software_id),
        medium_id \(blob) NOT NULL,
        terms \(blob) NOT NULL,
        root_version \(integer) NOT NULL,
        price \(integer) NOT NULL,
        currency TEXT NOT NULL,
        issued_at \(integer) NOT NULL,
        record \(blob) NOT NULL,
        successor \(integer)
        """),
      // One licence for card, title and medium, until another takes the place of the expired one.
      "CREATE UNIQUE INDEX one_license ON licenses (card, software_id, medium_id) WHERE successor IS NULL",
      table(
        "license_requests",
        """
        operation \(blob) PRIMARY KEY,
        card \(blob) NOT NULL REFERENCES user_profiles (card),
        software_id \(blob) NOT NULL,
        medium_id \(blob) NOT NULL,
        terms \(blob) NOT NULL,
        requested_at \(integer) NOT NULL,
        license \(integer) REFERENCES licenses (number)
        """),
      table(
        "accounts",
        """
        id \(integer) PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('cash', 'holder', 'seller')),
        owner TEXT NOT NULL,
        currency TEXT NOT NULL,
        balance \(integer) NOT NULL,
        UNIQUE (kind, owner, currency)
        """),
      table(
        "ledger_entries",
        """
        id \(integer) PRIMARY KEY,
        operation TEXT NOT NULL UNIQUE,
        memo TEXT NOT NULL,
        time \(integer) NOT NULL
        """),
      table(
        "postings",
        """
        entry \(integer) NOT NULL REFERENCES ledger_entries (id),
        line \(integer) NOT NULL,
        account \(integer) NOT NULL REFERENCES accounts (id),
        amount \(integer) NOT NULL,
        PRIMARY KEY (entry, line)
        """),
    ]
  }

  /// Keys for two purchasers (P18), wrapped: nothing in this table is secret.
  @Sendable private static func second(_ dialect: SQLDialect) -> [String] {
    let (integer, blob) = (dialect.integer, dialect.blob)
    return [
      """
      CREATE TABLE shared_keys (
      number \(integer) PRIMARY KEY,
      operation \(blob) NOT NULL UNIQUE,
      first_card \(blob) NOT NULL REFERENCES cards (serial),
      second_card \(blob) NOT NULL REFERENCES cards (serial),
      first_wrap \(blob) NOT NULL,
      second_wrap \(blob) NOT NULL,
      made_at \(integer) NOT NULL
      )\(dialect.tableSuffix)
      """
    ]
  }

  /// Titles sold under conversion keys (M11): the version of KM that their key Ka comes from; null for all others.
  @Sendable private static func third(_ dialect: SQLDialect) -> [String] {
    ["ALTER TABLE titles ADD COLUMN conversion_root \(dialect.integer)"]
  }
}
