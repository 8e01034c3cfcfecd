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
      let wide = help.output.split(separator: "\n").map(String.init).first { $0.count > 80 }
      #expect(wide == nil, "\(name)")
    }
  }

  @Test func versionAndHelpOfNounsSucceed() throws {
    let bench = try CommandBench()
    #expect(try bench.succeed("--version").output.split(separator: ".").count == 3)
    for noun in ["center", "card", "disc", "master", "copy", "apdu"] {
      #expect(try bench.succeed(noun, "--help").output.contains("SUBCOMMANDS:"))
    }
  }
}
