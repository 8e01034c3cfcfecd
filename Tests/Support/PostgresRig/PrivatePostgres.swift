import CPostgreSQL
import Foundation
import Glibc
import Synchronization

/// A PostgreSQL of one's own: its files and its socket lie in a folder that nobody else may enter, it listens on no
/// network, and the machine's own server never hears of it.
///
/// It ends with ``stop()``, or by itself when the process that started it is gone, however that ended; its folder goes
/// with it. Started by root it runs as the user `postgres`, since the server refuses to be root.
public final class PrivatePostgres: Sendable {
  /// The cluster of this process, started by whoever asks first. It ends with the process.
  public static func shared() throws -> PrivatePostgres { try sharedResult.get() }
  private static let sharedResult = Result { try PrivatePostgres.start() }

  private let folder: String
  private let supervisor: Mutex<PostgresSupervisor>
  private let names = Mutex(0)

  private init(folder: String, supervisor: consuming sending PostgresSupervisor) {
    self.folder = folder
    self.supervisor = Mutex(supervisor)
  }

  /// Makes a cluster and answers when it takes clients.
  ///
  /// - Parameter isDurable: whether it syncs; without, only a crash of the whole machine would lose something.
  public static func start(isDurable: Bool = false) throws -> PrivatePostgres {
    // Not TMPDIR: the path of a socket has at most 107 octets.
    var template = Array("/tmp/warifu-postgres-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw PostgresRigError("There is no room for a folder in /tmp: \(String(cString: strerror(errno))).")
    }
    let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    do {
      let supervisor = try PostgresSupervisor(folder: folder, isDurable: isDurable)
      try supervisor.waitUntil(.up)
      return PrivatePostgres(folder: folder, supervisor: supervisor)
    } catch {
      try? FileManager.default.removeItem(atPath: folder)
      throw error
    }
  }

  /// The URL of one of its databases.
  public func url(of database: String) -> String {
    let host = (folder + "/socket").replacing("/", with: "%2F")
    return "postgres://warifu@\(host)/\(database)"
  }

  /// Where its files are.
  public var dataFolder: String { folder + "/data" }

  /// What it says.
  public var logFile: String { folder + "/log" }

  /// Makes an empty database and answers its name.
  public func makeDatabase() throws -> String {
    let number = names.withLock { number in
      number += 1
      return number
    }
    let name = "d\(number)"
    try run("CREATE DATABASE \(name)")
    return name
  }

  /// Removes a database with everybody who uses it.
  public func dropDatabase(_ name: String) throws { try run("DROP DATABASE IF EXISTS \(name) WITH (FORCE)") }

  /// Runs statements on a connection of their own, past whatever is tested, and answers the last one's rows as text.
  @discardableResult
  public func run(_ sql: String, in database: String = "postgres") throws -> [[String?]] {
    let connection = PQconnectdb(url(of: database))
    defer { PQfinish(connection) }
    guard PQstatus(connection) == CONNECTION_OK else {
      throw PostgresRigError(String(cString: PQerrorMessage(connection)))
    }
    PQsetNoticeProcessor(connection, { _, _ in }, nil)
    let result = PQexec(connection, sql)
    defer { PQclear(result) }
    guard [PGRES_COMMAND_OK, PGRES_TUPLES_OK].contains(PQresultStatus(result)) else {
      throw PostgresRigError(String(cString: PQerrorMessage(connection)))
    }
    return (0..<PQntuples(result)).map { row in
      (0..<PQnfields(result)).map { column in
        PQgetisnull(result, row, column) == 1 ? nil : String(cString: PQgetvalue(result, row, column))
      }
    }
  }

