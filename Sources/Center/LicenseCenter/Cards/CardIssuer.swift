import CardProtocol
import Cryptography
import Formats
import Identifiers
import ISO7816
import Octets
import SecureChannel

/// The card issuer (P2, P16): registers blank cards and makes them someone's.
///
/// An issue is a row of steps, each of which looks at the card first and does only what is missing. Whatever message it
/// breaks off at, the same order can be run again until it is done.
public struct CardIssuer: Sendable {
  let context: CenterContext

  /// Takes a blank card's production record in; the transport keys are sealed before they are stored.
  ///
  /// - Throws: ``CenterError/Code/conflict`` when the card is registered with other data or keys. The same record again
  ///   is fine; once the card is issued its transport keys are gone and no longer compared.
  public func register(_ record: borrowing ProductionRecord) async throws(CenterError) {
    let operation = "Registering card \(record.cardSerial)"
    let serial = record.cardSerial
    let (moduleType, productionNumber, producedAt) = (record.moduleType, record.productionNumber, record.producedAt)
    let sealedKeys: [UInt8]
    let issuerRoot: UInt32
    do {
      sealedKeys = try context.vault.seal(try record.transportKeys(), .transportKeys, row: serial.octets)
      issuerRoot = try context.keys.currentVersion(of: .issuerMaster)
    } catch {
      throw CenterError(error, during: operation)
    }
    let context = context
    try await context.database.write { transaction in
      if let card = try CardRow.find(transaction, serial) {
        guard try card.row.text("module_type") == moduleType,
          try card.row.text("production_number") == productionNumber,
          try card.row.number("produced_at", as: UInt64.self) == producedAt,
          try CardIssuer.isSameTransport(sealedKeys, card, context.vault)
        else {
          throw CenterError(.conflict, operation, remedy: "A card with this serial is registered with other data.")
        }
        return
      }
      let now = context.clock.now()
      try transaction.run(
        """
        INSERT INTO cards (serial, state, module_type, production_number, produced_at, registered_at, transport_keys,
          issuer_root)
        VALUES ($1, 'registered', $2, $3, $4, $5, $6, $7)
        """,
        [
          .blob(serial.octets), .text(moduleType), .text(productionNumber), .number(producedAt), .number(now),
          .blob(sealedKeys), .number(issuerRoot),
        ])
      try AuditLog.append(transaction, at: now, "card.register", subject: serial)
    }
  }

  /// Makes a registered card someone's: individual key under the transport keys, then generation keys, key pairs,
  /// certificates, PIN and PUK under the card's own key set.
  ///
  /// - Throws: ``CenterError``; after any of them the same order may be run again.
  public func issue(_ order: CardIssueOrder, over relay: any CardRelay) async throws(CenterError) -> CardRecord {
    let operation = "Issuing card \(order.cardSerial)"
    guard let plan = try await begin(order, operation) else { return try await card(order.cardSerial) }
    let dialogue = CardDialogue(relay, random: context.random, operation: operation)
    try await dialogue.select()
    switch try await dialogue.status(of: order.cardSerial).lifeCycle {
    case .operatingReady, .initialized:
      try await personalize(order.cardSerial, plan, dialogue, operation)
      try await dialogue.select()
    case .secured: break
    case .cardLocked, .terminated:
      throw CenterError(.conflict, operation, remedy: "The card is locked or at its end; take another.")
    }
    try await dialogue.openIndividualChannel(to: order.cardSerial, issuerRoot: plan.issuerRoot, context.keys)
    try await addGenerationKeys(plan.generationRoots, dialogue, operation)
    try await certifyKeyPairs(order.cardSerial, plan, dialogue, operation)
    try await finish(order.cardSerial)
    return try await card(order.cardSerial)
  }

  /// What the centre keeps about a card (Fig 8).
  public func card(_ serial: CardSerial) async throws(CenterError) -> CardRecord {
    let context = context
    return try await context.database.read { transaction in
      let card = try CardRow.get(transaction, serial)
      return try card.record(context.vault, amounts: try CodeSales.amounts(transaction, card: serial))
    }
  }

  /// Serials of all cards, oldest first.
  public func serials() async throws(CenterError) -> [CardSerial] {
    try await context.database.read { transaction in
      try transaction.run("SELECT serial FROM cards ORDER BY registered_at, serial").map { row in
        try row.value("serial") { CardSerial(octets: $0) }
      }
    }
  }
}

