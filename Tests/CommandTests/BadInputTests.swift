import CLinux
import Foundation
import TestSupport
import Testing

/// Whatever somebody gives, there is one sentence, the right exit code, and nothing has changed.
@Suite struct BadInputTests {
  private static let commandLines = [
    Mistake(64, "unexpected argument 'nonsense'", "nonsense"), Mistake(64, "--help", "card", "nonsense"),
    Mistake(64, "'warifu card info --help'", "card", "info", "--nope"), Mistake(64, "--title", "run"),
    Mistake(64, "--index", "card", "hand-over", "--pin", "file:pin"),
    Mistake(64, "'x' is invalid", "card", "hand-over", "--index", "x", "--pin", "file:pin"),
    Mistake(64, "'70000' is invalid", "card", "hand-over", "--index", "70000", "--pin", "file:pin"),
    Mistake(64, "at least 1", "card", "charge", "--title", "Shell", "--count", "0"),
    Mistake(64, "--operation", "card", "charge", "--title", "Shell", "--count", "1", "--operation", "1"),
    Mistake(64, "128, 230, 540, 640, 1300, 2300", "disc", "new", "x.img", "--geometry", "100"),
    Mistake(64, "no 0 MiB", "disc", "new", "x.img", "--general-use", "0"),
    Mistake(64, "program, data, text", "center", "title", "add", "--name", "x", "--type", "y", "--price", "1 EUR"),
    Mistake(64, "'1' is invalid", "center", "title", "add", "--name", "x", "--type", "text", "--price", "1"),
    Mistake(64, "'00' is invalid", "center", "card", "show", "00"),
    Mistake(64, "'rubbish' is invalid", "master", "press", "x.iso", "--name", "x", "--title", "rubbish"),
    Mistake(
      64, "is invalid", "master", "press", "x.iso", "--name", "x", "--title",
      "path=text,name=a,type=text,price=1 EUR,x=1"),
    Mistake(64, "--title, --count and --url", "card", "sheet", "--count", "3"),
    Mistake(64, "behind --", "run", "--title", "Shell", "-c"), Mistake(64, "behind --", "run", "--title", "Shell", "a"),
    Mistake(64, "leave --center away", "card", "new", "x.card", "--test-keys", "--center", "center"),
  ]

