import DiscDriver
import DiscEmulator
import DriveFirmware
import Identifiers
import SCSI
import TestSupport
import Testing

/// A change of a disc, and between which states a power cut may leave it.
struct InterruptedChange {
  private let disc: MemoryDisc
  private let before: VolumeState?
  private let after: VolumeState?
  private let between: [VolumeState?]
  private let make: (any Medium) throws -> Void

  /// A change with nothing between the two states but `between`.
  init(of disc: MemoryDisc, also between: [VolumeState?] = [], _ make: @escaping (any Medium) throws -> Void) throws {
    self.disc = disc
    self.between = between
    self.make = make
    let copy = disc.copy()
    try make(copy)
    before = try VolumeState(of: disc)
    after = try VolumeState(of: copy)
  }

  /// Cuts the change off after every number of steps, by a drive that loses its power, and lets it be made again.
  func cutEverywhere(repeating: Bool = true) throws {
    let whole = PassMedium(disc.copy())
    try make(whole)
    #expect(whole.stepCount > 0)
    var seen = Set<Bool>()
    for steps in 0..<whole.stepCount {
      let comment = "cut after \(steps) of \(whole.stepCount)"
      let copy = disc.copy()
      let medium = PassMedium(copy)
      medium.cutPower(after: steps)
      let failure = VolumeBench.error { try make(medium) }
      #expect(failure?.code == .powerLost && failure?.discMayHaveChanged == true)
      seen.insert(try examine(copy, comment) == after)
      if repeating {
        try makeAgain(copy, comment)
      }
    }
    #expect(seen == [false, true], "both states were seen")
  }

  /// Cuts the change off at `points` places by lot, half of them with a cache that lets go what was not flushed in any
  /// order; what it leaves is repaired, with another cut, or the change made again.
  func cut(at points: Int, _ random: inout Randomness.Generator) throws {
    let whole = PassMedium(disc.copy(), isJournaling: true)
    try make(whole)
    let journal = try #require(whole.journal)
    for point in 0..<points {
      let steps = Int.random(in: 0...journal.stepCount, using: &random)
      let order: RecordingJournal.Order =
        point % 2 == 0 ? .asIssued : .shuffled(seed: .random(in: 0...UInt64.max, using: &random))
      let comment = "\(steps) of \(journal.stepCount) steps \(order)"
      let copy = disc.copy()
      try journal.replay(steps, order: order, onto: copy)
      let found = try examine(copy, comment)
      if point % 4 < 2 {
        try makeAgain(copy, comment)
      } else if found != nil {
        try repairWithACut(copy, comment, &random)
        #expect(try VolumeState(of: copy) == found, "repaired after \(comment)")
        #expect(try LicensedVolume.check(try VolumeBench.session(copy), contents: true).findings.isEmpty, "\(comment)")
      }
    }
  }

  /// Makes the change after a cut; if there is anything left to change, all copies are in line afterwards.
  private func makeAgain(_ disc: MemoryDisc, _ comment: String) throws {
    let medium = PassMedium(disc)
    try make(medium)
    #expect(try VolumeState(of: disc) == after, "again after \(comment)")
    guard medium.stepCount > 0 else { return }
    let report = try LicensedVolume.check(try VolumeBench.session(disc), contents: true)
    #expect(report.findings.isEmpty, "again after \(comment)")
  }

  /// What there is after a cut: the old or the new state, and a check that says so.
  private func examine(_ disc: MemoryDisc, _ comment: String) throws -> VolumeState? {
    let found = try VolumeState(of: disc)
    #expect(([before, after] + between).contains { $0 == found }, "\(comment)")
    let report = try LicensedVolume.check(try VolumeBench.session(disc), contents: true)
    guard found != nil else {
      #expect(report.state == .unformatted || report.findings == [VolumeFinding(.partitionTable, .lost)], "\(comment)")
      return nil
    }
    #expect(report.state == .whole || report.state == .repairable, "\(comment): \(report.findings)")
    // A change whose second copy is missing is made; one that was never there before it is not.
    if report.findings.contains(where: { $0.condition == .unsettled }) { #expect(found == after, "\(comment)") }
    if report.findings.contains(where: { $0.condition == .interruptedAtStart }) {
      #expect(found == before, "\(comment)")
    }
    return found
  }

  /// Repairs, cut off once on the way.
  private func repairWithACut(_ disc: MemoryDisc, _ comment: String, _ random: inout Randomness.Generator) throws {
    let found = try VolumeState(of: disc)
    let rehearsal = PassMedium(disc.copy())
    _ = try LicensedVolume.repair(try VolumeBench.session(rehearsal))
    let medium = PassMedium(disc)
    medium.cutPower(after: Int.random(in: 0...rehearsal.stepCount, using: &random))
    let failure = VolumeBench.error { _ = try LicensedVolume.repair(try VolumeBench.session(medium)) }
    #expect(failure == nil || failure?.code == .powerLost, "\(comment)")
    #expect(try VolumeState(of: disc) == found, "a repair cut off after \(comment)")
    _ = try LicensedVolume.repair(try VolumeBench.session(disc))
  }
}
