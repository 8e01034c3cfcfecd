/// What a function of PC/SC returned (PC/SC Part 5, 3.1; `pcsclite.h`): the low 32 bits of its `LONG`.
///
/// The values are those of pcsc-lite and of Windows; the C header's own constants are casts that Swift cannot import.
package struct ReturnCode: RawRepresentable, Hashable, Sendable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The code in a C `LONG`, which some platforms extend by its sign and others by zeroes.
  package init(_ long: Int) { rawValue = UInt32(truncatingIfNeeded: long) }

  package static let success = ReturnCode(rawValue: 0)
  package static let internalError = ReturnCode(rawValue: 0x8010_0001)
  package static let cancelled = ReturnCode(rawValue: 0x8010_0002)
  package static let invalidHandle = ReturnCode(rawValue: 0x8010_0003)
  package static let invalidParameter = ReturnCode(rawValue: 0x8010_0004)
  package static let noMemory = ReturnCode(rawValue: 0x8010_0006)
  package static let waitedTooLong = ReturnCode(rawValue: 0x8010_0007)
  package static let insufficientBuffer = ReturnCode(rawValue: 0x8010_0008)
  package static let unknownReader = ReturnCode(rawValue: 0x8010_0009)
  package static let timeout = ReturnCode(rawValue: 0x8010_000A)
  package static let sharingViolation = ReturnCode(rawValue: 0x8010_000B)
  package static let noSmartCard = ReturnCode(rawValue: 0x8010_000C)
  package static let unknownCard = ReturnCode(rawValue: 0x8010_000D)
  package static let protocolMismatch = ReturnCode(rawValue: 0x8010_000F)
  package static let notReady = ReturnCode(rawValue: 0x8010_0010)
  package static let invalidValue = ReturnCode(rawValue: 0x8010_0011)
  package static let systemCancelled = ReturnCode(rawValue: 0x8010_0012)
  package static let communicationError = ReturnCode(rawValue: 0x8010_0013)
  package static let unknownError = ReturnCode(rawValue: 0x8010_0014)
  package static let invalidATR = ReturnCode(rawValue: 0x8010_0015)
  package static let notTransacted = ReturnCode(rawValue: 0x8010_0016)
  package static let readerUnavailable = ReturnCode(rawValue: 0x8010_0017)
  package static let shutdown = ReturnCode(rawValue: 0x8010_0018)
  package static let pciTooSmall = ReturnCode(rawValue: 0x8010_0019)
  package static let readerUnsupported = ReturnCode(rawValue: 0x8010_001A)
  package static let duplicateReader = ReturnCode(rawValue: 0x8010_001B)
  package static let cardUnsupported = ReturnCode(rawValue: 0x8010_001C)
  package static let noService = ReturnCode(rawValue: 0x8010_001D)
  package static let serviceStopped = ReturnCode(rawValue: 0x8010_001E)
  package static let unsupportedFeature = ReturnCode(rawValue: 0x8010_001F)
  package static let noReadersAvailable = ReturnCode(rawValue: 0x8010_002E)
  package static let communicationDataLost = ReturnCode(rawValue: 0x8010_002F)
  package static let serverTooBusy = ReturnCode(rawValue: 0x8010_0031)
  package static let unsupportedCard = ReturnCode(rawValue: 0x8010_0065)
  package static let unresponsiveCard = ReturnCode(rawValue: 0x8010_0066)
  package static let unpoweredCard = ReturnCode(rawValue: 0x8010_0067)
  package static let resetCard = ReturnCode(rawValue: 0x8010_0068)
  package static let removedCard = ReturnCode(rawValue: 0x8010_0069)
  package static let securityViolation = ReturnCode(rawValue: 0x8010_006A)
  package static let cancelledByUser = ReturnCode(rawValue: 0x8010_006E)

  /// Whether the service, or the connection to it, is gone: nothing of this context will work again.
  package var isServiceLoss: Bool {
    switch self {
    case .noService, .serviceStopped, .invalidHandle, .communicationError, .internalError, .shutdown: true
    default: false
    }
  }
}