  private static let files = [
    Mistake(66, "no card at missing", "card", "info", "--card-file", "missing"),
    Mistake(66, "Is a directory", "card", "info", "--card-file", "center"),
    Mistake(65, "no card file", "card", "info", "--card-file", "passphrase"),
    Mistake(65, "no card file", "card", "info", "--card-file", "empty"),
    Mistake(65, "no card file", "card", "info", "--card-file", "random"),
    Mistake(65, "no card file", "card", "info", "--card-file", "disc.img"),
    Mistake(65, "cut off", "card", "info", "--card-file", "short.card"),
    Mistake(65, "behind its end", "card", "info", "--card-file", "long.card"),
    Mistake(77, "another emulator key", "card", "info", "--card-key", "file:key"),
    Mistake(65, "32 octets", "card", "info", "--card-key", "file:passphrase"),
    Mistake(66, "cannot read", "card", "info", "--card-key", "file:missing"),
    Mistake(1, "exists already", "card", "new", "alice.card"),
    Mistake(66, "its folder must exist", "card", "new", "nope/x.card"),
    Mistake(65, "no file and no disc", "master", "list", "fifo"),
    Mistake(66, "no ordinary file", "master", "press", "x.iso", "--name", "x", "--title", "path=fifo,title=Text"),
    Mistake(66, "make a disc there first", "disc", "info", "--disc", "missing"),
    Mistake(66, "make a disc there first", "disc", "id", "missing"),
    Mistake(66, "is no drive", "disc", "info", "--disc", "/dev/null"),
    Mistake(66, "is no drive", "disc", "id", "/dev/tty"),
    Mistake(65, "not a disc image", "disc", "id", "random"),
    Mistake(65, "not a disc image", "disc", "info", "--disc", "random"),
    Mistake(65, "not a disc image", "disc", "info", "--disc", "master.iso"),
    Mistake(65, "truncated", "disc", "list", "--disc", "short.img"),
    Mistake(65, "not a disc image", "disc", "list", "--disc", "empty"),
    Mistake(65, "not a disc image", "run", "--title", "Shell", "--disc", "center"),
    Mistake(65, "do not belong to it", "disc", "list", "--disc", "long.img"),
    Mistake(1, "choose another name", "disc", "new", "disc.img"),
    Mistake(66, "check the path", "disc", "new", "missing/x.img"),
    Mistake(1, "or use a larger disc", "disc", "new", "x.img", "--general-use", "1000"),
    Mistake(66, "missing", "master", "list", "missing"), Mistake(65, "no ISO 9660", "master", "list", "disc.img"),
    Mistake(65, "no ISO 9660", "master", "list", "random"),
    Mistake(65, "copy the image again", "master", "list", "short.iso"),
    Mistake(65, "no ISO 9660", "master", "list", "empty"),
    Mistake(65, "no master disc of Warifu", "master", "list", "foreign.iso"),
    Mistake(65, "no ISO 9660", "copy", "title", "--title", "Shell", "--master", "random"),
    Mistake(
      1, "choose another name", "master", "press", "master.iso", "--name", "x", "--title", "path=text,title=Text"),
    Mistake(
      66, "missing cannot be read", "master", "press", "x.iso", "--name", "x", "--title", "path=missing,title=Text"),
    Mistake(66, "no ordinary file", "master", "press", "x.iso", "--name", "x", "--title", "path=center,title=Text"),
    Mistake(65, "knows no title", "master", "press", "x.iso", "--name", "x", "--title", "path=text,title=Nobody"),
    Mistake(65, "too long", "copy", "install", "random"),
    Mistake(65, "no copy licence", "copy", "install", "passphrase"),
    Mistake(65, "cut short", "copy", "install", "empty"), Mistake(66, "missing", "copy", "install", "missing"),
    Mistake(1, "there is a file already", "disc", "license", "--title", "Shell", "--save", "passphrase"),
  ]

  private static let choices = [
    Mistake(69, "no centre at missing", "center", "info", "--center", "missing"),
    Mistake(69, "no centre at data", "center", "verify", "--center", "data"),
    Mistake(77, "passphrase is wrong", "center", "verify", "--passphrase", "file:key"),
    Mistake(
      77, "passphrase is wrong", "card", "charge", "--title", "Shell", "--count", "1", "--passphrase", "file:text"),
    Mistake(1, "choose another", "center", "init", "center", "--name", "x"),
    Mistake(65, "1 to 53", "center", "init", "x", "--name", ""),
    Mistake(65, "this has 54", "center", "init", "x", "--name", String(repeating: "é", count: 27)),
    Mistake(65, "control characters", "center", "init", "x", "--name", "Corner\u{1B}[31m Shop"),
    Mistake(66, "make nope first", "center", "init", "nope/center", "--name", "x"),
    Mistake(65, "not allowed", "center", "title", "add", "--name", "", "--type", "text", "--price", "1 EUR"),
    Mistake(1, "already: use S-", "center", "title", "add", "--name", "Shell", "--type", "text", "--price", "1 EUR"),
    Mistake(65, "0000000000000000", "center", "card", "show", "0000000000000000"),
    Mistake(65, "no title named 'Nope'", "card", "charge", "--title", "Nope", "--count", "1"),
    Mistake(
      65, "check the software id", "card", "charge", "--title", "S-00000000000000000000000000000000", "--count", "1"),
    Mistake(1, "At most 45", "card", "charge", "--title", "Shell", "--count", "46"),
    Mistake(65, "4 to 8", "card", "pin", "verify", "--pin", "file:text"),
    Mistake(65, "no title named", "run", "--title", "Picture"), Mistake(65, "no title named", "show", "--title", "x"),
    Mistake(65, "no APDU", "apdu", "send", "zz"), Mistake(65, "no APDU", "apdu", "send", "00"),
    Mistake(65, "no APDU", "apdu", "send", "00A4040009F0"), Mistake(65, "no command", "apdu", "send", "-"),
    Mistake(1, "refused 1 of 1", "apdu", "send", "00FF0000"),
    Mistake(3, "refused 1 of 2", "apdu", "send", "80CADF20", "00FF0000"),
  ]

