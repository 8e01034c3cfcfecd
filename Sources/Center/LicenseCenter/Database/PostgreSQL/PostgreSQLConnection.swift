import CPostgreSQL

/// One connection, through libpq. It blocks, and has one holder at a time.
final class PostgreSQLConnection: @unchecked Sendable {
  /// Statements that the server keeps planned; more of them would be somebody making up SQL.
  private static let mostStatements = 256

  /// The same text with values of other types is another statement.
  private struct StatementKey: Hashable {
    let sql: String
    let types: [Oid]
  }

  /// Whoever is refused within this time was refused, and not kept waiting.
  private static let promptness = Duration.seconds(1)

  private let connection: OpaquePointer
  private var statements: [StatementKey: String] = [:]
  /// Statements ever planned: no name is taken twice.
  private var statementCount = 0
  /// Statements that were sent and not waited for; while there are any, the connection is in libpq's pipeline mode.
  private var underWay = 0
  /// The newest error, until ``forgetError()``.
  private(set) var error: PostgreSQLError?

  /// Connects and prepares the session.
  ///
  /// - Parameter asksWhy: Whether the error is to name the obstacle, which costs the server some more.
  init(_ address: PostgreSQLAddress, asksWhy: Bool = false) throws {
    let start = ContinuousClock.now
    guard let opened = PostgreSQLConnection.open(address, asksWhy: asksWhy) else {
      throw PostgreSQLError(obstacle: .other, reason: "There is no memory left.")
    }
    guard PQstatus(opened) == CONNECTION_OK else {
      let message = address.redacted(String(cString: PQerrorMessage(opened)))
      let obstacle = PostgreSQLConnection.obstacle(to: opened, message, start.duration(to: .now))
      PQfinish(opened)
      throw PostgreSQLError(obstacle: obstacle, reason: PostgreSQLConnection.reason(in: message))
    }
    connection = opened
    PQsetNoticeProcessor(opened, { _, _ in }, nil)
    try prepareSession()
  }

  private static func open(_ address: PostgreSQLAddress, asksWhy: Bool) -> OpaquePointer? {
    // What stands before the URL is a default that it may change; what stands behind it is not.
    let parameters = [
      ("connect_timeout", "5"), ("tcp_user_timeout", "15000"), ("application_name", "warifu-center"),
      ("target_session_attrs", "read-write"), ("dbname", address.url), ("client_encoding", "UTF8"),
    ]
    return withStrings(parameters.map(\.0)) { keywords in
      withStrings(parameters.map(\.1)) { values in
        guard asksWhy else { return PQconnectdbParams(keywords, values, 1) }
        // SQLSTATEs stand in the message only if that is said before: what has begun is begun again.
        let begun = PQconnectStartParams(keywords, values, 1)
        PQsetErrorVerbosity(begun, PQERRORS_VERBOSE)
        PQreset(begun)
        return begun
      }
    }
  }

  private static func obstacle(
    to connection: OpaquePointer, _ message: String, _ time: Duration
  ) -> PostgreSQLError.Obstacle {
    // Whoever is asked for a password may be locked out after a few wrong ones.
    if PQconnectionUsedPassword(connection) == 1 { return .password }
    return time >= promptness || message.contains(PostgreSQLError.cannotConnectNow + ": ") ? .lackOfTime : .other
  }

