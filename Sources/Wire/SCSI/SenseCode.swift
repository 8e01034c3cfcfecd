/// What a drive says went wrong: sense key, additional sense code (ASC) and its qualifier (ASCQ), as in `7/27/00`.
public struct SenseCode: RawRepresentable, Hashable, Sendable {
  /// Key, ASC and ASCQ, in the low 24 bits.
  public let rawValue: UInt32

  /// The code of these 24 bits; bits that no code has are dropped.
  public init(rawValue: UInt32) { self.rawValue = rawValue & 0x0F_FFFF }

  /// The code of a key, an ASC and an ASCQ.
  public init(_ key: SenseKey, _ asc: UInt8, _ ascq: UInt8) {
    rawValue = UInt32(key.rawValue) << 16 | UInt32(asc) << 8 | UInt32(ascq)
  }

  /// The class of the failure.
  public var key: SenseKey { SenseKey(rawValue: UInt8(truncatingIfNeeded: rawValue >> 16)) ?? .completed }

  /// The additional sense code.
  public var asc: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 8) }

  /// The additional sense code's qualifier.
  public var ascq: UInt8 { UInt8(truncatingIfNeeded: rawValue) }

  /// Matches every code of one class: `case .mediumError:`.
  public static func ~= (key: SenseKey, code: SenseCode) -> Bool { code.key == key }
}

// Named as in SPC-4, annex D.
extension SenseCode {
  /// 0/00/00: nothing to tell.
  public static let noSense = SenseCode(.noSense, 0x00, 0x00)

  /// 1/0C/01: what was written did not verify, and lies on a spare sector now.
  public static let writeRecoveredByReallocation = SenseCode(.recoveredError, 0x0C, 0x01)
  /// 1/18/00: a block was read with error correction.
  public static let readRecoveredByCorrection = SenseCode(.recoveredError, 0x18, 0x00)
  /// 1/1C/00: the defect list is there, but not in the format asked for.
  public static let defectListNotFound = SenseCode(.recoveredError, 0x1C, 0x00)

  /// 2/04/02: the medium does not spin; START STOP UNIT starts it.
  public static let initializingCommandRequired = SenseCode(.notReady, 0x04, 0x02)
  /// 2/3A/00: there is no medium.
  public static let mediumNotPresent = SenseCode(.notReady, 0x3A, 0x00)

  /// 3/0C/00: a block could not be written.
  public static let writeError = SenseCode(.mediumError, 0x0C, 0x00)
  /// 3/11/00: a block could not be read.
  public static let unrecoveredReadError = SenseCode(.mediumError, 0x11, 0x00)
  /// 3/31/00: formatting was cut off; the medium must be formatted again.
  public static let mediumFormatCorrupted = SenseCode(.mediumError, 0x31, 0x00)
  /// 3/32/00: a block needs a spare sector, and there is none left.
  public static let noDefectSpareLocation = SenseCode(.mediumError, 0x32, 0x00)

  /// 4/44/00: the drive failed.
  public static let internalTargetFailure = SenseCode(.hardwareError, 0x44, 0x00)

  /// 5/1A/00: a parameter list ends in the middle of what it holds.
  public static let parameterListLengthError = SenseCode(.illegalRequest, 0x1A, 0x00)
  /// 5/20/00: an operation code that the drive does not know.
  public static let invalidOperationCode = SenseCode(.illegalRequest, 0x20, 0x00)
  /// 5/21/00: a block beyond the last one.
  public static let blockAddressOutOfRange = SenseCode(.illegalRequest, 0x21, 0x00)
  /// 5/24/00: a field of the CDB is not acceptable; ``SenseData/fieldPointer`` says which.
  public static let invalidFieldInCDB = SenseCode(.illegalRequest, 0x24, 0x00)
  /// 5/26/00: a field of the parameter list is not acceptable; ``SenseData/fieldPointer`` says which.
  public static let invalidFieldInParameterList = SenseCode(.illegalRequest, 0x26, 0x00)
  /// 5/26/04: a persistent reservation of another type or scope is to be released.
  public static let invalidReleaseOfReservation = SenseCode(.illegalRequest, 0x26, 0x04)
  /// 5/2C/00: a command came before the one that it needs.
  public static let commandSequenceError = SenseCode(.illegalRequest, 0x2C, 0x00)
  /// 5/39/00: the drive saves no mode parameters.
  public static let savingParametersNotSupported = SenseCode(.illegalRequest, 0x39, 0x00)
  /// 5/53/02: the medium is locked in (PREVENT ALLOW MEDIUM REMOVAL).
  public static let mediumRemovalPrevented = SenseCode(.illegalRequest, 0x53, 0x02)

  /// 5/55/04: the drive keeps no more registrations.
  public static let insufficientRegistrationResources = SenseCode(.illegalRequest, 0x55, 0x04)

  /// 6/28/00: the medium may have changed.
  public static let mediumMayHaveChanged = SenseCode(.unitAttention, 0x28, 0x00)
  /// 6/29/00: the drive was switched on or reset.
  public static let powerOnOrReset = SenseCode(.unitAttention, 0x29, 0x00)
  /// 6/29/02: the drive was reset as a whole.
  public static let busReset = SenseCode(.unitAttention, 0x29, 0x02)
  /// 6/29/03: the logical unit was reset.
  public static let busDeviceReset = SenseCode(.unitAttention, 0x29, 0x03)
  /// 6/29/07: the connection between initiator and drive was lost.
  public static let nexusLost = SenseCode(.unitAttention, 0x29, 0x07)
  /// 6/2A/01: another initiator changed the mode parameters.
  public static let modeParametersChanged = SenseCode(.unitAttention, 0x2A, 0x01)
  /// 6/2A/03: another initiator cleared the registrations.
  public static let reservationsPreempted = SenseCode(.unitAttention, 0x2A, 0x03)
  /// 6/2A/04: the reservation was released.
  public static let reservationsReleased = SenseCode(.unitAttention, 0x2A, 0x04)
  /// 6/2A/05: another initiator removed this one's registration.
  public static let registrationsPreempted = SenseCode(.unitAttention, 0x2A, 0x05)
  /// 6/2F/00: another initiator cleared commands of this one.
  public static let commandsCleared = SenseCode(.unitAttention, 0x2F, 0x00)

  /// 7/27/00: the block, or the whole medium, is write protected.
  public static let writeProtected = SenseCode(.dataProtect, 0x27, 0x00)

  /// 8/00/00: a block that was erased and not written again.
  public static let blankBlock = SenseCode(.blankCheck, 0x00, 0x00)

  /// B/4B/00: data was too short, or had no room, for what the command transfers.
  public static let dataPhaseError = SenseCode(.abortedCommand, 0x4B, 0x00)

  /// C/00/00: MEDIUM SCAN found what it looked for; the information field says where (SCSI-2, 16.2.3).
  public static let scanSatisfied = SenseCode(.equal, 0x00, 0x00)

  /// E/1D/00: VERIFY or COMPARE AND WRITE found a difference.
  public static let miscompareDuringVerify = SenseCode(.miscompare, 0x1D, 0x00)
}

extension SenseCode: CustomStringConvertible {
  /// As the standards write it, `7/27/00`.
  public var description: String {
    func digit(_ nibble: UInt8) -> UInt8 { nibble < 10 ? 0x30 + nibble : 0x37 + nibble }
    let slash = UInt8(ascii: "/")
    return String(
      decoding: [
        digit(key.rawValue), slash, digit(asc >> 4), digit(asc & 15), slash, digit(ascq >> 4), digit(ascq & 15),
      ], as: UTF8.self)
  }
}
