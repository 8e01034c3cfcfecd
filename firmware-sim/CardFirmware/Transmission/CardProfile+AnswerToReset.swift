import ISO7816

/// How a card of this profile introduces itself: at reset, and in EF.ATR/INFO.
extension CardProfile {
  /// The recipe of its answer to reset. TA1 offers F = 512 and D = 16 to a reader that asks for them by PPS.
  public var answerToReset: AnswerToReset {
    AnswerToReset(
      transmissionProtocol, fiDi: 0x95,
      historicalBytes: HistoricalBytes(
        serviceData: CardProfile.serviceData, capabilities: CardProfile.capabilities,
        issuerData: Array("WARIFU".utf8)))
  }

  /// Applications are selected by their whole names.
  static let serviceData: UInt8 = 0x80

  /// Files are selected by identifier; a data unit is one octet, written once.
  static let capabilities = CardCapabilities(
    selectionMethods: 0x90, dataCoding: 0x01, commandChaining: true, extendedLength: true,
    extendedLengthInformation: false, channelsAssignedByCard: false, channelsAssignedByHost: false,
    logicalChannels: 1)
}
