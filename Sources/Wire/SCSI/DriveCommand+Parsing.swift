import Octets

extension DriveCommand {
  /// The command that a CDB spells.
  ///
  /// Octets behind the command's own length are passed over: some transports always carry 16.
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
    try DriveCommand.requireClear(0x04, of: fields, at: fields.byteCount - 1)  // NACA: there is no ACA here

    switch operation {
    case .testUnitReady: self = .testUnitReady
    case .requestSense:
      try DriveCommand.requireClear(0x01, of: fields, at: 1)  // DESC
      self = .requestSense(allocation: UInt32(fields[octet: 4]))
    case .inquiry: self = try DriveCommand.inquiry(fields)
    case .readCapacity10: self = try DriveCommand.readCapacity10(fields)
    case .serviceActionIn16: self = try DriveCommand.serviceActionIn16(fields)
    case .serviceActionIn12: self = try DriveCommand.serviceActionIn12(fields)
    case .read6: self = .read(DriveCommand.range6(fields), forceUnitAccess: false)
    case .write6: self = .write(DriveCommand.range6(fields), forceUnitAccess: false)
    case .read10, .read12, .read16:
      self = .read(try DriveCommand.range(fields), forceUnitAccess: fields[octet: 1] & 0x08 != 0)
    case .write10, .write12, .write16:
      self = .write(try DriveCommand.range(fields), forceUnitAccess: fields[octet: 1] & 0x08 != 0)
    case .writeAndVerify10:
      try DriveCommand.requireClear(0x04, of: fields, at: 1)  // BYTCHK is 00b or 01b here
      self = .writeAndVerify(try DriveCommand.range(fields), comparing: fields[octet: 1] & 0x02 != 0)
    case .verify10:
      guard let comparison = VerifyComparison(rawValue: fields[octet: 1] >> 1 & 3) else {
        throw .invalidField(.init(octet: 1, bit: 2))
      }
      self = .verify(try DriveCommand.range(fields), comparison)
    case .synchronizeCache10:
      self = .synchronizeCache(
        BlockRange(first: UInt64(fields.bigEndian32(at: 2)), count: UInt32(fields.bigEndian16(at: 7))))
    case .modeSense6, .modeSense10: self = DriveCommand.modeSense(fields)
    case .startStopUnit:
      try DriveCommand.requireClear(0xF0, of: fields, at: 4)  // POWER CONDITION
      self = .startStopUnit(start: fields[octet: 4] & 1 != 0, loadEject: fields[octet: 4] & 2 != 0)
    case .preventAllowMediumRemoval:
      try DriveCommand.requireClear(0x02, of: fields, at: 4)  // there is no medium changer
      self = .preventAllowMediumRemoval(prevent: fields[octet: 4] & 1 != 0)
    case .reportLUNs:
      guard fields[octet: 2] <= 2 else { throw .invalidField(.init(octet: 2)) }
      self = .reportLUNs(select: fields[octet: 2], allocation: fields.bigEndian32(at: 6))
    }
  }

  private static func inquiry(_ fields: RawSpan) throws(CDBError) -> DriveCommand {
    let allocation = UInt32(fields.bigEndian16(at: 3))
    try requireClear(0x02, of: fields, at: 1)  // CMDDT, obsolete
    if fields[octet: 1] & 0x01 != 0 { return .inquiryPage(fields[octet: 2], allocation: allocation) }
    guard fields[octet: 2] == 0 else { throw .invalidField(.init(octet: 2)) }
    return .inquiry(allocation: allocation)
  }

  private static func readCapacity10(_ fields: RawSpan) throws(CDBError) -> DriveCommand {
    guard fields.bigEndian32(at: 2) == 0 else { throw .invalidField(.init(octet: 2)) }
    try requireClear(0x01, of: fields, at: 8)  // PMI, obsolete
    return .readCapacity10
  }

  private static func serviceActionIn16(_ fields: RawSpan) throws(CDBError) -> DriveCommand {
    guard fields[octet: 1] & 0x1F == 0x10 else { throw .invalidField(.init(octet: 1, bit: 4)) }
    guard fields.bigEndian64(at: 2) == 0 else { throw .invalidField(.init(octet: 2)) }
    try requireClear(0x01, of: fields, at: 14)  // PMI, obsolete
    return .readCapacity16(allocation: fields.bigEndian32(at: 10))
  }

  private static func serviceActionIn12(_ fields: RawSpan) throws(CDBError) -> DriveCommand {
    guard fields[octet: 1] & 0x1F == 0x01 else { throw .invalidField(.init(octet: 1, bit: 4)) }
    return .readMediaSerialNumber(allocation: fields.bigEndian32(at: 6))
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

  /// Address and count of READ (6) and WRITE (6); a count of 0 means 256 (SBC-3, 5.10).
  private static func range6(_ fields: RawSpan) -> BlockRange {
    let count = UInt32(fields[octet: 4])
    return BlockRange(first: UInt64(fields.bigEndian32(at: 0) & 0x1F_FFFF), count: count == 0 ? 256 : count)
  }

  /// Address and count of the longer forms; no protection information is kept (SBC-3, 4.22).
  private static func range(_ fields: RawSpan) throws(CDBError) -> BlockRange {
    try requireClear(0xE0, of: fields, at: 1)  // RDPROTECT, WRPROTECT, VRPROTECT
    switch fields.byteCount {
    case 10: return BlockRange(first: UInt64(fields.bigEndian32(at: 2)), count: UInt32(fields.bigEndian16(at: 7)))
    case 12: return BlockRange(first: UInt64(fields.bigEndian32(at: 2)), count: fields.bigEndian32(at: 6))
    default: return BlockRange(first: fields.bigEndian64(at: 2), count: fields.bigEndian32(at: 10))
    }
  }

  /// Refuses a CDB with any bit of `mask` set in the octet at `offset`, and points to the highest such bit.
  private static func requireClear(_ mask: UInt8, of fields: RawSpan, at offset: Int) throws(CDBError) {
    let bits = fields[octet: offset] & mask
    guard bits == 0 else {
      throw .invalidField(
        .init(octet: UInt16(truncatingIfNeeded: offset), bit: UInt8(7 - bits.leadingZeroBitCount)))
    }
  }
}
