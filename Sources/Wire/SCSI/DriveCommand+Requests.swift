// What the commands with many fields ask for.
extension DriveCommand {
  /// What MODE SENSE asks for.
  public struct ModeSense: Hashable, Sendable {
    /// Which values.
    public enum Control: UInt8, Hashable, Sendable {
      /// Those in force.
      case current = 0
      /// A mask of those that can be changed.
      case changeable = 1
      /// Those after power on.
      case `default` = 2
      /// Those saved across power off.
      case saved = 3
    }

    /// Page code, 00h to 3Fh; 3Fh for all.
    public var page: UInt8
    /// Subpage code; FFh for all.
    public var subpage: UInt8
    /// Which values.
    public var control: Control
    /// Whether to leave out the block descriptor (DBD).
    public var withoutBlockDescriptor: Bool
    /// Whether the 16-octet block descriptor is acceptable (LLBAA, MODE SENSE (10) only).
    public var acceptsLongDescriptor: Bool
    /// Whether it is MODE SENSE (10).
    public var isLong: Bool
    /// Room at the host.
    public var allocation: UInt32

    /// A request; by default for the current values, with the short block descriptor.
    public init(
      page: UInt8, subpage: UInt8 = 0, control: Control = .current, withoutBlockDescriptor: Bool = false,
      acceptsLongDescriptor: Bool = false, isLong: Bool, allocation: UInt32
    ) {
      self.page = page
      self.subpage = subpage
      self.control = control
      self.withoutBlockDescriptor = withoutBlockDescriptor
      self.acceptsLongDescriptor = acceptsLongDescriptor
      self.isLong = isLong
      self.allocation = allocation
    }
  }

  /// What MODE SELECT brings.
  public struct ModeSelect: Hashable, Sendable {
    /// Whether the pages are as the standard has them (PF).
    public var isPageFormat: Bool
    /// Whether to save them (SP).
    public var isSaving: Bool
    /// Whether it is MODE SELECT (10).
    public var isLong: Bool
    /// Octets of the parameter list.
    public var parameterListLength: UInt32

    /// A request.
    public init(isPageFormat: Bool = true, isSaving: Bool = false, isLong: Bool, parameterListLength: UInt32) {
      self.isPageFormat = isPageFormat
      self.isSaving = isSaving
      self.isLong = isLong
      self.parameterListLength = parameterListLength
    }
  }

  /// What START STOP UNIT asks for.
  public struct StartStopUnit: Hashable, Sendable {
    /// POWER CONDITION; with any but 0 neither `start` nor `loadEject` counts.
    public var powerCondition: UInt8
    /// Whether written data need not be made lasting before (NO_FLUSH).
    public var withoutFlush: Bool
    /// Whether the medium is to be loaded or ejected (LOEJ).
    public var loadEject: Bool
    /// Whether to start (START), else to stop.
    public var start: Bool

    /// A request.
    public init(powerCondition: UInt8 = 0, withoutFlush: Bool = false, loadEject: Bool = false, start: Bool) {
      self.powerCondition = powerCondition
      self.withoutFlush = withoutFlush
      self.loadEject = loadEject
      self.start = start
    }
  }

  /// What WRITE SAME asks for.
  public struct WriteSame: Hashable, Sendable {
    /// The blocks.
    public var range: BlockRange
    /// Whether to unmap, or anchor, blocks, which this drive cannot (UNMAP, ANCHOR).
    public var isUnmapping: Bool
    /// Whether zeros are meant and no block is sent (NDOB).
    public var withoutData: Bool

    /// A request.
    public init(_ range: BlockRange, isUnmapping: Bool = false, withoutData: Bool = false) {
      self.range = range
      self.isUnmapping = isUnmapping
      self.withoutData = withoutData
    }
  }

