import Identifiers
import Octets

/// A licence as it lies on a medium (M6). What is in it, and whether it is good, is for the licensing layer and the card.
public struct InstalledLicence: Hashable, Sendable {
  /// The title it is for.
  public let softwareID: SoftwareID
  /// The licence, 1 to 4096 octets.
  public let octets: [UInt8]
  /// Whether the record was written for the medium it was read from, which a copied one was not (M10).
  public let isForThisMedium: Bool
  /// How many of the two copies are whole.
  public let copyCount: Int
}

extension LicensedVolume {
  /// Every licence on the volume, in the order of their slots.
  public var licences: [InstalledLicence] { licencePairs.compactMap(installedLicence) }

  /// The licence for a title.
  public func licence(for softwareID: SoftwareID) -> InstalledLicence? {
    slot(of: softwareID).flatMap { installedLicence(licencePairs[$0]) }
  }

  /// Slots of which both copies are damaged, so that nobody can tell what was in them.
  public var damagedLicenceCount: Int { licencePairs.count { $0.isLost } }

  /// Puts a licence into its slot (M6), in the place of an earlier one for the same title, atomically.
  ///
  /// - Parameter octets: 1 to 4096 octets.
  /// - Throws: ``DiscError/Code/full`` if every slot is taken; a failure of the second copy when the licence already
  ///   holds has ``DiscError/discMayHaveChanged`` set, as every failure after the first write has.
  public func install(licence octets: [UInt8], for softwareID: SoftwareID) throws(DiscError) {
    let operation = "cannot install the licence for \(softwareID)"
    guard (1...VolumeLayout.maximumLicenceLength).contains(octets.count) else {
      throw DiscError(
        .invalidArgument, operation, remedy: "a licence has 1 to \(VolumeLayout.maximumLicenceLength) octets")
    }
    try prepareToChange(operation)
    let index = try slotToWrite(softwareID, operation)
    try store.replace(&licencePairs[index], with: softwareID.octets + [LicenceState.present.rawValue] + octets)
  }

  /// Sees to it that the disc would take a licence for this title, before anybody pays for one: that it can be written,
  /// and has room.
  ///
  /// - Throws: ``DiscError/Code/writeProtected``, ``DiscError/Code/foreign``, ``DiscError/Code/full``, and whatever
  ///   bringing the volume in order may find, which a change begins with.
  public func prepare(forLicenceFor softwareID: SoftwareID) throws(DiscError) {
    let operation = "cannot write a licence for \(softwareID)"
    guard try !store.session.isWriteProtected() else {
      throw DiscError(.writeProtected, operation, remedy: "the disc is write-protected; use a writable disc")
    }
    try prepareToChange(operation)
    let pair = licencePairs[try slotToWrite(softwareID, operation)]
    try store.nextSequence(pair, SoftwareID.octetCount + 1 + VolumeLayout.maximumLicenceLength)
  }

  private func slotToWrite(_ softwareID: SoftwareID, _ operation: String) throws(DiscError) -> Int {
    guard let index = slot(of: softwareID) ?? freeSlot else {
      throw DiscError(
        .full, operation, remedy: "all \(licencePairs.count) licence slots are taken; remove a licence first")
    }
    return index
  }

  /// Takes a licence off the volume.
  public func removeLicence(for softwareID: SoftwareID) throws(DiscError) {
    let operation = "cannot remove the licence for \(softwareID)"
    guard let index = slot(of: softwareID) else {
      throw DiscError(.notFound, operation, remedy: "there is none on this disc")
    }
    try prepareToChange(operation)
    try store.replace(&licencePairs[index], with: softwareID.octets + [LicenceState.removed.rawValue])
  }

  /// Reads all slots, one copy at a time; slot by slot only where the medium has a flaw.
  static func loadLicences(_ store: VolumeStore) throws(DiscError) -> [VolumeStore.Pair] {
    let a = try loadLicences(store, .a)
    let b = try loadLicences(store, .b)
    return (0..<VolumeLayout.licenceSlotCount).map { index in
      VolumeStore.Pair(
        kind: .licence, offset: store.layout.offset(ofLicenceSlot: index, copy: .a),
        length: VolumeLayout.licenceSlotLength, a: a[index], b: b[index])
    }
  }

  private static func loadLicences(
    _ store: VolumeStore, _ copy: VolumeLayout.Copy
  ) throws(DiscError) -> [VolumeRecord.Found] {
    let length = VolumeLayout.licenceSlotLength
    let count = VolumeLayout.licenceSlotCount
    var all: [UInt8]?
    do throws(DiscError) {
      all = try store.read(at: store.layout.offset(ofLicenceSlot: 0, copy: copy), count: length * count)
    } catch {
      guard error.code == .mediumFailure else { throw error }
    }
    var found: [VolumeRecord.Found] = []
    for index in 0..<count {
      if let all {
        found.append(
          VolumeRecord.find(.licence, of: store.volumeID, in: all[(index * length)..<((index + 1) * length)]))
      } else {
        found.append(try store.find(.licence, at: store.layout.offset(ofLicenceSlot: index, copy: copy), length))
      }
    }
    return found.map { $0.checked { content(of: $0) != nil } }
  }
}

// MARK: - Slots

/// A licence record's payload: software id (16), this octet, the licence.
private enum LicenceState: UInt8 {
  case removed = 0
  case present = 1
}

extension LicensedVolume {
  func installedLicence(_ pair: VolumeStore.Pair) -> InstalledLicence? {
    guard let record = pair.newest?.record, let content = LicensedVolume.content(of: record),
      content.state == .present
    else { return nil }
    return InstalledLicence(
      softwareID: content.softwareID, octets: content.licence,
      isForThisMedium: record.mediumDigest == store.mediumDigest, copyCount: pair.isSettled ? 2 : 1)
  }

  private static func content(
    of record: VolumeRecord
  ) -> (softwareID: SoftwareID, state: LicenceState, licence: [UInt8])? {
    var reader = OctetReader(record.payload.span.bytes)
    guard let id = (try? reader.take(SoftwareID.octetCount).octets).flatMap(SoftwareID.init(octets:)),
      let state = (try? reader.u8()).flatMap(LicenceState.init(rawValue:))
    else { return nil }
    let licence = reader.takeRest().octets
    guard licence.count <= VolumeLayout.maximumLicenceLength, (state == .present) == !licence.isEmpty else {
      return nil
    }
    return (id, state, licence)
  }

  /// The slot of a title's licence. We never write two; on a disc that has them the later one holds.
  func slot(of softwareID: SoftwareID) -> Int? {
    licencePairs.indices
      .filter { installedLicence(licencePairs[$0])?.softwareID == softwareID }
      .max { sequence($0) < sequence($1) }
  }

  private func sequence(_ index: Int) -> UInt64 { licencePairs[index].newest?.record.sequence ?? 0 }

  /// A slot without a licence: a fresh one, or one whose first licence a cut tore, else one whose licence was removed,
  /// else one whose content is lost.
  private var freeSlot: Int? {
    let isFree: [(VolumeStore.Pair) -> Bool] = [
      { $0.wasInterruptedAtStart || $0.isBlank },
      { ($0.newest?.record).flatMap(LicensedVolume.content)?.state == .removed },
      { $0.isLost },
    ]
    return isFree.lazy.compactMap { self.licencePairs.firstIndex(where: $0) }.first
  }
}
