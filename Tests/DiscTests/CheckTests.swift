import Cryptography
import DiscDriver
import DiscEmulator
import DriveFirmware
import Identifiers
import SCSI
import Testing

/// What a check says of whole, torn, damaged, hostile and foreign volumes, and what a repair makes of them.
@Suite struct CheckTests {
  private static let length = 3 << 20 - 100

  /// A volume with two licences in slots 0 and 1 and two titles, of three segments each.
  private static func disc(_ geometry: MediumGeometry = .mb128) throws -> MemoryDisc {
    let disc = try VolumeBench.blank(geometry)
    let volume = try VolumeBench.format(disc)
    var random = SplitMix(seed: 50)
    for number in 1...2 as ClosedRange<UInt8> {
      let id = try VolumeBench.software(number)
      try volume.install(licence: random.octets(700), for: id)
      try VolumeBench.install(random.octets(length), as: id, on: volume)
    }
    return disc
  }

  private static func check(_ disc: any Medium, contents: Bool = true) throws -> VolumeReport {
    try LicensedVolume.check(try VolumeBench.session(disc), contents: contents)
  }

  private static func repair(_ disc: any Medium, removingDamaged: Bool = false) throws -> VolumeRepair {
    try LicensedVolume.repair(try VolumeBench.session(disc), removingDamaged: removingDamaged)
  }

  @Test(arguments: MediumGeometry.all) func aWholeVolumeIsWhole(_ geometry: MediumGeometry) throws {
    let disc = try CheckTests.disc(geometry)
    let report = try CheckTests.check(disc)
    #expect(report.state == .whole && report.findings.isEmpty && report.isComplete)
    #expect(report.licenceCount == 2 && report.titleCount == 2)
    #expect(report.comparedOctets == UInt64(2 * CheckTests.length))
    #expect(try CheckTests.check(disc, contents: false).comparedOctets == 0)
    #expect(try CheckTests.repair(disc).repaired.isEmpty)
  }

  @Test func aCheckChangesNothingAndARepairOnlyWhatMustBe() throws {
    let disc = try CheckTests.disc()
    let medium = PassMedium(disc)
    _ = try CheckTests.check(medium)
    _ = try CheckTests.repair(medium, removingDamaged: true)
    #expect(medium.stepCount == 0)
    try disc.mark(VolumeLayout.headerOffset, as: .halfWritten)
    _ = try CheckTests.check(medium)
    #expect(medium.stepCount == 0)
    _ = try CheckTests.repair(medium)
    #expect(medium.stepCount == PassMedium.stepsPerSector)
  }

  @Test func aCheckCanBeStopped() throws {
    var heard: [UInt64] = []
    let session = try VolumeBench.session(try CheckTests.disc())
    let report = try LicensedVolume.check(session, contents: true) { done, total in
      #expect(total == UInt64(2 * CheckTests.length))
      heard.append(done)
      return heard.count < 2
    }
    #expect(!report.isComplete && heard == [1 << 20, 2 << 20] && report.comparedOctets == 2 << 20)
  }

  // MARK: Whatever may be wrong

  /// Something wrong: what is found, and what is left to find after a repair, and after one that removes what is damaged.
  private struct Wrong {
    var name: String
    var spoil: (MemoryDisc, VolumeLayout) throws -> Void
    var found: [VolumeFinding]
    var left: [VolumeFinding] = []
    var leftInTheEnd: [VolumeFinding] = []
  }

