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

  /// The folder; there is a centre in it.
  func folder() throws -> CenterFolder {
    guard let path else {
      throw Failure(.usage, "no centre was named", remedy: "give its folder with --center, or set WARIFU_CENTER")
    }
    guard FileManager.default.fileExists(atPath: path + "/center.json") else {
      throw Failure(
        .unavailable, "there is no centre at \(path)", remedy: "check the path, or make one with 'warifu center init'")
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
    let environment = ProcessInfo.processInfo.environment[Self.variable].map { SecretSource(argument: $0) }
    return try SecretRequest(what: "passphrase", option: "--passphrase")
      .answer(passphrase ?? environment, confirming: confirming)
  }
}

/// Which centre, and what opens it.
struct CenterOptions: ParsableArguments {
  @OptionGroup var folderOptions: CenterFolderOptions
  @OptionGroup var passphraseOptions: PassphraseOptions

  /// Lends the open centre, and closes it whatever happens.
  func use<R>(_ body: (Center) async throws -> R) async throws -> R {
    let folder = try folderOptions.folder()
    let passphrase = try passphraseOptions.read()
    let center = try await folder.open(passphrase: passphrase, random: SystemRandom(), clock: SystemClock())
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
}
