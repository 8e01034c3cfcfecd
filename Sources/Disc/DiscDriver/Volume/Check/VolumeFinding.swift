import Identifiers

/// One thing that is not as it should be on a licensed volume.
public struct VolumeFinding: Hashable, Sendable {
  /// Where it was found.
  public enum Part: Hashable, Sendable {
    /// The disc as a whole.
    case disc
    /// Block 0.
    case partitionTable
    /// The volume's header.
    case header
    /// The list of titles.
    case catalogue
    /// A licence slot, by its number from 0 on, and the title of the licence in it if that is legible.
    case licenceSlot(Int, SoftwareID?)
    /// A title's software.
    case title(SoftwareID)
  }

  /// What was found.
  public enum Condition: Hashable, Sendable {
    // Everything is there.

    /// A change was cut off between its two copies: it holds, and the other copy is the one before it.
    case unsettled
    /// One copy holds and the other is torn, damaged or missing: what a cut in the middle of a change leaves, or a flaw
    /// of the medium. Says whether it is a place that the medium cannot read any more.
    case secondCopyMissing(isUnreadable: Bool)
    /// The two copies are of the same number and differ; copy A holds.
    case contradictory
    /// The first licence ever put into this slot was cut off: there is none.
    case interruptedAtStart
    /// Block 0 holds no partition table, and the volume is found without it.
    case torn

    // Something is lost.

    /// Neither copy holds.
    case lost
    /// A record with a right digest says what cannot be.
    case malformed
    /// These titles claim the same room.
    case overlapping([SoftwareID])
    /// Another partition reaches into the volume.
    case overlappingPartition
    /// The partition table puts a volume where none can lie on this disc.
    case misplaced
    /// A title's manifest is damaged or, if `isUnreadable`, cannot be read.
    case manifestLost(isUnreadable: Bool)
    /// So many segments of a title are damaged, and so many cannot be read, of all it has.
    case softwareLost(damaged: Int, unreadable: Int, of: Int)

    // Not for this disc or this program.

    /// It was made on another medium and copied here (M10).
    case foreign
    /// A later version of this program wrote it.
    case newer
    /// There is no licensed volume on the disc; perhaps one that the partition table does not list, of so many blocks
    /// from the first one on.
    case absent(unlisted: UnlistedVolume?)

    // Of no harm.

    /// Another slot has a later licence for the same title.
    case superseded
    /// A copy of the title was interrupted after so many octets of all it has, and can go on.
    case unfinishedCopy(written: UInt64, of: UInt64)
  }

  /// A volume that is there and in no partition table: formatting was cut off, or somebody deleted its entry.
  public struct UnlistedVolume: Hashable, Sendable {
    /// Its first block.
    public let first: UInt32
    /// Its blocks.
    public let count: UInt32
  }

  /// What it means for the disc.
  public enum Severity: Hashable, Sendable, CaseIterable {
    /// Nothing is wrong.
    case note
    /// Everything is there; a repair makes it whole.
    case repairable
    /// Something is lost.
    case damage
    /// The volume cannot be used here at all, or not by this program.
    case unusable
  }

  /// Where it was found.
  public let part: Part
  /// What was found.
  public let condition: Condition

  /// A finding.
  public init(_ part: Part, _ condition: Condition) {
    self.part = part
    self.condition = condition
  }

  /// What it means for the disc.
  public var severity: Severity {
    switch condition {
    case .superseded, .unfinishedCopy: .note
    case .unsettled, .secondCopyMissing, .contradictory, .interruptedAtStart, .torn: .repairable
    case .lost, .malformed, .overlapping, .overlappingPartition, .misplaced, .manifestLost, .softwareLost: .damage
    case .foreign: part == .disc ? .unusable : .damage
    case .newer, .absent: .unusable
    }
  }
}
