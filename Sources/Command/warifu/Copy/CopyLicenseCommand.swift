import ArgumentParser
import CardDriver
import CopyLicensing
import Cryptography
import Formats
import LicenseCenter
import Octets

/// `copy license`.
struct CopyLicenseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "license", abstract: "Get the licence for a title on this disc with this card, and write it there.",
    discussion: """
      The centre bills it once: asking again gives the same licence. It is by certificate code or by conversion keys, as \
      the title is sold; --profile says which is expected.

      Example:
        warifu copy license --title OpenSSL \\
          --disc disc.img --card-file alice.card \\
          --center center --passphrase file:passphrase
      """)

  @Flag(help: "Have the drive attest which disc it is, now and at every use.")
  var attested = false

  @OptionGroup var copy: CopyOptions
  @OptionGroup var expected: ProfileOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard !attested || expected.profile != .conversion else {
      throw ValidationError("--attested is for licences by certificate code, not by conversion keys")
    }
  }

  func run() async throws {
    let session = try copy.session(readOnly: false)
    let profile = expected.profile
    let license = try await center.use { center in
      let titles = try await center.titles.titles()
      let softwareID = try copy.title.resolve(among: titles.map(NamedTitle.init), in: "the centre")
      guard !attested || titles.first(where: { $0.softwareID == softwareID })?.profile != .conversion else {
        throw Failure(
          .badInput, "this title is sold under conversion keys, which know nothing of attested discs",
          remedy: "leave out --attested")
      }
      let request = try session.request(
        for: softwareID, operationID: .drawn(from: SystemRandom()),
        terms: attested ? LicenseTerms(requiresAttestedMedium: true) : .unlimited)
      try session.prepare(for: request.softwareID)
      if attested { return try await center.titleLicenses.license(request, attestedBy: try session.attest(request)) }
      return switch profile {
      case .certificate: TitleLicense.certificate(try await center.copyLicenses.license(request))
      case .conversion: TitleLicense.conversion(try await center.conversionLicenses.license(request))
      case nil: try await center.titleLicenses.license(request)
      }
    }
    try session.install(license)
    try output.write(LicenseReport(license))
  }
}

/// `copy install`.
struct CopyInstall: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "install", abstract: "Write a saved licence to the disc it is for, if it is authentic.",
    discussion: """
      Example:
        warifu copy install openssl.licence --disc disc.img --card-file alice.card
      """)

  @Argument(help: "The file with the licence.")
  var file: String

  @OptionGroup var expected: ProfileOptions
  @OptionGroup var disc: DiscOptions
  @OptionGroup var card: CardOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    // The same reader and the same limits as for anything else from a small file.
    let octets = try SecretSource.file(file).read("licence").withBytes { $0.octets }
    let license = try TitleLicense(parsing: octets.span.bytes)
    try expected.check(license)
    let session = try CopySession.begin(disc: disc, card: card, readOnly: false)
    try session.install(license)
    try output.write(LicenseReport(license))
  }
}
