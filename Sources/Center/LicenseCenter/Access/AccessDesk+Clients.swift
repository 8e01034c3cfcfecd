import ChallengeAccess
import Cryptography
import Formats
import Identifiers
import Octets

/// Who may have access, and as what.
extension AccessDesk {
  /// Takes a machine in, by its key. Whoever runs the machine made key and id; the private key never leaves it.
  ///
  /// The same registration again is fine; the same operation again changes nothing, whatever became of the machine since.
  ///
  /// - Parameters:
  ///   - name: what people call it, 1 to 64 octets of UTF-8 without control characters; it is sealed before it is stored.
  ///   - key: a P-256 point, 65 octets.
  ///   - roles: at least one; a machine is no holder.
  /// - Throws: ``CenterError/Code/conflict`` when the id is taken by other content.
  public func register(
    _ machine: MachineID, name: String, key: [UInt8], roles: Set<AccessRole>, policy: ConfigurationPolicy = .none,
    operation operationID: OperationID? = nil
  ) async throws(CenterError) -> AccessClientRecord {
    let id = AccessClientID.machine(machine)
    let operation = "Registering machine \(machine)"
    guard isPlainText(name, limit: 64) else {
      throw CenterError(.invalid, operation, remedy: "A name has 1 to 64 octets and no control characters.")
    }
    guard (try? VerificationKey(octets: key)) != nil else {
      throw CenterError(.invalid, operation, remedy: "The key is no point of P-256; get it from the machine again.")
    }
    guard !roles.isEmpty, !roles.contains(.holder) else {
      throw CenterError(.invalid, operation, remedy: "Give it one or more of the roles counter, machine and auditor.")
    }
    let context = context
    let order = [Array(name.utf8), key, Array(AccessClientRow.text(roles).utf8), policy.encoded]
    try await context.write(once: operationID, operation, order) { transaction in
      let now = context.clock.now()
      var record = AccessClientRecord(id: id, name: name, roles: roles, policy: policy, registeredAt: now)
      if let known = try AccessClientRow.find(transaction, id, context.vault) {
        record.registeredAt = known.record.registeredAt
        guard known.record == record, known.publicKey == key else {
          throw CenterError(.conflict, operation, remedy: "The machine is registered otherwise; give it another id.")
        }
        return
      }
      try AccessClientRow(record: record, publicKey: key).put(transaction, context.vault)
      try AuditLog.append(
        transaction, at: now, "access.register", subject: id,
        detail: "\(AccessClientRow.text(roles)), key \(Hex.encode(Digest.sha256(key)))")
    }
    return try await client(id)
  }

  /// Says as what a client may have access from now on, and with which configurations. The tokens that it holds end.
  ///
  /// An issued card is a holder without it. The same operation again changes nothing.
  ///
  /// - Parameter roles: a card is no machine, and a machine no holder.
  public func setRoles(
    _ roles: Set<AccessRole>, policy: ConfigurationPolicy = .none, of id: AccessClientID,
    operation name: OperationID? = nil
  ) async throws(CenterError) -> AccessClientRecord {
    let operation = "Setting the roles of \(id)"
    let foreign: AccessRole = if case .card = id { .machine } else { .holder }
    guard !roles.isEmpty, !roles.contains(foreign) else {
      throw CenterError(
        .invalid, operation, remedy: "Give it at least one role; a card is no machine, and a machine no holder.")
    }
    let order = [Array(AccessClientRow.text(roles).utf8), policy.encoded]
    return try await change(id, "access.roles", detail: AccessClientRow.text(roles), once: name, order) { record in
      record.roles = roles
      record.policy = policy
    }
  }

  /// Takes all access from a client, at once: the tokens that it holds end too. Again is fine; the same operation again
  /// changes nothing, even if the client was reinstated since.
  public func revoke(_ id: AccessClientID, operation: OperationID? = nil) async throws(CenterError) {
    let now = context.clock.now()
    _ = try await change(id, "access.revoke", once: operation) { $0.revokedAt = $0.revokedAt ?? now }
  }

  /// Gives a revoked client its access back. The same operation again changes nothing.
  public func reinstate(_ id: AccessClientID, operation: OperationID? = nil) async throws(CenterError) {
    _ = try await change(id, "access.reinstate", once: operation) { $0.revokedAt = nil }
  }

  /// What the centre keeps about a client.
  public func client(_ id: AccessClientID) async throws(CenterError) -> AccessClientRecord {
    let context = context
    return try await context.database.read { try AccessClientRow.get($0, id, context.vault).record }
  }

  /// At most `limit` machines and cards that something was ever set for, by id, those that follow `last` if it is given.
  public func clients(after last: AccessClientID?, limit: Int) async throws(CenterError) -> [AccessClientRecord] {
    let context = context
    return try await context.database.read { transaction in
      try AccessClientRow.page(transaction, after: last, limit: limit, context.vault).map(\.record)
    }
  }

  /// All machines, and the cards that something was ever set for, oldest first. Every other issued card is a holder.
  public func clients() async throws(CenterError) -> [AccessClientRecord] {
    let context = context
    return try await context.database.read { try AccessClientRow.all($0, context.vault).map(\.record) }
  }

  private func change(
    _ id: AccessClientID, _ action: String, detail: String = "", once operation: OperationID?,
    _ order: [[UInt8]] = [], _ body: @escaping @Sendable (inout AccessClientRecord) -> Void
  ) async throws(CenterError) -> AccessClientRecord {
    let context = context
    let what = "Changing the access of \(id)"
    try await context.write(once: operation, what, [Array(action.utf8)] + order) { transaction in
      var row = try AccessClientRow.get(transaction, id, context.vault)
      let before = row.record
      body(&row.record)
      guard row.record != before else { return }
      try row.put(transaction, context.vault)
      try AccessDesk.endTokens(of: id, transaction)
      try AuditLog.append(transaction, at: context.clock.now(), action, subject: id, detail: detail)
    }
    return try await client(id)
  }
}
