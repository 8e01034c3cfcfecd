import CardDriver
import CardEmulator
import Cryptography
import Foundation
import Glibc

/// A card that a plan means, and how it is reached.
struct BatchCard: Sendable {
  /// What the journal calls it: its file as the plan's folder has it.
  let source: String
  /// Its file as this process reaches it.
  let path: String
  /// Who buys it, if its part of the plan says so.
  let purchaser: String?

  /// The card, just reset.
  func connect(key: SecretSource?) throws -> CardConnection {
    try CardConnection(try EmulatedCard(path: path, key: try EmulatorKey.read(key), random: SystemRandom()))
  }
}

extension BatchPlan {
  /// The cards that there are, in the plan's order and each once; those of one pattern by name.
  func targets() throws -> [BatchCard] {
    var seen: Set<String> = []
    var targets: [BatchCard] = []
    for part in cards {
      let found = BatchPlan.expand(path(part.files))
      guard !found.isEmpty else {
        throw Failure(.noDevice, "there is no card at \(part.files)", remedy: "check the plan's cards and its folder")
      }
      for path in found where seen.insert(path).inserted {
        let source = folder.isEmpty || part.files.hasPrefix("/") ? path : String(path.dropFirst(folder.count + 1))
        targets.append(BatchCard(source: source, path: path, purchaser: part.purchaser))
      }
    }
    return targets
  }

  /// What a pattern names (glob(7)), sorted.
  private static func expand(_ pattern: String) -> [String] {
    var found = glob_t()
    defer { globfree(&found) }
    guard glob(pattern, 0, nil, &found) == 0, let paths = found.gl_pathv else { return [] }
    return (0..<Int(found.gl_pathc)).compactMap { paths[$0].map { String(cString: $0) } }
  }
}
