import ArgumentParser
import DiscDriver
import Formats
import Identifiers

/// A title as people name it: by its software id, or by a name that only one has.
enum TitleChoice: ExpressibleByArgument, Sendable {
  case identifier(SoftwareID)
  case name(String)

  init?(argument: String) {
    guard !argument.isEmpty else { return nil }
    self = SoftwareID(argument).map(TitleChoice.identifier) ?? .name(argument)
  }

  /// The title meant, among those that `place` has.
  func resolve(among titles: [NamedTitle], in place: String) throws -> SoftwareID {
    guard case .name(let name) = self else {
      guard case .identifier(let softwareID) = self else { throw Failure(.bug, "no title", remedy: "report this") }
      return softwareID
    }
    let matches = titles.filter { $0.name == name }
    guard let match = matches.first else {
      let known = Set(titles.map(\.name)).sorted().prefix(5).joined(separator: ", ")
      throw Failure(
        .badInput, "\(place) knows no title named '\(name)'",
        remedy: titles.isEmpty
          ? "none has a name there; give the software id" : "choose one of \(known), or give the software id")
    }
    guard matches.count == 1 else {
      let candidates = matches.map { "\($0.softwareID) (version \($0.version))" }.joined(separator: ", ")
      throw Failure(
        .badInput, "\(place) has several titles named '\(name)'", remedy: "name one by its id: \(candidates)")
    }
    return match.softwareID
  }
}

/// A title among others.
struct NamedTitle: Hashable, Sendable {
  var softwareID: SoftwareID
  var name: String
  var version: String

  init(_ title: CatalogueTitle) {
    (softwareID, name, version) = (title.softwareID, title.name, title.version)
  }

  init(softwareID: SoftwareID, name: String, version: String) {
    (self.softwareID, self.name, self.version) = (softwareID, name, version)
  }
}

extension LicensedVolume {
  /// What the disc says of a title on it, when it is legible. Nothing vouches for it before the card has.
  func description(of softwareID: SoftwareID) -> CatalogueTitle? {
    guard let reader = try? open(title: softwareID) else { return nil }
    return (try? MasterCatalogue(json: reader.information))?.title(softwareID)
  }

  /// The titles on the disc that say their names.
  func namedTitles() throws -> [NamedTitle] {
    try titles().compactMap { description(of: $0.softwareID) }.map(NamedTitle.init)
  }
}
