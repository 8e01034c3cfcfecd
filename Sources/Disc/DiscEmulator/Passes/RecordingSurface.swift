import DriveFirmware
import SCSI

/// What the last pass over a sector left behind.
public enum SectorState: UInt8, Hashable, Sendable, CaseIterable {
  /// Written and verified, or as it came from the factory: all zeros.
  case good = 0
  /// Erased and not written: reads give 8/00/00.
  case erased = 1
  /// The write pass was cut off in it: reads give 3/11/00.
  case halfWritten = 2
  /// Written, but the verify pass never came: reads give what was written.
  case unverified = 3

  /// What reading such a sector fails with, if it does.
  func failure(at block: UInt64) -> MediumError? {
    switch self {
    case .good, .unverified: nil
    case .erased: .blank(block: block)
    case .halfWritten: .unreadable(block: block)
    }
  }
}

/// A medium that says on which sectors its blocks lie.
public protocol SectorMedium: Medium {
  /// The sectors on which blocks, which all exist, lie: runs of consecutive ones, in the order of the blocks, numbered as
  /// in `DefectLists`.
  func sectors(of range: BlockRange) -> [Range<UInt32>]
}

/// A medium on which power can fail.
public protocol PoweredMedium: Medium {
  /// Power is back, and stays.
  func restorePower()
}

/// A medium whose sectors can be worked on pass by pass, as the head of a magneto-optical drive does.
///
/// ``Medium/write(_:from:)`` makes all passes at once; ``PassMedium`` makes them one by one over any surface.
public protocol RecordingSurface: SectorMedium {
  /// What the last pass over the sector of a block left behind.
  func state(of block: UInt64) -> SectorState

  /// The erase pass: what was in these sectors is gone.
  func clear(_ range: BlockRange) throws(MediumError)

  /// The write pass over sectors, which leaves them unverified. `data` has exactly `count` × `blockSize` octets.
  func record(_ range: BlockRange, from data: RawSpan) throws(MediumError)

  /// The verify pass over sectors: a block that does not verify moves to a spare sector.
  func confirm(_ range: BlockRange) throws(MediumError)

  /// Changes what counts as the last pass over these sectors, and nothing else.
  func mark(_ range: BlockRange, as state: SectorState) throws(MediumError)

  /// The first step of formatting, after which no block can be used until ``Medium/format(_:)`` has made the others.
  func beginFormatting(_ request: FormatRequest) throws(MediumError)
}
