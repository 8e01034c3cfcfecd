import Foundation

/// A cookie that a page sets (RFC 6265): never for scripts, never for requests that come from elsewhere.
struct Cookie: Sendable {
  var name: String
  /// Empty to take it back.
  var value: String
  var path = "/"
  /// How long the browser keeps it; until it is closed if left out.
  var seconds: UInt64?

  /// The value of a Set-Cookie field.
  func text(isSecure: Bool) -> String {
    var parts = ["\(name)=\(value)", "Path=\(path)", "HttpOnly", "SameSite=Strict"]
    if value.isEmpty { parts.append("Max-Age=0") } else if let seconds { parts.append("Max-Age=\(seconds)") }
    if isSecure { parts.append("Secure") }
    return parts.joined(separator: "; ")
  }

  /// The token of whoever is signed in.
  static let session = "session"
  /// What the forms of somebody are bound to who is not signed in.
  static let visit = "visit"
  /// The ticket of one download; its path is that of the download's page.
  static let ticket = "ticket"

  /// The cookies of a Cookie field; of two of one name the first, which has the longer path.
  static func parse(_ text: String) -> [String: String] {
    let pairs = text.split(separator: ";").compactMap { pair -> (String, String)? in
      let halves = pair.split(separator: "=", maxSplits: 1)
      guard halves.count == 2 else { return nil }
      return (halves[0].trimmingCharacters(in: .whitespaces), halves[1].trimmingCharacters(in: .whitespaces))
    }
    return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
  }
}