  /// What MEDIUM SCAN asks for (SCSI-2, 16.2.3).
  public struct MediumScan: Hashable, Sendable {
    /// Where to begin.
    public var first: UInt64
    /// Whether written blocks are looked for (WBS), else blank ones.
    public var forWritten: Bool
    /// Octets of the parameter list: none, or 8.
    public var parameterListLength: UInt32

    /// A request.
    public init(first: UInt64, forWritten: Bool, parameterListLength: UInt32) {
      self.first = first
      self.forWritten = forWritten
      self.parameterListLength = parameterListLength
    }
  }

  /// What FORMAT UNIT asks for (SBC-3, 5.3).
  public struct FormatUnit: Hashable, Sendable {
    /// Whether there is a parameter list (FMTDATA).
    public var hasParameterList: Bool
    /// Whether the parameter list's header is long (LONGLIST).
    public var isLongList: Bool
    /// Whether the grown list is discarded (CMPLST).
    public var isListComplete: Bool
    /// How defects in the parameter list are spelt.
    public var format: UInt8

    /// A request.
    public init(
      hasParameterList: Bool = false, isLongList: Bool = false, isListComplete: Bool = false, format: UInt8 = 0
    ) {
      self.hasParameterList = hasParameterList
      self.isLongList = isLongList
      self.isListComplete = isListComplete
      self.format = format
    }
  }

  /// What READ DEFECT DATA asks for (SBC-3, 5.19).
  public struct ReadDefectData: Hashable, Sendable {
    /// Whether the primary list is wanted (REQ_PLIST).
    public var primary: Bool
    /// Whether the grown list is wanted (REQ_GLIST).
    public var grown: Bool
    /// How defects are to be spelt.
    public var format: UInt8
    /// The first address descriptor wanted, READ DEFECT DATA (12) only.
    public var startIndex: UInt32
    /// Whether it is READ DEFECT DATA (12).
    public var isLong: Bool
    /// Room at the host.
    public var allocation: UInt32

    /// A request.
    public init(
      primary: Bool, grown: Bool, format: UInt8, startIndex: UInt32 = 0, isLong: Bool, allocation: UInt32
    ) {
      self.primary = primary
      self.grown = grown
      self.format = format
      self.startIndex = startIndex
      self.isLong = isLong
      self.allocation = allocation
    }
  }

  /// What REPORT SUPPORTED OPERATION CODES asks for (SPC-4, 6.35.1).
  public struct OperationCodeQuery: Hashable, Sendable {
    /// Which commands.
    public enum Choice: UInt8, Hashable, Sendable {
      /// All of them.
      case all = 0
      /// One whose operation code has no service actions.
      case operationCode = 1
      /// One service action of an operation code.
      case serviceAction = 2
      /// One, with or without service actions.
      case either = 3
    }

    /// Which commands.
    public var choice: Choice
    /// The operation code asked for.
    public var operationCode: UInt8
    /// The service action asked for.
    public var serviceAction: UInt16
    /// Whether to tell how long commands take (RCTD).
    public var withTimeouts: Bool
    /// Room at the host.
    public var allocation: UInt32

    /// A request; by default for all commands.
    public init(
      _ choice: Choice = .all, operationCode: UInt8 = 0, serviceAction: UInt16 = 0, withTimeouts: Bool = false,
      allocation: UInt32
    ) {
      self.choice = choice
      self.operationCode = operationCode
      self.serviceAction = serviceAction
      self.withTimeouts = withTimeouts
      self.allocation = allocation
    }
  }
}

/// How READ DEFECT DATA, FORMAT UNIT and REASSIGN BLOCKS spell a defect (SBC-3, 5.3.2.4): the formats of this drive.
public enum DefectFormat: UInt8, Hashable, Sendable, CaseIterable {
  /// A block address of 4 octets.
  case shortBlock = 0
  /// A block address of 8 octets.
  case longBlock = 3
  /// Track, head (0) and sector in it: 3, 1 and 4 octets.
  case physicalSector = 5

  /// Octets of one defect.
  public var octetCount: Int { self == .shortBlock ? 4 : 8 }
}
