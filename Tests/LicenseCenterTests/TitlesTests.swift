import Cryptography
import Formats
import Identifiers
import Testing

@testable import LicenseCenter

@Suite(.onEveryEngine) struct TitlesTests {
  private func catalogue(_ test: TestCenter, _ title: TitleRecord) -> MasterCatalogue {
    MasterCatalogue(
      centerID: test.center.facts.centerID, name: "Disc", pressedAt: test.clock.now(),
      titles: [
        CatalogueTitle(
          softwareID: title.softwareID, name: title.name, version: title.version, type: title.type, path: "A.ENC",
          plaintextOctets: 1, ciphertextOctets: 57, ciphertextDigest: Digest.sha256([1]), price: title.price)
      ])
  }

  @Test func pressingSignsRegisteredTitles() async throws {
    let test = try await TestCenter()
    let title = try await test.center.titles.register(
      name: "A text", version: "2", type: .text, seller: "S", price: Money(minorUnits: 10, currency: .yen))
    let catalogue = catalogue(test, title)
    let signed = try await test.center.titles.sign(catalogue)
    #expect(try signed.open(under: try test.center.facts.catalogueKey) == catalogue)
    #expect(try await test.center.titles.title(title.softwareID).pressedAt == test.clock.now())
    #expect(try await test.center.titles.titles().map(\.softwareID) == [title.softwareID])
  }

  @Test func otherTitlesAreNotSigned() async throws {
    let test = try await TestCenter()
    let title = try await test.center.titles.register(
      name: "A text", version: "2", type: .text, seller: "S", price: Money(minorUnits: 10, currency: .yen))
    let good = catalogue(test, title)
    let changes: [(CenterError.Code, (inout MasterCatalogue) throws -> Void)] = [
      (.conflict, { $0.titles[0].price = .zero(.yen) }), (.conflict, { $0.titles[0].name = "Another" }),
      (.conflict, { $0.titles[0].type = .program }), (.conflict, { $0.titles[0].version = "3" }),
      (.notFound, { $0.titles[0].softwareID = try #require(SoftwareID(octets: [UInt8](repeating: 0, count: 16))) }),
      (.invalid, { $0.centerID = try #require(CenterID(octets: [UInt8](repeating: 0, count: 16))) }),
      (.invalid, { $0.titles[0].path = "../A" }),
    ]
    for (code, change) in changes {
      var catalogue = good
      try change(&catalogue)
      await expectFailure(code) { _ = try await test.center.titles.sign(catalogue) }
    }
    #expect(try await test.center.titles.title(title.softwareID).pressedAt == nil)
  }

  @Test(arguments: [("", "1", "S", 1), ("A", "", "S", 1), ("A\n", "1", "S", 1), ("A", "1", "", 1), ("A", "1", "S", -1)])
  func titlesThatCannotBePrintedAreRefused(name: String, version: String, seller: String, price: Int64) async throws {
    let test = try await TestCenter()
    await expectFailure(.invalid) {
      _ = try await test.center.titles.register(
        name: name, version: version, type: .data, seller: seller, price: Money(minorUnits: price, currency: .yen))
    }
  }
}
