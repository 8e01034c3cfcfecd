/// The manual page, in the language of man(7): every verb with its options and its example.
struct ManualPage {
  private let root: CommandAccount.Command
  private let version: String

  /// The page of a command and all below it.
  init(_ root: CommandAccount.Command, version: String) { (self.root, self.version) = (root, version) }

  /// The page.
  var text: String {
    let name = root.commandName
    var lines = [
      ".TH \(name.uppercased()) 1 \"\" \"\(name) \(version)\"", ".SH NAME",
      "\(name) \\- " + ManualPage.escaped(root.abstract ?? ""), ".SH SYNOPSIS", ".B \(name)",
      ".I noun verb", "[options]", ".SH DESCRIPTION",
    ]
    lines += ManualPage.paragraphs(root.discussion)
    lines.append(".SH VERBS")
    for command in verbs(root, []) { lines += section(command.path, command.verb) }
    return lines.joined(separator: "\n") + "\n"
  }

  private func verbs(
    _ command: CommandAccount.Command, _ path: [String]
  ) -> [(path: [String], verb: CommandAccount.Command)] {
    let path = path + [command.commandName]
    let below = (command.subcommands ?? []).filter { $0.commandName != "help" }
    return below.isEmpty ? [(path, command)] : below.flatMap { verbs($0, path) }
  }

  private func section(_ path: [String], _ verb: CommandAccount.Command) -> [String] {
    var lines = [".SS " + ManualPage.escaped(path.joined(separator: " ")), ManualPage.escaped(verb.abstract ?? "")]
    lines += ManualPage.paragraphs(verb.discussion)
    for argument in verb.arguments ?? [] where argument.shouldDisplay {
      lines += [".TP", ManualPage.term(argument), ManualPage.escaped(ManualPage.meaning(argument))]
    }
    return lines
  }

  private static func term(_ argument: CommandAccount.Argument) -> String {
    let value = "\\fI\(escaped(argument.valueName ?? "value"))\\fR"
    let names = (argument.names ?? []).map { "\\fB" + escaped(($0.kind == "short" ? "-" : "--") + $0.name) + "\\fR" }
    guard !names.isEmpty else { return value + (argument.isRepeating ? " ..." : "") }
    return names.joined(separator: ", ") + (argument.kind == "option" ? " " + value : "")
  }

  private static func meaning(_ argument: CommandAccount.Argument) -> String {
    let standard = argument.defaultValue.map { " (default: \($0))" } ?? ""
    return (argument.abstract ?? "") + standard
  }

  /// Paragraphs; lines that are indented, as examples are, stay as they are. Examples are up to 76 columns wide: they
  /// stand further left than the text, so that 80 columns hold them unfolded.
  private static func paragraphs(_ text: String?) -> [String] {
    guard let text, !text.isEmpty else { return [] }
    var lines: [String] = []
    var isExample = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("  ") != isExample {
        isExample.toggle()
        lines.append(isExample ? ManualPage.exampleBegins : ManualPage.exampleEnds)
      }
      lines.append(line.isEmpty ? ".PP" : escaped(String(isExample ? line.dropFirst(2) : line)))
    }
    return [".PP"] + lines + (isExample ? [ManualPage.exampleEnds] : [])
  }

  private static let exampleBegins = ".PP\n.nf\n.in 4n"
  private static let exampleEnds = ".in\n.fi"

  /// Text that means nothing to the formatter.
  private static func escaped(_ text: String) -> String {
    let plain = text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
    return plain.hasPrefix(".") || plain.hasPrefix("'") ? "\\&" + plain : plain
  }
}
