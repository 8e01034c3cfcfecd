/// Reads the header fields in which proxies say for whom they pass a request on, the nearest last. What is no address is
/// `nil`: somebody who is not named, or does not want to be.
enum ForwardedField {
  /// `X-Forwarded-For`: addresses with commas between them, as most proxies write it.
  static func plain(_ value: String) -> [IPAddress?] {
    guard isPlain(value) else { return [nil] }
    return value.split(separator: ",", omittingEmptySubsequences: false).map { address(trimmed($0)) }
  }

  /// `Forwarded` (RFC 7239 §4). A value that is not well-formed names nobody at all: where a quotation begins or ends in it
  /// is open.
  static func forwarded(_ value: String) -> [IPAddress?] {
    guard isPlain(value) else { return [nil] }
    var rest = Substring(value)
    var addresses: [IPAddress?] = []
    repeat {
      guard let element = element(&rest) else { return [nil] }
      addresses.append(element["for"].flatMap { address(Substring($0)) })
    } while separator(",", &rest)
    return rest.isEmpty ? addresses : [nil]
  }

  /// In ASCII each character is one octet: nothing that a client sends runs into what a proxy appends.
  private static func isPlain(_ value: String) -> Bool {
    value.utf8.allSatisfy { (0x20...0x7E).contains($0) || $0 == 9 }
  }

  // MARK: Grammar

  /// The pairs of one element by their names in small letters; `nil` for what is none, or has a name twice.
  private static func element(_ rest: inout Substring) -> [String: String]? {
    var pairs: [String: String] = [:]
    repeat {
      skipBlanks(&rest)
      guard let name = token(&rest), rest.popFirst() == "=", let value = token(&rest) ?? quotation(&rest),
        pairs.updateValue(value, forKey: name.lowercased()) == nil
      else { return nil }
    } while separator(";", &rest)
    return pairs
  }

  /// Whether the separator comes next; it is read then.
  private static func separator(_ separator: Character, _ rest: inout Substring) -> Bool {
    skipBlanks(&rest)
    guard rest.first == separator else { return false }
    rest.removeFirst()
    return true
  }

  private static func token(_ rest: inout Substring) -> String? {
    let token = rest.prefix(while: isTokenCharacter)
    rest.removeFirst(token.count)
    return token.isEmpty ? nil : String(token)
  }

  /// What stands between quotation marks, of which a backslash takes the meaning away (RFC 9110 §5.6.4).
  private static func quotation(_ rest: inout Substring) -> String? {
    guard rest.popFirst() == "\"" else { return nil }
    var text = ""
    while let character = rest.popFirst() {
      switch character {
      case "\"": return text
      case "\\":
        guard let next = rest.popFirst() else { return nil }
        text.append(next)
      default: text.append(character)
      }
    }
    return nil
  }

  private static func isTokenCharacter(_ character: Character) -> Bool {
    character.isASCII && (character.isLetter || character.isNumber || "!#$%&'*+-.^_`|~".contains(character))
  }

  private static func skipBlanks(_ rest: inout Substring) { rest = rest.drop { $0 == " " || $0 == "\t" } }

  // MARK: Addresses

  /// An address with or without a port (RFC 7239 §6): `192.0.2.1:80`, `[2001:db8::1]:80`, and `2001:db8::1` as
  /// `X-Forwarded-For` has it.
  private static func address(_ text: Substring) -> IPAddress? {
    if text.first == "[" {
      guard let end = text.firstIndex(of: "]"), isPort(text[text.index(after: end)...]) else { return nil }
      let inside = text[text.index(after: text.startIndex)..<end]
      return inside.contains(":") ? IPAddress(inside) : nil
    }
    let colons = text.count { $0 == ":" }
    guard colons == 1, let colon = text.firstIndex(of: ":") else { return IPAddress(text) }
    return isPort(text[colon...]) ? IPAddress(text[..<colon]) : nil
  }

  /// Whether this is nothing, or a colon and a port, whose number nobody needs.
  private static func isPort(_ text: Substring) -> Bool {
    text.isEmpty
      || text.first == ":" && (1...16).contains(text.dropFirst().count)
        && text.dropFirst().allSatisfy { isTokenCharacter($0) }
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text.drop { $0 == " " || $0 == "\t" }
    while text.last == " " || text.last == "\t" { text.removeLast() }
    return text
  }
}
