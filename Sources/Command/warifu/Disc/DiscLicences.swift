import ArgumentParser
import DiscDriver
import Formats
import Identifiers
import Octets

/// `disc licences`.
struct DiscLicences: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "licences", abstract: "List all licences on a disc: for which title, card and medium, on what terms.",
    discussion: """
      Says what they say, not whether it is so: that is for the card to judge, see 'copy certify'.

      Example:
        warifu disc licences --disc disc.img
      """, aliases: ["licenses"])

  @OptionGroup var disc: DiscOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let volume = try disc.insert(readOnly: true).volume()
    let entries = volume.licences.map { installed in
      LicencesReport.Entry(
        installed, try? TitleLicense(parsing: installed.octets.span.bytes),
        name: volume.description(of: installed.softwareID)?.name, on: volume.identity.id)
    }
    try output.write(LicencesReport(licences: entries, damagedLicences: volume.damagedLicenceCount))
  }
}

private struct LicencesReport: Report {
  struct Entry: Encodable {
    let softwareID: String
    let name: String?
    let number: UInt64?
    let center: String?
    let card: String?
    let mediumID: String?
    /// `this disc`, `another disc`, or nothing if the licence is illegible.
    let medium: String?
    let strength: String?
    let requiresAttestedMedium: Bool?
    let expiry: UInt64?
    let issuedAt: UInt64?
    let kind: String
    let copies: Int

    init(_ installed: InstalledLicence, _ license: TitleLicense?, name: String?, on medium: MediumID) {
      softwareID = installed.softwareID.description
      self.name = name
      number = license?.number
      center = license?.centerID.description
      card = license?.cardSerial.description
      mediumID = license?.mediumID.description
      let isHere = installed.isForThisMedium && license?.mediumID == medium
      self.medium = license.map { _ in isHere ? "this disc" : "another disc" }
      strength = license?.mediumIDStrength.word
      requiresAttestedMedium = license?.terms.requiresAttestedMedium
      expiry = license?.terms.expiry
      issuedAt = license?.issuedAt
      kind = license?.profile.rawValue ?? "illegible"
      copies = installed.copyCount
    }

    var terms: String {
      guard let requiresAttestedMedium else { return "-" }
      let date = expiry.map { "until \(Words.time($0))" } ?? "for ever"
      return requiresAttestedMedium ? date + ", attested medium" : date
    }
  }

  let licences: [Entry]
  let damagedLicences: Int

  var text: String {
    var text =
      licences.isEmpty
      ? "No licences.\n"
      : Columns.table(
        ["NO", "TITLE", "CARD", "MEDIUM", "ID", "KIND", "TERMS"],
        licences.map { entry in
          [
            entry.number.map(String.init) ?? "-", entry.name ?? entry.softwareID, entry.card ?? "-",
            entry.medium ?? "-", entry.strength ?? "-", entry.kind, entry.terms,
          ]
        })
    if damagedLicences > 0 { text += "\(Words.count(damagedLicences, "licence")) damaged beyond both copies.\n" }
    return text
  }
}

extension MediumIDStrength {
  /// Who vouched for the medium id, for people and programs.
  var word: String {
    switch self {
    case .hostAsserted: "host-asserted"
    case .driveAttested: "attested"
    }
  }
}