extension CardIssuer {
  /// Whether a card was registered with the same transport keys, as far as the centre still has them.
  private static func isSameTransport(_ sealed: [UInt8], _ card: CardRow, _ vault: Vault) throws -> Bool {
    guard let registered = try card.row.optionalOctets("transport_keys") else { return true }
    let row = card.serial.octets
    let keys = try vault.open(registered, .transportKeys, row: row)
    return keys.matches(try vault.open(sealed, .transportKeys, row: row))
  }

  /// What an issue needs beyond the order, as it was decided when it first began.
  private struct Plan {
    var issuerRoot: UInt32
    var sealedTransportKeys: [UInt8]?
    var sealedReferenceData: [UInt8]
    var edition: PublicKeys
    var generationRoots: [UInt8: UInt32]
  }

  /// Notes the order, or finds that it was noted before; `nil` when it has been carried out.
  private func begin(_ order: CardIssueOrder, _ operation: String) async throws(CenterError) -> Plan? {
    let context = context
    let row = order.cardSerial.octets
    return try await context.database.write { transaction in
      let card = try CardRow.get(transaction, order.cardSerial)
      if card.state != .registered {
        guard try card.purchaser(context.vault) == order.purchaser, try card.maximumCodes == order.maximumCodes,
          try card.generationKeys == order.generationKeys
        else {
          throw CenterError(.conflict, operation, remedy: "Its issue was begun with another order; repeat that one.")
        }
        guard card.state == .issuing else { return nil }
        return Plan(
          issuerRoot: try card.issuerRoot, sealedTransportKeys: try card.row.optionalOctets("transport_keys"),
          sealedReferenceData: try card.row.octets("reference_data"), edition: try card.edition(context.facts),
          generationRoots: try card.generationRoots)
      }
      let purchaser = try context.vault.seal(
        Secret(copying: Array(order.purchaser.utf8)), .purchaser, row: row)
      let referenceData = try context.vault.seal(
        try PINLetter.makeReferenceData(from: context.random), .referenceData, row: row)
      // What is rotated from here on does not concern this card, however often its issue is begun again.
      let roots = try order.generationKeys.map { try context.keys.currentVersion(of: .generation, number: $0) }
      try transaction.run(
        """
        UPDATE cards SET state = 'issuing', purchaser = $2, maximum_codes = $3, generation_keys = $4,
          reference_data = $5, key_edition = $6, generation_roots = $7
        WHERE serial = $1
        """,
        [
          .blob(row), .blob(purchaser), .number(order.maximumCodes), .blob(order.generationKeys),
          .blob(referenceData), .number(context.facts.editionNumber), .blob(roots.flatMap { bigEndian($0) }),
        ])
      try AuditLog.append(
        transaction, at: context.clock.now(), "card.issue.begin", subject: order.cardSerial,
        detail: "maximum codes \(order.maximumCodes), generation keys \(order.generationKeys)")
      return Plan(
        issuerRoot: try card.issuerRoot, sealedTransportKeys: try card.row.optionalOctets("transport_keys"),
        sealedReferenceData: referenceData, edition: context.facts.current,
        generationRoots: Dictionary(uniqueKeysWithValues: zip(order.generationKeys, roots)))
    }
  }

  /// The individual key, once, under the transport keys; the card deletes those by itself.
  private func personalize(
    _ serial: CardSerial, _ plan: Plan, _ dialogue: CardDialogue, _ operation: String
  ) async throws(CenterError) {
    guard let sealed = plan.sealedTransportKeys else {
      throw CenterError(.conflict, operation, remedy: "The transport keys are gone, yet the card is blank; replace it.")
    }
    do {
      let joined = try context.vault.open(sealed, .transportKeys, row: serial.octets)
      try await dialogue.openChannel(version: KeyVersion.transportSet, try ChannelKeys.transport(joined))
    } catch {
      throw CenterError(error, during: operation)
    }
    let individualKey = try individualKey(of: serial, plan.issuerRoot, operation)
    try await dialogue.putKey(individualKey, version: KeyVersion.individualKey)
  }

  private func addGenerationKeys(
    _ roots: [UInt8: UInt32], _ dialogue: CardDialogue, _ operation: String
  ) async throws(CenterError) {
    for (number, version) in roots.sorted(by: { $0.key < $1.key }) {
      let key: Secret
      do {
        key = try context.keys.withKey(.generation, number: number, version: version) { $0.copy() }
      } catch {
        throw CenterError(error, during: operation)
      }
      // An issue that was cut may have put it already; putting it again leads to the same card.
      try await dialogue.putKey(key, version: KeyVersion.generationKeyBase + number, orReplace: true)
    }
  }

