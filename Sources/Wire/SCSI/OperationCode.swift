/// The first octet of a CDB: the commands that a magneto-optical drive knows here (SPC-4, SBC-3).
public enum OperationCode: UInt8, Hashable, Sendable, CaseIterable {
  /// TEST UNIT READY.
  case testUnitReady = 0x00
  /// REQUEST SENSE.
  case requestSense = 0x03
  /// READ (6).
  case read6 = 0x08
  /// WRITE (6).
  case write6 = 0x0A
  /// INQUIRY.
  case inquiry = 0x12
  /// MODE SENSE (6).
  case modeSense6 = 0x1A
  /// START STOP UNIT.
  case startStopUnit = 0x1B
  /// PREVENT ALLOW MEDIUM REMOVAL.
  case preventAllowMediumRemoval = 0x1E
  /// READ CAPACITY (10).
  case readCapacity10 = 0x25
  /// READ (10).
  case read10 = 0x28
  /// WRITE (10).
  case write10 = 0x2A
  /// WRITE AND VERIFY (10).
  case writeAndVerify10 = 0x2E
  /// VERIFY (10).
  case verify10 = 0x2F
  /// SYNCHRONIZE CACHE (10).
  case synchronizeCache10 = 0x35
  /// MODE SENSE (10).
  case modeSense10 = 0x5A
  /// READ (16).
  case read16 = 0x88
  /// WRITE (16).
  case write16 = 0x8A
  /// SERVICE ACTION IN (16): READ CAPACITY (16) is its service action 10h.
  case serviceActionIn16 = 0x9E
  /// REPORT LUNS.
  case reportLUNs = 0xA0
  /// READ (12).
  case read12 = 0xA8
  /// WRITE (12).
  case write12 = 0xAA
  /// SERVICE ACTION IN (12): READ MEDIA SERIAL NUMBER is its service action 01h.
  case serviceActionIn12 = 0xAB

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
