extension Schema {
  /// What codes buy and who got it (P17, P10). Sealed columns: publications.content_key and copy_rights.code, the latter
  /// erased when the last copy is taken.
  @Sendable static func redemption(_ dialect: SQLDialect) -> [String] {
    let (integer, blob, suffix) = (dialect.integer, dialect.blob, dialect.tableSuffix)
    return [
      // A sealed file in the centre's folder; a newer one of the same title serves whoever begins from then on.
      """
      CREATE TABLE publications (
      id \(integer) PRIMARY KEY,
      software_id \(blob) NOT NULL REFERENCES titles (software_id),
      octets \(integer) NOT NULL,
      digest \(blob) NOT NULL,
      content_key \(blob) NOT NULL,
      published_at \(integer) NOT NULL
      )\(suffix)
      """,
      "CREATE INDEX publications_by_title ON publications (software_id, id)",
      // How many copies whoever redeemed a code of the title may hand on.
      """
      CREATE TABLE copy_rules (
      software_id \(blob) PRIMARY KEY REFERENCES titles (software_id),
      copies \(integer) NOT NULL CHECK (copies >= 0)
      )\(suffix)
      """,
      """
      CREATE TABLE copy_rights (
      id \(integer) PRIMARY KEY,
      parent \(integer) NOT NULL UNIQUE REFERENCES codes (id),
      lookup \(blob) NOT NULL UNIQUE,
      pepper \(integer) NOT NULL,
      code \(blob),
      copies \(integer) NOT NULL,
      taken \(integer) NOT NULL CHECK (taken >= 0 AND taken <= copies),
      made_at \(integer) NOT NULL
      )\(suffix)
      """,
      // One seat: of the code itself, or one of those of its copy right. `ticket` is the ticket's SHA-256.
      """
      CREATE TABLE redemptions (
      id \(integer) PRIMARY KEY,
      ticket \(blob) NOT NULL UNIQUE,
      code \(integer) NOT NULL REFERENCES codes (id),
      copy_right \(integer) REFERENCES copy_rights (id),
      seat \(integer) NOT NULL,
      publication \(integer) NOT NULL REFERENCES publications (id),
      means TEXT NOT NULL CHECK (means IN ('online', 'offline')),
      state TEXT NOT NULL CHECK (state IN ('open', 'done', 'recovered')),
      delivered \(integer) NOT NULL,
      acknowledged \(integer) NOT NULL,
      begun_at \(integer) NOT NULL,
      ended_at \(integer),
      CHECK (acknowledged <= delivered)
      )\(suffix)
      """,
      // Exactly one client for a seat, whatever a program does.
      """
      CREATE UNIQUE INDEX one_redemption ON redemptions (code, seat) WHERE state <> 'recovered'
      """,
      "CREATE INDEX redemptions_by_publication ON redemptions (publication, state)",
      // Failed attempts, under look-up values of identities and addresses.
      """
      CREATE TABLE attempts (
      name \(blob) PRIMARY KEY,
      failures \(integer) NOT NULL,
      noted_at \(integer) NOT NULL
      )\(suffix)
      """,
      "CREATE INDEX attempts_by_time ON attempts (noted_at)",
    ]
  }
}
