import DiscDriver
import DiscEmulator
import DriveFirmware
import Foundation
import Identifiers
import SCSI
import Testing

/// Power fails at every erase, write and verify pass over every sector that a change writes: the disc then holds what it
/// held before, or what it should hold after, and the change can be made again.
@Suite struct PowerCutTests {
  /// A change of a disc, and between which states a cut may leave it.
  private struct Change {
    var disc: MemoryDisc
    var allowed: [VolumeState?]
    var after: VolumeState?
    var make: (any Medium) throws -> Void

    /// A change with nothing between the two states.
    init(of disc: MemoryDisc, also between: [VolumeState?] = [], _ make: @escaping (any Medium) throws -> Void) throws {
      self.disc = disc
      self.make = make
      let copy = disc.copy()
      try make(copy)
      after = try VolumeState(of: copy)
      allowed = [try VolumeState(of: disc), after] + between
    }

    /// Cuts the change off after every `stride`th number of steps, and once with no cut at all.
    func cutEverywhere(stride step: Int = 1, repeating: Bool = true) throws {
      let whole = PassMedium(disc.copy(), isJournaling: true)
      try make(whole)
      #expect(whole.stepCount > 0)
      var seen = Set<Int>()
      for steps in stride(from: 0, to: whole.stepCount, by: step) {
        let copy = disc.copy()
        let medium = PassMedium(copy)
        medium.cutPower(after: steps)
        let failure = VolumeBench.error { try make(medium) }
        #expect(failure?.code == .powerLost && failure?.discMayHaveChanged == true)
        seen.insert(try check(copy, "cut after \(steps) of \(whole.stepCount)"))
        if repeating {
          try make(copy)
          #expect(try VolumeState(of: copy) == after, "again after \(steps)")
        }
      }
      #expect(seen.isSuperset(of: [0, 1]), "both states were seen")
      try cutShuffled(try #require(whole.journal))
    }

    /// The same with a cache that lets go what was not flushed in any order.
    private func cutShuffled(_ journal: RecordingJournal) throws {
      var random = SplitMix(seed: 30)
      for _ in 0..<(isSoak ? 2000 : 25) {
        let steps = Int.random(in: 0...journal.stepCount, using: &random)
        let seed = random.next()
        let copy = disc.copy()
        try journal.replay(steps, order: .shuffled(seed: seed), onto: copy)
        _ = try check(copy, "\(steps) steps shuffled by \(seed)")
      }
    }

    private func check(_ disc: MemoryDisc, _ comment: String) throws -> Int {
      let found = try VolumeState(of: disc)
      let index = allowed.firstIndex { $0 == found }
      #expect(index != nil, "\(comment)")
      return index ?? -1
    }
  }

  private static func disc(_ prepare: (LicensedVolume) throws -> Void) throws -> MemoryDisc {
    let disc = try VolumeBench.blank()
    try prepare(try VolumeBench.format(disc))
    return disc
  }

  private static func octets(_ seed: UInt64, _ count: Int) -> [UInt8] {
    var random = SplitMix(seed: seed)
    return random.octets(count)
  }

  @Test func formattingABlankDisc() throws {
    try Change(of: try VolumeBench.blank()) { medium in
      // The second time, what the first one left may already be a volume.
      try VolumeBench.format(medium, replacing: try VolumeState(of: medium) != nil)
    }.cutEverywhere(repeating: false)
  }

  @Test func formattingAgain() throws {
    let disc = try PowerCutTests.disc { volume in
      try volume.install(licence: [1, 2, 3], for: try VolumeBench.software(1))
    }
    // The old volume first goes as a whole.
    try Change(of: disc, also: [nil]) { try VolumeBench.format($0, replacing: true) }.cutEverywhere()
  }

  @Test func M6_installingAFirstLicence() throws {
    let id = try VolumeBench.software(1)
    let disc = try PowerCutTests.disc { _ in }
    try Change(of: disc) { medium in
      try VolumeBench.open(medium).install(licence: PowerCutTests.octets(1, 3000), for: id)
    }.cutEverywhere()
  }

  @Test func M6_renewingALicence() throws {
    let id = try VolumeBench.software(1)
    let disc = try PowerCutTests.disc { volume in
      try volume.install(licence: [9], for: try VolumeBench.software(2))
      try volume.install(licence: PowerCutTests.octets(2, 4096), for: id)
    }
    try Change(of: disc) { medium in
      try VolumeBench.open(medium).install(licence: PowerCutTests.octets(3, 700), for: id)
    }.cutEverywhere()
  }

  @Test func removingALicence() throws {
    let id = try VolumeBench.software(1)
    let disc = try PowerCutTests.disc { try $0.install(licence: PowerCutTests.octets(2, 2000), for: id) }
    try Change(of: disc) { medium in
      let volume = try VolumeBench.open(medium)
      if volume.licence(for: id) != nil { try volume.removeLicence(for: id) }
    }.cutEverywhere()
  }

  @Test func M8_installingATitle() throws {
    let disc = try PowerCutTests.disc { volume in
      try VolumeBench.install([1, 2, 3], as: try VolumeBench.software(1), on: volume)
    }
    let id = try VolumeBench.software(2)
    try Change(of: disc) { medium in
      try VolumeBench.install(PowerCutTests.octets(4, 20_000), as: id, on: try VolumeBench.open(medium))
    }.cutEverywhere()
  }

  @Test func M8_replacingATitle() throws {
    let id = try VolumeBench.software(1)
    let disc = try PowerCutTests.disc { volume in
      try VolumeBench.install(PowerCutTests.octets(5, 5000), as: id, on: volume)
    }
    try Change(of: disc) { medium in
      try VolumeBench.install(PowerCutTests.octets(6, 9000), as: id, on: try VolumeBench.open(medium))
    }.cutEverywhere()
  }

  @Test func deletingATitle() throws {
    let id = try VolumeBench.software(1)
    let disc = try PowerCutTests.disc { volume in
      try VolumeBench.install(PowerCutTests.octets(7, 5000), as: id, on: volume)
    }
    try Change(of: disc) { medium in
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
    try Change(of: disc) { medium in
      try VolumeBench.open(medium).install(licence: PowerCutTests.octets(3, 700), for: id)
    }.cutEverywhere()
    try Change(of: disc) { medium in
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
