import Cryptography
import DiscDriver
import DiscEmulator
import DriveFirmware
import Foundation
import Identifiers
import SCSI
import Testing

/// Damaged, hostile and random volumes: the other copy wins, or one clear sentence comes of it.
@Suite struct DamageTests {
  private static let title: UInt8 = 1

  /// A volume with a licence of 40 octets, renewed once, and a title.
  private func disc() throws -> MemoryDisc {
    let disc = try VolumeBench.blank()
    let volume = try VolumeBench.format(disc)
    let id = try VolumeBench.software(DamageTests.title)
    try volume.install(licence: [UInt8](repeating: 0x0D, count: 3000), for: id)
    try volume.install(licence: [UInt8](repeating: 0x4E, count: 40), for: id)
    try VolumeBench.install([1, 2, 3], as: id, on: volume)
    return disc
  }

  /// Records of this disc: where they begin, and how long they are.
  private func records() -> [(name: String, offset: UInt64, length: Int)] {
    [
      ("header", VolumeLayout.headerOffset, 72 + 25 + 32),
      ("catalogue", VolumeLayout.catalogueOffset, 72 + 2 + 69 + 32),
      ("licence", VolumeLayout.licenceOffset, 72 + 17 + 40 + 32),
    ]
  }

  @Test(arguments: VolumeLayout.Copy.allCases)
  func M6_theOtherCopyWinsWhateverOctetIsFlipped(_ copy: VolumeLayout.Copy) throws {
    let disc = try disc()
    let expected = try VolumeState(of: disc)
    let layout = try VolumeBench.open(disc).layout
    var random = SplitMix(seed: 40)
    for record in records() {
      let start = layout.offset(of: record.offset, copy: copy)
      let length = isSoak && record.name == "licence" ? VolumeLayout.licenceSlotLength : record.length
      // Every octet of a licence; of the other records every one when there is time.
      for index in stride(from: 0, to: length, by: isSoak || record.name == "licence" ? 1 : 3) {
        let mask = UInt8.random(in: 1...255, using: &random)
        try disc.flip(start + UInt64(index), with: mask)
        #expect(try VolumeState(of: disc) == expected, "octet \(index) of the \(record.name)")
        try disc.flip(start + UInt64(index), with: mask)
      }
    }
  }

  /// Behind a record may lie what a cut left of a longer one.
  @Test func whatLiesBehindARecordDoesNotMatter() throws {
    let disc = try disc()
    let expected = try VolumeState(of: disc)
    let volume = try VolumeBench.open(disc)
    for record in records() {
      for copy in VolumeLayout.Copy.allCases {
        let block = volume.firstBlock + volume.layout.offset(of: record.offset, copy: copy) / 512
        try disc.mark(BlockRange(first: block + 1, count: 1), as: .halfWritten)
        try disc.mark(BlockRange(first: block + 7, count: 1), as: .erased)
      }
    }
    #expect(try VolumeState(of: disc) == expected)
    #expect(try VolumeBench.open(disc).licences.map(\.copyCount) == [2])
    #expect(try VolumeBench.open(disc).damagedLicenceCount == 0)
  }

