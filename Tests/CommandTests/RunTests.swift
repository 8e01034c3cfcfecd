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

  /// Not a shell: dash unblocks every signal when it starts.
  private func benchWithCat() throws -> CommandBench {
    let bench = try Story.copy()
    try bench.succeed(
      "master", "press", "cat.iso", "--name", "x", "--manager", "manager", "--title",
      "path=/bin/cat,name=Cat,type=program,price=0 EUR")
    try bench.succeed("copy", "license", "--title", "Cat")
    try bench.succeed("copy", "title", "--title", "Cat", "--master", "cat.iso")
    return bench
  }

  @Test func theProgramHearsEverySignal() throws {
    let bench = try benchWithCat()
    let status = try bench.succeed("run", "--title", "Cat", "--", "/proc/self/status").output
    #expect(status.contains("\nSigBlk:\t0000000000000000\n"), "\(status)")
    // It waits for more on its standard input; deaf to the signal it would end with the input, and with 0.
    let script = """
      mkfifo line && { "$0" run --title Cat <line >said & }
      exec 3>line; echo x >&3
      for i in $(seq 1200); do [ -s said ] || sleep 0.1; done
      kill -TERM $!; exec 3>&-; wait $!
      """
    #expect(try bench.launch("/bin/sh", ["-c", script, CommandBench.executable]).status == 128 + SIGTERM)
    #expect(try bench.octets(of: "said") == Data("x\n".utf8))
  }

  @Test func whoIgnoresControlCStillDoes() throws {
    let script = "trap '' INT; exec \"$0\" run --title Cat -- /proc/self/status"
    let status = try benchWithCat().launch("/bin/sh", ["-c", script, CommandBench.executable]).output
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("SigIgn:") })
    let mask = try #require(UInt64(line.split(separator: "\t").last ?? "", radix: 16))
    #expect(mask & 1 << (SIGINT - 1) != 0, "\(line)")
  }

  @Test func thePassphraseIsNotHandedOn() throws {
    let outcome = try Story.copy().run(
      ["run", "--title", "Shell", "--", "-c", "echo ${THE_PASSPHRASE-none} ${WARIFU_PASSPHRASE-none}"],
      environment: ["THE_PASSPHRASE": Story.passphrase, "WARIFU_PASSPHRASE": "env:THE_PASSPHRASE"])
    #expect(outcome.output == "none none\n")
  }

  @Test func whatIsNoProgramLeadsToNoDeadEnd() throws {
    let bench = try Story.copy()
    try bench.write("\u{7}\u{1}no program at all\n", to: "rubbish")
    try bench.succeed(
      "master", "press", "rubbish.iso", "--name", "x", "--manager", "manager", "--title",
      "path=rubbish,name=Rubbish,type=program,price=0 EUR")
    try bench.succeed("copy", "license", "--title", "Rubbish")
    try bench.succeed("copy", "title", "--title", "Rubbish", "--master", "rubbish.iso")
    let outcome = try bench.run(["run", "--title", "Rubbish"])
    #expect(outcome.status == 65)
    #expect(outcome.complaint.contains("no program for this machine") && !outcome.complaint.contains("show"))
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
