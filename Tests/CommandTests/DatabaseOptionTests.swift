import Foundation
import Glibc
import PostgresRig
import Testing
import WarifuTesting

/// `--database`: a centre whose database is on a server.
@Suite struct DatabaseOptionTests {
  private static let password = "sesame-7391"

  /// A database of one's own, and a folder to have a centre in.
  private func bench() throws -> (CommandBench, url: String, name: String, PrivatePostgres) {
    let server = try PrivatePostgres.shared()
    let name = try server.makeDatabase()
    let bench = try CommandBench()
    try bench.write(Story.passphrase + "\n", to: "passphrase")
    return (bench, server.url(of: name), name, server)
  }

  @Test func theURLIsRememberedAndThePasswordIsNot() throws {
    let (bench, url, name, server) = try bench()
    defer { try? server.dropDatabase(name) }
    // The server trusts whoever reaches its socket, whatever the password.
    let full = url.replacing("warifu@", with: "warifu:\(DatabaseOptionTests.password)@") + "?connect_timeout=60"
    try bench.write(full + "\n", to: "url")
    try bench.write(DatabaseOptionTests.password + "\n", to: "secret")
    var said = ""
    func succeed(_ arguments: String...) throws {
      let outcome = try bench.run(arguments)
      try #require(outcome.status == 0, "\(arguments): \(outcome.complaint)")
      said += outcome.output + outcome.complaint
    }
    try succeed("center", "init", "center", "--name", "Shop", "--database", "file:url")
    #expect(!FileManager.default.fileExists(atPath: bench.path("center/center.db")))
    try succeed("center", "title", "add", "--name", "Text", "--type", "text", "--price", "1 EUR")
    try succeed("center", "title", "list", "--database-password", "file:secret")
    try succeed("center", "verify", "--database", url)
    #expect(said.contains("Text"))
    let settings = String(decoding: try bench.octets(of: "center/settings.json"), as: UTF8.self)
    #expect(settings.contains("connect_timeout=60") && settings.contains("postgres://warifu@"), "\(settings)")
    let kept = try FileManager.default.subpathsOfDirectory(atPath: bench.path("center")).filter {
      (try? bench.octets(of: "center/" + $0))?.range(of: Data(DatabaseOptionTests.password.utf8)) != nil
    }
    #expect(kept.isEmpty && !said.contains(DatabaseOptionTests.password), "\(kept)")
  }

  @Test func mistakesWithDatabases() throws {
    let (bench, url, name, server) = try bench()
    defer { try? server.dropDatabase(name) }
    let password = DatabaseOptionTests.password
    func expect(_ status: Int32, _ words: String, _ arguments: String...) throws {
      let outcome = try bench.run(arguments)
      #expect(outcome.status == status && outcome.complaint.contains(words), "\(arguments): \(outcome.complaint)")
      #expect(outcome.complaint.split(separator: "\n").count == 1 && !outcome.complaint.contains(password))
    }
    let make = ["center", "init", "center", "--name", "Shop", "--database"]
    func refuse(_ status: Int32, _ words: String, _ database: String...) throws {
      let outcome = try bench.run(make + database)
      #expect(outcome.status == status && outcome.complaint.contains(words), "\(database): \(outcome.complaint)")
      #expect(outcome.complaint.split(separator: "\n").count == 1 && !outcome.complaint.contains(password))
      #expect(!FileManager.default.fileExists(atPath: bench.path("center")))
    }
    try refuse(64, "everybody on this machine sees", url.replacing("warifu@", with: "warifu:\(password)@"))
    try refuse(64, "everybody on this machine sees", url + "?password=\(password)")
    try refuse(64, "everybody on this machine sees", url + "?p%61ssword=\(password)")
    try refuse(64, "this is no database", "mysql://\(password)")
    try refuse(65, "postgres://USER@HOST", "postgres://a:\(password)/x@b@c")
    try refuse(66, "cannot read", "file:missing")
    try bench.succeed("center", "init", "center", "--name", "Shop", "--database", url)
    // Another centre's database is found out, and one that holds a centre gets no second.
    try expect(1, "holds a centre already", "center", "init", "two", "--name", "Two", "--database", url)
    try bench.succeed("center", "init", "three", "--name", "Three")
    try expect(65, "not of one centre", "center", "verify", "--center", "three", "--database", url)
    try expect(64, "no server that wants a password", "center", "verify", "--center", "three", "--database-password", "file:x")
    try FileManager.default.removeItem(atPath: bench.path("center/settings.json"))
    try expect(65, "say where it is with --database", "center", "verify")
    try bench.succeed("center", "verify", "--database", url)
    try bench.succeed("center", "verify")
    try bench.write("{}", to: "center/settings.json")
    try expect(65, "settings.json", "center", "verify")
  }

  /// Several instances, each with a copy of the folder; one that is killed takes nobody with it.
  @Test func oneDatabaseIsServedByMany() throws {
    let (bench, url, name, server) = try bench()
    defer { try? server.dropDatabase(name) }
    try bench.succeed("center", "init", "center", "--name", "Shop", "--database", url)
    #expect(try bench.launch("/usr/bin/env", ["cp", "-a", "center", "copy"]).status == 0)
    let first = try ServedCenter(bench)
    let second = try ServedCenter(bench, center: "copy")
    let third = try ServedCenter(bench)
    for instance in [first, second, third] { #expect(try instance.status(of: "/ready") == "200") }
    #expect(first.end(by: SIGKILL) == 137)
    #expect(try second.status(of: "/ready") == "200")
    for instance in [second, third] { #expect(instance.end(by: SIGTERM) == 0) }
    #expect(try bench.run(["center", "verify"]).status == 0)
  }
}