  private static func wrongs() throws -> [Wrong] {
    let (one, two) = (try VolumeBench.software(1), try VolumeBench.software(2))
    let slots = (
      VolumeFinding.Part.licenceSlot(0, one), VolumeFinding.Part.licenceSlot(0, nil),
      VolumeFinding.Part.licenceSlot(2, nil)
    )
    let (catalogue, licence) = (VolumeLayout.catalogueOffset, VolumeLayout.licenceOffset)
    let thirdSlot = licence + 2 * UInt64(VolumeLayout.licenceSlotLength)
    func torn(_ part: VolumeFinding.Part, _ offset: UInt64, _ copy: VolumeLayout.Copy) -> Wrong {
      Wrong(
        name: "copy \(copy) of \(part) half-written",
        spoil: { try $0.mark($1.offset(of: offset, copy: copy), as: .halfWritten) },
        found: [VolumeFinding(part, .secondCopyMissing(isUnreadable: true))])
    }
    func lost(_ part: VolumeFinding.Part, _ offset: UInt64) -> Wrong {
      Wrong(
        name: "both copies of \(part) flipped",
        spoil: { disc, layout in
          for copy in VolumeLayout.Copy.allCases { try disc.flip(layout.offset(of: offset, copy: copy) + 90) }
        }, found: [VolumeFinding(part, .lost)], left: [VolumeFinding(part, .lost)])
    }
    func title(_ name: String, _ condition: VolumeFinding.Condition, _ spoil: @escaping (MemoryDisc) throws -> Void)
      -> Wrong
    {
      let finding = VolumeFinding(.title(one), condition)
      // A repair without removal reads no software.
      var isSeenByRepair = false
      if case .manifestLost = condition { isSeenByRepair = true }
      return Wrong(
        name: name, spoil: { disc, _ in try spoil(disc) }, found: [finding], left: isSeenByRepair ? [finding] : [])
    }
    let all = VolumeLayout.Copy.allCases
    return [
      torn(.header, VolumeLayout.headerOffset, .a), torn(.header, VolumeLayout.headerOffset, .b),
      torn(.catalogue, catalogue, .a), torn(.catalogue, catalogue, .b), torn(slots.0, licence, .a),
      torn(slots.0, licence, .b),
      Wrong(
        name: "a flipped magic", spoil: { disc, layout in try disc.flip(layout.offset(of: licence, copy: .b)) },
        found: [VolumeFinding(slots.0, .secondCopyMissing(isUnreadable: false))]),
      Wrong(
        name: "an erased copy", spoil: { try $0.mark($1.offset(of: licence, copy: .b), as: .erased) },
        found: [VolumeFinding(slots.0, .secondCopyMissing(isUnreadable: false))]),
      Wrong(
        name: "an older copy",
        spoil: { disc, layout in
          let copy = try disc.octets(at: layout.offset(of: licence, copy: .b), count: 8192)
          try VolumeBench.open(disc).install(licence: [1], for: one)
          try disc.put(copy, at: layout.offset(of: licence, copy: .b))
        }, found: [VolumeFinding(slots.0, .unsettled)]),
      Wrong(
        name: "copies that differ under one number",
        spoil: { disc, layout in
          try disc.replaceRecord(at: layout.offset(of: licence, copy: .b)) { $0[100] ^= 1 }
        }, found: [VolumeFinding(slots.0, .contradictory)]),
      Wrong(
        name: "a first licence cut off", spoil: { disc, _ in try disc.mark(thirdSlot, as: .halfWritten) },
        found: [VolumeFinding(slots.2, .interruptedAtStart)]),
      Wrong(
        name: "a torn partition table",
        spoil: { disc, _ in try disc.mark(BlockRange(first: 0, count: 1), as: .halfWritten) },
        found: [VolumeFinding(.partitionTable, .torn)]),
      lost(slots.1, licence), lost(.catalogue, catalogue),
      Wrong(
        name: "a licence of nobody",
        spoil: { disc, layout in
          for copy in all { try disc.replaceRecord(at: layout.offset(of: licence, copy: copy)) { $0[88] = 7 } }
        }, found: [VolumeFinding(slots.1, .malformed)], left: [VolumeFinding(slots.1, .malformed)]),
      Wrong(
        name: "a licence of another disc",
        spoil: { disc, layout in
          for copy in all { try disc.replaceRecord(at: layout.offset(of: licence, copy: copy)) { $0[40] ^= 1 } }
        }, found: [VolumeFinding(slots.0, .foreign)], left: [VolumeFinding(slots.0, .foreign)]),
      Wrong(
        name: "two licences for a title",
        spoil: { disc, layout in
          for copy in all {
            try disc.replaceRecord(at: layout.offset(ofLicenceSlot: 1, copy: copy)) { record in
              record[23] = 9
              record.replaceSubrange(72..<88, with: one.octets)
            }
          }
        }, found: [VolumeFinding(slots.0, .superseded)], left: [VolumeFinding(slots.0, .superseded)],
        leftInTheEnd: [VolumeFinding(slots.0, .superseded)]),
      Wrong(
        name: "overlapping titles",
        spoil: { disc, layout in
          for copy in all {
            try disc.replaceRecord(at: layout.offset(of: catalogue, copy: copy)) { record in
              record.replaceSubrange(
                72..., with: HostileCatalogue.payload([(1, 1, 200, [(16, 9)]), (2, 1, 200, [(20, 9)])]))
            }
          }
        }, found: [VolumeFinding(.catalogue, .overlapping([one, two]))],
        left: [VolumeFinding(.catalogue, .overlapping([one, two]))]),
      title("a flipped octet of software", .softwareLost(damaged: 1, unreadable: 0, of: 3)) {
        try $0.flip(1 << 20 + 2 << 20 + 5)
      },
      title("unreadable sectors of software", .softwareLost(damaged: 0, unreadable: 2, of: 3)) {
        try $0.mark(1 << 20, as: .halfWritten)
        try $0.mark(3 << 20, as: .erased)
      },
      title("a flipped manifest", .manifestLost(isUnreadable: false)) { try $0.flip(4 << 20 + 150) },
      title("an unreadable manifest", .manifestLost(isUnreadable: true)) { try $0.mark(4 << 20, as: .halfWritten) },
    ]
  }

