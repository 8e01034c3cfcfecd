import CPostgreSQL
import Cryptography
import Octets

/// The password's way: never with the rest of the URL into a file, and back into it for libpq alone.
extension PostgreSQLAddress {
  /// Whether the URL has a password, or the passphrase of a client's key, in it.
  public var hasPassword: Bool { PostgreSQLAddress.hasSecret(url) }

  /// The URL as it may be kept: without passwords. libpq finds them elsewhere (`PGPASSFILE`, `~/.pgpass`, `passfile=`), or
  /// ``adding(password:)`` gives one.
  ///
  /// - Throws: ``CenterError/Code/invalid`` when they cannot be told from the rest.
  public var urlWithoutPassword: String {
    get throws(CenterError) {
      let (head, parameters) = PostgreSQLAddress.parts(of: PostgreSQLAddress.withoutUserPassword(url))
      let kept = parameters.filter { parameter in
        !["password", "sslpassword"].contains(parameter.prefix { $0 != "=" })
      }
      let bare = head + (kept.isEmpty ? "" : "?" + kept.joined(separator: "&"))
      // A keyword may be written with %, which only libpq takes apart.
      guard !PostgreSQLAddress.hasSecret(bare) else {
        throw CenterError(
          .invalid, "Taking the password out of the database's URL",
          remedy: "Write user:password@ in front of the host, or leave the password out.")
      }
      return bare
    }
  }

  /// The same place with this password, whatever was in the URL.
  ///
  /// - Throws: ``CenterError/Code/invalid`` for a password with a zero octet, which libpq takes for its end.
  public func adding(password: borrowing Secret) throws(CenterError) -> PostgreSQLAddress {
    let octets = password.withBytes { $0.octets }
    guard !octets.isEmpty, !octets.contains(0) else {
      throw CenterError(.invalid, "Reading the database's password", remedy: "Give one that is not empty.")
    }
    let bare = try urlWithoutPassword
    let encoded = octets.map { "%" + Hex.encode([$0]) }.joined()
    return try PostgreSQLAddress(bare + (bare.contains("?") ? "&" : "?") + "password=" + encoded)
  }

  private static func hasSecret(_ url: String) -> Bool {
    guard let options = PQconninfoParse(url, nil) else { return false }
    defer { PQconninfoFree(options) }
    var option = options
    while let keyword = option.pointee.keyword {
      if ["password", "sslpassword"].contains(String(cString: keyword)), option.pointee.val != nil { return true }
      option += 1
    }
    return false
  }

  /// What stands before the last @ is user and password: any other URL was refused when it was read.
  private static func withoutUserPassword(_ url: String) -> String {
    guard let scheme = url.firstRange(of: "://"), let at = url.lastIndex(of: "@"),
      let colon = url[scheme.upperBound..<at].firstIndex(of: ":")
    else { return url }
    return String(url[..<colon]) + url[at...]
  }

  private static func parts(of url: String) -> (head: String, parameters: [Substring]) {
    guard let mark = url.firstIndex(of: "?") else { return (url, []) }
    return (String(url[..<mark]), url[url.index(after: mark)...].split(separator: "&"))
  }
}