  @Test func mistakesInTheCommandLine() throws { try expect(BadInputTests.commandLines) }

  @Test func filesThatAreNotWhatTheyShouldBe() throws { try expect(BadInputTests.files) }

  @Test func choicesThatThereAreNot() throws { try expect(BadInputTests.choices) }

  @Test func whatSomebodyElseHasIsBusy() throws {
    let bench = try Story.copy()
    for (name, arguments) in [
      ("alice.card", ["card", "info"]), ("disc.img", ["copy", "license", "--title", "Shell"]),
    ] {
      let descriptor = warifu_open(bench.path(name), O_RDWR | O_CLOEXEC, 0)
      #expect(warifu_try_lock(descriptor) == 0)
      let busy = try bench.run(arguments)
      #expect(busy.status == 75, "\(busy.complaint)")
      #expect(busy.complaint.contains("in use"))
      close(descriptor)
      #expect(try bench.run(arguments).status == 0)
    }
  }

  /// A title that is registered stays so: whatever can be known must be known before.
  @Test func whatCannotBePressedRegistersNothing() throws {
    let good = "path=text,name=New,type=text,price=1 EUR"
    func press(
      _ status: Int32, _ words: String, _ specifications: String..., name: String = "x", manager: String = "text"
    )
      -> Mistake
    {
      let titles = specifications.flatMap { ["--title", $0] }
      return Mistake(
        status, words, ["master", "press", "x.iso", "--name", name, "--manager", manager] + titles)
    }
    try expect([
      press(65, "the disc cannot have this name", good, name: "a\nb"),
      press(65, "the disc cannot have this name", good, name: String(repeating: "x", count: 129)),
      press(66, "no ordinary file", good, manager: "center"), press(66, "no ordinary file", good, manager: "fifo"),
      press(66, "missing cannot be read", good, "path=missing,name=Other,type=text,price=1 EUR"),
      press(66, "no ordinary file", good, "path=fifo,name=Other,type=text,price=1 EUR"),
      press(65, "knows no title", good, "path=text,title=Nobody"),
      press(65, "knows no title", good, "path=text,title=S-00000000000000000000000000000000"),
      press(65, "without control characters", good, "path=text,name=a\nb,type=text,price=1 EUR"),
      press(
        65, "at most 128", good, "path=text,name=b,type=text,price=1 EUR,seller=\(String(repeating: "x", count: 129))"),
      press(65, "given twice", good, good),
      press(65, "given twice", good, "path=text,title=Text", "path=text,title=Text"),
      press(1, "already: press that with title=S-", good, "path=text,name=Text,type=text,price=1.00 EUR,version=3"),
      press(1, "already", good, "path=text,name=Shell,type=text,price=5.00 EUR"),
    ])
  }

  /// What an earlier try, cut short, has registered is taken up by the next one.
  @Test func aTitleThatWasNeverPressedIsTakenUp() throws {
    let bench = try Story.copy()
    try bench.succeed("center", "title", "add", "--name", "New", "--type", "text", "--price", "1 EUR")
    let titles = try bench.succeed("center", "title", "list").output
    try bench.succeed(
      "master", "press", "x.iso", "--name", "x", "--manager", "manager", "--title",
      "path=text,name=New,type=text,price=1 EUR")
    #expect(try bench.succeed("center", "title", "list").output == titles)
  }

