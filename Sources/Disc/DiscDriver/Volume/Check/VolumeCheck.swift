import Identifiers
import SCSI

extension LicensedVolume {
  /// Checks the licensed volume of the medium in the drive: the partition table, both copies of the header, of the
  /// catalogue and of every licence, and every title's manifest. It changes nothing.
  ///
  /// - Parameters:
  ///   - contents: whether to read all software, too, and compare it with the digests in the manifests.
  ///   - progress: hears how many octets of software of how many were read; answers whether to go on.
  /// - Throws: what keeps it from looking at all: no medium, a medium without an id, a drive that fails. What the medium
  ///   cannot give, or gives and should not, is a finding.
  public static func check(
    _ session: DriveSession, contents: Bool = false,
    progress: @escaping (_ done: UInt64, _ total: UInt64) -> Bool = { _, _ in true }
  ) throws(DiscError) -> VolumeReport {
    var check = VolumeCheck(session, identity: try session.mediumIdentity())
    guard try check.findVolume(), let volume = try check.openVolume() else { return check.report }
    check.compareCopies(of: volume)
    try check.examineTitles(on: volume, contents: contents, progress)
    return check.report
  }
}

/// One check on its way.
struct VolumeCheck {
  private(set) var report: VolumeReport
  private let session: DriveSession

  init(_ session: DriveSession, identity: MediumIdentity) {
    self.session = session
    report = VolumeReport(identity: identity)
  }

  private mutating func note(_ part: VolumeFinding.Part, _ condition: VolumeFinding.Condition) {
    report.findings.append(VolumeFinding(part, condition))
  }
}

// MARK: - Partition table and header

extension VolumeCheck {
  /// Whether there is a volume somewhere.
  mutating func findVolume() throws(DiscError) -> Bool {
    switch try VolumePlace.readFirstBlock(session) {
    case .table(let table):
      guard let entry = table.licensedVolume else {
        note(.disc, .absent(unlisted: try unlistedVolume()))
        return false
      }
      guard VolumePlace.layout(of: entry, on: session) != nil else {
        note(.partitionTable, .misplaced)
        return false
      }
      if table.entries.contains(where: { $0.map { $0 != entry && $0.overlaps(entry) } ?? false }) {
        note(.partitionTable, .overlappingPartition)
      }
      return true
    case .none(let isReadable):
      if try VolumePlace.findByLastCopy(session) != nil {
        note(.partitionTable, .torn)
        return true
      }
      if isReadable { note(.disc, .absent(unlisted: nil)) } else { note(.partitionTable, .lost) }
      return false
    }
  }

  private func unlistedVolume() throws(DiscError) -> VolumeFinding.UnlistedVolume? {
    try VolumePlace.findByLastCopy(session).map { place in
      VolumeFinding.UnlistedVolume(first: place.volume.first, count: place.volume.count)
    }
  }

  /// Opens the volume that there is, if its header is legible.
  mutating func openVolume() throws(DiscError) -> LicensedVolume? {
    do throws(DiscError) {
      return try LicensedVolume(opening: session)
    } catch {
      switch error.code {
      case .unformatted, .damaged: note(.header, .lost)
      case .unsupported: note(.header, .newer)
      default: throw error
      }
      return nil
    }
  }
}

extension PartitionTable.Entry {
  /// Whether two partitions have blocks in common.
  func overlaps(_ other: PartitionTable.Entry) -> Bool {
    UInt64(first) < UInt64(other.first) + UInt64(other.count) && UInt64(other.first) < UInt64(first) + UInt64(count)
  }
}

// MARK: - Copies

extension VolumeCheck {
  /// Compares the two copies of everything but software.
  mutating func compareCopies(of volume: LicensedVolume) {
    if volume.isForeign { note(.disc, .foreign) }
    if let condition = VolumeCheck.condition(of: volume.headerPair) { note(.header, condition) }
    compareCatalogues(of: volume)
    for (index, pair) in volume.licencePairs.enumerated() { examine(pair, index, on: volume) }
    report.licenceCount = volume.licences.count
  }

  private mutating func compareCatalogues(of volume: LicensedVolume) {
    let pair = volume.cataloguePair
    guard let condition = VolumeCheck.condition(of: pair) ?? (pair.isBlank ? .lost : nil) else { return }
    let overlaps = condition == .malformed ? VolumeCheck.overlaps(in: pair, volume.layout) : []
    for titles in overlaps { note(.catalogue, .overlapping(titles)) }
    if overlaps.isEmpty { note(.catalogue, condition == .interruptedAtStart ? .lost : condition) }
  }

