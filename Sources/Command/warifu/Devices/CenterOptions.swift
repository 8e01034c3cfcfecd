import ArgumentParser
import Cryptography
import Foundation
import LicenseCenter

/// Which centre, without its secrets.
struct CenterFolderOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The centre's folder (or WARIFU_CENTER).", valueName: "folder"))
  var center: String?

  /// Whether a centre was named at all.
  var namesCenter: Bool { path != nil }

  var path: String? { center ?? ProcessInfo.processInfo.environment["WARIFU_CENTER"] }

  /// Every certification authority that the centre has had; none where none was named that is there.
  var authorities: [[UInt8]] {
    guard namesCenter, let facts = try? folder().facts() else { return [] }
    return facts.editions.map(\.authorityCertificate)
  }

  /// Takes a folder that was given in another way.
  mutating func take(_ folder: String?) throws {
    guard let folder else { return }
    guard center == nil || center == folder else {
      throw Failure(.usage, "two centres were named", remedy: "leave out --center")
    }
    center = folder
  }

  /// The folder; there is a centre in it.
  func folder() throws -> CenterFolder {
    guard let path else {
      throw Failure(.usage, "no centre was named", remedy: "give its folder with --center, or set WARIFU_CENTER")
    }
    guard try address() == nil else {
      throw Failure(
        .usage, "this is done in the centre's folder, and \(path) is an address",
        remedy: "give the folder with --center, where it is")
    }
    guard FileManager.default.fileExists(atPath: path + "/center.json") else {
      // Somebody may have meant a host.
      let hint = path.contains(".") && !path.contains("/") ? "; an address begins with https://" : ""
      throw Failure(
        .unavailable, "there is no centre at \(path)",
        remedy: "check the path, or make one with 'warifu center init'" + hint)
    }
    return CenterFolder(path)
  }
}

/// Which passphrase.
struct PassphraseOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("SOURCE of the centre's passphrase (or WARIFU_PASSPHRASE).", valueName: "source"))
  var passphrase: SecretSource?

  /// What stands for the option.
  static let variable = "WARIFU_PASSPHRASE"

  /// The passphrase; asked for on a terminal if nobody said where it is.
  func read(confirming: Bool = false) throws -> Secret {
    let environment = ProcessInfo.processInfo.environment
    let variable = environment[Self.variable].map { SecretSource(argument: $0) }
    return try SecretRequest(what: "passphrase", option: "--passphrase")
      .answer(passphrase ?? variable ?? Self.credential(environment), confirming: confirming)
  }

  /// What systemd was told to hand a service under the name `passphrase` (`LoadCredential=`), if it did.
  private static func credential(_ environment: [String: String]) -> SecretSource? {
    guard let folder = environment["CREDENTIALS_DIRECTORY"] else { return nil }
    let path = folder + "/passphrase"
    return FileManager.default.fileExists(atPath: path) ? .file(path) : nil
  }
}

/// Which centre, and what opens it.
struct CenterOptions: ParsableArguments {
  @OptionGroup var folderOptions: CenterFolderOptions
  @OptionGroup var passphraseOptions: PassphraseOptions
  @OptionGroup var databaseOptions: DatabaseOptions

  /// The folder of a centre that is to be opened; from here on the process keeps its memory to itself.
  func folder() throws -> CenterFolder {
    try ProcessSecrecy.begin()
    return try folderOptions.folder()
  }

  /// Lends the open centre, and closes it whatever happens.
  func use<R>(_ body: (Center) async throws -> R) async throws -> R {
    let center = try await open()
    let result: R
    do {
      result = try await body(center)
    } catch {
      try? center.close()
      throw error
    }
    try center.close()
    return result
  }

  /// Where the database of the centre in `folder` is.
  func location(of folder: CenterFolder) throws -> DatabaseLocation {
    let location = try databaseOptions.location(remembered: try folder.settings())
    guard location != .file || folder.hasDatabase else {
      throw Failure(
        .badInput, "there is no database in \(folder.path)",
        remedy: "say where it is with --database, or restore center.db from a backup")
    }
    return location
  }

  /// The centre, which whoever asks must close.
  func open() async throws -> Center {
    let folder = try folder()
    var settings = try folder.settings()
    let location = try location(of: folder)
    let center = try await folder.open(
      passphrase: try passphraseOptions.read(), database: location, random: SystemRandom(), clock: SystemClock(),
      payments: settings.payments)
    // A folder that was copied for a further instance, or whose making was cut off, does not know yet.
    if settings.database == nil, let url = try databaseOptions.remembered() {
      settings.database = url
      try folder.keep(settings)
    }
    return center
  }
}

extension CenterFolder {
  /// Whether the database is a file in the folder.
  fileprivate var hasDatabase: Bool { FileManager.default.fileExists(atPath: path + "/center.db") }
}
