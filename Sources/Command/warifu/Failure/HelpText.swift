import ArgumentParser

/// Help as the parser makes it, but for the line that it leaves as long as it comes.
enum HelpText {
  private static let width = 80
  private static let indent = "         "

  /// What somebody asked for, as wide as its examples are: folded by a narrow terminal they could not be pasted.
  static func of(_ request: any Error) -> String { folded(Warifu.fullMessage(for: request, columns: width)) }

  /// The text with its usage folded between options.
  private static func folded(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false)
      .map { $0.hasPrefix("USAGE: ") && $0.count > width ? fold($0) : String($0) }
      .joined(separator: "\n")
  }

  private static func fold(_ line: Substring) -> String {
    var lines = [""]
    for option in options(of: line) {
      let last = lines[lines.count - 1]
      if last.isEmpty {
        lines[lines.count - 1] = option
      } else if last.count + 1 + option.count <= width {
        lines[lines.count - 1] += " " + option
      } else {
        lines.append(indent + option)
      }
    }
    return lines.joined(separator: "\n")
  }

  /// The words of a usage line; an option stays with its value.
  private static func options(of line: Substring) -> [String] {
    line.split(separator: " ").reduce(into: []) { options, word in
      let isValue = word.hasPrefix("<") && options.last?.contains("--") == true && options.last?.hasSuffix(">") == false
      if isValue || word.hasPrefix("..."), !options.isEmpty {
        options[options.count - 1] += " " + word
      } else {
        options.append(String(word))
      }
    }
  }
}
