import ArgumentParser
import Cryptography
import Foundation
import LicenseCenter
import Octets

/// Where the centre's database is, if that is not its folder.
struct DatabaseOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The PostgreSQL database: postgres://USER@HOST/NAME, or a SOURCE of its URL. Remembered.", valueName: "url"))
  var database: DatabaseArgument?

  @Option(help: ArgumentHelp("SOURCE of the database's password, if not in PGPASSFILE.", valueName: "source"))
  var databasePassword: SecretSource?

  /// The database that is meant: the one that is named here, else the one that `settings` remember, else the file.
  func location(remembered settings: CenterSettings = CenterSettings()) throws -> DatabaseLocation {
    let address = try database?.address() ?? settings.database.map { url throws(CenterError) in try PostgreSQLAddress(url) }
    guard let address else {
      guard databasePassword == nil else {
        throw Failure(.usage, "there is no server that wants a password", remedy: "name it with --database")
      }
      return .file
    }
    guard let databasePassword else { return .server(address) }
    return .server(try address.adding(password: databasePassword.readText("password of the database")))
  }

  /// What is to be remembered of ``database``.
  func remembered() throws -> String? { try database?.address().urlWithoutPassword }
}

/// A database's URL, or where it stands.
enum DatabaseArgument: ExpressibleByArgument, Sendable {
  case url(String)
  case source(SecretSource)

  init(argument: String) {
    self = PostgreSQLAddress.isURL(argument) ? .url(argument) : .source(SecretSource(argument: argument))
  }

  /// The address; one that was an argument has no password in it, since every list of processes shows arguments.
  func address() throws -> PostgreSQLAddress {
    switch self {
    case .url(let url):
      let address = try PostgreSQLAddress(url)
      guard !address.hasPassword else {
        throw Failure(
          .usage, "the database's URL has a password in it, which everybody on this machine sees",
          remedy: "give that with --database-password or in PGPASSFILE, or the URL as file:PATH or env:NAME")
      }
      return address
    case .source(.malformed):
      throw Failure(
        .usage, "this is no database",
        remedy: "give postgres://USER@HOST/NAME, or such a URL's source as file:PATH or env:NAME")
    case .source(let source):
      let text = try source.readText("URL of the database").withBytes { String(decoding: $0.octets, as: UTF8.self) }
      return try PostgreSQLAddress(text)
    }
  }
}
