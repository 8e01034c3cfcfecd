import Foundation
import Octets
import Testing

/// Readers and cards by name, where there is no smart card service. The machine's own is never asked.
@Suite struct ReaderTests {
  /// Runs a command for which there is no service.
  private func alone(_ bench: CommandBench, _ arguments: String..., card: String = "") throws -> Outcome {
    try bench.run(
      arguments, environment: ["PCSCLITE_CSOCK_NAME": bench.path("no.service"), "WARIFU_CARD": card])
  }

  @Test(arguments: [
    ["reader", "list"], ["reader", "list", "--json"], ["reader", "watch"], ["card", "info", "--reader", "x"],
    ["card", "info", "--card", "0011223344556677"], ["apdu", "send", "00A40400", "--reader", "x"],
  ])
  func withoutAServiceThatIsSaid(_ arguments: [String]) throws {
    let bench = try CommandBench()
    let outcome = try bench.run(
      arguments, environment: ["PCSCLITE_CSOCK_NAME": bench.path("no.service"), "WARIFU_CARD": ""])
    #expect(outcome.status == 69 && outcome.octets.isEmpty, "\(outcome.complaint)")
    #expect(outcome.complaint.contains("pcscd") && outcome.complaint.split(separator: "\n").count == 1)
  }

  @Test func nothingSaysWhichCard() throws {
    let outcome = try alone(try CommandBench(), "card", "info")
    #expect(outcome.status == 64 && outcome.complaint.contains("--card-file"), "\(outcome.complaint)")
    #expect(outcome.complaint.contains("pcscd"))
  }

  @Test func onePlaceAtMost() throws {
    let bench = try CommandBench()
    for other in [["--reader", "x"], ["--card-socket", "x"]] {
      let outcome = try bench.run(["card", "info", "--card-file", "a.card"] + other)
      #expect(outcome.status == 64 && outcome.complaint.contains("only one of"), "\(outcome.complaint)")
    }
  }

  /// A serial chooses among readers, and checks the card that something else chose.
  @Test func theSerialMustBeTheCards() throws {
    let bench = try Story.copy()
    let json = try JSONSerialization.jsonObject(with: bench.succeed("card", "info", "--json").octets)
    let serial = try #require(
      (json as? [String: Any])?["card"] as? String ?? (json as? [String: Any])?["serial"] as? String)
    try bench.succeed("card", "info", "--card", serial)
    for verb in [["card", "info"], ["apdu", "send", "80CADF2000"]] {
      let outcome = try bench.run(verb + ["--card", "0011223344556677"])
      #expect(outcome.status == 66 && outcome.complaint.contains(serial), "\(outcome.complaint)")
    }
  }

  /// The trace names what went on; no PIN and no code is in it, and only its owner may read it.
  @Test func aTraceHasNoSecrets() throws {
    let bench = try Story.copy()
    let story = try Story.told.get()
    let handedOver = try bench.succeed(
      "card", "hand-over", "--index", "0", "--pin", "file:pin", "--trace", "trace", "--json")
    let trace = String(decoding: try bench.octets(of: "trace"), as: UTF8.self)
    #expect(trace.contains("> VERIFY 00200081, 8 octets hidden") && trace.contains("> HAND OVER CODE"))
    let pin = try story.secret(in: Story.pinFile)
    #expect(!trace.contains(Hex.encode(Array(pin.utf8))))
    let report = try #require(try JSONSerialization.jsonObject(with: handedOver.octets) as? [String: Any])
    let code = try #require(report["code"] as? String)
    #expect(!trace.contains(code) && code.count > 10)
    let attributes = try FileManager.default.attributesOfItem(atPath: bench.path("trace"))
    #expect(attributes[.posixPermissions] as? Int == 0o600)

    let shown = try bench.run(["card", "info", "--trace", "-"])
    #expect(shown.status == 0 && shown.complaint.contains("> GET DATA (application status)"))
    #expect(try bench.run(["card", "info", "--trace", "nope/trace"]).status == 66)
  }
  /// A trace overwrites nothing, least of all a card, and waits for nobody to read it.
  @Test func aTraceTakesANewNameOnly() throws {
    let bench = try Story.copy()
    let card = try Data(bench.octets(of: "alice.card"))
    try #require(mkfifo(bench.path("fifo"), 0o600) == 0)
    try FileManager.default.createSymbolicLink(atPath: bench.path("link"), withDestinationPath: "nowhere")
    try bench.write("mine", to: "note")
    for name in ["alice.card", "fifo", "link", "note"] {
      let outcome = try bench.run(["card", "info", "--trace", name])
      #expect(outcome.status == 1 && outcome.octets.isEmpty, "\(name): \(outcome.complaint)")
      #expect(outcome.complaint.contains("\(name) already"), "\(outcome.complaint)")
    }
    #expect(try bench.octets(of: "alice.card") == card)
    #expect(try bench.octets(of: "note") == Data("mine".utf8))
    #expect(!FileManager.default.fileExists(atPath: bench.path("nowhere")))
    try bench.succeed("card", "info", "--trace", "trace")
    #expect(try bench.run(["card", "info", "--trace", "trace"]).status == 1)
  }
}
