import Octets

extension DriveCommand {
  /// The command that a CDB spells.
  ///
  /// Octets behind the command's own length are passed over: some transports always carry 16. Any bit set that
  /// ``CommandForm/usage`` does not have is refused.
  ///
  /// - Throws: ``CDBError``, for every CDB that is no command of this drive.
  public init(parsing cdb: RawSpan) throws(CDBError) {
    guard cdb.byteCount >= 1, let operation = OperationCode(rawValue: cdb[octet: 0]) else {
      throw .unknownOperationCode
    }
    guard cdb.byteCount >= operation.cdbOctets else {
      throw .invalidField(.init(octet: UInt16(truncatingIfNeeded: cdb.byteCount)))
    }
    let fields = cdb.extracting(0..<operation.cdbOctets)
    guard let form = CommandForm(operation, second: fields[octet: 1]) else {
      throw .invalidField(.init(octet: 1, bit: 4))  // no such service action
    }
    try form.check(fields)
    if let transfer = try DriveCommand(blocks: fields, operation) {
      self = transfer
    } else {
      self = try DriveCommand(other: fields, form)
    }
  }

  /// The commands that move or check blocks; `nil` for all others.
  private init?(blocks fields: RawSpan, _ operation: OperationCode) throws(CDBError) {
    let flags = fields[octet: 1]
    let forceUnitAccess = flags & 0x08 != 0
    switch operation {
    case .read6: self = .read(DriveCommand.range6(fields), forceUnitAccess: false)
    case .write6: self = .write(DriveCommand.range6(fields), forceUnitAccess: false)
    case .read10, .read12, .read16:
      self = .read(DriveCommand.range(fields), forceUnitAccess: forceUnitAccess)
    case .write10, .write12, .write16:
      self = .write(DriveCommand.range(fields), forceUnitAccess: forceUnitAccess)
    case .writeAndVerify10, .writeAndVerify12, .writeAndVerify16:
      self = .writeAndVerify(DriveCommand.range(fields), comparing: flags & 0x02 != 0)
    case .verify10, .verify12, .verify16:
      guard let comparison = VerifyComparison(rawValue: flags >> 1 & 3) else {
        throw .invalidField(.init(octet: 1, bit: 2))
      }
      self = .verify(DriveCommand.range(fields), comparison)
    case .preFetch10, .preFetch16: self = .preFetch(DriveCommand.range(fields))
    case .synchronizeCache10, .synchronizeCache16: self = .synchronizeCache(DriveCommand.range(fields))
    case .writeSame10, .writeSame16:
      self = .writeSame(
        WriteSame(DriveCommand.range(fields), isUnmapping: flags & 0x18 != 0, withoutData: flags & 0x01 != 0))
    case .orWrite16: self = .orWrite(DriveCommand.range(fields), forceUnitAccess: forceUnitAccess)
    case .compareAndWrite:
      self = .compareAndWrite(
        BlockRange(first: fields.bigEndian64(at: 2), count: UInt32(fields[octet: 13])),
        forceUnitAccess: forceUnitAccess)
    case .erase10, .erase12: self = .erase(DriveCommand.range(fields), toEnd: flags & 0x04 != 0)
    case .seek6: self = .seek(UInt64(fields.bigEndian32(at: 0) & 0x1F_FFFF))
    case .seek10: self = .seek(UInt64(fields.bigEndian32(at: 2)))
    case .mediumScan:
      self = .mediumScan(
        MediumScan(
          first: UInt64(fields.bigEndian32(at: 2)), forWritten: flags & 0x10 != 0,
          parameterListLength: UInt32(fields.bigEndian16(at: 7))))
    default: return nil
    }
  }

  private init(other fields: RawSpan, _ form: CommandForm) throws(CDBError) {
    let flags = fields[octet: 1]
    switch form.operation {
    case .rezeroUnit: self = .rezeroUnit
    case .requestSense: self = .requestSense(descriptors: flags & 0x01 != 0, allocation: UInt32(fields[octet: 4]))
    case .inquiry: self = try DriveCommand.inquiry(fields)
    case .readCapacity10: self = .readCapacity10
    case .serviceActionIn16 where form.serviceAction == 0x12:
      self = .getLBAStatus(first: fields.bigEndian64(at: 2), allocation: fields.bigEndian32(at: 10))
    case .serviceActionIn16: self = .readCapacity16(allocation: fields.bigEndian32(at: 10))
    case .serviceActionIn12: self = .readMediaSerialNumber(allocation: fields.bigEndian32(at: 6))
    case .maintenanceIn where form.serviceAction == 0x0D:
      self = .reportSupportedTaskManagementFunctions(
        extended: fields[octet: 2] & 0x80 != 0, allocation: fields.bigEndian32(at: 6))
    case .maintenanceIn: self = try DriveCommand.operationCodes(fields)
    case .reportLUNs:
      guard fields[octet: 2] <= 2 else { throw .invalidField(.init(octet: 2)) }
      self = .reportLUNs(select: fields[octet: 2], allocation: fields.bigEndian32(at: 6))
    case .sendDiagnostic: self = try DriveCommand.sendDiagnostic(fields)
    case .formatUnit:
      self = .formatUnit(
        FormatUnit(
          hasParameterList: flags & 0x10 != 0, isLongList: flags & 0x20 != 0, isListComplete: flags & 0x08 != 0,
          format: flags & 0x07))
    case .reassignBlocks: self = .reassignBlocks(longAddresses: flags & 0x02 != 0, longList: flags & 0x01 != 0)
    case .readDefectData10, .readDefectData12: self = DriveCommand.readDefectData(fields)
    case .modeSense6, .modeSense10: self = DriveCommand.modeSense(fields)
    case .modeSelect6, .modeSelect10:
      let isLong = fields.byteCount == 10
      self = .modeSelect(
        ModeSelect(
          isPageFormat: flags & 0x10 != 0, isSaving: flags & 0x01 != 0, isLong: isLong,
          parameterListLength: isLong ? UInt32(fields.bigEndian16(at: 7)) : UInt32(fields[octet: 4])))
    case .startStopUnit:
      let what = fields[octet: 4]
      self = .startStopUnit(
        StartStopUnit(
          powerCondition: what >> 4, withoutFlush: what & 4 != 0, loadEject: what & 2 != 0, start: what & 1 != 0))
    case .preventAllowMediumRemoval: self = .preventAllowMediumRemoval(prevent: fields[octet: 4] & 1 != 0)
    case .reserve6, .reserve10: self = .reserve
    case .release6, .release10: self = .release
    case .securityProtocolIn: self = .securityProtocolIn(SecurityProtocol(fields))
    case .securityProtocolOut: self = .securityProtocolOut(SecurityProtocol(fields))
    case .persistentReserveIn: self = try DriveCommand.persistentReserveIn(fields)
    case .persistentReserveOut: self = try DriveCommand.persistentReserveOut(fields)
    default: self = .testUnitReady  // all others are dealt with
    }
  }

