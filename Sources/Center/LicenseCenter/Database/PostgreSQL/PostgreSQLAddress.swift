import CPostgreSQL

/// Where a PostgreSQL database is: a URL as libpq takes it, `postgres://USER@HOST:PORT/DATABASE?PARAMETERS`.
///
/// The parameters are libpq's own; `sslmode=verify-full` and `sslrootcert=FILE` make it TLS with a server that proves who
/// it is, `passfile=FILE` keeps the password out of the URL. The value never shows a password.
public struct PostgreSQLAddress: Hashable, Sendable {
  /// With everything in it, for libpq only.
  let url: String
  /// What must not be shown.
  private let password: String?
  private let shown: String

  /// Reads a URL.
  ///
  /// - Throws: ``CenterError/Code/invalid`` when it is none; the error does not repeat it.
  public init(_ url: String) throws(CenterError) {
    var parameters: [String: String] = [:]
    // libpq's own words on what is wrong may quote a password, so nobody hears them.
    if PostgreSQLAddress.isURL(url), let options = PQconninfoParse(url, nil) {
      var option = options
      while let keyword = option.pointee.keyword {
        if let value = option.pointee.val { parameters[String(cString: keyword)] = String(cString: value) }
        option += 1
      }
      PQconninfoFree(options)
    }
    guard !parameters.isEmpty, PostgreSQLAddress.isUnambiguous(url) else {
      throw CenterError(
        .invalid, "Reading the URL of the database",
        remedy:
          "Write postgres://USER@HOST/DATABASE, with % and two hexadecimal digits for any of /:@?#% in a password.")
    }
    self.url = url
    password = parameters["password"]
    let host = parameters["host"] ?? parameters["hostaddr"] ?? "the local socket"
    let port = parameters["port"].map { ":\($0)" } ?? ""
    shown = "the PostgreSQL database \(parameters["dbname"] ?? "of the user") on \(host)\(port)"
  }

  /// Whether a text is meant as such a URL.
  public static func isURL(_ text: String) -> Bool {
    text.hasPrefix("postgres://") || text.hasPrefix("postgresql://")
  }

  /// Whether what stands before the last @ can only be user and password. Else half of a password may have been read as
  /// a host, a port or a database, which are shown.
  private static func isUnambiguous(_ url: String) -> Bool {
    guard let scheme = url.firstRange(of: "://"), let at = url.lastIndex(of: "@") else { return true }
    return !url[scheme.upperBound..<at].contains { "/?#@".contains($0) }
  }

  /// A text of libpq's without the password.
  func redacted(_ text: String) -> String {
    guard let password, !password.isEmpty else { return text }
    return text.split(separator: password, omittingEmptySubsequences: false).joined(separator: "***")
  }
}

extension PostgreSQLAddress: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// Database, host and port.
  public var description: String { shown }
  /// The same.
  public var debugDescription: String { shown }
  /// Nothing: a mirror would show the password.
  public var customMirror: Mirror { Mirror(self, children: []) }
}
