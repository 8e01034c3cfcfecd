/// The four sizes of a READ or WRITE command: how large a block address and a count it can hold.
public enum TransferForm: Int, Hashable, Sendable, CaseIterable {
  /// 21 bits of address, 1 to 256 blocks.
  case six = 6
  /// 32 bits of address, up to 65,535 blocks.
  case ten = 10
  /// 32 bits of address and count.
  case twelve = 12
  /// 64 bits of address, 32 of count.
  case sixteen = 16

  /// Whether a command of this size can name `range`.
  public func holds(_ range: BlockRange) -> Bool {
    switch self {
    case .six:
      (1...256).contains(range.count) && range.first <= 0x1F_FFFF && range.first + UInt64(range.count) <= 0x20_0000
    case .ten: range.first <= 0xFFFF_FFFF && range.count <= 0xFFFF
    case .twelve: range.first <= 0xFFFF_FFFF
    case .sixteen: true
    }
  }

  /// The size that initiators use for `range`: the smallest that holds it, but never 6.
  public static func fitting(_ range: BlockRange) -> TransferForm {
    if TransferForm.ten.holds(range) { return .ten }
    return TransferForm.twelve.holds(range) ? .twelve : .sixteen
  }
}

extension CDB {
  /// TEST UNIT READY (SPC-4, 6.47).
  public static var testUnitReady: CDB { CDB(.testUnitReady) }

  /// REQUEST SENSE (SPC-4, 6.39), fixed format.
  public static func requestSense(allocation: UInt8 = 18) -> CDB {
    var cdb = CDB(.requestSense)
    cdb.put(UInt64(allocation), at: 4, width: 1)
    return cdb
  }

  /// INQUIRY (SPC-4, 6.6): standard data.
  public static func inquiry(allocation: UInt16 = 36) -> CDB {
    var cdb = CDB(.inquiry)
    cdb.put(UInt64(allocation), at: 3, width: 2)
    return cdb
  }

  /// INQUIRY (SPC-4, 6.6): a vital product data page.
  public static func inquiry(page: VitalProductDataPage, allocation: UInt16 = 252) -> CDB {
    var cdb = CDB.inquiry(allocation: allocation)
    cdb.set(0x01, at: 1)
    cdb.put(UInt64(page.rawValue), at: 2, width: 1)
    return cdb
  }

  /// READ CAPACITY (10) (SBC-3, 5.16).
  public static var readCapacity10: CDB { CDB(.readCapacity10) }

  /// READ CAPACITY (16) (SBC-3, 5.17).
  public static func readCapacity16(allocation: UInt32 = 32) -> CDB {
    var cdb = CDB(.serviceActionIn16)
    cdb.set(0x10, at: 1)
    cdb.put(UInt64(allocation), at: 10, width: 4)
    return cdb
  }

  /// READ (10), (12) or (16), whichever holds the range (SBC-3, 5.11 ff.).
  public static func read(_ range: BlockRange, forceUnitAccess: Bool = false) -> CDB {
    transfer(range, .fitting(range), [.read6, .read10, .read12, .read16], forceUnitAccess)
  }

  /// READ of the given size; `nil` if it cannot hold the range. READ (6) has no FORCE UNIT ACCESS.
  public static func read(_ range: BlockRange, form: TransferForm, forceUnitAccess: Bool = false) -> CDB? {
    guard form.holds(range), !(form == .six && forceUnitAccess) else { return nil }
    return transfer(range, form, [.read6, .read10, .read12, .read16], forceUnitAccess)
  }

  /// WRITE (10), (12) or (16), whichever holds the range (SBC-3, 5.32 ff.).
  public static func write(_ range: BlockRange, forceUnitAccess: Bool = false) -> CDB {
    transfer(range, .fitting(range), [.write6, .write10, .write12, .write16], forceUnitAccess)
  }

  /// WRITE of the given size; `nil` if it cannot hold the range. WRITE (6) has no FORCE UNIT ACCESS.
  public static func write(_ range: BlockRange, form: TransferForm, forceUnitAccess: Bool = false) -> CDB? {
    guard form.holds(range), !(form == .six && forceUnitAccess) else { return nil }
    return transfer(range, form, [.write6, .write10, .write12, .write16], forceUnitAccess)
  }

