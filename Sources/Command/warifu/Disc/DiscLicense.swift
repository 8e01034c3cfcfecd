import ArgumentParser
import DiscDriver
import Formats
import Foundation
import Identifiers
import Octets

/// `disc license`.
struct DiscLicense: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "license", abstract: "Show a licence as it lies on a disc, or save it to a file.",
    discussion: """
      Its keys are wrapped for its card, so nothing in it is secret. 'copy install' puts a saved one back.

      Example:
        warifu disc license --title OpenSSL --disc disc.img --save openssl.licence
      """)

  @Option(help: "Software id, or unique name, of the title.")
  var title: TitleChoice

  @Option(help: ArgumentHelp("A file to make with the licence in it.", valueName: "file"))
  var save: String?

  @OptionGroup var disc: DiscOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let volume = try disc.insert(readOnly: true).volume()
    let softwareID = try title.resolve(among: try volume.namedTitles(), in: "the disc")
    guard let installed = volume.licence(for: softwareID) else {
      throw Failure(
        .badInput, "there is no licence for \(softwareID) on the disc", remedy: "get one with 'copy license'")
    }
    let license = try TitleLicense(parsing: installed.octets.span.bytes)
    if let save { try OutputFile.write(installed.octets, to: save) }
    try output.write(LicenseReport(license))
  }
}

/// A file that a command makes, and never overwrites.
enum OutputFile {
  static func write(_ octets: [UInt8], to path: String) throws {
    do {
      try Data(octets).write(to: URL(fileURLWithPath: path), options: .withoutOverwriting)
    } catch {
      let isThere = (error as? CocoaError)?.code == .fileWriteFileExists
      throw Failure(
        .failed, "cannot write \(path): \(isThere ? "there is a file already" : "the system refused")",
        remedy: "choose another name or folder")
    }
  }
}
