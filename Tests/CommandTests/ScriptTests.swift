import Foundation
import Octets
import Testing

/// `apdu script`, and `apdu send` from a file of commands.
@Suite struct ScriptTests {
  @Test func commandsAreComparedWithWhatIsWanted() throws {
    let bench = try Story.copy()
    try bench.write("80CADF20 00 = 80 01 0F * 9000\n", to: "part.apdu")
    try FileManager.default.createDirectory(atPath: bench.path("more"), withIntermediateDirectories: false)
    try bench.write("include ../part.apdu\n", to: "more/within.apdu")
    try bench.write(
      """
      # The application, as people write such files
      00 A4 04 00 08 F0 57 41 52 49 46 55 01 00 = 6F * 9000   # whole answer
      00:84:00:00:08
      < XX ?? * 90 00 : Normal processing.
      include more/within.apdu
      reset = 3B XX * | 3F *
      > 00 20 00 81
      < 63 C3
      apdu 0x00 0x84 0x00 0x00 0x10 = *9000 ; sixteen
      80 10 00 \\
         00 00 = 6982
      00FF0000
      exit
      this is never read
      """, to: "good.apdu")
    let report = try bench.json("apdu", "script", "good.apdu")
    #expect(report["steps"] as? Int == 8 && report["matched"] as? Int == 7)
    #expect(report["difference"] == nil)
    let text = try bench.succeed("apdu", "script", "good.apdu").output
    #expect(text.contains("8 of 8 steps sent, 7 answered as wanted."))
  }

  @Test func theFirstDifferenceIsToldWithItsLine() throws {
    let bench = try Story.copy()
    for (script, words) in [
      ("# x\n\n00840000 08 = 6D00\n00840000 08\n", "line 3: the card answered "),
      ("reset = 3F00\n", "line 1: the card answered 3B"),
      ("00200081 = 63C2\n", "answered 63C3"), ("00200081\n< 9000 : Normal processing.\n", "line 1: "),
      ("00840000 08 = XX9000\n", "not wanted"), ("00840000 08 = * 9000 *\n", "no pattern"),
    ] {
      try bench.write(script, to: "x.apdu")
      let outcome = try bench.run(["apdu", "script", "x.apdu"])
      #expect(outcome.status == (words == "no pattern" ? 65 : 1), "\(script): \(outcome.complaint)")
      #expect(outcome.complaint.contains(words) && outcome.complaint.contains("x.apdu, line"), "\(outcome.complaint)")
    }
  }

  @Test func whatIsNoScriptIsToldWithItsLine() throws {
    let bench = try Story.copy()
    for (script, words) in [
      ("", "no command in the script"), ("# nothing\n", "no command"), ("\n\nzz\n", "line 3: that is no command"),
      ("00A4\n", "line 1"), ("00A404000\n", "line 1"), ("< 9000\n", "no command before it"),
      ("00840000\n<9000\n<9000\n", "line 3"), ("00840000 = 9\n", "no pattern"), ("00840000 =\n", "no pattern"),
      ("reset x\n", "no pattern"), ("include\n", "wants a file"), ("include x.apdu\n", "included by itself"),
    ] {
      try bench.write(script, to: "x.apdu")
      let outcome = try bench.run(["apdu", "script", "x.apdu"])
      #expect(outcome.status == 65, "\(script): \(outcome.status) \(outcome.complaint)")
      #expect(outcome.complaint.contains(words), "\(script): \(outcome.complaint)")
      #expect(outcome.octets.isEmpty)
    }
    for (path, status) in [("missing", Int32(66)), ("center", 66)] {
      #expect(try bench.run(["apdu", "script", path]).status == status)
    }
    try bench.write("include missing\n", to: "x.apdu")
    #expect(try bench.run(["apdu", "script", "x.apdu"]).status == 66)
  }