  /// WRITE AND VERIFY (10) (SBC-3, 5.36); `nil` if it cannot hold the range.
  public static func writeAndVerify(_ range: BlockRange, comparing: Bool = true) -> CDB? {
    guard TransferForm.ten.holds(range) else { return nil }
    var cdb = transfer(range, .ten, [.writeAndVerify10], false)
    if comparing { cdb.set(0x02, at: 1) }
    return cdb
  }

  /// VERIFY (10) (SBC-3, 5.28); `nil` if it cannot hold the range.
  public static func verify(_ range: BlockRange, _ comparison: VerifyComparison) -> CDB? {
    guard TransferForm.ten.holds(range) else { return nil }
    var cdb = transfer(range, .ten, [.verify10], false)
    cdb.set(comparison.rawValue << 1, at: 1)
    return cdb
  }

  /// SYNCHRONIZE CACHE (10) (SBC-3, 5.24); no blocks means all from the first on. `nil` if it cannot hold the range.
  public static func synchronizeCache(_ range: BlockRange = BlockRange(first: 0, count: 0)) -> CDB? {
    TransferForm.ten.holds(range) ? transfer(range, .ten, [.synchronizeCache10], false) : nil
  }

  /// SYNCHRONIZE CACHE (10) of the whole medium.
  public static var synchronizeWholeCache: CDB { CDB(.synchronizeCache10) }

  /// MODE SENSE (6) or (10) (SPC-4, 6.11, 6.12): current values, with the block descriptor.
  public static func modeSense(page: UInt8 = 0x3F, long: Bool = false, allocation: UInt16 = 252) -> CDB {
    var cdb = CDB(long ? .modeSense10 : .modeSense6)
    cdb.put(UInt64(page & 0x3F), at: 2, width: 1)
    if long {
      cdb.put(UInt64(allocation), at: 7, width: 2)
    } else {
      cdb.put(UInt64(min(allocation, 255)), at: 4, width: 1)
    }
    return cdb
  }

  /// START STOP UNIT (SBC-3, 5.25): spins up or down; with `loadEject` loads or ejects the medium.
  public static func startStopUnit(start: Bool, loadEject: Bool = false) -> CDB {
    var cdb = CDB(.startStopUnit)
    cdb.set((start ? 1 : 0) | (loadEject ? 2 : 0), at: 4)
    return cdb
  }

  /// PREVENT ALLOW MEDIUM REMOVAL (SBC-3, 5.10).
  public static func preventAllowMediumRemoval(prevent: Bool) -> CDB {
    var cdb = CDB(.preventAllowMediumRemoval)
    cdb.set(prevent ? 1 : 0, at: 4)
    return cdb
  }

  /// REPORT LUNS (SPC-4, 6.33).
  public static func reportLUNs(allocation: UInt32 = 4096) -> CDB {
    var cdb = CDB(.reportLUNs)
    cdb.put(UInt64(allocation), at: 6, width: 4)
    return cdb
  }

  /// READ MEDIA SERIAL NUMBER (SPC-4, 6.28): ABh, service action 01h.
  public static func readMediaSerialNumber(allocation: UInt32 = 260) -> CDB {
    var cdb = CDB(.serviceActionIn12)
    cdb.set(0x01, at: 1)
    cdb.put(UInt64(allocation), at: 6, width: 4)
    return cdb
  }

  /// Lays out address and count where the form has them; `operations` are in ascending form, or one of form 10.
  private static func transfer(
    _ range: BlockRange, _ form: TransferForm, _ operations: [OperationCode], _ forceUnitAccess: Bool
  ) -> CDB {
    var cdb = CDB(operations.first { $0.cdbOctets == form.rawValue } ?? operations[0])
    switch form {
    case .six:
      cdb.put(range.first, at: 1, width: 3)
      cdb.put(UInt64(range.count & 0xFF), at: 4, width: 1)  // 0 means 256
    case .ten:
      cdb.put(range.first, at: 2, width: 4)
      cdb.put(UInt64(range.count), at: 7, width: 2)
    case .twelve:
      cdb.put(range.first, at: 2, width: 4)
      cdb.put(UInt64(range.count), at: 6, width: 4)
    case .sixteen:
      cdb.put(range.first, at: 2, width: 8)
      cdb.put(UInt64(range.count), at: 10, width: 4)
    }
    if forceUnitAccess { cdb.set(0x08, at: 1) }
    return cdb
  }
}
