import Foundation
import Testing

@Suite struct RunTests {
  @Test func argumentsInputAndExitCodePassThrough() throws {
    let bench = try Story.copy()
    let outcome = try bench.run(
      [
        "run", "--title", "Shell", "--", "-c", "printf '%s|' \"$@\"; cat; echo lost >&2; exit 7", "name", "--json", "",
        "a b",
      ],
      input: "from outside", environment: ["GREETING": "hello"])
    #expect(outcome.status == 7)
    #expect(outcome.output == "--json||a b|from outside")
    #expect(outcome.complaint == "lost\n")
    let environment = try bench.run(
      ["run", "--title", "Shell", "--card-key", "env:CARD_KEY", "--", "-c", "echo $GREETING,$CARD_KEY"],
      environment: ["GREETING": "hello", "CARD_KEY": try cardKey(bench)])
    #expect(environment.output == "hello,\n")
  }

  @Test func diesOfASignalAsTheProgramDoes() throws {
    let outcome = try Story.copy().run(["run", "--title", "Shell", "--", "-c", "kill -KILL $$"])
    #expect(outcome.status == 128 + 9)
  }

  @Test func M10_runsFromMemoryWithoutAName() throws {
    let outcome = try Story.copy().run([
      "run", "--title", "Shell", "--", "-c", "readlink /proc/$$/exe; ls -l /proc/$$/fd",
    ])
    #expect(outcome.output.hasPrefix("/memfd:"))
    #expect(!outcome.output.contains("disc.img") && !outcome.output.contains("alice.card"))
  }

  @Test func M8_noPlaintextOnMasterDiscOrDisc() throws {
    let bench = try Story.copy()
    let program = try Data(contentsOf: URL(fileURLWithPath: Story.program))
    let images = try ["master.iso", "disc.img"].map { try bench.octets(of: $0) }
    for place in [0, program.count / 3, program.count / 2, program.count - 4096] {
      let window = program[place..<(place + 64)]
      guard Set(window).count > 16 else { continue }
      #expect(program.range(of: window) != nil)
      for image in images { #expect(image.range(of: window) == nil, "octet \(place)") }
    }
    for image in images { #expect(image.range(of: Data(Story.text.utf8)) == nil) }
  }

  @Test func showsContentThatIsNoProgram() throws {
    let bench = try Story.copy()
    #expect(try bench.succeed("show", "--title", "Text").output == Story.text)
    let program = try bench.run(["show", "--title", "Shell"])
    #expect(program.status == 65)
    #expect(program.octets.isEmpty)
    let text = try bench.run(["run", "--title", "Text"])
    #expect(text.status == 65)
    #expect(text.octets.isEmpty)
  }

  @Test func lookingChangesNothing() throws {
    let bench = try Story.copy()
    let before = try bench.state()
    for arguments in [
      ["run", "--title", "Shell", "--", "-c", "true"], ["show", "--title", "Text"], ["disc", "info"], ["disc", "list"],
      ["disc", "license", "--title", "Shell"], ["copy", "certify", "--title", "Shell"], ["card", "info"],
      ["card", "codes"], ["master", "list", "master.iso"], ["center", "info"],
    ] {
      #expect(try bench.run(arguments).status == 0, "\(arguments)")
      #expect(try bench.state() == before, "\(arguments)")
    }
  }

  private func cardKey(_ bench: CommandBench) throws -> String {
    try bench.octets(of: "data/warifu/emulator.key").map { String(format: "%02x", $0) }.joined()
  }
}
