/// Text for a terminal, folded between words.
///
/// What stands in quotation marks stays together as far as it fits, since it may be a command that somebody wants to copy.
enum FoldedText {
  /// `text` in lines of at most `columns`; as it is where those are unknown. A longer word has a line of its own.
  static func fold(_ text: String, columns: Int?) -> String {
    guard let columns, text.count > columns else { return text }
    var lines = [""]
    for word in words(text, upTo: columns) {
      let last = lines[lines.count - 1]
      if last.isEmpty {
        lines[lines.count - 1] = word
      } else if last.count + 1 + word.count <= columns {
        lines[lines.count - 1] += " " + word
      } else {
        lines.append(word)
      }
    }
    return lines.joined(separator: "\n")
  }

  /// The words; those from a quotation mark to the next are one, unless they are longer than a line.
  private static func words(_ text: String, upTo columns: Int) -> [String] {
    var words: [String] = []
    var quoted: [String] = []
    for word in text.split(separator: " ").map(String.init) {
      if quoted.isEmpty, !(word.hasPrefix("'") && !word.dropFirst().contains("'")) {
        words.append(word)
        continue
      }
      quoted.append(word)
      guard word.dropFirst(quoted.count == 1 ? 1 : 0).contains("'") else { continue }
      words += joined(quoted, upTo: columns)
      quoted = []
    }
    return words + quoted
  }

  private static func joined(_ quoted: [String], upTo columns: Int) -> [String] {
    let phrase = quoted.joined(separator: " ")
    return phrase.count <= columns ? [phrase] : quoted
  }
}