  /// Both key pairs made on the card, their certificates, the centre's, PIN and PUK: the last four in one write.
  private func certifyKeyPairs(
    _ serial: CardSerial, _ plan: Plan, _ dialogue: CardDialogue, _ operation: String
  ) async throws(CenterError) {
    var objects: [UInt8] = []
    for role in CertificateRole.allCases {
      let publicKey = try await makeKeyPair(role, dialogue)
      let certificate = try await certificate(role, of: serial, publicKey, plan.edition)
      objects += BERTLV.encode(tag: UInt32(role.certificateTag.rawValue), value: certificate)
    }
    // They are written together, so that one of them on the card says that all are.
    if try await dialogue.object(.centerVerificationKey) != nil { return }
    let edition = plan.edition
    objects += BERTLV.encode(tag: UInt32(DataTag.issuerCertificate.rawValue), value: edition.authorityCertificate)
    objects += BERTLV.encode(tag: UInt32(DataTag.licenseCertificate.rawValue), value: edition.licenseCertificate)
    objects += BERTLV.encode(tag: UInt32(DataTag.centerVerificationKey.rawValue), value: edition.timeKey)
    try dialogue.expectDone(
      try await dialogue.store(try withReferenceData(objects, of: serial, plan, operation)))
  }

  /// The objects and PIN ‖ PUK after them.
  private func withReferenceData(
    _ objects: [UInt8], of serial: CardSerial, _ plan: Plan, _ operation: String
  ) throws(CenterError) -> Secret {
    // Tag and length of the object take 3 octets.
    let buffer = OctetBuffer(capacity: objects.count + 3 + 2 * CardProtocol.pinOctets)
    do {
      try buffer.append(objects.span.bytes)
      let referenceData = try context.vault.open(plan.sealedReferenceData, .referenceData, row: serial.octets)
      try referenceData.withBytes { (bytes) throws(OctetError) in
        try buffer.appendTLV(tag: UInt32(DataTag.referenceData.rawValue), bytes)
      }
    } catch {
      throw CenterError(error, during: operation)
    }
    return buffer.withBytes { Secret(copying: $0) }
  }

  /// The public half of the key pair in `role`, which the card makes if it has none.
  private func makeKeyPair(_ role: CertificateRole, _ dialogue: CardDialogue) async throws(CenterError) -> [UInt8] {
    if let publicKey = try await dialogue.object(role.publicKeyTag) { return publicKey }
    try await dialogue.perform(.generateKeyPair(role.keyPair), writes: true)
    guard let publicKey = try await dialogue.object(role.publicKeyTag) else {
      throw dialogue.refused(.referencedDataNotFound)
    }
    return publicKey
  }

  /// The certificate of a card's key: the one made before, or a new one for a new key.
  private func certificate(
    _ role: CertificateRole, of serial: CardSerial, _ publicKey: [UInt8], _ edition: PublicKeys
  ) async throws(CenterError) -> [UInt8] {
    let context = context
    return try await context.database.write { transaction in
      let row = try transaction.first(
        "SELECT certificate FROM card_certificates WHERE card = $1 AND role = $2 AND public_key = $3",
        [.blob(serial.octets), .text(role.rawValue), .blob(publicKey)])
      if let row { return try row.octets("certificate") }
      let certificate = try Authority.certifyCard(serial, role, publicKey: publicKey, edition, context)
      try transaction.run(
        """
        INSERT INTO card_certificates (card, role, public_key, certificate) VALUES ($1, $2, $3, $4)
        ON CONFLICT (card, role) DO UPDATE SET public_key = $3, certificate = $4
        """,
        [.blob(serial.octets), .text(role.rawValue), .blob(publicKey), .blob(certificate)])
      try AuditLog.append(transaction, at: context.clock.now(), "card.certify", subject: serial, detail: role.rawValue)
      return certificate
    }
  }

  private func finish(_ serial: CardSerial) async throws(CenterError) {
    let context = context
    try await context.database.write { transaction in
      guard try CardRow.get(transaction, serial).state == .issuing else { return }
      let now = context.clock.now()
      try transaction.run(
        "UPDATE cards SET state = 'issued', issued_at = $2, transport_keys = NULL WHERE serial = $1",
        [.blob(serial.octets), .number(now)])
      try AuditLog.append(transaction, at: now, "card.issue", subject: serial)
    }
  }

  private func individualKey(
    of serial: CardSerial, _ version: UInt32, _ operation: String
  ) throws(CenterError) -> Secret {
    do {
      return try CardKeys.individualKey(of: serial, version: version, context.keys)
    } catch {
      throw CenterError(error, during: operation)
    }
  }
}
