import CardDriver
import ISO7816
import Identifiers

/// Finds a card in the readers of this machine, and keeps other programs away from it for the time of a command.
struct CardFinder {
  private let context: ReaderContext

  /// How long to wait for a card that another program has, and for each of its answers.
  private static let timeout = Duration.seconds(30)

  init() throws { context = try ReaderContext() }

  /// The card in the one reader whose name contains `part`.
  func card(inReader part: String) throws -> ReaderTransport {
    try connect(try context.reader(matching: part))
  }

  /// The Warifu card with this serial, in whatever reader. Cards that do not call themselves Warifu's are left alone.
  func card(_ serial: CardSerial) throws -> ReaderTransport {
    var found: [String] = []
    for reader in try context.readers().filter(\.isWarifu) {
      let transport = try connect(reader)
      let other = try WarifuCard(try CardConnection(transport)).status().serial
      if other == serial { return transport }
      found.append("\(other) in \(reader.name)")
    }
    throw Failure(
      .noDevice, "card \(serial) is in no reader",
      remedy: found.isEmpty ? "insert it" : "insert it; there is " + found.joined(separator: "; "))
  }

  /// The card that is meant when nothing says which: the only one, or the only one of Warifu's.
  static func onlyCard() throws -> ReaderTransport {
    let finder: CardFinder
    do { finder = try CardFinder() } catch {
      throw Failure(
        .usage, "no card was named, and there is no smart card service (pcscd) to look for one",
        remedy: "give --card-file, --card-socket or --reader, or set WARIFU_CARD")
    }
    let filled = try finder.context.readers().filter(\.hasCard)
    let ours = filled.filter(\.isWarifu)
    if filled.count == 1 { return try finder.connect(filled[0]) }
    if ours.count == 1 { return try finder.connect(ours[0]) }
    guard !filled.isEmpty else {
      throw Failure(
        .usage, "no card was named, and none is in a reader",
        remedy: "give --card-file, insert a card, or set WARIFU_CARD")
    }
    throw Failure(
      .usage, "no card was named, and there are several",
      remedy: "give --reader with a part of one name: "
        + (ours.isEmpty ? filled : ours).map(\.name).joined(separator: "; "))
  }

  /// Connects, in a transaction that lasts until the transport goes and ends with a reset of the card.
  private func connect(_ reader: Reader) throws -> ReaderTransport {
    let transport = try context.connect(to: reader.name, timeout: CardFinder.timeout)
    try transport.beginTransaction()
    return transport
  }
}

extension Reader {
  /// Whether the card in it calls itself Warifu's.
  var isWarifu: Bool { answerToReset.map(WarifuCard.isAnnounced) ?? false }
}
