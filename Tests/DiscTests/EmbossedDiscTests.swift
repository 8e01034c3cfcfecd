import Cryptography
import DiscDriver
import DiscEmulator
import DriveFirmware
import Identifiers
import SCSI
import Testing

/// A disc of which a track in the middle can only be read: the licensed volume goes around it.
@Suite struct EmbossedDiscTests {
  private func blank(_ geometry: MediumGeometry) throws -> MemoryDisc {
    let record = try #require(FactoryRecord(mediumID: [UInt8](repeating: 1, count: 16), manufactured: 0))
    return MemoryDisc(geometry: geometry, factoryRecord: record, profile: .partlyEmbossed)
  }

  @Test(arguments: [MediumGeometry.mb128, .mb640]) func M17_titlesGoAroundWhatIsEmbossed(_ geometry: MediumGeometry)
    throws
  {
    let disc = try blank(geometry)
    let middle = MediumIDSector.address(blockCount: UInt64(geometry.blockCount), blockSize: geometry.blockSize)
    #expect(disc.firstProtectedBlock(in: BlockRange(first: middle, count: 1)) == middle)
    // The software area begins two or three mebibytes before it.
    let generalUse = (middle * UInt64(geometry.blockSize) / (1 << 20) - 4) << 20
    let volume = try LicensedVolume.format(
      try VolumeBench.session(disc), generalUse: generalUse, random: SeededRandom(seed: 1))
    let clusters = (volume.layout.length - 2 << 20 - (try volume.freeOctets())) / VolumeLayout.clusterLength
    #expect((1...2).contains(clusters))
    var expected = VolumeState()
    for (number, length) in [(1, 5_000_000), (2, 1_900_000), (3, 1)] as [(UInt8, Int)] {
      let id = try VolumeBench.software(number)
      expected.titles[id] = SplitMix.octets(length, seed: 1)
      try VolumeBench.install(expected.titles[id] ?? [], as: id, on: volume)
    }
    #expect(try VolumeState(of: disc) == expected)
    #expect(try LicensedVolume.check(try VolumeBench.session(disc), contents: true).findings.isEmpty)
  }

  /// More than any disc has is too much, to the last octet that can be said.
  @Test func moreGeneralUseThanThereIsIsRefused() throws {
    let disc = try blank(.mb128)
    for octets in [.max, .max - (1 << 20), .max - (2 << 20) + 1, .max - (3 << 20), 1 << 63, 128 << 20] as [UInt64] {
      let error = #expect(throws: DiscError.self) {
        _ = try LicensedVolume.format(
          try VolumeBench.session(disc), generalUse: octets, random: SeededRandom(seed: 1))
      }
      #expect(error?.code == .full)
    }
  }

  /// Wherever the partition for general use ends, the volume's own tables can be written.
  @Test(arguments: [MediumGeometry.mb128, .mb640]) func aVolumeNeverBeginsOnWhatIsEmbossed(_ geometry: MediumGeometry)
    throws
  {
    let middle = MediumIDSector.address(blockCount: UInt64(geometry.blockCount), blockSize: geometry.blockSize)
    let mebibyte = middle * UInt64(geometry.blockSize) / (1 << 20)
    for generalUse in (mebibyte - 4)...(mebibyte + 3) {
      let disc = try blank(geometry)
      let volume = try LicensedVolume.format(
        try VolumeBench.session(disc), generalUse: generalUse << 20, random: SeededRandom(seed: 1))
      let id = try VolumeBench.software(1)
      for number in stride(from: 0, to: UInt8(VolumeLayout.licenceSlotCount), by: 16) {
        try volume.install(licence: [1], for: try VolumeBench.software(number))
      }
      try VolumeBench.install(SplitMix.octets(100_000, seed: 1), as: id, on: volume)
      #expect(try LicensedVolume.check(try VolumeBench.session(disc), contents: true).findings.isEmpty)
      #expect(volume.generalUse.count >= UInt32(generalUse << 20 / UInt64(geometry.blockSize)))
    }
  }
}
