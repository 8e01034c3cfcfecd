import Foundation
import Testing

@Suite struct HelpTests {
  /// Every noun and verb, as the command itself tells them.
  private func verbs(_ bench: CommandBench) throws -> [[String]] {
    let dump = try bench.succeed("--experimental-dump-help")
    let root = try #require(try JSONSerialization.jsonObject(with: dump.octets) as? [String: Any])
    let command = try #require(root["command"] as? [String: Any])
    func leaves(_ command: [String: Any], _ path: [String]) -> [[String]] {
      let children = (command["subcommands"] as? [[String: Any]] ?? []).filter {
        $0["commandName"] as? String != "help"
      }
      guard !children.isEmpty else { return [path] }
      return children.flatMap { leaves($0, path + [$0["commandName"] as? String ?? ""]) }
    }
    return leaves(command, [])
  }

  @Test func everyVerbHasHelpWithAnExample() throws {
    let bench = try CommandBench()
    let verbs = try verbs(bench)
    #expect(verbs.count >= 26)
    for verb in verbs {
      let help = try bench.run(verb + ["--help"])
      let name = (["warifu"] + verb).joined(separator: " ")
      #expect(help.status == 0, "\(name)")
      #expect(help.complaint.isEmpty, "\(name)")
      let example = help.output.components(separatedBy: "Example:")
      #expect(example.count == 2 && example.last?.contains(name + " ") == true, "\(name) shows no example")
      // What is too wide is folded without its indentation.
      let lines = (example.last ?? "").components(separatedBy: "\n\n")[0].split(separator: "\n")
      #expect(lines.allSatisfy { $0.hasPrefix("  ") }, "\(name)")
      #expect(HelpTests.canBePasted(lines), "\(name)")
      let narrow = try bench.run(verb + ["--help"], environment: ["COLUMNS": "50"])
      #expect(narrow.output == help.output, "\(name): a narrow terminal folds the example")
      let wide = help.output.split(separator: "\n").map(String.init).first { $0.count > 80 }
      #expect(wide == nil, "\(name)")
    }
  }

  /// Whether every line goes on the one before, and that says so, or begins a command.
  private static func canBePasted(_ lines: [Substring]) -> Bool {
    zip([""] + lines, lines).allSatisfy { before, line in
      line.count < 78 && line.hasPrefix("  warifu ") != before.hasSuffix(" \\")
    } && lines.last?.hasSuffix("\\") == false
  }

  @Test func aNounAloneIsNoCommand() throws {
    let bench = try CommandBench()
    for noun in [[], ["center"], ["center", "title"], ["card"], ["card", "pin"], ["disc"], ["master"], ["copy"]] {
      let outcome = try bench.run(noun)
      #expect(outcome.status == 64, "\(noun)")
      #expect(outcome.octets.isEmpty && outcome.complaint.split(separator: "\n").count == 1, "\(noun)")
      #expect(outcome.complaint.contains((["'warifu"] + noun + ["--help'"]).joined(separator: " ")))
    }
  }

  @Test func versionAndHelpOfNounsSucceed() throws {
    let bench = try CommandBench()
    #expect(try bench.succeed("--version").output.split(separator: ".").count == 3)
    for noun in ["center", "card", "disc", "master", "copy", "reader", "apdu"] {
      #expect(try bench.succeed(noun, "--help").output.contains("SUBCOMMANDS:"))
    }
  }
}
