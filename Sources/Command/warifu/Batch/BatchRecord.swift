/// What a journal says, put together: each card and how far it has come.
struct BatchRecord: Sendable {
  /// A charge that is booked.
  struct Charge: Sendable {
    let operation: String
    let codes: Int
    let amount: String
  }

  /// One card.
  struct Card: Sendable {
    let number: Int
    let source: String
    var serial: String?
    var isIssued = false
    var letter: String?
    /// Booked charges by their place in the plan.
    var charges: [Int: Charge] = [:]
    var isDone = false
    /// Why it failed last, and the exit code of that; gone once it is done.
    var reason: String?, exitCode: Int32?
  }

  private(set) var name = ""
  private(set) var plan = ""
  /// 16 octets in hexadecimal; empty for a journal that was not begun.
  private(set) var batch = ""
  private(set) var begunAt: UInt64 = 0
  private(set) var runs = 0
  private(set) var cards: [Card] = []
  /// Why the last run stopped early.
  private(set) var stopped: String?
  private var places: [String: Int] = [:]

  /// Nothing yet.
  init() {}

  /// What these entries say.
  init(_ entries: [JournalEntry], _ path: String) throws {
    guard let first = entries.first else { return }
    guard first.event == .begun, first.version == BatchJournal.version, first.batch?.count == 32 else {
      throw Failure(.badInput, "\(path) is no journal of this program's", remedy: "name another with --journal")
    }
    for entry in entries { take(entry) }
  }

  /// The card from this source.
  func card(from source: String) -> Card? { places[source].map { cards[$0] } }

  /// Adds what one more entry says.
  mutating func take(_ entry: JournalEntry) {
    switch entry.event {
    case .begun:
      (name, plan, batch, begunAt) = (entry.name ?? "", entry.plan ?? "", entry.batch ?? "", entry.time)
    case .started: (runs, stopped) = (runs + 1, nil)
    case .stopped: stopped = entry.reason
    default:
      guard let source = entry.source, let place = place(of: source, entry) else { return }
      cards[place].take(entry)
    }
  }

  private mutating func place(of source: String, _ entry: JournalEntry) -> Int? {
    if let place = places[source] { return place }
    guard let number = entry.number else { return nil }
    places[source] = cards.count
    cards.append(Card(number: number, source: source))
    return cards.count - 1
  }
}

extension BatchRecord.Card {
  fileprivate mutating func take(_ entry: JournalEntry) {
    serial = entry.serial ?? serial
    switch entry.event {
    case .issued: isIssued = true
    case .lettered: letter = entry.letter
    case .charged:
      guard let charge = entry.charge else { return }
      charges[charge] = BatchRecord.Charge(
        operation: entry.operation ?? "", codes: entry.codes ?? 0, amount: entry.amount ?? "")
    case .done: (isDone, reason, exitCode) = (true, nil, nil)
    case .failed: (reason, exitCode) = (entry.reason, entry.exitCode)
    default: break
    }
  }
}
