import Foundation
import Glibc
import TestSupport
import Testing

/// SIGKILL while `warifu` changes a disc: the disc is as before or as after, and the command can be run again.
@Suite struct KilledCopyTests {
  /// What is on a disc, by the words of commands that only look.
  private struct Shown: Equatable {
    var licences: String
    var titles: String

    init(_ bench: CommandBench) throws {
      licences = try bench.succeed("disc", "licences").output
      titles = try bench.succeed("disc", "list").output
    }
  }

  /// Runs a command, killed after a while unless it ends before; whether it was killed.
  private func kill(_ arguments: [String], after microseconds: UInt32, in bench: CommandBench) throws -> Bool {
    // The shell kills what it started and nothing else; exec keeps the process number.
    let script = """
      sh -c 'exec "$0" "$@"' "$@" >said 2>complained & victim=$!
      sleep \(Double(microseconds) / 1e6); kill -KILL $victim 2>killed; wait $victim
      """
    let outcome = try bench.launch("/bin/sh", ["-c", script, "sh", CommandBench.executable] + arguments)
    #expect(outcome.status == 0 || outcome.status == 128 + SIGKILL, "\(outcome.status) \(outcome.complaint)")
    return outcome.status != 0
  }

  /// Kills a command at random moments of the time that it takes, on a copy of the disc each time.
  private func killEverywhere(_ purpose: String, _ arguments: [String], on bench: CommandBench) throws {
    var random = Randomness(purpose)
    let before = try Shown(bench)
    _ = try bench.launch("/usr/bin/env", ["cp", "--sparse=always", "disc.img", "kept.img"])
    // The shortest of some: one that the machine held up would put most kills behind the end.
    let times = try (0..<3).map { _ in
      _ = try bench.launch("/usr/bin/env", ["cp", "--sparse=always", "kept.img", "disc.img"])
      return try ContinuousClock().measure { try #require(try bench.run(arguments).status == 0) }
    }
    let whole = UInt32(max(1, try #require(times.min()) / .microseconds(1)))
    let after = try Shown(bench)
    #expect(before != after)
    var killed = 0
    let rounds = random.soak(8, full: 300)
    for _ in 0..<rounds {
      _ = try bench.launch("/usr/bin/env", ["cp", "--sparse=always", "kept.img", "disc.img"])
      let moment = UInt32.random(in: 0...whole, using: &random.generator)
      if try kill(arguments, after: moment, in: bench) { killed += 1 }
      let check = try bench.run(["disc", "check", "--contents"])
      #expect(check.status == 0 || check.status == 4, "after \(moment) of \(whole) µs: \(check.output)")
      let shown = try Shown(bench)
      #expect(shown == before || shown == after, "after \(moment) of \(whole) µs")
      let again = try bench.run(arguments)
      #expect(again.status == 0, "\(again.complaint)")
      #expect(try Shown(bench) == after)
      #expect(try bench.run(["disc", "check", "--contents"]).status == 0)
    }
    print("\(purpose): \(killed) of \(rounds) killed")
    #expect(killed > 0)
  }

  @Test func M6_aKilledInstallationLeavesTheOldOrTheNewLicence() throws {
    let bench = try Story.copy()
    try bench.succeed("disc", "license", "--title", "Text", "--save", "text.licence")
    let confirmed = ["--yes", "--medium", try bench.mediumID()]
    _ = try bench.run(["disc", "delete", "--title", "Text", "--part", "license"] + confirmed)
    try killEverywhere("kills of copy install", ["copy", "install", "text.licence"], on: bench)
  }

  /// Ctrl-C keeps all that was copied, and `disc info` tells of it until the copy is finished.
  @Test func interruptedCopyIsTold() throws {
    let bench = try Story.copy()
    try licenseLarge(on: bench)
    #expect(try bench.object("disc", "info")["unfinishedCopy"] == nil)
    _ = try bench.launch("/usr/bin/env", ["cp", "--sparse=always", "disc.img", "kept.img"])
    let copy = ["copy", "title", "--title", "Large", "--master", "large.iso"]
    // The shortest of some: one that the machine held up would put every interruption behind the end.
    let times = try (0..<3).map { _ in
      _ = try bench.launch("/usr/bin/env", ["cp", "--sparse=always", "kept.img", "disc.img"])
      return try ContinuousClock().measure { try #require(try bench.run(copy).status == 0) }
    }
    let time = Double(try #require(times.min()) / .milliseconds(1)) / 1e3
    var said = ""
    var isInTheMiddle = false
    // One that comes between the last octet and the end is not what is looked for.
    for attempt in 0..<40 where !isInTheMiddle {
      _ = try bench.launch("/usr/bin/env", ["cp", "--sparse=always", "kept.img", "disc.img"])
      let moment = time * Double(1 + attempt * 7 % 20) / 20
      said = try bench.launch(
        "/usr/bin/env", ["timeout", "-s", "INT", "\(moment)", CommandBench.executable] + copy
      ).complaint
      guard said.contains("goes on behind") else { continue }
      let copied = try bench.object("disc", "info")["unfinishedCopy"] as? [String: Any]
      isInTheMiddle = copied?["writtenOctets"] as? Int != copied?["octets"] as? Int
    }
    try #require(said.contains("goes on behind"), "\(said)")
    let unfinished = try #require(try bench.object("disc", "info")["unfinishedCopy"] as? [String: Any])
    let written = try #require(unfinished["writtenOctets"] as? Int)
    #expect(written > 0 && written < unfinished["octets"] as? Int ?? 0)
    #expect(try bench.succeed("disc", "info").output.contains("MiB; 'copy title' goes on"))
    #expect(try bench.run(copy).status == 0)
    #expect(try bench.object("disc", "info")["unfinishedCopy"] == nil)
  }

  /// A copy that was killed goes on from its last checkpoint. Those are made by time, so the copy is held up for longer
  /// than lies between two, then killed.
  @Test(arguments: ["certificate", "conversion"]) func M8_aKilledCopyGoesOn(profile: String) throws {
    let bench = try Story.copy()
    try licenseLarge(on: bench, profile: profile)
    _ = try bench.launch("/usr/bin/env", ["cp", "--sparse=always", "disc.img", "kept.img"])
    let copy = ["copy", "title", "--title", "Large", "--master", "large.iso"]
    var unfinished: [String: Any]?
    // Each write to the disc is held up, until one copy is killed behind a checkpoint and in front of the end.
    for attempt in 0..<20 where unfinished == nil {
      _ = try bench.launch("/usr/bin/env", ["cp", "--sparse=always", "kept.img", "disc.img"])
      let script = """
        strace -D -f -qq -o /dev/null -P disc.img -e trace=pwrite64 -e inject=pwrite64:delay_enter=$0 \
          "$@" >said 2>complained & victim=$!
        sleep \(4 + attempt); kill -KILL $victim; wait $victim 2>killed
        """
      let delay = [50_000, 100_000, 20_000, 200_000][attempt % 4]
      _ = try bench.launch("/bin/sh", ["-c", script, "\(delay)", CommandBench.executable] + copy)
      unfinished = try bench.object("disc", "info")["unfinishedCopy"] as? [String: Any]
    }
    #expect(try #require(unfinished?["writtenOctets"] as? Int) > 0, "no kill left a checkpoint")
    #expect(try bench.run(copy).status == 0)
    #expect(try bench.object("disc", "info")["unfinishedCopy"] == nil)
    #expect(try bench.run(["disc", "check", "--contents"]).status == 0)
  }

  @Test func M14_aKilledConversionLeavesTheOldOrTheNewTitle() throws {
    let bench = try Story.copy()
    try licenseLarge(on: bench, profile: "conversion")
    try killEverywhere(
      "kills of conversions", ["copy", "title", "--title", "Large", "--master", "large.iso"], on: bench)
    let content = try Data(contentsOf: URL(fileURLWithPath: bench.path("large")))
    let isSame = try bench.succeed("show", "--title", "Large").octets == content
    #expect(isSame)
  }

  /// A licence for a title of 24 MiB, on large.iso: most of the time is then spent copying.
  private func licenseLarge(on bench: CommandBench, profile: String = "certificate") throws {
    let octets = Data((0..<24).flatMap { part in [UInt8](repeating: UInt8(part), count: 1 << 20) })
    try octets.write(to: URL(fileURLWithPath: bench.path("large")))
    try bench.succeed(
      "master", "press", "large.iso", "--name", "x", "--manager", "manager", "--profile", profile, "--title",
      "path=large,name=Large,type=data,price=0 EUR")
    try bench.succeed("copy", "license", "--title", "Large")
  }

  @Test func M8_aKilledCopyLeavesTheOldOrTheNewTitle() throws {
    let bench = try Story.copy()
    try licenseLarge(on: bench)
    try killEverywhere(
      "kills of copy title", ["copy", "title", "--title", "Large", "--master", "large.iso"], on: bench)
  }
}
