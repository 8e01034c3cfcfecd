/// Where a centre's database is.
public enum DatabaseLocation: Hashable, Sendable {
  /// The file `center.db` in the centre's folder.
  case file
  /// A PostgreSQL server, for several instances.
  case server(PostgreSQLAddress)

  /// What somebody wrote: the URL of a server, or nothing for the file.
  ///
  /// - Throws: ``CenterError/Code/invalid`` for anything else.
  public init(_ url: String?) throws(CenterError) {
    self = if let url { .server(try PostgreSQLAddress(url)) } else { .file }
  }

  /// Opens the database and brings its schema up to date, or up to an earlier one.
  func open(file: String, schema: Int? = nil) async throws(CenterError) -> any Database {
    switch self {
    case .file: try await SQLiteDatabase(path: file, schema: schema)
    case .server(let address): try await PostgreSQLDatabase(address, schema: schema)
    }
  }
}