  private static func overlaps(in pair: VolumeStore.Pair, _ layout: VolumeLayout) -> [[SoftwareID]] {
    guard let record = pair.malformed, let catalogue = try? Catalogue(unchecked: record.payload) else { return [] }
    return catalogue.flaws(in: layout).compactMap { flaw in
      if case .overlapping(let one, let other) = flaw { one == other ? [one] : [one, other] } else { nil }
    }
  }

  private mutating func examine(_ pair: VolumeStore.Pair, _ index: Int, on volume: LicensedVolume) {
    let licence = volume.installedLicence(pair)
    let part = VolumeFinding.Part.licenceSlot(index, licence?.softwareID)
    if let condition = VolumeCheck.condition(of: pair) { note(part, condition) }
    guard let licence else { return }
    if !licence.isForThisMedium, !volume.isForeign { note(part, .foreign) }
    if volume.slot(of: licence.softwareID) != index { note(part, .superseded) }
  }

  /// What two copies say together; `nil` if they are the same, or if nothing was ever there.
  private static func condition(of pair: VolumeStore.Pair) -> VolumeFinding.Condition? {
    if pair.isNewer { return .newer }
    if pair.isSettled || pair.isBlank { return nil }
    switch (pair.a, pair.b) {
    case (.valid(let a), .valid(let b)): return a.sequence == b.sequence ? .contradictory : .unsettled
    case (.valid, let other), (let other, .valid): return .secondCopyMissing(isUnreadable: other == .unreadable)
    default: break
    }
    if pair.malformed != nil { return .malformed }
    return pair.wasInterruptedAtStart ? .interruptedAtStart : .lost
  }
}

extension VolumeStore.Pair {
  /// The record of those that say what cannot be.
  var malformed: VolumeRecord? {
    for case .malformed(let record) in [a, b] { return record }
    return nil
  }
}

// MARK: - Titles

extension VolumeCheck {
  /// Checks every title's manifest, and with `contents` all software.
  mutating func examineTitles(
    on volume: LicensedVolume, contents: Bool, _ progress: (UInt64, UInt64) -> Bool
  ) throws(DiscError) {
    guard let catalogue = volume.catalogue else { return }
    report.titleCount = catalogue.entries.count
    var legible: [Catalogue.Entry] = []
    for entry in catalogue.entries {
      do throws(DiscError) {
        _ = try volume.open(title: entry.softwareID)
        legible.append(entry)
      } catch {
        let isNewer = error.code == .unsupported
        note(
          .title(entry.softwareID),
          isNewer ? .newer : .manifestLost(isUnreadable: try VolumeCheck.isUnreadable(error)))
      }
    }
    for copy in try volume.unfinishedCopies() {
      note(.title(copy.softwareID), .unfinishedCopy(written: copy.written, of: copy.length))
    }
    guard contents else { return }
    let total = legible.reduce(0) { $0 + $1.length }
    // Opened once more: all manifests together may be larger than memory.
    for entry in legible where report.isComplete {
      let reader = try volume.open(title: entry.softwareID)
      if let condition = try compareSoftware(of: reader, total, progress) { note(.title(entry.softwareID), condition) }
    }
  }

  /// Compares all of a title's software with its manifest.
  private mutating func compareSoftware(
    of reader: TitleReader, _ total: UInt64, _ progress: (UInt64, UInt64) -> Bool
  ) throws(DiscError) -> VolumeFinding.Condition? {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: TitleReader.segmentLength, alignment: 4096)
    defer { buffer.deallocate() }
    var (damaged, unreadable) = (0, 0)
    var left = reader.length
    for index in 0..<reader.segmentCount {
      do throws(DiscError) {
        _ = try reader.readSegment(index, into: buffer)
      } catch {
        if try VolumeCheck.isUnreadable(error) { unreadable += 1 } else { damaged += 1 }
      }
      let count = min(left, UInt64(TitleReader.segmentLength))
      left -= count
      report.comparedOctets += count
      guard progress(report.comparedOctets, total) else {
        report.isComplete = false
        break
      }
    }
    guard damaged + unreadable > 0 else { return nil }
    return .softwareLost(damaged: damaged, unreadable: unreadable, of: reader.segmentCount)
  }

  /// Whether the medium cannot give something, or gives something else; any other failure is no finding.
  private static func isUnreadable(_ error: DiscError) throws(DiscError) -> Bool {
    switch error.code {
    case .mediumFailure: true
    case .damaged: false
    default: throw error
    }
  }
}
