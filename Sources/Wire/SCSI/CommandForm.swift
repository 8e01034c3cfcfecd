import Octets

/// One row of the drive's command table: an operation code, with its service action where it has such, and the bits of the
/// CDB that the drive heeds.
///
/// The table is what the parser checks CDBs by and what REPORT SUPPORTED OPERATION CODES tells, so that the two agree.
public struct CommandForm: Hashable, Sendable {
  /// The operation code.
  public let operation: OperationCode

  /// The service action, if the operation code has such.
  public let serviceAction: UInt8?

  /// The form of a CDB that starts with `operation` and whose second octet is `second`; `nil` if the drive has no such
  /// service action.
  public init?(_ operation: OperationCode, second: UInt8) {
    guard operation.hasServiceActions else {
      self.init(operation, nil)
      return
    }
    let action = second & 0x1F
    guard CommandForm.serviceActions(of: operation).contains(action) else { return nil }
    self.init(operation, action)
  }

  private init(_ operation: OperationCode, _ serviceAction: UInt8?) {
    self.operation = operation
    self.serviceAction = serviceAction
  }

  /// Calls `body` with each row of the table, in ascending order.
  public static func forEach<E: Error>(_ body: (CommandForm) throws(E) -> Void) throws(E) {
    for operation in OperationCode.allCases {
      guard operation.hasServiceActions else {
        try body(CommandForm(operation, nil))
        continue
      }
      for action in serviceActions(of: operation) { try body(CommandForm(operation, action)) }
    }
  }

  /// The service actions of an operation code, ascending; none if it has no such field.
  public static func serviceActions(of operation: OperationCode) -> [UInt8] {
    switch operation {
    case .persistentReserveIn: [0x00, 0x01, 0x02, 0x03]
    case .persistentReserveOut: [0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07]
    case .serviceActionIn16: [0x10, 0x12]
    case .maintenanceIn: [0x0C, 0x0D]
    case .serviceActionIn12: [0x01]
    default: []
    }
  }