  @Test func secretsInScriptsAreNotShown() throws {
    let bench = try Story.copy()
    let pin = try Story.told.get().secret(in: Story.pinFile)
    let digits = pin.utf8.map { String(format: "%02X", $0) }.joined()
    let script = """
      00A4040008F057415249465501
      0020008108\(digits)FFFF = 9000
      8010000000 = * 6985
      0020008108\(digits)FFF
      """
    try bench.write(script, to: "x.apdu")
    let malformed = try bench.run(["apdu", "script", "x.apdu"])
    #expect(malformed.status == 65)
    try bench.write(script.split(separator: "\n").dropLast().joined(separator: "\n"), to: "x.apdu")
    let wrong = try bench.run(["apdu", "script", "x.apdu"])
    #expect(wrong.status == 1 && wrong.complaint.contains("(hidden) 9000"), "\(wrong.complaint)")
    let json = try bench.run(["apdu", "script", "x.apdu", "--json"])
    for outcome in [malformed, wrong, json] {
      #expect(!(outcome.output + outcome.complaint).contains(digits))
    }
    let piped = try bench.run(["apdu", "script", "-"], input: script)
    #expect(piped.status == 65 && !piped.complaint.contains(digits))
  }

  /// Files of includes alone have no steps, so their number and length are limited; the line that is too much is told.
  @Test func includesAreBounded() throws {
    let bench = try Story.copy()
    let fan = 20
    for level in 0..<7 {
      try bench.write(String(repeating: "include \(level + 1).apdu\n", count: fan), to: "\(level).apdu")
    }
    try bench.write("# nothing\n", to: "7.apdu")
    let wide = try bench.run(["apdu", "script", "0.apdu"])
    #expect(wide.status == 65 && wide.complaint.contains("more than 256 files"), "\(wide.complaint)")
    #expect(wide.complaint.contains("6.apdu, line "), "\(wide.complaint)")
    try bench.write("#" + String(repeating: " ", count: 4_000_000), to: "long.apdu")
    try bench.write(String(repeating: "include long.apdu\n", count: 10), to: "x.apdu")
    let long = try bench.run(["apdu", "script", "x.apdu"])
    #expect(long.status == 65 && long.complaint.contains("x.apdu, line 5"), "\(long.complaint)")
    try bench.write(String(repeating: "include 7.apdu\n", count: 255) + "00840000 08\n", to: "x.apdu")
    try bench.succeed("apdu", "script", "x.apdu")
  }

  @Test func manyJoinedLinesAreOne() throws {
    let bench = try Story.copy()
    try bench.write("zz \\\n" + String(repeating: "0 \\\n", count: 200_000) + "0\n", to: "x.apdu")
    let outcome = try bench.run(["apdu", "script", "x.apdu"])
    #expect(outcome.status == 65 && outcome.complaint.contains("line 1: that is no command"), "\(outcome.complaint)")
    try bench.write("0084 \\\n\\\n 0000 \\\n08\n00840000 = 6D00", to: "x.apdu")
    #expect(try bench.run(["apdu", "script", "x.apdu"]).complaint.contains("line 5: the card answered"))
  }

  /// Standard input has an end, whatever is on it.
  @Test func whatIsReadIsBounded() throws {
    let bench = try Story.copy()
    let line = String(repeating: "00", count: 100)
    let endless = "yes \(line) | head -c 64000000 | \"$0\" "
    for verb in ["apdu send -", "apdu script -"] {
      let outcome = try bench.launch("/bin/sh", ["-c", endless + verb, CommandBench.executable])
      #expect(outcome.status == 65 && outcome.complaint.contains("too long"), "\(outcome.complaint)")
      let whole = try bench.launch(
        "/bin/sh", ["-c", "head -c 64000000 /dev/zero | \"$0\" \(verb)", CommandBench.executable])
      #expect(whole.status == 65, "\(whole.complaint)")
    }
    let many = String(repeating: "00840000\n", count: 10_001)
    #expect(try bench.run(["apdu", "send", "-"], input: many).complaint.contains("too many"))
    #expect(try bench.run(["apdu", "send", "-"], input: "00840000 08\r\n\n 00840000 08\n").status == 0)
  }
}
