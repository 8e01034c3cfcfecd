import Foundation

/// One field of a form, as the server takes it.
struct FormField: Sendable {
  var name: String
  /// The most octets.
  var limit: Int
  var isOptional: Bool

  static func text(_ name: String, limit: Int = 128) -> FormField {
    FormField(name: name, limit: limit, isOptional: false)
  }

  static func optional(_ name: String, limit: Int = 128) -> FormField {
    FormField(name: name, limit: limit, isOptional: true)
  }
}

/// A body of `application/x-www-form-urlencoded` or a query, read strictly: nothing twice, nothing unknown, no control
/// characters.
enum FormReader {
  /// The most fields of any form.
  static let fieldLimit = 32

  /// - Returns: what the fields hold that are not empty, without blanks around it.
  static func read(_ text: String, _ fields: [FormField]) throws(Problem) -> [String: String] {
    var found: [String: String] = [:]
    var seen: Set<String> = []
    let pairs = text.split(separator: "&", omittingEmptySubsequences: true)
    guard pairs.count <= fieldLimit else { throw malformed }
    for pair in pairs {
      let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard halves.count == 2, let name = decoded(halves[0]), let value = decoded(halves[1]),
        let field = fields.first(where: { $0.name == name }), seen.insert(name).inserted,
        value.utf8.count <= field.limit, isPlain(value)
      else { throw malformed }
      let trimmed = value.trimmingCharacters(in: .whitespaces)
      if !trimmed.isEmpty { found[name] = trimmed }
    }
    return found
  }

  /// The first field that must be there and is not.
  static func missing(_ fields: [FormField], in found: [String: String]) -> String? {
    fields.first { !$0.isOptional && found[$0.name] == nil }?.name
  }

  private static func decoded(_ text: Substring) -> String? {
    guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
    return text.replacingOccurrences(of: "+", with: " ").removingPercentEncoding
  }

  private static func isPlain(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
  }

  static var malformed: Problem {
    Problem(.invalid, "The form did not arrive as this page sends it. Open the page again, and send it from there.")
  }
}