  /// Runs a script of pgbench's so often, over so many connections, and answers how long that took without connecting.
  ///
  /// - Parameter variables: what the script's variables are at first, for each client.
  public func benchmark(
    _ script: String, clients: Int, transactions: Int, in database: String, variables: [String: Int] = [:]
  ) throws -> Duration {
    let file = FileManager.default.temporaryDirectory.appending(path: "warifu-pgbench-\(UUID().uuidString)").path
    try script.write(toFile: file, atomically: false, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: file) }
    let each = max(1, transactions / clients)
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      [
        "pgbench", "--no-vacuum", "--protocol=prepared", "--file=\(file)", "--client=\(clients)", "--jobs=2",
        "--transactions=\(each)",
      ] + variables.map { "--define=\($0.key)=\($0.value)" } + [url(of: database)]
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let said = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0, let match = said.firstMatch(of: /tps = ([0-9.]+)/), let rate = Double(match.1)
    else { throw PostgresRigError("pgbench: \(said)") }
    // The time that `transactions` take at this rate, whether or not they divide among the clients.
    return .seconds(Double(transactions) / rate)
  }

  /// Ends the server at once, as a crash would: every client loses its connection.
  public func crash() throws { try bring(.down) }

  /// Starts it again after ``crash()``.
  public func startAgain() throws { try bring(.up) }

  private func bring(_ state: PostgresSupervisor.State) throws {
    try supervisor.withLock { supervisor in
      try supervisor.order(state)
      try supervisor.waitUntil(state)
    }
  }

  /// Lets nobody in any more, and keeps whoever comes waiting, until ``thaw()``. Who is in stays in.
  public func freeze() throws { try signal(SIGSTOP) }

  /// Ends ``freeze()``.
  public func thaw() throws { try signal(SIGCONT) }

  /// How many connections there are: of clients that are in, and of all that ever came to a frozen server, even if they
  /// gave up since.
  public func connectionCount() throws -> Int {
    let sockets = try String(contentsOfFile: "/proc/net/unix", encoding: .utf8).split(separator: "\n")
    // One of them listens.
    return sockets.count { $0.hasSuffix(" \(folder)/socket/.s.PGSQL.5432") } - 1
  }

  private func signal(_ number: Int32) throws {
    let file = try String(contentsOfFile: dataFolder + "/postmaster.pid", encoding: .utf8)
    guard let process = file.split(separator: "\n").first.flatMap({ Int32($0) }), kill(process, number) == 0 else {
      throw PostgresRigError("The server has no process that takes signals.")
    }
  }

  /// Begins to start it again after ``crash()``: it refuses everybody until ``finishStart()``, as if it
  /// waited for an archive. Returns when it does so.
  public func beginStart() throws {
    // For five minutes at most: its supervisor hears of nothing until it is up.
    let command = "timeout 300 sh -c \"until [ -e \(goAhead) ]; do sleep 0.05; done\"; touch \(goAhead); false"
    let settings = try FileHandle(forWritingTo: URL(fileURLWithPath: dataFolder + "/postgresql.auto.conf"))
    try settings.seekToEnd()
    try settings.write(contentsOf: Data("restore_command = '\(command)'\nhot_standby = off\n".utf8))
    try settings.close()
    try Data().write(to: URL(fileURLWithPath: dataFolder + "/recovery.signal"))
    try supervisor.withLock { supervisor in
      try supervisor.order(.up)
      try supervisor.wait(for: "a start that refuses") {
        do {
          try run("SELECT 1")
          return false
        } catch let error as PostgresRigError {
          return error.description.contains("FATAL:  the database system is ")
        }
      }
    }
  }

  /// Ends what ``beginStart()`` began.
  public func finishStart() throws {
    try Data().write(to: URL(fileURLWithPath: goAhead))
    try supervisor.withLock { try $0.waitUntil(.up) }
  }

  private var goAhead: String { folder + "/go" }

  /// Ends it and removes its folder.
  public func stop() {
    try? Data().write(to: URL(fileURLWithPath: goAhead))
    supervisor.withLock { $0.stop() }
  }
}

/// Why there is no private PostgreSQL, or why it did not do something.
public struct PostgresRigError: Error, CustomStringConvertible {
  /// The reason, for people.
  public let description: String

  init(_ description: String) { self.description = description }
}
