import Dispatch

/// The database on a PostgreSQL server, for several instances of the centre behind one balancer.
///
/// A connection that broke is replaced, and what ran on it is run again, unless it was a commit: then the server is asked
/// what became of it. TLS, passwords and several hosts are libpq's matter and stand in the address.
public struct PostgreSQLDatabase: Database {
  let commits: GroupCommit
  private let writer: PostgreSQLWriter
  private let writing: DispatchQueue
  private let readers: PostgreSQLReaders

  /// PostgreSQL's types.
  public var dialect: SQLDialect { .postgreSQL }

  /// Connects and brings the schema up to date. It goes into the first schema of the user's search path.
  ///
  /// - Parameters:
  ///   - readerCount: The most connections that read; one more writes.
  ///   - patience: How long callers wait for a server that went away. This waits as long for one that has no time yet;
  ///     who is refused outright from the first is told at once.
  public init(
    _ address: PostgreSQLAddress, readerCount: Int = 4, patience: Duration = .seconds(15)
  ) async throws(CenterError) {
    try await self.init(address, readerCount: readerCount, patience: patience, schema: nil)
  }

  /// The same, but with the schema only as far as it was once.
  init(
    _ address: PostgreSQLAddress, readerCount: Int = 4, patience: Duration = .seconds(15), schema: Int?
  ) async throws(CenterError) {
    let writer = PostgreSQLWriter(address, patience: patience)
    let writing = DispatchQueue(label: "centre writes")
    self.writer = writer
    self.writing = writing
    readers = PostgreSQLReaders(address, count: max(1, readerCount), patience: patience)
    commits = GroupCommit { work in writing.async { work(writer) } }
    let prepared: Result<Void, any Error> = await withCheckedContinuation { continuation in
      writing.async { continuation.resume(returning: Result { try writer.prepare() }) }
    }
    if case .failure(let error) = prepared { throw CenterError(error, during: "Opening \(address)") }
    do {
      try await write { try Schema.migrate($0, .postgreSQL, upTo: schema) }
    } catch {
      try? close()
      throw error
    }
  }

  /// Runs `body` on a snapshot.
  public func read<R: Sendable>(
    _ body: @escaping @Sendable (any Transaction) throws -> R
  ) async throws(CenterError) -> R {
    try await readers.read(body)
  }

  /// Runs `body` while nobody else writes, alone or in company.
  public func write<R: Sendable>(
    _ body: @escaping @Sendable (any Transaction) throws -> R
  ) async throws(CenterError) -> R {
    try await commits.write(body)
  }

  /// Closes every connection, after what has begun.
  public func close() throws(CenterError) {
    writing.sync { writer.close() }
    readers.close()
  }
}
