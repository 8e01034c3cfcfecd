import Identifiers

/// What a repair found, and what it left.
public struct VolumeRepair: Hashable, Sendable {
  /// What a check found before.
  public let before: VolumeReport
  /// What a check found afterwards. It read no software.
  public let after: VolumeReport

  /// What was given up because it was lost: titles, licences, or the list of titles.
  public let removed: [VolumeFinding]
  /// Whether everything was looked at that was to be; else somebody stopped it.
  public let isComplete: Bool

  /// What is as it should be now and was not before.
  public var repaired: [VolumeFinding] {
    before.findings.filter { !after.findings.contains($0) && !removed.contains($0) }
  }
}

extension LicensedVolume {
  /// Makes the licensed volume of the medium in the drive whole, as far as what it takes is there: writes the partition
  /// table again, and every second copy that is missing or of before an interrupted change.
  ///
  /// What holds is only read, what is written is what does not hold: so a power cut at any moment of a repair leaves what
  /// there was, and the repair can be made again. A place that the medium does not take is left, and found again by the
  /// check at the end.
  ///
  /// - Parameters:
  ///   - removingDamaged: whether to give up what is lost anyway: titles with damaged software or a damaged manifest,
  ///     which leave their room, licences of which neither copy can be read, and the list of titles if neither copy of it
  ///     can be. Reads all software to find out.
  ///   - progress: hears how many octets of software of how many were read; answers whether to go on. Nothing is written
  ///     when it says no, unless only the titles that a repaired list has left are being looked at: then these stay.
  /// - Throws: ``DiscError/Code/foreign``, ``DiscError/Code/unsupported`` for what a later version wrote,
  ///   ``DiscError/Code/unformatted``, or ``DiscError/Code/damaged`` if there is no header: nothing was written then.
  public static func repair(
    _ session: DriveSession, removingDamaged: Bool = false,
    progress: @escaping (_ done: UInt64, _ total: UInt64) -> Bool = { _, _ in true }
  ) throws(DiscError) -> VolumeRepair {
    let before = try check(session, contents: removingDamaged, progress: progress)
    guard before.isComplete, before.state != .whole else {
      return VolumeRepair(before: before, after: before, removed: [], isComplete: before.isComplete)
    }
    let volume = try LicensedVolume(opening: session)
    try volume.requireRepairable(before.state)
    try volume.settle()
    var removed: [VolumeFinding] = []
    var isComplete = true
    if removingDamaged {
      let hadCatalogue = volume.catalogue != nil
      removed = try volume.removeLost(before.findings)
      // The titles that a lying list leaves could not be looked at before.
      if !hadCatalogue {
        let second = try check(session, contents: true, progress: progress)
        isComplete = second.isComplete
        if isComplete { removed += try volume.removeLost(second.findings) }
      }
    }
    return VolumeRepair(before: before, after: try check(session), removed: removed, isComplete: isComplete)
  }

  private func requireRepairable(_ state: VolumeReport.State) throws(DiscError) {
    let operation = "cannot repair the licensed volume"
    switch state {
    case .foreign: throw LicensedVolume.foreign(operation)
    case .newer: throw VolumeStore.newer(operation)
    case .whole, .repairable, .damaged, .unformatted: break
    }
  }

  /// Brings all second copies up to date.
  private func settle() throws(DiscError) {
    try LicensedVolume.passingFlaws { () throws(DiscError) in try restorePartitionTable() }
    try LicensedVolume.passingFlaws { () throws(DiscError) in try store.settle(&headerPair) }
    try LicensedVolume.passingFlaws { () throws(DiscError) in try store.settle(&cataloguePair) }
    try settleLicences()
  }

  /// Brings the second copies of all licences up to date, and forgets what a cut left of one that was never there.
  func settleLicences() throws(DiscError) {
    for index in licencePairs.indices where !licencePairs[index].isSettled {
      try LicensedVolume.passingFlaws { () throws(DiscError) in
        if licencePairs[index].wasInterruptedAtStart {
          try store.clear(&licencePairs[index])
        } else {
          try store.settle(&licencePairs[index])
        }
      }
    }
  }

  /// Takes out what cannot be used any more, and answers which of the findings that settles: not those of a place that
  /// the medium does not take any more.
  private func removeLost(_ findings: [VolumeFinding]) throws(DiscError) -> [VolumeFinding] {
    var lostTitles: Set<SoftwareID> = []
    var ofTheList: [VolumeFinding] = []
    var removed: [VolumeFinding] = []
    for finding in findings {
      switch (finding.part, finding.condition) {
      case (.title(let softwareID), .manifestLost), (.title(let softwareID), .softwareLost):
        lostTitles.insert(softwareID)
        ofTheList.append(finding)
      case (.licenceSlot(let index, _), .lost), (.licenceSlot(let index, _), .malformed),
        (.licenceSlot(let index, _), .foreign):
        let isCleared = try LicensedVolume.passingFlaws { () throws(DiscError) in try store.clear(&licencePairs[index])
        }
        if isCleared { removed.append(finding) }
      case (.catalogue, .lost): ofTheList.append(finding)
      default: break
      }
    }
    let isCommitted = try LicensedVolume.passingFlaws { () throws(DiscError) in
      if var catalogue {
        guard !lostTitles.isEmpty else { return }
        catalogue.entries.removeAll { lostTitles.contains($0.softwareID) }
        try commit(catalogue)
      } else {
        try commit(legibleCatalogue)
      }
    }
    return isCommitted ? removed + ofTheList : removed
  }

  /// What can be kept of a catalogue that says what cannot be: the titles about which it does not. Of one that is lost,
  /// nothing.
  private var legibleCatalogue: Catalogue {
    guard let record = cataloguePair.malformed, var catalogue = try? Catalogue(unchecked: record.payload) else {
      return Catalogue()
    }
    for flaw in catalogue.flaws(in: layout) {
      switch flaw {
      case .repeated(let softwareID), .impossible(let softwareID):
        catalogue.entries.removeAll { $0.softwareID == softwareID }
      case .overlapping(let one, let other): catalogue.entries.removeAll { [one, other].contains($0.softwareID) }
      }
    }
    return catalogue
  }

  /// Does something, and lets a place that the medium does not take any more be; answers whether it was done.
  @discardableResult
  private static func passingFlaws(_ body: () throws(DiscError) -> Void) throws(DiscError) -> Bool {
    do throws(DiscError) {
      try body()
      return true
    } catch {
      guard error.code == .mediumFailure else { throw error }
      return false
    }
  }
}
