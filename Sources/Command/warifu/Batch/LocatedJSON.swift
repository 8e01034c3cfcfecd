/// A JSON value (RFC 8259) that knows the line it stands on, so that a mistake in it can be shown to whoever wrote it.
///
/// Numbers are whole, and no name comes twice in an object: what people write for this program needs nothing else.
struct LocatedJSON: Sendable {
  /// What it is.
  indirect enum Value: Sendable {
    case object([String: LocatedJSON])
    case array([LocatedJSON])
    case text(String)
    case number(Int)
    case truth(Bool)
    case null
  }

  /// The value.
  let value: Value
  /// Its line, from 1 on.
  let line: Int

  /// Reads one value and nothing behind it.
  ///
  /// - Throws: ``LocatedJSONError``.
  static func parse(_ text: String) throws(LocatedJSONError) -> LocatedJSON {
    var parser = Parser(text)
    return try parser.document()
  }
}

/// What is wrong with a text that should be JSON.
struct LocatedJSONError: Error, Hashable {
  /// The line.
  let line: Int
  /// What is wrong, for people.
  let reason: String
}

private struct Parser {
  private static let depthLimit = 32

  private let scalars: [Unicode.Scalar]
  private var position = 0
  private var line = 1

  init(_ text: String) { scalars = Array(text.unicodeScalars) }

  mutating func document() throws(LocatedJSONError) -> LocatedJSON {
    let value = try value(depth: 0)
    skipSpace()
    guard peek() == nil else { throw wrong("something stands behind the end") }
    return value
  }

  private mutating func value(depth: Int) throws(LocatedJSONError) -> LocatedJSON {
    guard depth < Parser.depthLimit else { throw wrong("it is nested too deep") }
    skipSpace()
    let line = line
    guard let first = peek() else { throw wrong("it ends too early") }
    let value: LocatedJSON.Value =
      switch first {
      case "{": .object(try members(depth))
      case "[": .array(try elements(depth))
      case "\"": .text(try text())
      case "-", "0"..."9": .number(try number())
      default: try word()
      }
    return LocatedJSON(value: value, line: line)
  }

  private mutating func members(_ depth: Int) throws(LocatedJSONError) -> [String: LocatedJSON] {
    advance()
    var members: [String: LocatedJSON] = [:]
    skipSpace()
    if take("}") { return members }
    repeat {
      skipSpace()
      guard peek() == "\"" else { throw wrong("a name in quotation marks is missing") }
      let name = try text()
      skipSpace()
      guard take(":") else { throw wrong("a colon is missing behind \"\(name)\"") }
      let member = try value(depth: depth + 1)
      guard members.updateValue(member, forKey: name) == nil else { throw wrong("\"\(name)\" is there twice") }
      skipSpace()
    } while take(",")
    guard take("}") else { throw wrong("a comma or } is missing") }
    return members
  }

  private mutating func elements(_ depth: Int) throws(LocatedJSONError) -> [LocatedJSON] {
    advance()
    var elements: [LocatedJSON] = []
    skipSpace()
    if take("]") { return elements }
    repeat {
      elements.append(try value(depth: depth + 1))
      skipSpace()
    } while take(",")
    guard take("]") else { throw wrong("a comma or ] is missing") }
    return elements
  }

  private mutating func text() throws(LocatedJSONError) -> String {
    advance()
    var text = String.UnicodeScalarView()
    while let scalar = peek() {
      switch scalar {
      case "\"":
        advance()
        return String(text)
      case "\\":
        advance()
        text.append(try escaped())
      case "\u{00}"..."\u{1F}": throw wrong("a text does not end on its line")
      default:
        text.append(scalar)
        advance()
      }
    }
    throw wrong("a text does not end")
  }

  private mutating func escaped() throws(LocatedJSONError) -> Unicode.Scalar {
    guard let letter = peek() else { throw wrong("a text does not end") }
    advance()
    switch letter {
    case "\"", "\\", "/": return letter
    case "b": return "\u{08}"
    case "f": return "\u{0C}"
    case "n": return "\n"
    case "r": return "\r"
    case "t": return "\t"
    case "u":
      let first = try codeUnit()
      guard (0xD800..<0xDC00).contains(first) else { return try scalar(first) }
      guard take("\\"), take("u") else { throw wrong("half a character is escaped") }
      let second = try codeUnit()
      guard (0xDC00..<0xE000).contains(second) else { throw wrong("half a character is escaped") }
      return try scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    default: throw wrong("\\\(letter) means nothing")
    }
  }

  private mutating func codeUnit() throws(LocatedJSONError) -> UInt32 {
    var unit: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = peek().flatMap({ Character($0).hexDigitValue }) else { throw wrong("\\u wants four digits") }
      unit = unit << 4 | UInt32(digit)
      advance()
    }
    return unit
  }

  private func scalar(_ value: UInt32) throws(LocatedJSONError) -> Unicode.Scalar {
    guard let scalar = Unicode.Scalar(value) else { throw wrong("half a character is escaped") }
    return scalar
  }

  private mutating func number() throws(LocatedJSONError) -> Int {
    var digits = ""
    while let scalar = peek(), "+-.eE0123456789".unicodeScalars.contains(scalar) {
      digits.unicodeScalars.append(scalar)
      advance()
    }
    guard let number = Int(digits), String(number) == digits else { throw wrong("\(digits) is no whole number") }
    return number
  }

  private mutating func word() throws(LocatedJSONError) -> LocatedJSON.Value {
    var word = ""
    while let scalar = peek(), ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) {
      word.unicodeScalars.append(scalar)
      advance()
    }
    switch word {
    case "true": return .truth(true)
    case "false": return .truth(false)
    case "null": return .null
    default: throw wrong(word.isEmpty ? "a value is missing" : "\(word) wants quotation marks")
    }
  }

  private mutating func skipSpace() {
    while let scalar = peek(), scalar == " " || scalar == "\n" || scalar == "\t" || scalar == "\r" { advance() }
  }

  private func peek() -> Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  private mutating func advance() {
    if peek() == "\n" { line += 1 }
    position += 1
  }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard peek() == scalar else { return false }
    advance()
    return true
  }

  private func wrong(_ reason: String) -> LocatedJSONError { LocatedJSONError(line: line, reason: reason) }
}
