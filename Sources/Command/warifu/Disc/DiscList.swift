import ArgumentParser
import DiscDriver
import Formats
import Identifiers
import Octets

/// `disc list`.
struct DiscList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the titles and licences on a disc.",
    discussion: """
      Says what is there, not whether it is good: that is for the card to judge, see 'copy certify'.

      Example:
        warifu disc list --disc disc.img
      """)

  @OptionGroup var disc: DiscOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let volume = try disc.insert(readOnly: true).volume()
    let titles = try volume.titles()
    let licences = volume.licences
    let all = Set(titles.map(\.softwareID)).union(licences.map(\.softwareID))
    let entries = all.sorted { $0.description < $1.description }.map { softwareID in
      DiscListReport.Entry(
        softwareID, title: titles.first { $0.softwareID == softwareID }, volume.description(of: softwareID),
        licence: licences.first { $0.softwareID == softwareID })
    }
    try output.write(DiscListReport(entries: entries, damagedLicences: volume.damagedLicenceCount))
  }
}

private struct DiscListReport: Report {
  struct Entry: Encodable {
    let softwareID: String
    let name: String?
    let titleVersion: String?
    let type: String?
    let octets: UInt64?
    let licence: String

    init(_ softwareID: SoftwareID, title: InstalledTitle?, _ details: CatalogueTitle?, licence: InstalledLicence?) {
      self.softwareID = softwareID.description
      name = details?.name
      titleVersion = details?.version
      type = details?.type.rawValue
      octets = title?.length
      self.licence = licence.map { $0.isForThisMedium ? "present" : "of another disc" } ?? "none"
    }
  }

  let entries: [Entry]
  let damagedLicences: Int

  var text: String {
    var text =
      entries.isEmpty
      ? "No titles and no licences.\n"
      : Columns.table(
        ["SOFTWARE ID", "TYPE", "SIZE", "LICENCE", "TITLE"],
        entries.map { entry in
          [
            entry.softwareID, entry.type ?? "-", entry.octets.map(Words.size) ?? "not copied", entry.licence,
            [entry.name, entry.titleVersion].compactMap(\.self).joined(separator: " "),
          ]
        })
    if damagedLicences > 0 { text += "\(Words.count(damagedLicences, "licence")) damaged beyond both copies.\n" }
    return text
  }
}
