/// What moves a seat on. Octets that are sent change nobody's rights and would fill the audit log: only ends are in it.
extension RedemptionRow {
  /// Notes octets that are sent and octets that arrived; neither ever goes back.
  func advance(_ transaction: any Transaction, delivered: UInt64, acknowledged: UInt64) throws {
    guard delivered > self.delivered || acknowledged > self.acknowledged else { return }
    try transaction.run(
      """
      UPDATE redemptions SET
      delivered = CASE WHEN delivered < $2 THEN $2 ELSE delivered END,
      acknowledged = CASE WHEN acknowledged < $3 THEN $3 ELSE acknowledged END
      WHERE id = $1 AND state = 'open'
      """, [.integer(identifier), .number(delivered), .number(acknowledged)])
  }

  /// The client has everything: the seat is done and, if it is the code's own, the code used. Once.
  func finish(_ transaction: any Transaction, at time: UInt64) throws {
    let rows = try transaction.run(
      "UPDATE redemptions SET state = 'done', ended_at = $2 WHERE id = $1 AND state = 'open' RETURNING id",
      [.integer(identifier), .number(time)])
    guard !rows.isEmpty else { return }
    if seat == 0 {
      try transaction.run("UPDATE codes SET state = 'used' WHERE id = $1 AND state = 'inUse'", [.integer(codeID)])
    }
    try AuditLog.append(
      transaction, at: time, "redeem.finish", subject: publication.softwareID,
      detail: "code \(codeID), seat \(seat), \(means.rawValue)")
  }

  /// Takes an open seat back: its ticket is worth nothing, and the seat is free. Once.
  func recover(_ transaction: any Transaction, at time: UInt64, reason: String) throws -> Bool {
    let rows = try transaction.run(
      "UPDATE redemptions SET state = 'recovered', ended_at = $2 WHERE id = $1 AND state = 'open' RETURNING id",
      [.integer(identifier), .number(time)])
    guard !rows.isEmpty else { return false }
    if let copyRight {
      try transaction.run("UPDATE copy_rights SET taken = taken - 1 WHERE id = $1", [.integer(copyRight)])
    } else {
      try transaction.run("UPDATE codes SET state = 'unused' WHERE id = $1 AND state = 'inUse'", [.integer(codeID)])
    }
    try AuditLog.append(
      transaction, at: time, "redeem.recover", subject: publication.softwareID,
      detail: "code \(codeID), seat \(seat), \(reason)")
    return true
  }
}
