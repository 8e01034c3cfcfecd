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

  /// Every option has its place in the tables of docs/commands.md: in the row of its verb, or among those of many verbs.
  @Test func everyVerbAndOptionIsDocumented() throws {
    let bench = try CommandBench()
    let root = (0..<3).reduce(URL(fileURLWithPath: #filePath)) { folder, _ in folder.deletingLastPathComponent() }
    let page = try String(contentsOf: root.appending(path: "docs/commands.md"), encoding: .utf8)
    let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `") }.map { row in
      row.split(separator: "|").map(String.init)
    }
    let shared = rows.filter { $0[0].hasPrefix(" `--") }.map { $0[0] }.joined()
    for verb in try verbs(bench) {
      let name = verb.joined(separator: " ")
      #expect(rows.contains { $0[0].contains("`\(name)`") || HelpTests.names($0[0]).contains(name) }, "\(name)")
      let own = rows.filter { $0[0].contains("`\(name)`") }.map { $0[1] }.joined()
      let help = try bench.run(verb + ["--help"])
      for option in Set(help.output.matches(of: /\n  (?:-., )?(--[a-z-]+)/).map { String($0.1) }) {
        guard !["--help", "--version"].contains(option) else { continue }
        #expect((shared + own).contains("`\(option)`"), "\(name) \(option)")
      }
    }
  }

  /// The verbs that a cell names: `card pin verify`, `change` stand for two.
  private static func names(_ cell: String) -> [String] {
    let parts = cell.split(separator: "`").map(String.init).filter { $0.first?.isLetter == true }
    let noun = parts.first?.split(separator: " ").dropLast().joined(separator: " ") ?? ""
    return parts.flatMap { [$0, "\(noun) \($0)"] }
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
