import SCSI

/// A medium as the drive's head meets it.
///
/// The factory record can be read and nothing else: this protocol has no way to change it, and the controller knows
/// media by this protocol only. So no command can write the medium id (M3), whatever its CDB says.
public protocol Medium: AnyObject {
  /// Its layout.
  var geometry: MediumGeometry { get }

  /// Whether all of it can be rewritten.
  var profile: MediumProfile { get }

  /// What the factory recorded outside the addressable blocks.
  var factoryRecord: FactoryRecord { get }

  /// Whether the tab on its shell forbids all writing.
  var isWriteProtected: Bool { get }

  /// The first block of `range` that must not be written; `nil` if all may be. The whole range, if it
  /// is not empty, counts as protected when ``isWriteProtected`` is set.
  func firstProtectedBlock(in range: BlockRange) -> UInt64?

  /// Reads the blocks of `range`, which all exist, into the first `count` × `blockSize` octets of `buffer`, which has
  /// room for them.
  func read(_ range: BlockRange, into buffer: inout MutableRawSpan) throws(MediumError)

  /// Erases, writes and verifies the blocks of `range`, which all exist and are not protected. `data` has exactly
  /// `count` × `blockSize` octets.
  func write(_ range: BlockRange, from data: RawSpan) throws(MediumError)

  /// Reads the blocks of `range`, which all exist, without transferring them: can all of them be read?
  func verify(_ range: BlockRange) throws(MediumError)

  /// Erases the blocks of `range`, which all exist and are not protected: reading them is 8/00/00 until they are
  /// written again.
  func erase(_ range: BlockRange) throws(MediumError)

  /// Moves `block`, which exists and is not protected, to a spare sector, with its content if that can still be read,
  /// else with zeros; an erased block stays erased.
  func reassign(_ block: UInt64) throws(MediumError)

  /// Formats all of the medium, of which no block is protected. Whatever the request, the factory record stays.
  ///
  /// Power that fails meanwhile leaves a medium whose blocks are all ``MediumError/formatCorrupted``.
  func format(_ request: FormatRequest) throws(MediumError)

  /// The sectors that are not used.
  var defects: DefectLists { get }

  /// Whether a write may be lasting only after ``synchronize()`` (WCE). If not, every operation is when it returns.
  var isCaching: Bool { get set }

  /// Makes everything written so far outlast a loss of power.
  func synchronize() throws(MediumError)

  /// Hands over, once, the last thing that went wrong and was put right without an error.
  func takeRecovery() -> MediumRecovery?
}

/// Of what kind a medium is; the raw value is the medium type of the mode parameter header (SCSI-2, table 321).
public enum MediumProfile: UInt8, Hashable, Sendable {
  /// All blocks can be rewritten.
  case rewritable = 0x03
  /// A part of the medium is embossed and can only be read (P-ROM). Its first block shows the medium id, as
  /// `MediumIDSector` says.
  case partlyEmbossed = 0x05
}

/// What the factory burnt into a medium's control track.
public struct FactoryRecord: Hashable, Sendable {
  /// The medium id: 4 to 64 octets, a multiple of 4 so that READ MEDIA SERIAL NUMBER gives it without padding.
  public let mediumID: [UInt8]
  /// When the medium was made, in seconds since 1970.
  public let manufactured: UInt64
  /// The factory's signature; empty if the factory does not sign.
  public let signature: [UInt8]

  /// A record; `nil` if the id has a length that no medium id has, or the signature over 256 octets.
  public init?(mediumID: [UInt8], manufactured: UInt64, signature: [UInt8] = []) {
    guard (4...64).contains(mediumID.count), mediumID.count % 4 == 0, signature.count <= 256 else { return nil }
    self.mediumID = mediumID
    self.manufactured = manufactured
    self.signature = signature
  }
}

/// Why a medium could not do what the drive asked for.
public enum MediumError: Error, Hashable, Sendable {
  /// What is recorded in this block is neither old nor new, 3/11/00.
  case unreadable(block: UInt64)
  /// This block was erased and not written again, 8/00/00.
  case blank(block: UInt64)
  /// This block could not be written, 3/0C/00.
  case notWritten(block: UInt64)
  /// This block needs a spare sector, and there is none left, 3/32/00.
  case noSpareSector(block: UInt64)
  /// Power failed while the medium was formatted; only formatting it again helps, 3/31/00.
  case formatCorrupted
  /// What carries the medium failed, 4/44/00.
  case failure
  /// The drive lost power: the command has no outcome at all.
  case powerLost
}

/// The drive lost power during a command: there is no status, no sense, and the medium may have changed.
public struct PowerLoss: Error, Hashable, Sendable {
  /// The loss.
  public init() {}
}
