import Octets

/// What a command can do to a medium, told by its operation code alone.
enum CommandEffect {
  /// Whether the command, if it was executed, may have changed the medium: all may but those known not to.
  static func mayChangeMedium(_ cdb: RawSpan) -> Bool {
    guard cdb.byteCount > 0 else { return false }
    switch cdb[octet: 0] {
    case 0x00, 0x03, 0x08, 0x12, 0x1A, 0x1C, 0x1E, 0x25, 0x28, 0x2F, 0x34, 0x37, 0x3C, 0x3E, 0x4D, 0x5A, 0x5E, 0x88,
      0x8F, 0x90, 0x9E, 0xA0, 0xA2, 0xA3, 0xA8, 0xAB, 0xAF, 0xB7:
      // TEST UNIT READY, REQUEST SENSE, READ (6), INQUIRY, MODE SENSE (6), RECEIVE DIAGNOSTIC RESULTS, PREVENT ALLOW,
      // READ CAPACITY (10), READ (10), VERIFY (10), PRE-FETCH (10), READ DEFECT DATA (10), READ BUFFER, READ LONG,
      // LOG SENSE, MODE SENSE (10), PERSISTENT RESERVE IN, READ (16), VERIFY (16), PRE-FETCH (16), SERVICE ACTION IN
      // (16), REPORT LUNS, SECURITY PROTOCOL IN, MAINTENANCE IN, READ (12), SERVICE ACTION IN (12), VERIFY (12),
      // READ DEFECT DATA (12).
      return false
    default: return true
    }
  }
}
