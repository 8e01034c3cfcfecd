import Identifiers

/// A title that a centre sells.
public struct CenterTitle: Hashable, Sendable {
  /// SIDi.
  public var softwareID: SoftwareID
  /// Its name.
  public var name: String
  /// Its version.
  public var version: String
}

extension CenterClient {
  private struct Page: Decodable {
    struct Title: Decodable {
      var softwareID: String
      var name: String
      var version: String
    }

    var titles: [Title]
    var next: String?
  }

  /// The most pages of titles that are asked for.
  private static let mostPages = 1000

  /// The titles that the centre sells.
  public func titles() async throws(CenterClientError) -> [CenterTitle] {
    var titles: [CenterTitle] = []
    var next: SoftwareID?
    for _ in 0..<CenterClient.mostPages {
      let request = CenterRequest.get(
        "/v1/titles" + (next.map { "?after=\($0)" } ?? ""), "Asking for the centre's titles", nil)
      let page = try await ask(request, as: Page.self)
      for title in page.titles {
        guard let softwareID = SoftwareID(title.softwareID) else { throw CenterClient.invalid(request) }
        titles.append(
          CenterTitle(
            softwareID: softwareID, name: CenterClient.line(title.name[...], limit: 256),
            version: CenterClient.line(title.version[...], limit: 256)))
      }
      guard let following = page.next else { break }
      guard let following = SoftwareID(following), following != next else { throw CenterClient.invalid(request) }
      next = following
    }
    return titles
  }
}