  /// What people are told: the words alone, in one line.
  private static func reason(in message: String) -> String {
    let lines = message.split(separator: "\n").filter { !$0.contains(/\.c:[0-9]+$/) }
    return lines.joined(separator: " ").replacing(#/:  [0-9A-Z]{5}: /#, with: ":  ")
  }

  deinit { PQfinish(connection) }

  /// Whether nothing can be had from it any more.
  var isBroken: Bool { error?.isLineBroken == true || PQstatus(connection) != CONNECTION_OK }

  /// Whether it is in a transaction, and in what kind.
  var transaction: PGTransactionStatusType { PQtransactionStatus(connection) }

  /// Forgets errors of an earlier transaction, but not that the line is broken.
  func forgetError() { if !isBroken { error = nil } }

  /// Runs statements without parameters, and answers what the last of them did and the first value it answered.
  @discardableResult
  func control(_ sql: String) throws -> (command: String, value: String?) {
    try settle()
    let result = try check(PQexec(connection, sql))
    defer { PQclear(result) }
    let hasValue = PQntuples(result) > 0 && PQgetisnull(result, 0, 0) == 0
    return (String(cString: PQcmdStatus(result)), hasValue ? String(cString: PQgetvalue(result, 0, 0)) : nil)
  }

  /// Runs one statement, planned once for each connection, and answers its rows.
  func run(_ sql: String, _ values: [SQLValue]) throws -> [SQLRow] {
    try send(sql, values)
    guard let result = try collect() else { return [] }
    defer { PQclear(result) }
    return PostgreSQLResult(result: result).rows
  }

  /// The same for a statement without rows: how many rows it inserted, updated or deleted.
  func change(_ sql: String, _ values: [SQLValue]) throws -> Int {
    try send(sql, values)
    guard let result = try collect() else { return 0 }
    defer { PQclear(result) }
    return PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0
  }

  /// Sends one statement, planned once for each connection, on its way with whatever is waited for next. When it fails,
  /// that does.
  func send(_ sql: String, _ values: [SQLValue]) throws {
    let name = try statement(StatementKey(sql: sql, types: values.map(\.postgreSQLType)))
    let parameters = PostgreSQLParameters(values)
    let isSent = parameters.withPointers { pointers, lengths, formats in
      (underWay > 0 || PQenterPipelineMode(connection) == 1)
        && PQsendQueryPrepared(connection, name, Int32(values.count), pointers, lengths, formats, 1) == 1
    }
    guard isSent else { throw lost() }
    underWay += 1
  }

  /// Waits for everything that was sent.
  ///
  /// - Throws: what the first of it failed by.
  func settle() throws { PQclear(try collect()) }

  /// Waits for everything that was sent, and answers the last statement's result, which belongs to the caller.
  private func collect() throws -> OpaquePointer? {
    guard underWay > 0 else { return nil }
    let count = underWay
    underWay = 0
    guard PQpipelineSync(connection) == 1 else { throw lost() }
    var last: OpaquePointer?
    var failure: (any Error)?
    var isDone = false
    defer { if !isDone { PQclear(last) } }
    for _ in 0..<count {
      let result = PQgetResult(connection)
      if failure == nil {
        PQclear(last)
        last = nil
        do { last = try check(result) } catch { failure = error }
      } else {
        // What stands behind an error is only said to be skipped.
        PQclear(result)
      }
      // Behind each result stands a null pointer.
      guard result != nil, PQgetResult(connection) == nil else { throw lost() }
    }
    let end = PQgetResult(connection)
    let isWhole = PQresultStatus(end) == PGRES_PIPELINE_SYNC
    PQclear(end)
    guard isWhole, PQexitPipelineMode(connection) == 1 else { throw lost() }
    if let failure { throw failure }
    isDone = true
    return last
  }

  /// The line broke while statements were under way.
  private func lost() -> PostgreSQLError {
    let failure = PostgreSQLError(isLineBroken: true)
    error = failure
    return failure
  }

  private func statement(_ key: StatementKey) throws -> String {
    if let name = statements[key] { return name }
    // Planning is not for a pipeline.
    try settle()
    if statements.count >= PostgreSQLConnection.mostStatements {
      try control("DEALLOCATE ALL")
      statements = [:]
    }
    statementCount += 1
    let name = "s\(statementCount)"
    PQclear(try check(PQprepare(connection, name, key.sql, Int32(key.types.count), key.types)))
    statements[key] = name
    return name
  }

  /// Throws unless a result is a success; then it belongs to the caller.
  private func check(_ result: OpaquePointer?) throws -> OpaquePointer {
    let status = PQresultStatus(result)
    if let result, status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK { return result }
    let state = PQresultErrorField(result, Int32(UInt8(ascii: "C"))).map { String(cString: $0) } ?? ""
    PQclear(result)
    let failure = PostgreSQLError(state: state, isLineBroken: isBroken || PostgreSQLError.endsTheLine(state))
    // The server dropped or outdated plans: they are made anew.
    if state == "0A000" || state == "26000" { statements = [:] }
    error = failure
    throw failure
  }

  private func prepareSession() throws {
    // Whatever the server's own settings are: what is answered is durable, and nobody waits for ever.
    try control(
      """
      SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
      SET lock_timeout = '10s'
      """)
    let version = try control("SHOW server_version_num").value.flatMap { Int($0) } ?? 0
    let encoding = try control("SHOW server_encoding").value
    guard version >= 120_000, encoding == "UTF8" else {
      throw CenterError(
        .storage, "Opening the centre's database", remedy: "Give it PostgreSQL 12 or newer and a database in UTF8.")
    }
  }

  /// Lends texts as C does, with a null pointer behind the last.
  private static func withStrings<R>(
    _ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> R
  ) -> R {
    let octets = texts.map { Array($0.utf8CString) }
    let all = octets.flatMap { $0 }
    return all.withUnsafeBufferPointer { buffer in
      var start = 0
      var pointers: [UnsafePointer<CChar>?] = octets.map { text in
        defer { start += text.count }
        return buffer.baseAddress?.advanced(by: start)
      }
      pointers.append(nil)
      return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
    }
  }
}
