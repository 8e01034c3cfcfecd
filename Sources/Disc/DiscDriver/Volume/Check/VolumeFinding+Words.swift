import Identifiers

extension VolumeFinding: CustomStringConvertible {
  /// Where and what, a sentence without its full stop.
  public var description: String { "\(place): \(what)" }

  private var place: String {
    switch part {
    case .disc: "the disc"
    case .partitionTable: "the partition table"
    case .header: "the volume's header"
    case .catalogue: "the list of titles"
    case .licenceSlot(let index, let softwareID?): "the licence for \(softwareID) in slot \(index)"
    case .licenceSlot(let index, nil): "licence slot \(index)"
    case .title(let softwareID): "the title \(softwareID)"
    }
  }

  private var what: String {
    switch condition {
    case .unsettled: "a change was interrupted; it is made, but for its second copy"
    case .secondCopyMissing(let isUnreadable):
      isUnreadable ? "one of the two copies cannot be read, the other is whole" : "only one of the two copies is whole"
    case .contradictory: "the two copies differ under the same number; the first one holds"
    case .interruptedAtStart: "the installation of a licence was interrupted; there is none"
    case .torn: "it is torn; the volume is found without it"
    case .lost: part == .partitionTable ? "it cannot be read" : "both copies are lost"
    case .malformed: "what it says cannot be"
    case .overlapping(let titles): "\(VolumeFinding.list(titles)) claim the same room"
    case .overlappingPartition: "another partition reaches into the licensed volume"
    case .misplaced: "the licensed volume does not fit this disc"
    case .manifestLost(let isUnreadable): isUnreadable ? "its manifest cannot be read" : "its manifest is damaged"
    case .softwareLost(let damaged, let unreadable, let count):
      [(damaged, "damaged"), (unreadable, "unreadable")].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
        .joined(separator: " and ") + " of \(count) segments"
    case .foreign: part == .disc ? "the volume was made on another disc and copied here" : "it is of another disc"
    case .newer: "a later version of this program wrote it"
    case .absent(unlisted: nil): "there is no licensed volume on it"
    case .absent(let unlisted?):
      "its partition table lists no licensed volume, but there is one of \(unlisted.count) blocks from block "
        + "\(unlisted.first) on"
    case .superseded: "another slot has a later one for the same title"
    case .unfinishedCopy(let written, let length):
      "a copy of it was interrupted at \(VolumeFinding.percent(written, of: length)) %"
    }
  }

  /// What to do about it, a sentence without its full stop.
  public var remedy: String {
    switch condition {
    case .unsettled, .secondCopyMissing(isUnreadable: false), .contradictory, .torn:
      "repair the disc; the next change does it too"
    case .secondCopyMissing(isUnreadable: true): "repair the disc; if this comes again, use another disc"
    case .interruptedAtStart: "install the licence again, or repair the disc"
    case .lost: remedyOfLoss
    case .malformed: VolumeFinding.removal
    case .overlapping: VolumeFinding.removal + "; then copy those titles again"
    case .overlappingPartition: "make the other partition end before the volume, with the program that made it so"
    case .misplaced: "use the disc on which it was made; or save what else is on this one, and format it"
    case .manifestLost, .softwareLost: "copy the title again; or \(VolumeFinding.removal)"
    case .foreign:
      part == .disc ? "use the disc on which it was made, or format this one" : "get a licence for this disc"
    case .newer: "use that version"
    case .absent(unlisted: nil): "format the disc"
    case .absent(let unlisted?):
      "format the disc; or, if the entry was deleted by mistake, make it again: type DA, start \(unlisted.first), size "
        + "\(unlisted.count)"
    case .superseded: "nothing need be done"
    case .unfinishedCopy: "run it again to go on; its room counts as free"
    }
  }

  private static let removal = "repair the disc, and have it remove what is damaged (--remove-damaged)"

  private var remedyOfLoss: String {
    switch part {
    case .partitionTable, .header: "save what else is on the disc, then format it"
    case .catalogue: VolumeFinding.removal + "; its licences stay; then copy the titles again"
    default: VolumeFinding.removal + "; then install the licence again"
    }
  }

  /// How far a copy came; 100 only when it has come to the end.
  private static func percent(_ written: UInt64, of length: UInt64) -> Int {
    length == 0 ? 100 : Int(Double(min(written, length)) / Double(length) * 100)
  }

  private static func list(_ titles: [SoftwareID]) -> String { titles.map(\.description).joined(separator: " and ") }
}
