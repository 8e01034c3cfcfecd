import ArgumentParser
import CardDriver
import CopyLicensing
import DiscDriver
import Formats
import Identifiers

/// `copy certify`.
struct CopyCertify: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "certify", abstract: "Have the card compare the certificate code of a licence on a disc.",
    discussion: """
      --title takes a name only when the title is on the disc already, or is named on the master disc given.

      Example:
        warifu copy certify --title OpenSSL --master master.iso \\
          --disc disc.img --card-file alice.card
      """)

  @Option(help: ArgumentHelp("A master disc that names the title.", valueName: "image"))
  var master: String?

  @OptionGroup var copy: CopyOptions
  @OptionGroup var center: CenterFolderOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let session = try copy.session(readOnly: true)
    let anchor = session.anchor.believing(center.authorities)
    let titles = try master.map { try LicensedMaster.insert($0, anchor: anchor).catalogue.titles }
    let names = try titles?.map(NamedTitle.init) ?? session.volume.namedTitles()
    let softwareID = try copy.title.resolve(among: names, in: master == nil ? "the disc" : "the master disc")
    let license = try session.certify(softwareID)
    try output.write(CertifyReport(license))
  }
}

/// `copy title`.
struct CopyTitle: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "title", abstract: "Copy a licensed title, as the licence on the disc is for.",
    discussion: """
      By certificate code it is copied as it is, after the card's comparison; by conversion keys, which the card opens, it \
      is decrypted and encrypted for this disc piece by piece in memory. Only ciphertext is written. If the card refuses, \
      not one octet is copied. The disc shows the title when all of it is there. A copy that was interrupted, by Ctrl-C, \
      a kill or a power cut, goes on where it was when the same command is given again.

      Example:
        warifu copy title --title OpenSSL --master master.iso \\
          --disc disc.img --card-file alice.card
      """)

  @Option(help: ArgumentHelp("The master disc's image or device.", valueName: "image"))
  var master: String

  @Flag(help: "Read everything back from the disc before it shows the title; drives that verify by themselves did.")
  var verify = false

  @OptionGroup var expected: ProfileOptions
  @OptionGroup var copy: CopyOptions
  @OptionGroup var center: CenterFolderOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let session = try copy.session(readOnly: false)
    let anchor = session.anchor.believing(center.authorities)
    let master = try LicensedMaster.insert(master, anchor: anchor)
    let names = master.catalogue.titles.map(NamedTitle.init)
    let softwareID = try copy.title.resolve(among: names, in: "the master disc")
    if expected.profile != nil { try expected.check(try session.titleLicense(for: softwareID)) }
    let installed: InstalledTitle
    do {
      let line = ProgressLine()
      installed = try session.copy(softwareID, from: master, verifying: verify, progress: line.advance)
    }
    try output.write(
      CopyReport(
        softwareID: softwareID.description, name: master.catalogue.title(softwareID)?.name ?? "",
        octets: installed.length, mediumID: session.volume.identity.id.description))
  }
}

private struct CertifyReport: Report {
  let license: UInt64
  let card: String
  let softwareID: String
  let mediumID: String

  init(_ license: CopyLicense) {
    self.license = license.number
    card = license.cardSerial.description
    softwareID = license.softwareID.description
    mediumID = license.mediumID.description
  }

  var text: String {
    "The card recomputed the certificate code, and it is the same.\n"
      + Columns.fields([("Licence", "number \(license)"), ("Card", card), ("Title", softwareID), ("Medium", mediumID)])
  }
}

private struct CopyReport: Report {
  let softwareID: String
  let name: String
  let octets: UInt64
  let mediumID: String

  var text: String {
    Columns.fields([("Copied", name), ("Title", softwareID), ("Sealed", Words.size(octets)), ("Medium", mediumID)])
  }
}
