import Identifiers
import Testing

@testable import DiscDriver

/// Which claims of a journal are worth a look: whoever holds the disc may have written it.
@Suite struct JournalRoomTests {
  private let length: UInt64 = 3 << 20

  private func journal(_ extents: [Extent]) throws -> TitleJournal {
    TitleJournal(
      softwareID: try VolumeBench.software(1), length: length, source: [], extents: extents, interval: 8)
  }

  private func hasRoom(_ extents: [Extent], in layout: VolumeLayout, _ catalogue: Catalogue = Catalogue()) throws
    -> Bool
  {
    let clusters = Catalogue.clusters(length: length, manifestLength: 0)
    return try journal(extents).hasRoom(for: clusters, beside: catalogue, in: layout)
  }

  @Test func M8_aJournalHoldsNoRoomThatIsNotToBeWritten() throws {
    var layout = try #require(VolumeLayout(length: 32 << 20))
    let area = layout.softwareClusters
    let sound = [Extent(first: area.lowerBound + 100, count: 60)]
    #expect(try hasRoom(sound, in: layout))
    layout.embossed = Extent(first: area.lowerBound + 159, count: 2)
    #expect(try !hasRoom(sound, in: layout))
    layout.embossed = Extent(first: area.lowerBound + 160, count: 2)
    #expect(try hasRoom(sound, in: layout))

    #expect(try !hasRoom([Extent(first: area.lowerBound - 1, count: 60)], in: layout))
    #expect(try !hasRoom([Extent(first: area.upperBound - 59, count: 60)], in: layout))
    #expect(try !hasRoom([Extent(first: area.lowerBound, count: 1)], in: layout))
    #expect(
      try !hasRoom(
        [Extent(first: area.lowerBound, count: 60), Extent(first: area.lowerBound + 59, count: 1)], in: layout))
  }
}
