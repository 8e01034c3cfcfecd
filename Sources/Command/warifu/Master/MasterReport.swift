import Formats
import Identifiers

/// The titles of a master disc.
struct MasterReport: Report {
  struct Title: Encodable {
    let softwareID: String
    let name: String
    let titleVersion: String
    let type: String
    let octets: UInt64
    let price: String
    let path: String

    init(_ title: CatalogueTitle) {
      softwareID = title.softwareID.description
      name = title.name
      titleVersion = title.version
      type = title.type.rawValue
      octets = title.plaintextOctets
      price = title.price.description
      path = title.path
    }
  }

  let image: String
  let name: String
  let center: String
  let pressedAt: UInt64
  let titles: [Title]
  /// Whether they are up for download now; nothing where that was not asked.
  let published: Bool?

  init(_ catalogue: MasterCatalogue, image: String, isPublished: Bool? = nil) {
    published = isPublished
    self.image = image
    name = catalogue.name
    center = catalogue.centerID.description
    pressedAt = catalogue.pressedAt
    titles = catalogue.titles.map(Title.init)
  }

  private var download: [(String, String)] {
    published.map { [("Download", $0 ? "published" : "not published; see 'warifu center title publish'")] } ?? []
  }

  var text: String {
    Columns.fields([("Disc", name), ("Centre", center), ("Pressed", Words.time(pressedAt))] + download) + "\n"
      + Columns.table(
        ["SOFTWARE ID", "TYPE", "SIZE", "PRICE", "TITLE"],
        titles.map { [$0.softwareID, $0.type, Words.size($0.octets), $0.price, "\($0.name) \($0.titleVersion)"] })
  }
}
