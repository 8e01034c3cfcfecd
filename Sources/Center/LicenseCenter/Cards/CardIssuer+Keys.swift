import CardProtocol
import Cryptography
import Formats
import Identifiers
import ISO7816

/// A key that was put on a card, without the key.
public struct PlacedKey: Hashable, Sendable {
  /// Its version on the card (``KeyVersion``).
  public let version: UInt8
  /// The check values: one, or those of ENC, MAC and DEK; 3 octets each.
  public let checkValues: [[UInt8]]
}

extension CardIssuer {
  /// Puts further generation keys on an issued card, so that codes of those numbers can be charged onto it.
  ///
  /// The card gets them before the books say so. If the line breaks, the same may be asked again; a key that the books
  /// have already is left alone.
  ///
  /// - Parameter numbers: 1...16.
  public func addGenerationKeys(
    _ numbers: Set<UInt8>, to serial: CardSerial, over relay: any CardRelay
  ) async throws(CenterError) -> [PlacedKey] {
    let operation = "Putting generation keys on card \(serial)"
    guard !numbers.isEmpty, numbers.allSatisfy({ (1...CardProtocol.generationKeyCount).contains($0) }) else {
      throw CenterError(.invalid, operation, remedy: "Generation keys have the numbers 1 to 16.")
    }
    let known = Set(try await card(serial).generationKeys)
    let missing = numbers.subtracting(known).sorted()
    guard !missing.isEmpty else { return [] }
    let dialogue = try await administration(of: serial, over: relay, operation)
    var placed: [PlacedKey] = []
    for number in missing {
      let key: Secret
      let root: UInt32
      do {
        root = try context.keys.currentVersion(of: .generation, number: number)
        key = try context.keys.withKey(.generation, number: number, version: root) { $0.copy() }
      } catch {
        throw CenterError(error, during: operation)
      }
      let version = KeyVersion.generationKeyBase + number
      placed.append(
        PlacedKey(version: version, checkValues: [try await dialogue.putKey(key, version: version, orReplace: true)]))
      try await book(number, root, on: serial)
    }
    return placed
  }

  /// Puts a further SCP03 key set on an issued card, for somebody else who is to administer it. The centre keeps none.
  ///
  /// - Parameters:
  ///   - version: 2...15; a set of that version is replaced.
  ///   - keys: ENC ‖ MAC ‖ DEK, three keys of 16, 24 or 32 octets.
  public func putKeySet(
    version: UInt8, _ keys: borrowing Secret, on serial: CardSerial, over relay: any CardRelay
  ) async throws(CenterError) -> PlacedKey {
    let operation = "Putting key set \(version) on card \(serial)"
    guard KeyVersion.furtherSets.contains(version), [48, 72, 96].contains(keys.count) else {
      throw CenterError(
        .invalid, operation, remedy: "Sets have the versions 2 to 15, and three keys of 16, 24 or 32 octets.")
    }
    let set: ChannelKeys
    do { set = try ChannelKeys.transport(keys) } catch { throw CenterError(error, during: operation) }
    let dialogue = try await administration(of: serial, over: relay, operation)
    let checkValues = try await dialogue.putSet(set, version: version, orReplace: true)
    let context = context
    try await context.database.write { transaction in
      try AuditLog.append(
        transaction, at: context.clock.now(), "card.key-set", subject: serial, detail: "version \(version)")
    }
    return PlacedKey(version: version, checkValues: checkValues)
  }

  /// A conversation with an issued card, inside SCP03.
  private func administration(
    of serial: CardSerial, over relay: any CardRelay, _ operation: String
  ) async throws(CenterError) -> CardDialogue {
    let issuerRoot = try await context.database.read { try CardRow.issued($0, serial).issuerRoot }
    let dialogue = CardDialogue(relay, random: context.random, operation: operation)
    try await dialogue.select()
    try await dialogue.openIndividualChannel(to: serial, issuerRoot: issuerRoot, context.keys)
    _ = try await dialogue.status(of: serial)
    return dialogue
  }

  private func book(_ number: UInt8, _ root: UInt32, on serial: CardSerial) async throws(CenterError) {
    let context = context
    try await context.database.write { transaction in
      var roots = try CardRow.issued(transaction, serial).generationRoots
      roots[number] = root
      let ordered = roots.sorted { $0.key < $1.key }
      try transaction.run(
        "UPDATE cards SET generation_keys = $2, generation_roots = $3 WHERE serial = $1",
        [.blob(serial.octets), .blob(ordered.map(\.key)), .blob(ordered.flatMap { bigEndian($0.value) })])
      try AuditLog.append(
        transaction, at: context.clock.now(), "card.generation-key", subject: serial, detail: "number \(number)")
    }
  }
}
