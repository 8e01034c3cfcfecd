/// The first octet of a CDB: the commands that a magneto-optical drive knows here (SPC-4, SBC-3; SCSI-2 for ERASE and
/// MEDIUM SCAN).
public enum OperationCode: UInt8, Hashable, Sendable, CaseIterable {
  /// TEST UNIT READY.
  case testUnitReady = 0x00
  /// REZERO UNIT.
  case rezeroUnit = 0x01
  /// REQUEST SENSE.
  case requestSense = 0x03
  /// FORMAT UNIT.
  case formatUnit = 0x04
  /// REASSIGN BLOCKS.
  case reassignBlocks = 0x07
  /// READ (6).
  case read6 = 0x08
  /// WRITE (6).
  case write6 = 0x0A
  /// SEEK (6).
  case seek6 = 0x0B
  /// INQUIRY.
  case inquiry = 0x12
  /// MODE SELECT (6).
  case modeSelect6 = 0x15
  /// RESERVE (6).
  case reserve6 = 0x16
  /// RELEASE (6).
  case release6 = 0x17
  /// MODE SENSE (6).
  case modeSense6 = 0x1A
  /// START STOP UNIT.
  case startStopUnit = 0x1B
  /// SEND DIAGNOSTIC.
  case sendDiagnostic = 0x1D
  /// PREVENT ALLOW MEDIUM REMOVAL.
  case preventAllowMediumRemoval = 0x1E
  /// READ CAPACITY (10).
  case readCapacity10 = 0x25
  /// READ (10).
  case read10 = 0x28
  /// WRITE (10).
  case write10 = 0x2A
  /// SEEK (10).
  case seek10 = 0x2B
  /// ERASE (10).
  case erase10 = 0x2C
  /// WRITE AND VERIFY (10).
  case writeAndVerify10 = 0x2E
  /// VERIFY (10).
  case verify10 = 0x2F
  /// PRE-FETCH (10).
  case preFetch10 = 0x34
  /// SYNCHRONIZE CACHE (10).
  case synchronizeCache10 = 0x35
  /// READ DEFECT DATA (10).
  case readDefectData10 = 0x37
  /// MEDIUM SCAN.
  case mediumScan = 0x38
  /// WRITE SAME (10).
  case writeSame10 = 0x41
  /// MODE SELECT (10).
  case modeSelect10 = 0x55
  /// RESERVE (10).
  case reserve10 = 0x56
  /// RELEASE (10).
  case release10 = 0x57
  /// MODE SENSE (10).
  case modeSense10 = 0x5A
  /// PERSISTENT RESERVE IN; its service actions are ``ReservationQuery``.
  case persistentReserveIn = 0x5E
  /// PERSISTENT RESERVE OUT; its service actions are ``ReservationAction``.
  case persistentReserveOut = 0x5F
  /// READ (16).
  case read16 = 0x88
  /// COMPARE AND WRITE.
  case compareAndWrite = 0x89
  /// WRITE (16).
  case write16 = 0x8A
  /// ORWRITE (16).
  case orWrite16 = 0x8B
  /// WRITE AND VERIFY (16).
  case writeAndVerify16 = 0x8E
  /// VERIFY (16).
  case verify16 = 0x8F
  /// PRE-FETCH (16).
  case preFetch16 = 0x90
  /// SYNCHRONIZE CACHE (16).
  case synchronizeCache16 = 0x91
  /// WRITE SAME (16).
  case writeSame16 = 0x93
  /// SERVICE ACTION IN (16): READ CAPACITY (16) is its service action 10h, GET LBA STATUS 12h.
  case serviceActionIn16 = 0x9E
  /// REPORT LUNS.
  case reportLUNs = 0xA0
  /// SECURITY PROTOCOL IN.
  case securityProtocolIn = 0xA2
  /// MAINTENANCE IN: REPORT SUPPORTED OPERATION CODES is its service action 0Ch, REPORT SUPPORTED TASK MANAGEMENT
  /// FUNCTIONS 0Dh.
  case maintenanceIn = 0xA3
  /// READ (12).
  case read12 = 0xA8
  /// WRITE (12).
  case write12 = 0xAA
  /// SERVICE ACTION IN (12): READ MEDIA SERIAL NUMBER is its service action 01h.
  case serviceActionIn12 = 0xAB
  /// ERASE (12).
  case erase12 = 0xAC
  /// WRITE AND VERIFY (12).
  case writeAndVerify12 = 0xAE
  /// VERIFY (12).
  case verify12 = 0xAF
  /// SECURITY PROTOCOL OUT.
  case securityProtocolOut = 0xB5
  /// READ DEFECT DATA (12).
  case readDefectData12 = 0xB7

  /// Octets of the CDB, from the group code in the top three bits (SPC-4, 4.2.5.1).
  public var cdbOctets: Int {
    switch rawValue >> 5 {
    case 0: 6
    case 1, 2: 10
    case 4: 16
    default: 12
    }
  }
}
