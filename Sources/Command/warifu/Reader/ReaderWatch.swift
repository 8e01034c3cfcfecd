import ArgumentParser
import CardDriver
import Foundation

/// `reader watch`.
struct ReaderWatch: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch", abstract: "Tell what comes and goes in the readers, as it happens.",
    discussion: """
      First what is there, then each change, until you stop it. With --json each event is an object on a line of its \
      own. Survives restarts of the smart card service, pcscd; ends with 69 if that is not running to begin with.

      Example:
        warifu reader watch --json
      """)

  @OptionGroup var output: OutputOptions

  func run() async throws {
    let monitor = try ReaderMonitor()
    while true {
      let event = try monitor.next()
      try output.writeLine(ReaderEventReport(event, at: UInt64(max(0, Date().timeIntervalSince1970))))
    }
  }
}

private struct ReaderEventReport: Report {
  let event: String
  /// Seconds since 1970.
  let time: UInt64
  let reader: ReaderEntry?
  let readers: [ReaderEntry]?

  init(_ event: ReaderEvent, at time: UInt64) {
    self.time = time
    var all: [ReaderEntry]?
    switch event {
    case .snapshot(let readers): (self.event, reader, all) = ("snapshot", nil, readers.map { ReaderEntry($0) })
    case .readerAdded(let reader): (self.event, self.reader) = ("readerAdded", ReaderEntry(reader))
    case .readerRemoved(let name):
      (self.event, reader) = ("readerRemoved", ReaderEntry(Reader(name: name, state: .unavailable)))
    case .cardInserted(let reader): (self.event, self.reader) = ("cardInserted", ReaderEntry(reader))
    case .cardRemoved(let reader): (self.event, self.reader) = ("cardRemoved", ReaderEntry(reader))
    case .stateChanged(let reader): (self.event, self.reader) = ("stateChanged", ReaderEntry(reader))
    case .serviceLost: (self.event, reader) = ("serviceLost", nil)
    }
    readers = all
  }

  var text: String {
    let words =
      switch event {
      case "readerAdded": "reader plugged in"
      case "readerRemoved": "reader unplugged"
      case "cardInserted": "card inserted"
      case "cardRemoved": "card removed"
      case "stateChanged": "card's state changed"
      case "serviceLost": "smart card service lost; waiting for it"
      default: (readers ?? []).isEmpty ? "no readers" : "readers"
      }
    let head = "\(Words.time(time)) \(words)\n"
    let entries = reader.map { [$0] } ?? readers ?? []
    return head + entries.map { line($0) }.joined()
  }

  private func line(_ entry: ReaderEntry) -> String {
    event == "readerRemoved" || event == "cardRemoved" ? "  \(entry.name)\n" : "  \(entry.name)\n    \(entry.summary)\n"
  }
}
