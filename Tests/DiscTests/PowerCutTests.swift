import DiscDriver
import DiscEmulator
import DriveFirmware
import Foundation
import Identifiers
import SCSI
import TestSupport
import Testing

/// Power fails at every erase, write and verify pass over every sector that a change writes: the disc then holds what it
/// held before, or what it should hold after, and the change can be made again.
@Suite struct PowerCutTests {
  private static func disc(
    _ geometry: MediumGeometry = .mb128, _ prepare: (LicensedVolume) throws -> Void
  ) throws -> MemoryDisc {
    let disc = try VolumeBench.blank(geometry)
    try prepare(try VolumeBench.format(disc))
    return disc
  }

  private static func octets(_ seed: UInt64, _ count: Int) -> [UInt8] {
    var random = SplitMix(seed: seed)
    return random.octets(count)
  }

  // MARK: Points by lot

  /// Layouts with both lengths of sectors.
  private static let geometries: [MediumGeometry] = [.mb128, .mb540, .mb640, .gb2_3]

  /// Makes changes by lot, each on every layout, and cuts them off at so many points altogether.
  private func cut(
    _ purpose: String, quick: Int, _ changes: (inout Randomness.Generator, MediumGeometry) throws -> [InterruptedChange]
  ) throws {
    var random = Randomness(purpose)
    let points = random.soak(quick, full: 10_000)
    var left = points
    while left > 0 {
      for geometry in PowerCutTests.geometries {
        for change in try changes(&random.generator, geometry) where left > 0 {
          let count = min(left, random.soak(4, full: 100))
          try change.cut(at: count, &random.generator)
          left -= count
        }
      }
    }
    print("\(purpose): \(points) power cuts")
  }

  /// The first licence, another one, one in the place of an earlier one, and one taken off.
  @Test func M6_wheneverPowerFailsALicenceIsTheOldOrTheNew() throws {
    let (one, two) = (try VolumeBench.software(1), try VolumeBench.software(2))
    try cut("cuts of licences", quick: 120) { random, geometry in
      let lengths = (0..<2).map { _ in Int.random(in: 1...4096, using: &random) }
      let install: (SoftwareID, UInt64, Int) -> (any Medium) throws -> Void = { id, seed, length in
        { try VolumeBench.open($0).install(licence: PowerCutTests.octets(seed, length), for: id) }
      }
      let blank = try PowerCutTests.disc(geometry) { _ in }
      let full = try PowerCutTests.disc(geometry) { volume in
        for id in [one, two] { try volume.install(licence: PowerCutTests.octets(1, lengths[0]), for: id) }
        try VolumeBench.install(PowerCutTests.octets(2, 100_000), as: one, on: volume)
      }
      return try [
        InterruptedChange(of: blank, install(one, 1, lengths[0])),
        InterruptedChange(of: full, install(two, 3, lengths[1])),
        InterruptedChange(of: full, install(try VolumeBench.software(3), 4, lengths[1])),
        InterruptedChange(of: full) { medium in
          let volume = try VolumeBench.open(medium)
          if volume.licence(for: two) != nil { try volume.removeLicence(for: two) }
        },
      ]
    }
  }

  /// A title copied, one in the place of an earlier one, one deleted, and a disc formatted again.
  @Test func M8_wheneverPowerFailsATitleIsTheOldOrTheNew() throws {
    let (one, two) = (try VolumeBench.software(1), try VolumeBench.software(2))
    try cut("cuts of titles", quick: 120) { random, geometry in
      // Of one segment, but for one in eight.
      let limit = Int.random(in: 0..<8, using: &random) == 0 ? 2_500_000 : 200_000
      let length = Int.random(in: 0...limit, using: &random)
      let content = PowerCutTests.octets(random.next(), length)
      let install: (SoftwareID) -> (any Medium) throws -> Void = { id in
        { try VolumeBench.install(content, as: id, on: try VolumeBench.open($0)) }
      }
      let disc = try PowerCutTests.disc(geometry) { volume in
        try volume.install(licence: [1, 2, 3], for: one)
        try VolumeBench.install(PowerCutTests.octets(5, 150_000), as: one, on: volume)
      }
      return try [
        InterruptedChange(of: disc, install(two)), InterruptedChange(of: disc, install(one)),
        InterruptedChange(of: disc) { medium in
          let volume = try VolumeBench.open(medium)
          if try !volume.titles().isEmpty { try volume.delete(title: one) }
        },
        InterruptedChange(of: disc, also: [nil]) { try VolumeBench.format($0, replacing: true) },
      ]
    }
  }

  // MARK: Every point

  @Test func formattingABlankDisc() throws {
    try InterruptedChange(of: try VolumeBench.blank()) { medium in
      // The second time, what the first one left may already be a volume.
      try VolumeBench.format(medium, replacing: try VolumeState(of: medium) != nil)
    }.cutEverywhere(repeating: false)
  }

  @Test func formattingAgain() throws {
    let disc = try PowerCutTests.disc { volume in
      try volume.install(licence: [1, 2, 3], for: try VolumeBench.software(1))
    }
    // The old volume first goes as a whole.
    try InterruptedChange(of: disc, also: [nil]) { try VolumeBench.format($0, replacing: true) }.cutEverywhere()
  }

  @Test func M6_installingAFirstLicence() throws {
    let id = try VolumeBench.software(1)
    let disc = try PowerCutTests.disc { _ in }
    try InterruptedChange(of: disc) { medium in
      try VolumeBench.open(medium).install(licence: PowerCutTests.octets(1, 3000), for: id)
    }.cutEverywhere()
  }