  @Test(arguments: [MediumGeometry.mb128, .mb640]) func whateverIsWrongIsFoundAndRepaired(_ geometry: MediumGeometry)
    throws
  {
    let good = try CheckTests.disc(geometry)
    let layout = try VolumeBench.open(good).layout
    for wrong in try CheckTests.wrongs() {
      let disc = good.copy()
      try wrong.spoil(disc, layout)
      let report = try CheckTests.check(disc)
      #expect(report.findings == wrong.found, "\(wrong.name)")
      #expect(report.state == CheckTests.state(for: wrong.found), "\(wrong.name)")
      let before = try? VolumeState(of: disc)
      let repair = try CheckTests.repair(disc)
      #expect(repair.before.findings == wrong.found || wrong.left.isEmpty, "\(wrong.name)")
      #expect(repair.after.findings == wrong.left, "\(wrong.name)")
      if wrong.left.isEmpty { #expect((try? VolumeState(of: disc)) == before, "\(wrong.name)") }
      #expect(try CheckTests.repair(disc, removingDamaged: true).after.findings == wrong.leftInTheEnd, "\(wrong.name)")
      #expect(try CheckTests.check(disc).findings == wrong.leftInTheEnd, "\(wrong.name)")
      // What was not concerned is still there, and what was can be put there again.
      let state = try #require(try VolumeState(of: disc))
      let two = try VolumeBench.software(2)
      if !wrong.found.contains(where: { $0.part == .catalogue && $0.severity == .damage }) {
        #expect(state.titles[two]?.count == CheckTests.length, "\(wrong.name)")
      }
      #expect(state.licences[two] != nil || wrong.name == "two licences for a title", "\(wrong.name)")
      try VolumeBench.install([5], as: try VolumeBench.software(1), on: try VolumeBench.open(disc))
      try VolumeBench.open(disc).install(licence: [6], for: try VolumeBench.software(1))
    }
  }

  /// The titles that a lying list leaves can only be looked at once it is right. Whoever stops that hears that it was not
  /// done; whoever does not, what was given up.
  @Test func whatALyingListLeavesIsLookedAt() throws {
    let disc = try CheckTests.disc()
    let catalogue = VolumeLayout.catalogueOffset
    let layout = try VolumeBench.open(disc).layout
    for copy in VolumeLayout.Copy.allCases {
      try disc.replaceRecord(at: layout.offset(of: catalogue, copy: copy)) { record in
        record[73] = 3
        record += HostileCatalogue.payload([(3, 1, 200, [(60_000, 9)])]).dropFirst(2)
      }
    }
    try disc.flip(1 << 20 + 2 << 20 + 5)
    let damaged = VolumeFinding(
      .title(try VolumeBench.software(1)), .softwareLost(damaged: 1, unreadable: 0, of: 3))
    let stopped = try LicensedVolume.repair(try VolumeBench.session(disc), removingDamaged: true) { _, _ in false }
    #expect(stopped.before.isComplete && !stopped.isComplete && stopped.removed.isEmpty)
    #expect(try CheckTests.check(disc).findings == [damaged], "the list is right, the title still there")
    let repair = try CheckTests.repair(disc, removingDamaged: true)
    #expect(repair.isComplete && repair.removed == [damaged] && repair.repaired.isEmpty)
    #expect(try CheckTests.check(disc).state == .whole)
  }

  private static func state(for findings: [VolumeFinding]) -> VolumeReport.State {
    switch findings.map(\.severity).max(by: { severity($0) < severity($1) }) {
    case .damage: .damaged
    case .repairable: .repairable
    default: .whole
    }
  }

  private static func severity(_ severity: VolumeFinding.Severity) -> Int {
    VolumeFinding.Severity.allCases.firstIndex(of: severity) ?? 0
  }

  // MARK: What cannot be used

  @Test func M10_aForeignVolumeIsToldAndNotRepaired() throws {
    let disc = try CheckTests.disc()
    let layout = try VolumeBench.open(disc).layout
    for copy in VolumeLayout.Copy.allCases {
      try disc.replaceRecord(at: layout.offset(of: VolumeLayout.headerOffset, copy: copy)) { $0[40] ^= 1 }
    }
    let report = try CheckTests.check(disc)
    #expect(report.state == .foreign && report.findings == [VolumeFinding(.disc, .foreign)])
    #expect(VolumeBench.error { _ = try CheckTests.repair(disc) }?.code == .foreign)
  }

  @Test func whatALaterVersionWroteIsLeftAlone() throws {
    let id = try VolumeBench.software(1)
    let parts: [(VolumeFinding.Part, UInt64)] = [
      (.header, VolumeLayout.headerOffset), (.catalogue, VolumeLayout.catalogueOffset),
      (.licenceSlot(0, id), VolumeLayout.licenceOffset),
    ]
    for (part, offset) in parts {
      for copies in [VolumeLayout.Copy.allCases, [.a], [.b]] {
        let disc = try CheckTests.disc()
        let layout = try VolumeBench.open(disc).layout
        for copy in copies { try disc.replaceRecord(at: layout.offset(of: offset, copy: copy)) { $0[9] = 2 } }
        let report = try CheckTests.check(disc)
        #expect(report.state == .newer, "\(part) \(copies)")
        let isLegible = copies.count == 1 || part == .header || part == .catalogue
        #expect(report.findings == [VolumeFinding(isLegible ? part : .licenceSlot(0, nil), .newer)])
        let medium = PassMedium(disc)
        #expect(VolumeBench.error { _ = try CheckTests.repair(medium, removingDamaged: true) }?.code == .unsupported)
        #expect(medium.stepCount == 0)
        guard part != .header else { continue }
        let volume = try VolumeBench.open(disc)
        let failure = VolumeBench.error {
          if part == .catalogue {
            try VolumeBench.install([1], as: id, on: volume)
          } else if copies.count == 1 {
            try volume.install(licence: [1], for: id)
          } else {
            // Nobody can tell what for that licence is: another slot is taken.
            try volume.install(licence: [1], for: id)
            throw DiscError(.unsupported, "", remedy: "")
          }
        }
        #expect(failure?.code == .unsupported, "\(part) \(copies)")
        #expect(try CheckTests.check(disc).findings.contains { $0.condition == .newer })
      }
    }
  }

  @Test func whereThereIsNoVolumeItSaysSo() throws {
    let blank = try VolumeBench.blank()
    #expect(try CheckTests.check(blank).state == .unformatted)
    #expect(VolumeBench.error { _ = try CheckTests.repair(blank) }?.code == .unformatted)

    let unreadable = try VolumeBench.blank()
    try unreadable.mark(BlockRange(first: 0, count: 1), as: .halfWritten)
    #expect(try CheckTests.check(unreadable).findings == [VolumeFinding(.partitionTable, .lost)])

    let headless = try CheckTests.disc()
    let layout = try VolumeBench.open(headless).layout
    for copy in VolumeLayout.Copy.allCases {
      try headless.flip(layout.offset(of: VolumeLayout.headerOffset, copy: copy) + 90)
    }
    #expect(try CheckTests.check(headless).findings == [VolumeFinding(.header, .lost)])
    #expect(VolumeBench.error { _ = try CheckTests.repair(headless) }?.code == .damaged)
  }

  /// Entries of the partition table that somebody changed.
  @Test func partitionTablesAreCheckedAgainstTheVolume() throws {
    func report(_ change: (inout [UInt8]) -> Void) throws -> VolumeReport {
      let disc = try CheckTests.disc()
      let session = try VolumeBench.session(disc)
      var block = [UInt8](repeating: 0, count: 512)
      try block.withUnsafeMutableBytes { try session.read(from: 0, into: $0) }
      change(&block)
      try block.withUnsafeBytes { try session.write(to: 0, from: $0) }
      return try CheckTests.check(disc)
    }
    let unlisted = try report { $0.replaceSubrange(462..<478, with: [UInt8](repeating: 0, count: 16)) }
    #expect(unlisted.state == .unformatted)
    #expect(unlisted.findings.first?.remedy.contains("type DA, start 6144, size 241664") == true)
    let misplaced = try report { $0[471] ^= 1 }
    #expect(misplaced.findings == [VolumeFinding(.partitionTable, .misplaced)] && misplaced.state == .damaged)
    let overlapping = try report { $0[460] = 1 }
    #expect(overlapping.findings == [VolumeFinding(.partitionTable, .overlappingPartition)])
    // The general-use partition is the user's: another type, or no entry at all, is no finding.
    #expect(try report { $0[450] = 0x83 }.state == .whole)
    #expect(try report { $0[450] = 0 }.state == .whole)
  }

  @Test func M8_anUnfinishedCopyIsToldAndIsNoDamage() throws {
    let disc = try CheckTests.disc()
    let id = try VolumeBench.software(9)
    do {
      let length = UInt64(100 << 20)
      var writer = try VolumeBench.open(disc).resumableInstall(
        title: id, length: length, source: [UInt8](repeating: 7, count: 32))
      try [UInt8](repeating: 9, count: 40 << 20).withUnsafeBytes { try writer.write($0) }
      try writer.suspend()
    }
    let report = try CheckTests.check(disc)
    #expect(report.state == .whole && report.titleCount == 2)
    #expect(report.findings == [VolumeFinding(.title(id), .unfinishedCopy(written: 40 << 20, of: 100 << 20))])
    #expect(report.findings.first?.description == "the title \(id): a copy of it was interrupted at 40 %")
  }

  @Test func everyFindingSaysWhatToDo() throws {
    let id = try VolumeBench.software(1)
    let conditions: [VolumeFinding.Condition] = [
      .unsettled, .secondCopyMissing(isUnreadable: true), .secondCopyMissing(isUnreadable: false), .contradictory,
      .interruptedAtStart, .torn, .lost, .malformed, .overlapping([id]), .overlappingPartition, .misplaced,
      .manifestLost(isUnreadable: true), .manifestLost(isUnreadable: false),
      .softwareLost(damaged: 1, unreadable: 2, of: 3), .foreign, .newer, .absent(unlisted: nil), .superseded,
      .unfinishedCopy(written: 1, of: 2),
    ]
    let parts: [VolumeFinding.Part] = [
      .disc, .partitionTable, .header, .catalogue, .licenceSlot(1, id), .licenceSlot(1, nil), .title(id),
    ]
    for condition in conditions {
      for part in parts {
        let finding = VolumeFinding(part, condition)
        for words in [finding.description, finding.remedy] {
          #expect(words.first?.isLowercase == true && words.last != "." && words.count > 10, "\(words)")
        }
      }
    }
    #expect(
      VolumeFinding(.title(id), .softwareLost(damaged: 1, unreadable: 2, of: 3)).description
        == "the title \(id): 1 damaged and 2 unreadable of 3 segments")
  }
}
