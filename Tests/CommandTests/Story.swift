import Cryptography
import Foundation
import Testing
import WarifuTesting

/// The main job, done once by commands: a centre, an issued and charged card, a master disc with three titles, a
/// disc with one of them licensed and copied. Tests work on copies of its folder.
struct Story: Sendable {
  /// Where it happened.
  let bench: CommandBench
  /// Every command and what it said.
  let transcript: [Outcome]

  /// The passphrase in `passphrase`.
  static let passphrase = "correct horse battery staple"
  /// The PIN's and PUK's files.
  static let pinFile = "pin", pukFile = "puk"
  /// The program that was pressed: what /bin/sh is here.
  static let program = URL(fileURLWithPath: "/bin/sh").resolvingSymlinksInPath().path
  /// The text that was pressed.
  static let text = "It was the best of times, it was the worst of times.\n"

  /// Made on first use, gone with the process.
  static let told = Result { try Story.tell() }

  /// A copy to work on.
  static func copy() throws -> CommandBench {
    let story = try told.get()
    let bench = try CommandBench()
    // cp keeps the images sparse.
    let copied = try bench.launch(
      "/usr/bin/env", ["cp", "-a", "--sparse=always", story.bench.folder.path + "/.", "."])
    try #require(copied.status == 0, "\(copied.complaint)")
    return bench
  }

  private static func tell() throws -> Story {
    let bench = try CommandBench()
    // The folder has to go with the process: this value lives as long.
    Cleaner.folder = bench.folder.path
    atexit { try? FileManager.default.removeItem(atPath: Cleaner.folder) }
    try bench.write(passphrase + "\n", to: "passphrase")
    try bench.write(text, to: "text")
    try bench.write("#!/bin/sh\necho manager\n", to: "manager")
    try bench.write("not an image, but nobody looks\n", to: "picture")
    var transcript: [Outcome] = []
    func run(_ arguments: String..., input: String = "") throws -> Outcome {
      let outcome = try bench.run(arguments, input: input)
      try #require(outcome.status == 0, "\(arguments): \(outcome.complaint)")
      transcript.append(outcome)
      return outcome
    }
    _ = try run("center", "init", "center", "--name", "Test centre")
    try makePassphraseCheap(in: bench.folder("center/keys.sealed"))
    _ = try run("card", "new", "alice.card")
    _ = try run("card", "issue", "--purchaser", "Alice", "--maximum-codes", "50")
    let letter = try run("card", "pin", "letter").output
    for (name, file) in [("PIN", pinFile), ("PUK", pukFile)] {
      let line = letter.split(separator: "\n").first { $0.hasPrefix(name + "  ") }
      try bench.write(String(try #require(line?.split(separator: " ").last)) + "\n", to: file)
    }
    _ = try run("center", "title", "add", "--name", "Shell", "--type", "program", "--price", "5.00 EUR")
    _ = try run("card", "charge", "--title", "Shell", "--count", "5")
    _ = try run(
      "master", "press", "master.iso", "--name", "Test disc", "--manager", "manager", "--title",
      "path=\(program),title=Shell", "--title", "path=text,name=Text,type=text,price=1.00 EUR,version=3", "--title",
      "path=picture,name=Picture\\, framed,type=image,price=120 JPY")
    _ = try run("disc", "new", "disc.img")
    for title in ["Shell", "Text"] {
      _ = try run("copy", "license", "--title", title)
      _ = try run("copy", "certify", "--title", title, "--master", "master.iso")
      _ = try run("copy", "title", "--title", title, "--master", "master.iso")
    }
    return Story(bench: bench, transcript: transcript)
  }

  /// Seals a key store under the same passphrase at a test's cost. The usual one is paid by every command that opens the
  /// centre: half a second each, together most of the processor's time that these tests took.
  private static func makePassphraseCheap(in path: String) throws {
    let file = URL(fileURLWithPath: path)
    let phrase = Secret(copying: Array(passphrase.utf8))
    let store = try SealedBox.open(Array(try Data(contentsOf: file)), passphrase: phrase)
    let sealed = try SealedBox.seal(store, passphrase: phrase, cost: .test, random: SystemRandom())
    try Data(sealed).write(to: file)
  }

  /// PIN and PUK.
  func secret(in file: String) throws -> String {
    String(decoding: try bench.octets(of: file), as: UTF8.self).trimmingCharacters(in: .newlines)
  }
}

/// What the end of the process takes away; written once, before the handler is there.
private enum Cleaner {
  nonisolated(unsafe) static var folder = ""
}
