import SCSI

extension DriveCommand {
  /// What a reservation must not let others do (SPC-4, table 66; SBC-3, table 13; SPC-2, table 10).
  enum Access {
    /// Allowed whatever is reserved.
    case always
    /// Tells about the drive: allowed, but not against RESERVE.
    case informing
    /// Reads the medium.
    case reading
    /// Changes the medium, the drive, or what others find there.
    case changing
  }

  /// What the command does, as reservations see it.
  var access: Access {
    switch self {
    case .inquiry, .inquiryPage, .reportLUNs, .requestSense, .release, .preventAllowMediumRemoval(prevent: false):
      .always
    case .testUnitReady, .readCapacity10, .readCapacity16, .readMediaSerialNumber, .reportSupportedOperationCodes,
      .reportSupportedTaskManagementFunctions, .persistentReserveIn, .persistentReserveOut,
      .securityProtocolIn, .securityProtocolOut:
      .informing
    case .startStopUnit(let request) where request.start && !request.loadEject && request.powerCondition == 0:
      .informing
    case .read, .verify, .preFetch, .seek, .rezeroUnit, .getLBAStatus, .mediumScan, .readDefectData: .reading
    default: .changing
    }
  }
}
