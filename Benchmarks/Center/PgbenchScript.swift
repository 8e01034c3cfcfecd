/// What pgbench does for each redemption: the statements that the centre sends, on the same tables and as many rows, in a
/// database of its own.
///
/// pgbench computes no keyed hashes, so codes are found under their numbers there, and what the centre derives is chance.
/// Its records of the audit log make no chain and its numbers come from sequences, so that its clients need not wait for
/// one another, as those of a chain must. Each transaction asks for the title and for the log's last record, which each of the
/// centre's does too, though many redemptions share one.
enum PgbenchScript {
  /// What the reference's database needs beside its codes.
  static let preparation = [
    "CREATE SEQUENCE measured", "UPDATE codes SET lookup = decode(lpad(to_hex(id), 64, '0'), 'hex')",
  ]

  /// The script for so many clients; each takes every so-manieth code.
  static func text(clients: Int) -> String {
    """
    \\set turn :turn + 1
    \\set number :turn * \(clients) + :client_id + 1
    \\set chance random(1, 1000000000000000000)
    BEGIN;
    SELECT * FROM idempotent_answers WHERE name = \(random) AND kept_until >= 0;
    SELECT c.id, c.state, c.software_id, c.expiry, r.id AS copy_right, r.copies, r.taken,
      p.id AS parent, p.state AS parent_state, p.software_id AS parent_software_id, p.expiry AS parent_expiry
      FROM (SELECT 1 AS one) q LEFT JOIN codes c ON c.lookup = \(lookup)
      LEFT JOIN copy_rights r ON r.lookup = \(lookup) LEFT JOIN codes p ON p.id = r.parent;
    SELECT p.*, t.name AS title_name, t.version AS title_version, t.type AS title_type
      FROM publications p JOIN titles t ON t.software_id = p.software_id
      WHERE p.software_id = (SELECT software_id FROM titles) ORDER BY p.id DESC LIMIT 1;
    UPDATE codes SET state = 'inUse' WHERE id = :number::bigint AND state = 'unused';
    INSERT INTO redemptions
      (id, ticket, code, copy_right, seat, publication, means, state, delivered, acknowledged, begun_at)
      SELECT nextval('measured'), \(random), :number::bigint, NULL, 0, 1, 'online', 'open', 0, 0, 1800000000
      ON CONFLICT (ticket) DO NOTHING;
    SELECT sequence, time, hash FROM audit_log ORDER BY sequence DESC LIMIT 1;
    INSERT INTO audit_log (sequence, time, action, subject, detail, previous, hash)
      VALUES (-nextval('measured'), 1800000000, 'redeem.begin', 'S-00112233445566778899AABBCCDDEEFF',
      'code 10000, seat 0, online', \(random), \(random));
    INSERT INTO idempotent_answers (name, digest, status, body, kept_until)
      VALUES (\(random), \(random), 201, \(random) || \(random) || \(random), 1800000000)
      ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, status = excluded.status, body = excluded.body,
      kept_until = excluded.kept_until;
    COMMIT;

    """
  }

  /// 32 octets that nobody foresees. A function that is new each time, such as `random()`, would keep indices from use.
  private static let random = "sha256(int8send(:chance::bigint))"
  private static let lookup = "decode(lpad(to_hex(:number::bigint), 64, '0'), 'hex')"
}