  private static func inquiry(_ fields: RawSpan) throws(CDBError) -> DriveCommand {
    let allocation = UInt32(fields.bigEndian16(at: 3))
    if fields[octet: 1] & 0x01 != 0 { return .inquiryPage(fields[octet: 2], allocation: allocation) }
    guard fields[octet: 2] == 0 else { throw .invalidField(.init(octet: 2)) }
    return .inquiry(allocation: allocation)
  }

  private static func operationCodes(_ fields: RawSpan) throws(CDBError) -> DriveCommand {
    guard let choice = OperationCodeQuery.Choice(rawValue: fields[octet: 2] & 0x07) else {
      throw .invalidField(.init(octet: 2, bit: 2))
    }
    return .reportSupportedOperationCodes(
      OperationCodeQuery(
        choice, operationCode: fields[octet: 3], serviceAction: fields.bigEndian16(at: 4),
        withTimeouts: fields[octet: 2] & 0x80 != 0, allocation: fields.bigEndian32(at: 6)))
  }

  /// The default self-test, no test at all, or foreground tests, which are the default one here (SPC-4, 6.42).
  private static func sendDiagnostic(_ fields: RawSpan) throws(CDBError) -> DriveCommand {
    let code = fields[octet: 1] >> 5
    let isDefault = fields[octet: 1] & 0x04 != 0
    guard code == 0 || (!isDefault && (code == 5 || code == 6)) else { throw .invalidField(.init(octet: 1, bit: 7)) }
    return .sendDiagnostic(selfTest: isDefault || code != 0, parameterListLength: UInt32(fields.bigEndian16(at: 3)))
  }

  private static func readDefectData(_ fields: RawSpan) -> DriveCommand {
    let isLong = fields.byteCount == 12
    let what = isLong ? fields[octet: 1] : fields[octet: 2]
    return .readDefectData(
      ReadDefectData(
        primary: what & 0x10 != 0, grown: what & 0x08 != 0, format: what & 0x07,
        startIndex: isLong ? fields.bigEndian32(at: 2) : 0, isLong: isLong,
        allocation: isLong ? fields.bigEndian32(at: 6) : UInt32(fields.bigEndian16(at: 7))))
  }

  private static func modeSense(_ fields: RawSpan) -> DriveCommand {
    let isLong = fields.byteCount == 10
    return .modeSense(
      ModeSense(
        page: fields[octet: 2] & 0x3F, subpage: fields[octet: 3],
        control: ModeSense.Control(rawValue: fields[octet: 2] >> 6) ?? .current,
        withoutBlockDescriptor: fields[octet: 1] & 0x08 != 0,
        acceptsLongDescriptor: isLong && fields[octet: 1] & 0x10 != 0, isLong: isLong,
        allocation: isLong ? UInt32(fields.bigEndian16(at: 7)) : UInt32(fields[octet: 4])))
  }

  private static func persistentReserveIn(_ fields: RawSpan) throws(CDBError) -> DriveCommand {
    guard let query = ReservationQuery(rawValue: fields[octet: 1] & 0x1F) else {
      throw .invalidField(.init(octet: 1, bit: 4))
    }
    return .persistentReserveIn(query, allocation: UInt32(fields.bigEndian16(at: 7)))
  }

  private static func persistentReserveOut(_ fields: RawSpan) throws(CDBError) -> DriveCommand {
    guard let action = ReservationAction(rawValue: fields[octet: 1] & 0x1F) else {
      throw .invalidField(.init(octet: 1, bit: 4))
    }
    return .persistentReserveOut(
      action, scopeAndType: fields[octet: 2], parameterListLength: fields.bigEndian32(at: 5))
  }

  /// Address and count of READ (6) and WRITE (6); a count of 0 means 256 (SBC-3, 5.10).
  private static func range6(_ fields: RawSpan) -> BlockRange {
    let count = UInt32(fields[octet: 4])
    return BlockRange(first: UInt64(fields.bigEndian32(at: 0) & 0x1F_FFFF), count: count == 0 ? 256 : count)
  }

  /// Address and count of the longer forms.
  private static func range(_ fields: RawSpan) -> BlockRange {
    switch fields.byteCount {
    case 10: BlockRange(first: UInt64(fields.bigEndian32(at: 2)), count: UInt32(fields.bigEndian16(at: 7)))
    case 12: BlockRange(first: UInt64(fields.bigEndian32(at: 2)), count: fields.bigEndian32(at: 6))
    default: BlockRange(first: fields.bigEndian64(at: 2), count: fields.bigEndian32(at: 10))
    }
  }
}