  @Test func M6_renewingALicence() throws {
    let id = try VolumeBench.software(1)
    let disc = try PowerCutTests.disc { volume in
      try volume.install(licence: [9], for: try VolumeBench.software(2))
      try volume.install(licence: PowerCutTests.octets(2, 4096), for: id)
    }
    try InterruptedChange(of: disc) { medium in
      try VolumeBench.open(medium).install(licence: PowerCutTests.octets(3, 700), for: id)
    }.cutEverywhere()
  }

  @Test func removingALicence() throws {
    let id = try VolumeBench.software(1)
    let disc = try PowerCutTests.disc { try $0.install(licence: PowerCutTests.octets(2, 2000), for: id) }
    try InterruptedChange(of: disc) { medium in
      let volume = try VolumeBench.open(medium)
      if volume.licence(for: id) != nil { try volume.removeLicence(for: id) }
    }.cutEverywhere()
  }

  @Test func M8_installingATitle() throws {
    let disc = try PowerCutTests.disc { volume in
      try VolumeBench.install([1, 2, 3], as: try VolumeBench.software(1), on: volume)
    }
    let id = try VolumeBench.software(2)
    try InterruptedChange(of: disc) { medium in
      try VolumeBench.install(PowerCutTests.octets(4, 20_000), as: id, on: try VolumeBench.open(medium))
    }.cutEverywhere()
  }

  @Test func M8_replacingATitle() throws {
    let id = try VolumeBench.software(1)
    let disc = try PowerCutTests.disc { volume in
      try VolumeBench.install(PowerCutTests.octets(5, 5000), as: id, on: volume)
    }
    try InterruptedChange(of: disc) { medium in
      try VolumeBench.install(PowerCutTests.octets(6, 9000), as: id, on: try VolumeBench.open(medium))
    }.cutEverywhere()
  }

  @Test func deletingATitle() throws {
    let id = try VolumeBench.software(1)
    let disc = try PowerCutTests.disc { volume in
      try VolumeBench.install(PowerCutTests.octets(7, 5000), as: id, on: volume)
    }
    try InterruptedChange(of: disc) { medium in
      let volume = try VolumeBench.open(medium)
      if try !volume.titles().isEmpty { try volume.delete(title: id) }
    }.cutEverywhere()
  }

  /// Where one copy is damaged, the other is the only one: it is not touched before the damaged one holds.
  @Test(arguments: VolumeLayout.Copy.allCases) func M6_theOnlyValidCopyIsNotOverwritten(_ damaged: VolumeLayout.Copy)
    throws
  {
    let id = try VolumeBench.software(1)
    let disc = try PowerCutTests.disc { volume in
      try volume.install(licence: PowerCutTests.octets(2, 700), for: id)
      try VolumeBench.install([1, 2, 3], as: id, on: volume)
    }
    let volume = try VolumeBench.open(disc)
    for offset in [VolumeLayout.licenceOffset, VolumeLayout.catalogueOffset, VolumeLayout.headerOffset] {
      let block = volume.firstBlock + volume.layout.offset(of: offset, copy: damaged) / 512
      try disc.mark(BlockRange(first: block, count: 1), as: .halfWritten)
    }
    try InterruptedChange(of: disc) { medium in
      try VolumeBench.open(medium).install(licence: PowerCutTests.octets(3, 700), for: id)
    }.cutEverywhere()
    try InterruptedChange(of: disc) { medium in
      try VolumeBench.install([4], as: id, on: try VolumeBench.open(medium))
    }.cutEverywhere()
  }

  /// A cut between the catalogue's copies leaves one that still lists a deleted title; its room must not be written to
  /// before that copy is gone.
  @Test func roomIsReusedOnlyWhenNoCopyListsItAnyMore() throws {
    let (old, new) = (try VolumeBench.software(1), try VolumeBench.software(2))
    let disc = try PowerCutTests.disc { try VolumeBench.install(PowerCutTests.octets(8, 5000), as: old, on: $0) }
    let whole = PassMedium(disc.copy())
    try VolumeBench.open(whole).delete(title: old)
    for steps in 0..<whole.stepCount {
      let copy = disc.copy()
      let medium = PassMedium(copy)
      medium.cutPower(after: steps)
      _ = VolumeBench.error { try VolumeBench.open(medium).delete(title: old) }
      let before = try #require(try VolumeState(of: copy))
      let content = PowerCutTests.octets(9, 3000)
      do {
        // Written, but never committed.
        var writer = try VolumeBench.open(copy).install(title: new, length: 100_000)
        try [UInt8](repeating: 0xFF, count: 100_000).withUnsafeBytes { try writer.write($0) }
      }
      for isInstalled in [false, true] {
        if isInstalled { try VolumeBench.install(content, as: new, on: try VolumeBench.open(copy)) }
        for damaged in VolumeLayout.Copy.allCases {
          let one = copy.copy()
          let volume = try VolumeBench.open(one)
          let block = volume.firstBlock + volume.layout.offset(of: VolumeLayout.catalogueOffset, copy: damaged) / 512
          try one.mark(BlockRange(first: block, count: 1), as: .halfWritten)
          let titles = isInstalled ? before.titles.merging([new: content]) { $1 } : before.titles
          #expect(try VolumeState(of: one)?.titles == titles, "\(steps)")
        }
      }
    }
  }
}
