import ArgumentParser
import CenterClient
import Cryptography
import Foundation
import Identifiers
import LicenseCenter

/// The verb `open`.
struct OpenCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "open", abstract: "Open a title that a browser downloaded, or that the counter handed over.",
    discussion: """
      A download wants the key file from its page; a file from the counter wants the code that it was redeemed with, and \
      the centre, whose signature it has. The opened file appears when it has passed every check.

      Example:
        warifu open Go-1.0.sealed --key Go-1.0.sealed.key -o go
        warifu open go.offline --code file:code --center center -o go
      """)

  @Argument(help: "The sealed file.")
  var file: String

  @Option(help: ArgumentHelp("The key file of a download.", valueName: "file"))
  var key: String?

  @Option(help: ArgumentHelp("SOURCE of the code of a file from the counter.", valueName: "source"))
  var code: SecretSource?

  @Flag(help: "What the counter handed over is a program: it can be run at once.")
  var program = false

  @Option(name: [.customShort("o"), .long], help: ArgumentHelp("Where the title goes; a new file.", valueName: "file"))
  var output: String

  @OptionGroup var center: CenterFolderOptions
  @OptionGroup var report: OutputOptions

  func validate() throws {
    guard key == nil || (code == nil && !program) else {
      throw ValidationError("Give the --key of a download, or the --code of a file from the counter.")
    }
  }

  func run() async throws {
    try NewPath.checkIsFree(output)
    try NewPath.checkIsReadable(file, what: "sealed file")
    if let key { try NewPath.checkIsReadable(key, what: "key file") }
    let title = try key.map { try HandedOverTitle.open(download: file, keyFile: $0, into: output) } ?? provision()
    try report.write(OpenReport(title, output))
  }

  private func provision() throws -> HandedOverTitle {
    guard code != nil || Terminal.canAsk else {
      throw Failure(
        .usage, "nothing was given that opens \(file)",
        remedy: "give the --key of a download, or the --code of a file from the counter")
    }
    let keys = try center.folder().facts().editions.map { try Certificate(der: $0.licenseCertificate).publicKey }
    let secret = try SecretRequest(what: "code", option: "--code").answer(code)
    return try HandedOverTitle.open(
      provision: file, code: try CodeOptions.code(secret), under: keys.reversed(),
      at: UInt64(Date().timeIntervalSince1970), isProgram: program, into: output)
  }
}

private struct OpenReport: Report {
  let softwareID: String
  let octets: UInt64
  let file: String

  init(_ title: HandedOverTitle, _ file: String) {
    softwareID = title.softwareID.description
    octets = title.octets
    self.file = file
  }

  var text: String { Columns.fields([("Software id", softwareID), ("Octets", "\(octets)"), ("File", file)]) }
}
