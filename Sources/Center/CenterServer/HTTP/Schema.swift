import Formats
import Foundation
import Identifiers
import Octets

/// The shape of a value in a request or an answer.
///
/// One value both checks what arrives and describes it in the OpenAPI document, so that the two cannot differ.
public indirect enum Schema: Sendable {
  /// `true` or `false`.
  case boolean
  /// A whole number.
  case integer(ClosedRange<Int64>)
  /// A string of one of these kinds.
  case text(TextKind)
  /// An array of at most so many elements.
  case array(Schema, limit: Int)
  /// An object of these members and no others.
  case object([Member])
  /// An object of members that nobody has listed.
  case anything
  /// A shape that the document defines once, under this name.
  case named(String, Schema)

  /// One member of an object.
  public struct Member: Sendable {
    /// Its name.
    public var name: String
    /// The shape of its value.
    public var schema: Schema
    /// Whether it may be left out.
    public var isOptional: Bool
    /// What it is, a sentence for people.
    public var summary: String

    /// A member.
    public init(_ name: String, _ schema: Schema, _ summary: String, isOptional: Bool = false) {
      self.name = name
      self.schema = schema
      self.summary = summary
      self.isOptional = isOptional
    }
  }

  /// What a string may say.
  public enum TextKind: Sendable {
    /// A prefix and so many octets in hexadecimal digits.
    case hexadecimal(prefix: String = "", octets: ClosedRange<Int>)
    /// So many octets in base64 (RFC 4648 §4); of a range, its ends are rounded up to threes.
    case base64(octets: ClosedRange<Int>)
    /// One of these words.
    case choice([String])
    /// So many capital letters of ASCII.
    case capitals(Int)
    /// So many characters (Unicode scalars) without control characters.
    case plain(ClosedRange<Int>)
    /// So many printable characters of ASCII, spaces among them.
    case ascii(ClosedRange<Int>)
  }
}

extension Schema {
  /// SIDi.
  static let softwareID = Schema.text(.hexadecimal(prefix: "S-", octets: 16...16))
  /// IDk.
  static let mediumID = Schema.text(.hexadecimal(prefix: "M-", octets: 1...MediumID.maximumOctetCount))
  /// A card's serial.
  static let cardSerial = Schema.text(.hexadecimal(octets: 8...8))
  /// Seconds since 1970 UTC.
  static let time = Schema.integer(0...Int64.max)
}

extension Schema {
  /// The first thing about `value` that is not as the schema says: where, and what is wanted. `nil` if there is none.
  func fault(in value: JSON, at path: String = "") -> String? {
    switch (self, value) {
    case (.boolean, .bool), (.anything, .object): nil
    case (.integer(let range), .integer(let number)):
      range.contains(number) ? nil : "\(path.named) must be \(range.lowerBound) to \(range.upperBound)"
    case (.text(let kind), .text(let text)): kind.allows(text) ? nil : "\(path.named) must be \(kind.wish)"
    case (.array(let element, let limit), .array(let values)): Schema.fault(in: values, element, limit, at: path)
    case (.object(let members), .object(let values)): Schema.fault(in: values, members, at: path)
    case (.named(_, let schema), _): schema.fault(in: value, at: path)
    default: "\(path.named) must be \(wish)"
    }
  }

  private static func fault(in values: [JSON], _ element: Schema, _ limit: Int, at path: String) -> String? {
    guard values.count <= limit else { return "\(path.named) must have at most \(limit) elements" }
    for (index, value) in values.enumerated() {
      if let fault = element.fault(in: value, at: "\(path)/\(index)") { return fault }
    }
    return nil
  }

  private static func fault(in values: [String: JSON], _ members: [Member], at path: String) -> String? {
    for member in members {
      if let value = values[member.name] {
        if let fault = member.schema.fault(in: value, at: "\(path)/\(member.name)") { return fault }
      } else if !member.isOptional {
        return "\(path.named) must have the member \(member.name)"
      }
    }
    // What was sent is not repeated: an answer may be logged.
    let known = Set(members.map(\.name))
    return values.keys.allSatisfy(known.contains) ? nil : "\(path.named) has a member that nobody knows"
  }

  private var wish: String {
    switch self {
    case .boolean: "true or false"
    case .integer: "a whole number"
    case .text(let kind): kind.wish
    case .array: "an array"
    case .object, .anything: "an object"
    case .named(_, let schema): schema.wish
    }
  }
}

extension Schema.TextKind {
  /// Whether `text` is of this kind.
  func allows(_ text: String) -> Bool {
    switch self {
    case .hexadecimal(let prefix, let octets):
      let digits = text.utf8.dropFirst(prefix.utf8.count)
      return text.hasPrefix(prefix) && digits.count.isMultiple(of: 2) && octets.contains(digits.count / 2)
        && digits.allSatisfy(Schema.TextKind.isHexadecimal)
    case .base64(let octets):
      guard let count = Schema.TextKind.octets(base64: text)?.count else { return false }
      // A document can say how many characters there are, which says how many octets there are but for two.
      return octets.count == 1
        ? count == octets.lowerBound : Schema.TextKind.characters(base64: octets).contains(text.utf8.count)
    case .choice(let words): return words.contains(text)
    case .capitals(let count):
      return text.utf8.count == count && text.utf8.allSatisfy { (0x41...0x5A).contains($0) }
    case .plain(let characters):
      return characters.contains(text.unicodeScalars.count)
        && text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
    case .ascii(let octets):
      return octets.contains(text.utf8.count) && text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
    }
  }

  /// What `text` spells in base64; `nil` if it is none, or not the one way to spell it.
  static func octets(base64 text: String) -> [UInt8]? {
    guard let data = Data(base64Encoded: text), data.base64EncodedString() == text else { return nil }
    return Array(data)
  }

  /// How many characters so many octets have in base64.
  static func characters(base64 octets: ClosedRange<Int>) -> ClosedRange<Int> {
    (octets.lowerBound + 2) / 3 * 4...(octets.upperBound + 2) / 3 * 4
  }

  fileprivate var wish: String {
    switch self {
    case .hexadecimal(let prefix, let octets):
      "\(prefix.isEmpty ? "" : "\(prefix) and ")\(Schema.TextKind.count(octets)) in hexadecimal digits"
    case .base64(let octets): "\(Schema.TextKind.count(octets)) in base64"
    case .choice(let words): "one of \(words.joined(separator: ", "))"
    case .ascii(let octets): "\(octets.lowerBound) to \(octets.upperBound) printable characters of ASCII"
    case .capitals(let count): "\(count) capital letters"
    case .plain(let characters):
      "a text of \(characters.lowerBound) to \(characters.upperBound) characters without control characters"
    }
  }

  private static func count(_ octets: ClosedRange<Int>) -> String {
    octets.count == 1 ? "\(octets.lowerBound) octets" : "\(octets.lowerBound) to \(octets.upperBound) octets"
  }

  private static func isHexadecimal(_ character: UInt8) -> Bool {
    switch character {
    case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
    default: false
    }
  }
}

extension String {
  /// A JSON pointer for people.
  fileprivate var named: String { isEmpty ? "The value" : self }
}
