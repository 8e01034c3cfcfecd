import Cryptography
import Formats
import Identifiers
import LicenseCenter
import Octets

/// Every conversation with a card that goes on over this server, by its name.
///
/// They live in this process alone: whoever asks another instance, or this one after it was started anew, hears that the
/// conversation is over, and begins another. The books stand where the card stands, so that nothing is lost by it.
actor RelayDesk {
  /// What a conversation is about: who leads whose card where, and for what.
  struct Subject: Hashable, Sendable {
    var caller: String
    var card: CardSerial
    /// The caller's name for what is to be done.
    var operation: OperationID
    /// What is to be done, digest.
    var order: [UInt8]
  }

  private struct Entry {
    var subject: Subject
    var dialogue: RelayedDialogue
    /// When it was over; `nil` before.
    var endedAt: ContinuousClock.Instant?
  }

  private let limits: RelayLimits
  private let random: any RandomSource
  private var entries: [String: Entry] = [:]
  /// The conversation that each card is in.
  private var speaking: [CardSerial: String] = [:]
  /// When what is over was to be forgotten next.
  private var sweepAt = ContinuousClock.now
  private var isClosed = false

  init(_ limits: RelayLimits, random: any RandomSource) {
    self.limits = limits
    self.random = random
  }

  /// Begins a conversation, and answers its name and what comes first.
  ///
  /// A card speaks with one at a time: an earlier conversation with it is dropped, unless this is the same request over
  /// again and nothing came of it yet.
  func begin(
    _ subject: Subject, _ work: @escaping @Sendable (any CardRelay) async throws(CenterError) -> JSON
  ) async throws(Problem) -> (name: String, turn: RelayedDialogue.Turn) {
    while let name = speaking[subject.card], let entry = entries[name] {
      if entry.subject == subject, await entry.dialogue.isNew { return (name, await entry.dialogue.next()) }
      await entry.dialogue.drop()
      ended(name)
    }
    try makeRoom(for: subject.caller)
    let name = Hex.encode(random.octets(16))
    let dialogue = RelayedDialogue(limits)
    entries[name] = Entry(subject: subject, dialogue: dialogue)
    speaking[subject.card] = name
    let turn = await dialogue.begin(work) { await self.ended(name) }
    return (name, turn)
  }

  /// Takes a card's response to a step.
  func take(
    _ response: [UInt8], step: Int, of name: String, by caller: String, operation: OperationID
  ) async throws(Problem) -> RelayedDialogue.Turn {
    guard let entry = entries[name], entry.subject.caller == caller, entry.subject.operation == operation else {
      throw RelayDesk.over
    }
    do {
      return try await entry.dialogue.take(response, step: step)
    } catch {
      throw Problem(.outOfStep, "The conversation stands at another step, and stays there. Go on there, or begin again.")
    }
  }

  /// Ends every conversation, and returns when nothing is left to be written.
  func close() async {
    isClosed = true
    for entry in entries.values { await entry.dialogue.drop() }
    entries = [:]
  }

  /// What is said about a conversation that there is not, or not here.
  static let over = Problem(
    .dialogueOver, "There is no such conversation here any more. Begin again with the same key; nothing is lost.")

  private func ended(_ name: String) {
    guard let entry = entries[name], entry.endedAt == nil else { return }
    entries[name]?.endedAt = .now
    if speaking[entry.subject.card] == name { speaking[entry.subject.card] = nil }
  }

  private func makeRoom(for caller: String) throws(Problem) {
    guard !isClosed else { throw Problem(.unavailable, "The server stops; try again.", retryAfter: 1) }
    let now = ContinuousClock.now
    if now >= sweepAt || entries.count >= limits.dialogues {
      sweepAt = now + limits.memoryTime / 4
      // How a charge ended can be asked for by its operation, too: what is over makes room first.
      let memory = entries.count >= limits.dialogues ? .zero : limits.memoryTime
      entries = entries.filter { _, entry in entry.endedAt.map { now - $0 < memory } ?? true }
    }
    let own = entries.values.count { $0.endedAt == nil && $0.subject.caller == caller }
    guard entries.count < limits.dialogues, own < limits.dialoguesPerCaller else {
      throw Problem(.tooMany, "Too many cards are being spoken with; try again.", retryAfter: 2)
    }
  }
}
