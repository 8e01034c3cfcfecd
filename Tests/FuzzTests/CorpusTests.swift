import Foundation
import FuzzTargets
import Testing

/// What `make fuzz` has found worth keeping is run again by every test run, in a debug build.
@Suite struct CorpusTests {
  private static let corpora = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fuzz/Corpus")

  @Test(arguments: FuzzTarget.allCases)
  func everyInputKeepsEveryPromise(_ target: FuzzTarget) throws {
    let folder = Self.corpora.appending(path: target.rawValue)
    let inputs = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    try #require(!inputs.isEmpty)
    for input in inputs {
      let octets = [UInt8](try Data(contentsOf: input))
      #expect(throws: Never.self, "\(input.lastPathComponent)") { try target.run(octets) }
    }
  }

  /// Octets that no corpus begins with.
  @Test(arguments: FuzzTarget.allCases)
  func anythingAtAllIsAnInput(_ target: FuzzTarget) throws {
    for first in UInt8.min...UInt8.max {
      for count in [0, 1, 2, 5, 40] { try target.run([UInt8](repeating: first, count: count)) }
    }
  }
}
