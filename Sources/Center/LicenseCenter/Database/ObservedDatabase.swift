/// Is told how long the database takes, for figures.
public protocol DatabaseObserving: Sendable {
  /// Somebody asks for something, and waits.
  func began(_ access: DatabaseAccess)
  /// It was answered, or failed, after so long.
  func ended(_ access: DatabaseAccess, after duration: Duration)
}

/// What the database is asked for.
public enum DatabaseAccess: String, Hashable, Sendable, CaseIterable {
  /// A snapshot is read.
  case read
  /// Something is changed; over when it is durable.
  case write
}

/// A database that is watched at work.
struct ObservedDatabase: Database {
  let database: any Database
  let observer: any DatabaseObserving

  var dialect: SQLDialect { database.dialect }

  func read<R: Sendable>(_ body: @escaping @Sendable (any Transaction) throws -> R) async throws(CenterError) -> R {
    let start = begin(.read)
    defer { observer.ended(.read, after: .now - start) }
    return try await database.read(body)
  }

  func write<R: Sendable>(_ body: @escaping @Sendable (any Transaction) throws -> R) async throws(CenterError) -> R {
    let start = begin(.write)
    defer { observer.ended(.write, after: .now - start) }
    return try await database.write(body)
  }

  func close() throws(CenterError) { try database.close() }

  private func begin(_ access: DatabaseAccess) -> ContinuousClock.Instant {
    observer.began(access)
    return .now
  }
}

extension Center {
  /// The same centre, whose work on the database `observer` is told of.
  public func observed(by observer: any DatabaseObserving) -> Center {
    var context = context
    context.database = ObservedDatabase(database: context.database, observer: observer)
    return Center(context: context)
  }
}
