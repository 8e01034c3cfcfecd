/// The sectors of a medium that are not used, because they are defective.
///
/// Sectors are numbered from 0 as they lie on the medium, band by band, in each band the user sectors before the spares:
/// sector `s` is number `s % sectorsPerTrack` of logical track `s / sectorsPerTrack`.
public struct DefectLists: Hashable, Sendable {
  /// One defective sector.
  public struct Entry: Hashable, Sendable {
    /// Its number.
    public let sector: UInt32
    /// The block concerned: in the primary list the one that would lie here if no sector were defective, `nil` for a
    /// spare sector; in the grown list the one that lay here.
    public let block: UInt64?
    /// The spare sector on which that block lies now; `nil` in the primary list, whose sectors are skipped.
    public let replacement: UInt32?

    /// An entry.
    public init(sector: UInt32, block: UInt64?, replacement: UInt32? = nil) {
      self.sector = sector
      self.block = block
      self.replacement = replacement
    }
  }

  /// The primary defect list (PDL), of the last formatting: its sectors are slipped. By ascending sector.
  public var primary: [Entry]
  /// The secondary or grown defect list (SDL), of reassignments since then: its sectors are replaced by spares one by
  /// one. By ascending sector.
  public var grown: [Entry]
  /// Spare sectors left.
  public var freeSpares: UInt32

  /// How often the lists were written.
  public var generation: UInt64

  /// Lists.
  public init(primary: [Entry] = [], grown: [Entry] = [], freeSpares: UInt32, generation: UInt64 = 0) {
    self.primary = primary
    self.grown = grown
    self.freeSpares = freeSpares
    self.generation = generation
  }
}

/// What FORMAT UNIT asks of a medium (SBC-3, 5.3).
public struct FormatRequest: Hashable, Sendable {
  /// Whether sectors of the primary list stay out of use (DPRY 0).
  public var keepsPrimaryDefects: Bool
  /// Whether sectors of the grown list stay out of use (CMPLST 0).
  public var keepsGrownDefects: Bool
  /// Whether all sectors are tried, and those that fail put on the primary list (DCRT 0).
  public var certifies: Bool
  /// Blocks, by their addresses before formatting, whose sectors the initiator knows to be defective (the DLIST).
  public var defectiveBlocks: [UInt64]
  /// What fills each block afterwards, over and over; zeros if there is nothing here (the initialization pattern).
  public var pattern: [UInt8]

  /// A request; as FORMAT UNIT without parameters, unless told otherwise.
  public init(
    keepsPrimaryDefects: Bool = true, keepsGrownDefects: Bool = true, certifies: Bool = true,
    defectiveBlocks: [UInt64] = [], pattern: [UInt8] = []
  ) {
    self.keepsPrimaryDefects = keepsPrimaryDefects
    self.keepsGrownDefects = keepsGrownDefects
    self.certifies = certifies
    self.defectiveBlocks = defectiveBlocks
    self.pattern = pattern
  }
}

/// What a medium recovered from by itself, so that the command succeeded.
public enum MediumRecovery: Hashable, Sendable {
  /// This block was read with error correction, 1/18/00.
  case correctedRead(block: UInt64)
  /// What was written to this block did not verify, and lies on a spare sector now, 1/0C/01.
  case reallocatedWrite(block: UInt64)
}
