import CardDriver
import CardEmulator
import Cryptography
import Foundation
import Glibc
import Identifiers

/// A card that a plan means, and how it is reached.
struct BatchCard: Sendable {
  /// Where it is.
  enum Place: Sendable {
    /// In a file, as this process reaches it.
    case file(String)
    /// In the reader of this name.
    case reader(String)
  }

  /// What the journal calls it.
  let source: String
  let place: Place
  /// Who buys it, if its part of the plan says so.
  let purchaser: String?
  /// The card that was seen there, where another may be put in its place at any moment.
  var serial: CardSerial?

  /// The card, just reset; one in a reader is nobody else's until the connection goes. With `isRehearsal`, one in a file is
  /// only a copy of it in memory.
  func connect(key: SecretSource?, isRehearsal: Bool = false) throws -> CardConnection {
    switch place {
    case .file(let path):
      let key = try EmulatorKey.read(key)
      return try CardConnection(
        isRehearsal
          ? try EmulatedCard(rehearsing: path, key: key, random: SystemRandom())
          : try EmulatedCard(path: path, key: key, random: SystemRandom()))
    case .reader(let name): return try CardConnection(try CardFinder().card(inReader: name))
    }
  }
}

/// Where some of a batch's cards come from.
enum BatchSupply: Sendable {
  /// One that is there.
  case card(BatchCard)
  /// So many that somebody will put into a reader, which has `part` in its name.
  case reader(part: String, count: Int, purchaser: String?)

  /// How many cards it gives.
  var count: Int {
    switch self {
    case .card: 1
    case .reader(_, let count, _): count
    }
  }

  /// What the journal calls a card that came through a reader, before its serial.
  static func prefix(ofReader part: String) -> String { "\(part): " }
}

extension BatchPlan {
  /// Where the cards come from, in the plan's order; each file once, those of one pattern by name.
  func supplies() throws -> [BatchSupply] {
    var seen: Set<String> = []
    var supplies: [BatchSupply] = []
    for part in cards {
      switch part.origin {
      case .reader(let name, let count):
        supplies.append(.reader(part: name, count: count, purchaser: part.purchaser))
      case .files(let pattern):
        let found = BatchPlan.expand(path(pattern))
        guard !found.isEmpty else {
          throw Failure(.noDevice, "there is no card at \(pattern)", remedy: "check the plan's cards and its folder")
        }
        for path in found where seen.insert(path).inserted {
          let source = folder.isEmpty || pattern.hasPrefix("/") ? path : String(path.dropFirst(folder.count + 1))
          supplies.append(.card(BatchCard(source: source, place: .file(path), purchaser: part.purchaser)))
        }
      }
    }
    return supplies
  }

  /// What a pattern names (glob(7)), sorted.
  private static func expand(_ pattern: String) -> [String] {
    var found = glob_t()
    defer { globfree(&found) }
    guard glob(pattern, 0, nil, &found) == 0, let paths = found.gl_pathv else { return [] }
    return (0..<Int(found.gl_pathc)).compactMap { paths[$0].map { String(cString: $0) } }
  }
}
