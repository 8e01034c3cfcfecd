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

/// A medium whose sectors can be worked on pass by pass, as the head of a magneto-optical drive does.
///
/// ``Medium/write(_:from:)`` makes all passes at once; ``PassMedium`` makes them one by one over any surface.
public protocol RecordingSurface: Medium {
  /// What the last pass over a user sector left behind.
  func state(of block: UInt64) -> SectorState

  /// The write pass over sectors, which leaves them unverified. `data` has exactly `count` × `blockSize` octets.
  func record(_ range: BlockRange, from data: RawSpan) throws(MediumError)

  /// Changes what counts as the last pass over these sectors, and nothing else.
  func mark(_ range: BlockRange, as state: SectorState) throws(MediumError)
}