  /// The CDB USAGE DATA (SPC-4, 6.35.3): the operation code, the service action, and a one in each bit that is heeded. The
  /// CDB's octets make one big-endian number. Control octet, RDPROTECT and the like are not supported: their bits are 0.
  public var usage: UInt128 {
    switch operation {
    case .testUnitReady: 0x00_00_0000_00_00
    case .rezeroUnit: 0x01_00_0000_00_00
    case .requestSense: 0x03_01_0000_FF_00
    case .formatUnit: 0x04_3F_00FFFF_00
    case .reassignBlocks: 0x07_03_0000_00_00
    case .read6: 0x08_1FFFFF_FF_00
    case .write6: 0x0A_1FFFFF_FF_00
    case .seek6: 0x0B_1FFFFF_00_00
    case .inquiry: 0x12_01_FF_FFFF_00
    case .modeSelect6: 0x15_11_0000_FF_00
    case .reserve6: 0x16_00_0000_00_00
    case .release6: 0x17_00_0000_00_00
    case .modeSense6: 0x1A_08_FF_FF_FF_00
    case .startStopUnit: 0x1B_01_00_0F_F7_00
    case .sendDiagnostic: 0x1D_F7_00_FFFF_00
    case .preventAllowMediumRemoval: 0x1E_00_0000_01_00
    case .readCapacity10: 0x25_00_00000000_0000_00_00
    case .read10: 0x28_18_FFFFFFFF_1F_FFFF_00
    case .write10: 0x2A_18_FFFFFFFF_1F_FFFF_00
    case .seek10: 0x2B_00_FFFFFFFF_00_0000_00
    case .erase10: 0x2C_04_FFFFFFFF_00_FFFF_00
    case .writeAndVerify10: 0x2E_12_FFFFFFFF_1F_FFFF_00
    case .verify10: 0x2F_16_FFFFFFFF_1F_FFFF_00
    case .preFetch10: 0x34_02_FFFFFFFF_1F_FFFF_00
    case .synchronizeCache10: 0x35_06_FFFFFFFF_1F_FFFF_00
    case .readDefectData10: 0x37_00_1F_00000000_FFFF_00
    case .mediumScan: 0x38_10_FFFFFFFF_00_FFFF_00
    case .writeSame10: 0x41_18_FFFFFFFF_1F_FFFF_00
    case .modeSelect10: 0x55_11_0000000000_FFFF_00
    case .reserve10: 0x56_00_0000000000_0000_00
    case .release10: 0x57_00_0000000000_0000_00
    case .modeSense10: 0x5A_18_FF_FF_000000_FFFF_00
    case .persistentReserveIn: 0x5E_00_0000000000_FFFF_00 | UInt128(serviceAction ?? 0) << 64
    case .persistentReserveOut: 0x5F_00_FF_0000_FFFFFFFF_00 | UInt128(serviceAction ?? 0) << 64
    case .read16: 0x88_18_FFFFFFFFFFFFFFFF_FFFFFFFF_1F_00
    case .compareAndWrite: 0x89_18_FFFFFFFFFFFFFFFF_000000FF_1F_00
    case .write16: 0x8A_18_FFFFFFFFFFFFFFFF_FFFFFFFF_1F_00
    case .orWrite16: 0x8B_18_FFFFFFFFFFFFFFFF_FFFFFFFF_1F_00
    case .writeAndVerify16: 0x8E_12_FFFFFFFFFFFFFFFF_FFFFFFFF_1F_00
    case .verify16: 0x8F_16_FFFFFFFFFFFFFFFF_FFFFFFFF_1F_00
    case .preFetch16: 0x90_02_FFFFFFFFFFFFFFFF_FFFFFFFF_1F_00
    case .synchronizeCache16: 0x91_06_FFFFFFFFFFFFFFFF_FFFFFFFF_1F_00
    case .writeSame16: 0x93_19_FFFFFFFFFFFFFFFF_FFFFFFFF_1F_00
    case .serviceActionIn16:
      serviceAction == 0x10
        ? 0x9E_10_0000000000000000_FFFFFFFF_00_00 : 0x9E_12_FFFFFFFFFFFFFFFF_FFFFFFFF_00_00
    case .reportLUNs: 0xA0_00_FF_000000_FFFFFFFF_00_00
    case .securityProtocolIn: 0xA2_FF_FFFF_0000_FFFFFFFF_00_00
    case .maintenanceIn:
      serviceAction == 0x0C ? 0xA3_0C_87_FF_FFFF_FFFFFFFF_00_00 : 0xA3_0D_80_00_0000_FFFFFFFF_00_00
    case .read12: 0xA8_18_FFFFFFFF_FFFFFFFF_1F_00
    case .write12: 0xAA_18_FFFFFFFF_FFFFFFFF_1F_00
    case .serviceActionIn12: 0xAB_01_00000000_FFFFFFFF_00_00
    case .erase12: 0xAC_04_FFFFFFFF_FFFFFFFF_00_00
    case .writeAndVerify12: 0xAE_12_FFFFFFFF_FFFFFFFF_1F_00
    case .verify12: 0xAF_16_FFFFFFFF_FFFFFFFF_1F_00
    case .securityProtocolOut: 0xB5_FF_FFFF_0000_FFFFFFFF_00_00
    case .readDefectData12: 0xB7_1F_FFFFFFFF_FFFFFFFF_00_00
    }
  }

  /// Refuses a CDB that has any bit set that is not heeded, and points to the first such bit.
  func check(_ fields: RawSpan) throws(CDBError) {
    var number: UInt128 = 0
    for index in 0..<fields.byteCount { number = number << 8 | UInt128(fields[octet: index]) }
    let stray = number & ~usage
    guard stray != 0 else { return }
    let fromLeft = stray.leadingZeroBitCount - (16 - fields.byteCount) * 8
    throw .invalidField(.init(octet: UInt16(truncatingIfNeeded: fromLeft / 8), bit: UInt8(7 - fromLeft % 8)))
  }
}

extension OperationCode {
  /// Whether the low five bits of the second octet choose among several commands.
  public var hasServiceActions: Bool {
    switch self {
    case .persistentReserveIn, .persistentReserveOut, .serviceActionIn16, .maintenanceIn, .serviceActionIn12: true
    default: false
    }
  }
}
