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
    let volume = try VolumeBench.format(disc)
    let cluster = 64 << 10
    let free = Int(try volume.freeOctets())
    #expect([1, 2].contains((Int(volume.layout.length) - 2 << 20 - free) / cluster))
    // One title that takes all the room there is: what lies on the disc's middle is in pieces.
    let length = free - 2 * cluster
    let octets = SplitMix.octets(length, seed: 1)
    let id = try VolumeBench.software(1)
    try VolumeBench.install(octets, as: id, on: volume)
    #expect(try VolumeState(of: disc)?.titles == [id: octets])
    let report = try LicensedVolume.check(try VolumeBench.session(disc), contents: true)
    #expect(report.state == .whole && report.comparedOctets == UInt64(length))
    let middle = MediumIDSector.address(blockCount: UInt64(geometry.blockCount), blockSize: geometry.blockSize)
    #expect(middle > volume.firstBlock && disc.firstProtectedBlock(in: BlockRange(first: middle, count: 1)) == middle)
  }

  /// Wherever the partition for general use ends, the volume's own tables can be written.
  @Test(arguments: [MediumGeometry.mb128, .mb640]) func aVolumeNeverBeginsOnWhatIsEmbossed(_ geometry: MediumGeometry)
    throws
  {
    let middle = MediumIDSector.address(blockCount: UInt64(geometry.blockCount), blockSize: geometry.blockSize)
    let mebibyte = middle * UInt64(geometry.blockSize) >> 20
    for generalUse in (mebibyte - 4)...(mebibyte + 3) {
      let disc = try blank(geometry)
      let volume = try LicensedVolume.format(
        try VolumeBench.session(disc), generalUse: generalUse << 20, random: SeededRandom(seed: 1))
      let id = try VolumeBench.software(1)
      for number in 0..<UInt8(VolumeLayout.licenceSlotCount) {
        try volume.install(licence: [1], for: try VolumeBench.software(number))
      }
      try VolumeBench.install(SplitMix.octets(5 << 20, seed: 1), as: id, on: volume)
      #expect(try LicensedVolume.check(try VolumeBench.session(disc), contents: true).findings.isEmpty)
      #expect(volume.generalUse.count >= UInt32(generalUse << 20 / UInt64(geometry.blockSize)))
    }
  }
}
