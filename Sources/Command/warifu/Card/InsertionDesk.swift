import ArgumentParser
import CardDriver
import CardEmulator
import Foundation
import Glibc
import Identifiers
import Sockets
import Synchronization

/// Where inserted cards are looked after: tells what happens to them, and takes orders, until it is told to end.
///
/// One thread does all of it; what the cards' own threads report waits in a queue.
final class InsertionDesk {
  private static let signals = [SIGINT, SIGTERM, SIGUSR1, SIGUSR2]

  private var cards: [InsertedCard] = []
  private let output: OutputOptions
  private let events = EventQueue()
  private let alarm: Alarm
  /// Readable when a signal has come.
  private let signals: Int32
  private var commands = CommandLines()

  init(_ output: OutputOptions) throws {
    self.output = output
    signals = try SignalQueue.open(InsertionDesk.signals)
    alarm = try Alarm(at: .unix(path: "standard input"))
  }

  /// Takes a card in charge. It is inserted by ``run()``.
  func add(
    _ card: EmulatedCard, file: String, at address: PresenceAddress, reach: SocketReach, faults: LineFaults
  ) throws {
    let index = cards.count
    let serial = try CardConnection(card).applicationStatus().serial.description
    let insertion = try CardInsertion(card, into: address, reach: reach, faults: faults) { [events, alarm] event in
      events.add(index, event)
      alarm.ring()
    }
    cards.append(InsertedCard(file: file, serial: serial, address: address, insertion: insertion))
  }

  /// Inserts the cards and works until it is told to end, or until every card is broken.
  func run() throws {
    defer { for card in cards { card.insertion.stop() } }
    for card in cards { try card.insertion.start() }
    if commands.isSomebodyThere { Terminal.complain("Type eject, insert or quit; Ctrl-C ends too.") }
    while true {
      alarm.wait(orInputAt: [signals, commands.descriptor])
      alarm.silence()
      try report()
      for signal in SignalQueue.takeAll() {
        switch signal {
        case SIGUSR1: order(.eject(nil))
        case SIGUSR2: order(.insert(nil))
        case SIGTERM: return
        default: throw ExitCode(ExitStatus.interrupted.rawValue)
        }
      }
      for line in commands.read() {
        switch InsertionOrder(line, cards: cards.count) {
        case .quit: return
        case let wanted?: order(wanted)
        case nil:
          Terminal.complain("Type eject, insert or quit, eject and insert with a card's number if you like.")
        }
      }
    }
  }

  private func order(_ order: InsertionOrder) {
    switch order {
    case .eject(let number): for card in chosen(number) { card.insertion.eject() }
    case .insert(let number): for card in chosen(number) { card.insertion.insert() }
    case .quit: break
    }
  }

  private func chosen(_ number: Int?) -> [InsertedCard] { number.map { [cards[$0 - 1]] } ?? cards }

  private func report() throws {
    for (index, event) in events.takeAll() {
      try output.writeLine(InsertionReport(cards[index], event))
      if case .failed = event { cards[index].isBroken = true }
    }
    guard cards.contains(where: { !$0.isBroken }) else {
      throw Failure(.failed, "no card is left", remedy: "see what was reported of each, and restore them from copies")
    }
  }
}

/// A card with its place.
private struct InsertedCard {
  let file: String
  let serial: String
  let address: PresenceAddress
  let insertion: CardInsertion
  var isBroken = false
}

/// What happened, in order.
private final class EventQueue: Sendable {
  private let events = Mutex<[(Int, PresenceEvent)]>([])

  func add(_ index: Int, _ event: PresenceEvent) { events.withLock { $0.append((index, event)) } }

  func takeAll() -> [(Int, PresenceEvent)] {
    events.withLock { events in
      defer { events = [] }
      return events
    }
  }
}

/// What somebody types.
private enum InsertionOrder {
  /// This card, or all.
  case eject(Int?)
  case insert(Int?)
  case quit

  /// `nil` for a line that says nothing of the kind, or names a card that is not there.
  init?(_ line: String, cards: Int) {
    let words = line.split(separator: " ")
    guard let verb = words.first, words.count <= 2 else { return nil }
    let number = words.count == 2 ? Int(words[1]) : nil
    guard words.count == 1 || number.map({ (1...cards).contains($0) }) == true else { return nil }
    switch verb {
    case "eject": self = .eject(number)
    case "insert": self = .insert(number)
    case "quit" where number == nil: self = .quit
    default: return nil
    }
  }
}

/// One event as a line.
private struct InsertionReport: Report {
  let event: String
  let file: String
  let serial: String
  let place: String
  /// More about it, where there is more to say.
  let detail: String?

  init(_ card: InsertedCard, _ event: PresenceEvent) {
    file = card.file
    serial = card.serial
    let words: (name: String, detail: String?)
    switch event {
    case .listening: words = ("listening", nil)
    case .waiting(let error): words = ("waiting", InsertionReport.advice(error, card.address))
    case .slotTaken: words = ("slot-taken", "Another card is in the slot; eject that one.")
    case .inserted: words = ("inserted", nil)
    case .readerGone: words = ("reader-gone", "It is inserted again as soon as there is a reader.")
    case .ejected: words = ("ejected", nil)
    case .pulled(.powerCut): words = ("power-cut", "The planned power cut; it comes back by itself.")
    case .pulled(.overlooked):
      words = ("overlooked", "The reader takes it for the card before it; it goes and comes again.")
    case .pulled(.pull): words = ("pulled", "As planned; it comes back by itself.")
    case .hanging: words = ("hanging", "As planned; eject it, or end what waits for it.")
    case .failed(let reason): words = ("failed", reason)
    }
    self.event = words.name
    detail = words.detail
    if case .listening(let address) = event {
      place = address.description
    } else {
      place = card.address.description
    }
  }

  /// pcscd, as Debian starts it, is not there until somebody asks for it.
  private static func advice(_ error: SocketError, _ address: PresenceAddress) -> String {
    guard case .vpcd = address, error.code == .refused else { return error.description }
    return
      "No reader is at \(address.socket) yet. pcscd with vsmartcard-vpcd opens it; Debian starts pcscd with its first "
      + "client, or by 'systemctl start pcscd'."
  }

  var text: String {
    let what = "\(file) (\(serial)), \(place): \(event.replacing("-", with: " "))\n"
    guard let detail else { return what }
    return what + FoldedText.fold(detail, columns: 78).split(separator: "\n").map { "  \($0)\n" }.joined()
  }
}