  /// A broken standard stream is somebody's mistake, never a crash.
  @Test func standardStreamsMayBeClosedOrFull() throws {
    let bench = try Story.copy()
    func shell(_ command: String) throws -> Int32 {
      try bench.launch("/bin/sh", ["-c", "\"$0\" " + command, CommandBench.executable]).status
    }
    let before = try bench.state()
    for stream in ["2>&-", "2>/dev/full", "2>&- <&-", "2>&- >&-", "2>&- >&- <&-"] {
      #expect(try shell("card info --card-file missing " + stream) == 66, "\(stream)")
      #expect(try shell("disc license --title Nope " + stream) == 65, "\(stream)")
      #expect(try shell("nonsense " + stream) == 64, "\(stream)")
    }
    for stream in [">&-", ">/dev/full"] {
      for command in ["card info", "show --title Text", "--help", "--version", "card info --help"] {
        #expect(try shell(command + " " + stream) == 74, "\(command) \(stream)")
      }
    }
    #expect(try shell("card pin verify --pin - <&-") == 66)
    #expect(try bench.state() == before)
    let full = try bench.run(["show", "--title", "Text"], output: "/dev/full")
    #expect(full.complaint.contains("give it a place with room"))
  }

  @Test func anUnknownTitleIsAnsweredWithEachNameOnce() throws {
    let bench = try Story.copy()
    for version in ["1", "2"] {
      try bench.succeed(
        "center", "title", "add", "--name", "Twin", "--type", "text", "--price", "1 EUR", "--title-version", version)
    }
    let outcome = try bench.run(["card", "charge", "--title", "Nope", "--count", "1"])
    #expect(outcome.complaint.components(separatedBy: "Twin").count == 2, "\(outcome.complaint)")
  }

  @Test func aResultThatCannotBeWrittenIsAFailure() throws {
    let outcome = try Story.copy().run(["card", "info"], output: "/dev/full")
    #expect(outcome.status == 74)
    #expect(outcome.complaint.contains("cannot write the result"))
  }

  /// Random octets in the place of every kind of file, many times.
  @Test func randomFilesNeverCrash() throws {
    let bench = try Story.copy()
    var random = Randomness("random files")
    for _ in 0..<5 {
      var octets = random.octets(count: Int.random(in: 1...200_000, using: &random.generator))
      let head = try bench.octets(
        of: ["alice.card", "disc.img", "master.iso"].randomElement(using: &random.generator) ?? "disc.img"
      ).prefix(512)
      if Bool.random(using: &random.generator) {
        octets.replaceSubrange(0..<min(512, octets.count), with: head.prefix(octets.count))
      }
      try Data(octets).write(to: URL(fileURLWithPath: bench.path("fuzz")))
      for arguments in [
        ["card", "info", "--card-file", "fuzz"], ["disc", "list", "--disc", "fuzz"], ["master", "list", "fuzz"],
        ["copy", "install", "fuzz"],
      ] {
        let outcome = try bench.run(arguments)
        #expect([65, 77].contains(outcome.status), "\(arguments): \(outcome.status) \(outcome.complaint)")
      }
    }
  }

  /// Files that are none, beside those of the story.
  private func bench() throws -> CommandBench {
    let bench = try Story.copy()
    let card = try bench.octets(of: "alice.card")
    var generator = SystemRandomNumberGenerator()
    let random = Data((0..<100_000).map { _ in UInt8.random(in: 0...255, using: &generator) })
    let made: [String: Data] = [
      "empty": Data(), "random": random, "key": random.prefix(32), "short.card": card.prefix(5000),
      "long.card": card + Data(count: 100), "short.img": try bench.octets(of: "disc.img").prefix(3_000_000),
      "short.iso": try bench.octets(of: "master.iso").prefix(120_000),
    ]
    for (name, octets) in made { try octets.write(to: URL(fileURLWithPath: bench.path(name))) }
    try #require(mkfifo(bench.path("fifo"), 0o600) == 0)
    let foreign = try bench.launch(
      "/usr/bin/env", ["xorriso", "-as", "mkisofs", "-quiet", "-o", "foreign.iso", "text"])
    try #require(foreign.status == 0, "\(foreign.complaint)")
    let long = try bench.launch(
      "/bin/sh", ["-c", "cp --sparse=always disc.img long.img && printf x >> long.img"])
    try #require(long.status == 0, "\(long.complaint)")
    return bench
  }

  private func expect(_ mistakes: [Mistake]) throws { try bench().expect(mistakes) }
}
