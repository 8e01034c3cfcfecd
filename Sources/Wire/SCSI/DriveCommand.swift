/// A command as a drive understands it: every CDB is exactly one of these, or an error (``CDBError``).
public enum DriveCommand: Hashable, Sendable {
  /// TEST UNIT READY.
  case testUnitReady
  /// REQUEST SENSE, at most `allocation` octets.
  case requestSense(allocation: UInt32)
  /// INQUIRY for standard data.
  case inquiry(allocation: UInt32)
  /// INQUIRY for a vital product data page.
  case inquiryPage(UInt8, allocation: UInt32)
  /// READ CAPACITY (10).
  case readCapacity10
  /// READ CAPACITY (16).
  case readCapacity16(allocation: UInt32)
  /// READ of any size.
  case read(BlockRange, forceUnitAccess: Bool)
  /// WRITE of any size.
  case write(BlockRange, forceUnitAccess: Bool)
  /// WRITE AND VERIFY; `comparing` if octet by octet.
  case writeAndVerify(BlockRange, comparing: Bool)
  /// VERIFY.
  case verify(BlockRange, VerifyComparison)
  /// SYNCHRONIZE CACHE; no blocks means all from the first on.
  case synchronizeCache(BlockRange)
  /// MODE SENSE of either size.
  case modeSense(ModeSense)
  /// START STOP UNIT.
  case startStopUnit(start: Bool, loadEject: Bool)
  /// PREVENT ALLOW MEDIUM REMOVAL.
  case preventAllowMediumRemoval(prevent: Bool)
  /// REPORT LUNS.
  case reportLUNs(select: UInt8, allocation: UInt32)
  /// READ MEDIA SERIAL NUMBER.
  case readMediaSerialNumber(allocation: UInt32)

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
}

/// What VERIFY compares the blocks with (the BYTCHK field; SBC-3, 5.28).
public enum VerifyComparison: UInt8, Hashable, Sendable {
  /// Nothing: only that they can be read.
  case none = 0
  /// As many blocks of data.
  case blocks = 1
  /// One block of data, against each.
  case oneBlock = 3
}

/// Why a CDB is no command.
public enum CDBError: Error, Hashable, Sendable {
  /// The drive does not know the operation code, 5/20/00.
  case unknownOperationCode
  /// A field is not acceptable, 5/24/00.
  case invalidField(SenseData.FieldPointer)

  /// The sense data that says so.
  public var senseData: SenseData {
    switch self {
    case .unknownOperationCode: SenseData(.invalidOperationCode, fieldPointer: .init(octet: 0))
    case .invalidField(let pointer): SenseData(.invalidFieldInCDB, fieldPointer: pointer)
    }
  }
}

/// What a command moves between host and drive.
public enum DataTransfer: Hashable, Sendable {
  /// Nothing.
  case none
  /// At most so many octets to the host.
  case toHost(UInt64)
  /// So many octets to the drive.
  case toDrive(UInt64)
}

extension DriveCommand {
  /// What the command moves, on a medium with blocks of `blockSize` octets. For transports that reserve room ahead.
  public func transfer(blockSize: UInt32) -> DataTransfer {
    func octets(_ range: BlockRange) -> UInt64 { UInt64(range.count) * UInt64(blockSize) }
    switch self {
    case .testUnitReady, .synchronizeCache, .startStopUnit, .preventAllowMediumRemoval: return .none
    case .requestSense(let allocation), .inquiry(let allocation), .inquiryPage(_, let allocation),
      .readCapacity16(let allocation), .reportLUNs(_, let allocation), .readMediaSerialNumber(let allocation):
      return .toHost(UInt64(allocation))
    case .modeSense(let request): return .toHost(UInt64(request.allocation))
    case .readCapacity10: return .toHost(UInt64(Capacity.shortOctetCount))
    case .read(let range, _): return .toHost(octets(range))
    case .write(let range, _), .writeAndVerify(let range, _), .verify(let range, .blocks):
      return .toDrive(octets(range))
    case .verify(_, .none): return .none
    case .verify(let range, .oneBlock): return range.count == 0 ? .none : .toDrive(UInt64(blockSize))
    }
  }
}
