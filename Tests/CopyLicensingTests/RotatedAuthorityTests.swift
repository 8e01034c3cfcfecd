import CopyLicensing
import DiscDriver
import Formats
import Foundation
import Identifiers
import LicenseCenter
import Testing
import WarifuTesting

/// The centre's authority is another one since some of the cards and discs were made.
@Suite struct RotatedAuthorityTests {
  @Test func cardsAndDiscsOfBeforeAndAfterGoTogether() async throws {
    let bench = try await Workbench.setUp(seed: 11)
    try Data("A text of one line.\n".utf8).write(to: URL(fileURLWithPath: bench.folder("text.txt")))
    func press(_ name: String) async throws -> (path: String, titles: [SoftwareID]) {
      try await bench.pressMaster(name, [(bench.folder("text.txt"), .text)])
    }
    let oldCard = try await bench.issueCard()
    let oldMaster = try await press("old.iso")
    for purpose in [KeyPurpose.authority, .licenseSigning, .catalogueSigning, .timeSigning] {
      try await bench.rotate(purpose)
    }
    let newCard = try await bench.issueCard()
    let newMaster = try await press("new.iso")
    for (index, card) in [oldCard, newCard].enumerated() {
      try await bench.setTime(card)
      for (number, master) in [oldMaster, newMaster].enumerated() {
        let disc = try bench.makeDisc("target-\(index)-\(number).mo")
        let session = try bench.session(card, disc)
        _ = try await bench.license(master.titles[0], in: session)
        _ = try session.copy(master.titles[0], from: try LicensedMaster(opening: master.path, anchor: session.anchor))
      }
    }

    // A card by itself knows the authority of its issue alone, and another centre's authorities count for nothing.
    let time = bench.clock.now()
    let other = try await Workbench.setUp(seed: 12).center.facts
    for (card, own, foreign) in [(oldCard, oldMaster, newMaster), (newCard, newMaster, oldMaster)] {
      let alone = try TrustAnchor(card: card.card, time: time)
      _ = try LicensedMaster(opening: own.path, anchor: alone)
      for anchor in [alone, alone.believing(other.editions.map(\.authorityCertificate))] {
        let error = #expect(throws: LicensingError.self) { try LicensedMaster(opening: foreign.path, anchor: anchor) }
        #expect(error?.code == .notAuthentic)
      }
    }
  }
}
