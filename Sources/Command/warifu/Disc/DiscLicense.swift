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
    let license = try CopyLicense(parsing: installed.octets.span.bytes)
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

/// A copy licence, nothing of which is secret.
struct LicenseReport: Report {
  let number: UInt64
  let center: String
  let card: String
  let softwareID: String
  let mediumID: String
  let terms: String
  let certificateCode: String
  let wrappedCertificationKey: String
  let wrappedContentKey: String
  let rootVersion: UInt32
  let expiry: UInt64?
  let issuedAt: UInt64

  init(_ license: CopyLicense) {
    number = license.number
    center = license.centerID.description
    card = license.cardSerial.description
    softwareID = license.softwareID.description
    mediumID = license.mediumID.description
    terms = Hex.encode(license.terms.encoded)
    certificateCode = Hex.encode(license.certificateCode)
    wrappedCertificationKey = Hex.encode(license.wrappedCertificationKey)
    wrappedContentKey = Hex.encode(license.wrappedContentKey)
    rootVersion = license.rootVersion
    expiry = license.terms.expiry
    issuedAt = license.issuedAt
  }

  var text: String {
    Columns.fields([
      ("Licence", "number \(number)"), ("Centre", center), ("Card", card), ("Title", softwareID),
      ("Medium", mediumID), ("Good until", expiry.map(Words.time) ?? "no date"), ("Issued", Words.time(issuedAt)),
      ("Certificate code", certificateCode),
    ])
  }
}