  @Test(arguments: VolumeLayout.Copy.allCases)
  func theOtherCopyWinsWhereTheMediumCannotBeRead(_ copy: VolumeLayout.Copy) throws {
    for record in records() {
      for state in [SectorState.halfWritten, .erased] {
        let disc = try disc()
        let volume = try VolumeBench.open(disc)
        let expected = try VolumeState(of: disc)
        let block = volume.firstBlock + volume.layout.offset(of: record.offset, copy: copy) / 512
        try disc.mark(BlockRange(first: block, count: 1), as: state)
        #expect(try VolumeState(of: disc) == expected, "\(record.name)")
        let reopened = try VolumeBench.open(disc)
        if record.name == "licence" { #expect(reopened.licences.first?.copyCount == 1) }
        // The next change heals both copies.
        let id = try VolumeBench.software(DamageTests.title)
        try reopened.install(licence: [7], for: id)
        try VolumeBench.install([4], as: id, on: reopened)
        #expect(disc.state(of: block) == .good)
        #expect(try VolumeBench.open(disc).licences.first?.copyCount == 2)
      }
    }
  }

  @Test func M6_damageToBothCopiesIsToldAndHarmsNothingElse() throws {
    let id = try VolumeBench.software(DamageTests.title)
    for record in records() {
      let disc = try disc()
      try VolumeBench.open(disc).install(licence: [5], for: try VolumeBench.software(2))
      let layout = try VolumeBench.open(disc).layout
      for copy in VolumeLayout.Copy.allCases { try disc.flip(layout.offset(of: record.offset, copy: copy) + 80) }
      switch record.name {
      case "header":
        let failure = VolumeBench.error { _ = try VolumeBench.open(disc) }
        #expect(failure?.code == .damaged && failure?.discMayHaveChanged == false)
      case "catalogue":
        let volume = try VolumeBench.open(disc)
        #expect(volume.licences.count == 2)
        #expect(VolumeBench.error { _ = try volume.titles() }?.code == .damaged)
        #expect(VolumeBench.error { _ = try volume.open(title: id) }?.code == .damaged)
        #expect(VolumeBench.error { _ = try volume.install(title: id, length: 1) }?.code == .damaged)
        try volume.install(licence: [6], for: id)
      default:
        let volume = try VolumeBench.open(disc)
        #expect(volume.damagedLicenceCount == 1)
        #expect(volume.licences.map(\.octets) == [[5]])
        #expect(try volume.titles().count == 1)
        try volume.install(licence: [6], for: id)
        #expect(try VolumeBench.open(disc).licence(for: id)?.octets == [6])
      }
    }
  }

  @Test func aTornPartitionTableIsWrittenAgain() throws {
    for state in [SectorState.halfWritten, .erased] {
      let disc = try disc()
      let expected = try VolumeState(of: disc)
      var before = [UInt8](repeating: 0, count: 512)
      try before.withUnsafeMutableBytes { try VolumeBench.session(disc).read(from: 0, into: $0) }
      try disc.mark(BlockRange(first: 0, count: 1), as: state)
      #expect(try VolumeState(of: disc) == expected)
      try VolumeBench.open(disc).install(licence: [1], for: try VolumeBench.software(3))
      var after = [UInt8](repeating: 0, count: 512)
      try after.withUnsafeMutableBytes { try VolumeBench.session(disc).read(from: 0, into: $0) }
      #expect(after == before)
    }
  }

  /// Records with right digests and wrong content, as only malice makes them.
  @Test func hostileRecordsWithRightDigestsAreRefused() throws {
    let id = try VolumeBench.software(DamageTests.title)
    let catalogueEntry: (UInt64, UInt32, [(UInt32, UInt32)]) -> [UInt8] = { length, manifest, extents in
      HostileCatalogue.payload([(DamageTests.title, length, manifest, extents)])
    }
    let payloads: [[UInt8]] = [
      [], [0], [0xFF, 0xFF], [0, 0, 0],
      catalogueEntry(.max, .max, [(16, 1)]), catalogueEntry(1, 200, []), catalogueEntry(1, 200, [(0, 2)]),
      catalogueEntry(1, 200, [(.max, .max)]), catalogueEntry(1, 200, [(16, 2), (17, 2)]),
      catalogueEntry(1, 200, [(16, 0), (16, 9)]), catalogueEntry(1 << 40, 200, [(16, 2)]),
      catalogueEntry(1, 0xFFFF_FFFF, [(16, 100)]),
    ]
    for payload in payloads {
      let disc = try disc()
      try replaceRecord(at: VolumeLayout.catalogueOffset, payload: payload, on: disc)
      let volume = try VolumeBench.open(disc)
      #expect(VolumeBench.error { _ = try volume.titles() }?.code == .damaged, "\(payload.count)")
      #expect(volume.licences.count == 1)
    }
    // A good extent that holds no manifest of ours.
    let disc = try disc()
    try replaceRecord(at: VolumeLayout.catalogueOffset, payload: catalogueEntry(100, 200, [(50, 2)]), on: disc)
    #expect(VolumeBench.error { _ = try VolumeBench.open(disc).open(title: id) }?.code == .damaged)

    for payload in [[], [1], id.octets, id.octets + [1], id.octets + [2, 3], id.octets + [0, 1]] as [[UInt8]] {
      let disc = try self.disc()
      try replaceRecord(at: VolumeLayout.licenceOffset, payload: payload, on: disc)
      #expect(try VolumeBench.open(disc).licences.isEmpty)
      try VolumeBench.open(disc).install(licence: [8], for: id)
      #expect(try VolumeBench.open(disc).licences.map(\.octets) == [[8]])
    }
    for sequence in [0, UInt64.max, 1 << 62 + 1, 1 << 62] as [UInt64] {
      let disc = try self.disc()
      try replaceRecord(at: VolumeLayout.licenceOffset, payload: nil, sequence: sequence, on: disc)
      let failure = VolumeBench.error { try VolumeBench.open(disc).install(licence: [8], for: id) }
      #expect(failure == nil || failure?.code == .damaged)
    }
  }

  /// Writes both copies of a record anew, with a right digest.
  private func replaceRecord(
    at offset: UInt64, payload: [UInt8]?, sequence: UInt64? = nil, on disc: MemoryDisc
  ) throws {
    let layout = try VolumeBench.open(disc).layout
    for copy in VolumeLayout.Copy.allCases {
      try disc.replaceRecord(at: layout.offset(of: offset, copy: copy)) { record in
        if let payload { record.replaceSubrange(72..., with: payload) }
        if let sequence { record.replaceSubrange(16..<24, with: withUnsafeBytes(of: sequence.bigEndian, Array.init)) }
      }
    }
  }

  @Test func randomVolumesNeverTrap() throws {
    let good = try disc()
    let layout = try VolumeBench.open(good).layout
    var random = SplitMix(seed: 41)
    for round in 0..<(isSoak ? 20_000 : 300) {
      let disc = good.copy()
      for _ in 0..<Int.random(in: 1...20, using: &random) {
        let record = try #require(records().randomElement(using: &random))
        let index = UInt64.random(in: 0..<UInt64(record.length), using: &random)
        // Both copies alike, or one of them.
        for copy in round % 2 == 0 ? VolumeLayout.Copy.allCases : [.a] {
          try disc.flip(layout.offset(of: record.offset, copy: copy) + index, with: UInt8(index % 255) + 1)
        }
      }
      if round % 5 == 0 {
        let table = random.octets(66)
        let session = try VolumeBench.session(disc)
        var block = [UInt8](repeating: 0, count: 512)
        block.replaceSubrange(446..<512, with: table[..<64] + [0x55, 0xAA])
        if round % 10 == 0 { block[450] = 0xDA }
        try block.withUnsafeBytes { try session.write(to: 0, from: $0) }
      }
      do {
        let volume = try VolumeBench.open(disc)
        _ = volume.licences
        for title in try volume.titles() { _ = try VolumeBench.software(of: title, on: volume) }
        try volume.install(licence: [1], for: try VolumeBench.software(9))
        try VolumeBench.install([1], as: try VolumeBench.software(9), on: volume)
      } catch {
        #expect(error is DiscError, "round \(round)")
      }
    }
  }

  @Test func randomDiscsAreUnformatted() throws {
    var random = SplitMix(seed: 42)
    for _ in 0..<20 {
      let disc = try VolumeBench.blank()
      let session = try VolumeBench.session(disc)
      let octets = random.octets(1 << 18)
      for first in [0, 6144, 246_272] as [UInt64] {
        try octets.withUnsafeBytes { try session.write(to: first, from: $0) }
      }
      let failure = VolumeBench.error { _ = try VolumeBench.open(disc) }
      #expect(failure?.code == .unformatted || failure?.code == .damaged)
    }
  }
}
