/// A command as a drive understands it: every CDB is exactly one of these, or an error (``CDBError``).
public enum DriveCommand: Hashable, Sendable {
  /// TEST UNIT READY.
  case testUnitReady
  /// REZERO UNIT: the head goes home.
  case rezeroUnit
  /// REQUEST SENSE, at most `allocation` octets; in the descriptor format if `descriptors` (DESC).
  case requestSense(descriptors: Bool, allocation: UInt32)
  /// INQUIRY for standard data.
  case inquiry(allocation: UInt32)
  /// INQUIRY for a vital product data page.
  case inquiryPage(UInt8, allocation: UInt32)
  /// REPORT LUNS.
  case reportLUNs(select: UInt8, allocation: UInt32)
  /// REPORT SUPPORTED OPERATION CODES.
  case reportSupportedOperationCodes(OperationCodeQuery)
  /// REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS; in 16 octets if `extended` (REPD).
  case reportSupportedTaskManagementFunctions(extended: Bool, allocation: UInt32)
  /// SEND DIAGNOSTIC: the self-test, or a parameter list, of which there is none but the empty one.
  case sendDiagnostic(selfTest: Bool, parameterListLength: UInt32)
  /// READ CAPACITY (10).
  case readCapacity10
  /// READ CAPACITY (16).
  case readCapacity16(allocation: UInt32)
  /// GET LBA STATUS from a block on.
  case getLBAStatus(first: UInt64, allocation: UInt32)
  /// READ MEDIA SERIAL NUMBER.
  case readMediaSerialNumber(allocation: UInt32)

  /// READ of any size.
  case read(BlockRange, forceUnitAccess: Bool)
  /// SEEK of either size, to a block.
  case seek(UInt64)
  /// PRE-FETCH of either size; no blocks means all from the first on.
  case preFetch(BlockRange)
  /// VERIFY of any size.
  case verify(BlockRange, VerifyComparison)
  /// WRITE of any size.
  case write(BlockRange, forceUnitAccess: Bool)
  /// WRITE AND VERIFY of any size; `comparing` if octet by octet.
  case writeAndVerify(BlockRange, comparing: Bool)
  /// WRITE SAME of either size.
  case writeSame(WriteSame)
  /// COMPARE AND WRITE: as many blocks to compare with, then as many to write.
  case compareAndWrite(BlockRange, forceUnitAccess: Bool)
  /// ORWRITE (16): sets the bits that are set in the data.
  case orWrite(BlockRange, forceUnitAccess: Bool)
  /// SYNCHRONIZE CACHE of either size; no blocks means all from the first on.
  case synchronizeCache(BlockRange)
  /// ERASE of either size; `toEnd` for all from the first on (ERA).
  case erase(BlockRange, toEnd: Bool)
  /// MEDIUM SCAN.
  case mediumScan(MediumScan)

  /// FORMAT UNIT.
  case formatUnit(FormatUnit)
  /// REASSIGN BLOCKS; whether addresses (LONGLBA) and the list's length (LONGLIST) are long.
  case reassignBlocks(longAddresses: Bool, longList: Bool)
  /// READ DEFECT DATA of either size.
  case readDefectData(ReadDefectData)

  /// MODE SENSE of either size.
  case modeSense(ModeSense)
  /// MODE SELECT of either size.
  case modeSelect(ModeSelect)
  /// START STOP UNIT.
  case startStopUnit(StartStopUnit)
  /// PREVENT ALLOW MEDIUM REMOVAL.
  case preventAllowMediumRemoval(prevent: Bool)

  /// RESERVE of either size.
  case reserve
  /// RELEASE of either size.
  case release
  /// SECURITY PROTOCOL IN.
  case securityProtocolIn(SecurityProtocol)
  /// SECURITY PROTOCOL OUT.
  case securityProtocolOut(SecurityProtocol)
  /// PERSISTENT RESERVE IN.
  case persistentReserveIn(ReservationQuery, allocation: UInt32)
  /// PERSISTENT RESERVE OUT. The type is meaningful to the actions that reserve, release or preempt; it is the raw field.
  case persistentReserveOut(ReservationAction, scopeAndType: UInt8, parameterListLength: UInt32)
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
