import ArgumentParser
import Formats
import Identifiers

/// One title to press, as an argument: `path=FILE` and either what is to be registered (`name=`, `type=`, `price=`, and
/// perhaps `version=`, `seller=`), or `title=` with the id or unique name of a title that the centre knows.
///
/// Parts are joined by commas; a backslash before a comma, or before another backslash, makes it a part of the value.
struct TitleSpecification: ExpressibleByArgument, Sendable {
  /// What is known of a title before it is registered.
  struct Description: Sendable {
    var name: String
    var version: String
    var type: TitleType
    var seller: String?
    var price: Money
  }

  /// Which title.
  enum Subject: Sendable {
    case registered(TitleChoice)
    case new(Description)
  }

  /// The file with the content.
  let path: String
  /// Which title it is.
  let subject: Subject

  init?(argument: String) {
    guard var parts = TitleSpecification.parts(of: argument), let path = parts.removeValue(forKey: "path") else {
      return nil
    }
    self.path = path
    if let title = parts.removeValue(forKey: "title") {
      guard parts.isEmpty, let choice = TitleChoice(argument: title) else { return nil }
      subject = .registered(choice)
      return
    }
    guard let name = parts.removeValue(forKey: "name"),
      let type = parts.removeValue(forKey: "type").flatMap(TitleType.init(rawValue:)),
      let price = parts.removeValue(forKey: "price").flatMap({ Money($0) })
    else { return nil }
    let version = parts.removeValue(forKey: "version") ?? "1.0"
    subject = .new(
      Description(
        name: name, version: version, type: type, seller: parts.removeValue(forKey: "seller"), price: price))
    guard parts.isEmpty else { return nil }
  }

  /// Names and values; `nil` where something is no such pair or comes twice.
  private static func parts(of argument: String) -> [String: String]? {
    var pairs: [String: String] = [:]
    for part in split(argument) {
      guard let equals = part.firstIndex(of: "=") else { return nil }
      let value = String(part[part.index(after: equals)...])
      guard !value.isEmpty, pairs.updateValue(value, forKey: String(part[..<equals])) == nil else { return nil }
    }
    return pairs
  }

  private static func split(_ text: String) -> [String] {
    var parts = [""]
    var isEscaped = false
    for character in text {
      if !isEscaped, character == "\\" {
        isEscaped = true
        continue
      }
      if !isEscaped, character == "," { parts.append("") } else { parts[parts.count - 1].append(character) }
      isEscaped = false
    }
    return parts
  }
}
