import Identifiers

/// One run of a batch: takes card after card, shows how far it has come, and knows when to stop.
final class BatchProgress {
  private let runner: BatchRunner
  private let haltAfter: Int
  private let json: Bool
  private let watch = InterruptWatch()
  private var bar: ProgressBar?
  /// The results so far.
  private(set) var sum: BatchSum

  init(_ runner: BatchRunner, sum: BatchSum, haltAfter: Int, json: Bool) {
    (self.runner, self.sum, self.haltAfter, self.json) = (runner, sum, haltAfter, json)
    bar = ProgressBar(total: sum.total)
  }

  /// Takes the bar away, so that the results can be told.
  func finish() -> BatchSum {
    bar = nil
    return sum
  }

  /// Does one card, and sees whether to go on.
  func take(_ card: BatchCard) async throws {
    let before = isDone(card.source)
    if !before {
      do {
        try await runner.run(card)
      } catch let error as JournalError {
        throw error
      } catch {
        // The journal has the reason.
      }
    }
    guard let state = runner.journal.record.card(from: card.source) else { return }
    try add(BatchResult(state, wasDoneBefore: before))
    if sum.results.count < sum.total { stopIfWanted() }
  }

  /// Sees whether to go on, where something is left to do.
  private func stopIfWanted() {
    if watch.isInterrupted {
      sum.stopped = .interrupted
    } else if sum.failuresInARow >= haltAfter {
      sum.stopped = .tooManyFailures(sum.failuresInARow)
    }
  }

  /// Takes cards through a reader until as many as the plan wants are done; those of earlier runs count.
  func takeCards(from part: String, _ count: Int, _ purchaser: String?) async throws {
    let prefix = BatchSupply.prefix(ofReader: part)
    let before = runner.journal.record.cards.filter { $0.source.hasPrefix(prefix) && $0.isDone }
    for card in before.prefix(count) { try add(BatchResult(card, wasDoneBefore: true)) }
    var done = before.count
    guard done < count else { return }
    var feed = try ReaderFeed(part, watch)
    while sum.stopped == nil {
      bar?.say("Put card \(done + 1) of \(count) into \(feed.name).")
      guard try feed.wait(untilThereIsACard: true) else { return sum.stopped = .interrupted }
      if try await takeCard(in: feed, prefix, purchaser) { done += 1 }
      guard done < count else { return }
      stopIfWanted()
      guard sum.stopped == nil else { return }
      bar?.say("Take it out.")
      guard try feed.wait(untilThereIsACard: false) else { return sum.stopped = .interrupted }
    }
  }

  /// Does the card that is in a reader now; answers whether that made one more.
  private func takeCard(in feed: ReaderFeed, _ prefix: String, _ purchaser: String?) async throws -> Bool {
    let serial: CardSerial
    do {
      serial = try feed.serial()
    } catch {
      bar?.say("That card cannot be read: \(Failure(error).sentence).")
      return false
    }
    let source = prefix + serial.description
    guard !isDone(source) else {
      bar?.say("That card is done already.")
      return false
    }
    try await take(BatchCard(source: source, place: .reader(feed.name), purchaser: purchaser, serial: serial))
    return isDone(source)
  }

  private func isDone(_ source: String) -> Bool { runner.journal.record.card(from: source)?.isDone == true }

  private func add(_ result: BatchResult) throws {
    sum.add(result)
    if json { try Terminal.write(try result.line()) }
    bar?.show(done: min(sum.results.count, sum.total), failed: sum.failed)
  }
}
