import CardDriver
import CardProtocol
import Cryptography
import Formats
import ISO7816
import Identifiers
import LicenseCenter

/// Carries a plan out, card by card; what the journal says is done is not done again.
struct BatchRunner {
  let plan: BatchPlan
  let journal: BatchJournal
  let center: Center
  /// The titles of the plan's charges.
  let titles: [SoftwareID]
  let cardKey: SecretSource?

  /// Does all that is left to do with one card.
  ///
  /// - Throws: whatever stops this card; the journal has it then. Only a journal that cannot be written is worse.
  func run(_ card: BatchCard) async throws {
    let number = try number(card)
    do {
      try await work(on: card, number)
    } catch let error as JournalError {
      throw error
    } catch {
      let failure = Failure(error)
      var entry = journal.entry(.failed)
      (entry.source, entry.reason, entry.exitCode) = (card.source, failure.sentence, failure.status.rawValue)
      try note(entry)
      throw failure
    }
  }

  private func work(on card: BatchCard, _ number: Int) async throws {
    let connection = try card.connect(key: cardKey)
    let serial = try connection.applicationStatus().serial
    try bind(card, serial)
    let relay = LocalRelay(connection: connection)
    if let issue = plan.issue { try await self.issue(card, number, serial, issue, relay) }
    for (index, charge) in plan.charges.enumerated() {
      try await self.charge(card, serial, index, charge, relay)
    }
    try note(.done, card)
  }

  /// The card's number in the batch: what it got at first, or the next one.
  private func number(_ card: BatchCard) throws -> Int {
    if let known = journal.record.card(from: card.source) { return known.number }
    var entry = journal.entry(.card)
    (entry.source, entry.number) = (card.source, journal.record.cards.count + 1)
    try note(entry)
    return journal.record.cards.count
  }

  /// Holds the card to the serial that its file had before, and refuses one that another file has.
  private func bind(_ card: BatchCard, _ serial: CardSerial) throws {
    let text = serial.description
    if let seen = card.serial, seen != serial {
      throw Failure(.failed, "there was card \(seen) a moment ago, and now \(serial)", remedy: "put the first one back")
    }
    if let other = journal.record.cards.first(where: { $0.serial == text && $0.source != card.source }) {
      throw Failure(.failed, "card \(serial) is \(other.source) too", remedy: "give each card one place in the plan")
    }
    guard let known = journal.record.card(from: card.source)?.serial else {
      var entry = journal.entry(.card)
      (entry.source, entry.serial) = (card.source, text)
      return try note(entry)
    }
    guard known == text else {
      throw Failure(.failed, "there was card \(known) before, and now \(serial)", remedy: "put the first one back")
    }
  }

  private func issue(
    _ card: BatchCard, _ number: Int, _ serial: CardSerial, _ issue: BatchPlan.Issue, _ relay: LocalRelay
  ) async throws {
    if journal.record.card(from: card.source)?.isIssued != true {
      let name = BatchRunner.filled(card.purchaser ?? issue.purchaser ?? "", number, serial)
      let order = try CardIssueOrder(
        cardSerial: serial, purchaser: name, maximumCodes: issue.maximumCodes, generationKeys: issue.generationKeys)
      _ = try await center.cardIssuer.issue(order, over: relay)
      try note(.issued, card)
    }
    guard let letters = issue.pinLetters, journal.record.card(from: card.source)?.letter == nil else { return }
    let file = BatchRunner.filled(letters, number, serial)
    try LetterFile.write(try await center.cardIssuer.pinLetter(of: serial), to: plan.path(file))
    var entry = journal.entry(.lettered)
    (entry.source, entry.letter) = (card.source, file)
    try note(entry)
  }

  private func charge(
    _ card: BatchCard, _ serial: CardSerial, _ index: Int, _ charge: BatchPlan.Charge, _ relay: LocalRelay
  ) async throws {
    guard journal.record.card(from: card.source)?.charges[index] == nil else { return }
    let order = try ChargeOrder(
      operationID: try await BatchOperation.name(
        batch: journal.record.batch, serial, charge: index, at: center),
      cardSerial: serial, softwareID: titles[index], quantity: charge.count, acceptsFewer: charge.fewer)
    let outcome = try await center.charging.charge(order, over: relay)
    var entry = journal.entry(.charged)
    (entry.source, entry.charge) = (card.source, index)
    (entry.operation, entry.codes) = (outcome.operationID.description, outcome.actual)
    entry.amount = try outcome.amount.description
    try note(entry)
  }

  private func note(_ event: JournalEntry.Event, _ card: BatchCard) throws {
    var entry = journal.entry(event)
    entry.source = card.source
    try note(entry)
  }

  private func note(_ entry: JournalEntry) throws {
    do { try journal.append(entry) } catch { throw JournalError(failure: Failure(error)) }
  }

  /// A text with the card's number and serial in their places.
  private static func filled(_ text: String, _ number: Int, _ serial: CardSerial) -> String {
    text.replacing("{number}", with: "\(number)").replacing("{serial}", with: serial.description)
  }
}

/// The journal could not be written: nothing more may be done.
struct JournalError: FailureConvertible {
  let failure: Failure
}
