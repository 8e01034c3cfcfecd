import Foundation

/// A file of device rules (udev(7)), read strictly: what udev would only complain of in its log, and go on, fails here.
struct UdevRules {
  /// One `KEY{attribute} operator "value"`.
  struct Token: Equatable {
    var key: String
    var attribute: String?
    var sign: String
    var value: String

    /// Whether it asks; else it sets.
    var isMatch: Bool { sign == "==" || sign == "!=" }
  }

  /// What is wrong with a file, and where.
  struct Mistake: Error, CustomStringConvertible {
    var line: Int
    var reason: String
    var description: String { "line \(line): \(reason)" }
  }

  /// The rules, with the numbers of their first lines.
  let rules: [(line: Int, tokens: [Token])]

  private static let matches: [String: Bool] = [
    // Whether the key wants an attribute.
    "ACTION": false, "KERNEL": false, "SUBSYSTEM": false, "SUBSYSTEMS": false, "KERNELS": false, "DRIVERS": false,
    "ATTR": true, "ATTRS": true, "ENV": true, "TEST": false, "TAG": false, "PROGRAM": false, "RESULT": false,
    "IMPORT": true,
  ]
  private static let assignments: [String: Bool] = [
    "NAME": false, "SYMLINK": false, "OWNER": false, "GROUP": false, "MODE": false, "TAG": false, "ENV": true,
    "ATTR": true, "RUN": true, "LABEL": false, "GOTO": false, "IMPORT": true, "OPTIONS": false, "PROGRAM": false,
  ]
  private static let imports: Set<String> = ["program", "builtin", "file", "db", "cmdline", "parent"]

  /// Reads the text of a file.
  init(parsing text: String) throws {
    var rules: [(line: Int, tokens: [Token])] = []
    var open: (line: Int, text: String)?
    for (index, line) in text.components(separatedBy: "\n").enumerated() {
      let trimmed = line.trimmingCharacters(in: .whitespaces)
      if open == nil, trimmed.isEmpty || trimmed.hasPrefix("#") { continue }
      let start = open?.line ?? index + 1
      let whole = (open?.text ?? "") + trimmed
      if whole.hasSuffix("\\") {
        open = (start, String(whole.dropLast()))
        continue
      }
      open = nil
      rules.append((start, try UdevRules.tokens(of: whole, line: start)))
    }
    if let open { throw Mistake(line: open.line, reason: "the rule does not end") }
    self.rules = rules
    try checkJumps()
  }

  private static func tokens(of rule: String, line: Int) throws -> [Token] {
    var rest = rule[...]
    var tokens: [Token] = []
    let form = /^([A-Z]+)(?:\{([^}"]+)\})?\s*(==|!=|\+=|-=|:=|=)\s*"([^"]*)"\s*(,\s*|$)/
    while !rest.isEmpty {
      guard let match = rest.firstMatch(of: form) else { throw Mistake(line: line, reason: "no token: \(rest)") }
      let token = Token(
        key: String(match.1), attribute: match.2.map(String.init), sign: String(match.3), value: String(match.4))
      try check(token, line)
      tokens.append(token)
      rest = rest[match.range.upperBound...]
      guard !rest.isEmpty || match.5.isEmpty else { throw Mistake(line: line, reason: "a comma ends the rule") }
    }
    return tokens
  }

  private static func check(_ token: Token, _ line: Int) throws {
    let known = token.isMatch ? matches : assignments
    guard let wantsAttribute = known[token.key] else {
      throw Mistake(line: line, reason: "\(token.key) cannot be used with \(token.sign)")
    }
    guard (token.attribute != nil) == wantsAttribute else {
      throw Mistake(line: line, reason: "\(token.key) \(wantsAttribute ? "wants" : "has") an attribute")
    }
    if token.key == "IMPORT", !imports.contains(token.attribute ?? "") {
      throw Mistake(line: line, reason: "no such import: \(token.attribute ?? "")")
    }
    if ["TAG", "SYMLINK"].contains(token.key), !token.isMatch, token.sign != "+=" {
      throw Mistake(line: line, reason: "\(token.key) would be taken from other rules")
    }
    // Substitutions, the $ ones in full and the % ones with one letter.
    let odd = token.value.replacing(
      /\$(devnode|kernel|number|name|env\{[A-Z_]+\}|attr\{[a-z_]+\})|%[knpbMmEcNSrP]/, with: "")
    if !token.isMatch, odd.contains(where: { "$%".contains($0) }) {
      throw Mistake(line: line, reason: "no such substitution in \(token.value)")
    }
  }

  /// Every GOTO leads to one LABEL farther down.
  private func checkJumps() throws {
    let labels = rules.flatMap { rule in
      rule.tokens.filter { $0.key == "LABEL" }.map { (line: rule.line, name: $0.value) }
    }
    guard Set(labels.map(\.name)).count == labels.count else { throw Mistake(line: 0, reason: "a label twice") }
    for rule in rules {
      for jump in rule.tokens where jump.key == "GOTO" {
        guard labels.contains(where: { $0.name == jump.value && $0.line > rule.line }) else {
          throw Mistake(line: rule.line, reason: "GOTO leads nowhere: \(jump.value)")
        }
      }
    }
  }
}
