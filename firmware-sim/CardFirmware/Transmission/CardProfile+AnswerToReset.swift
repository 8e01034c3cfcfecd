import ISO7816
import Octets

/// How a card of this profile introduces itself: at reset, and in EF.ATR/INFO.
extension CardProfile {
  /// The recipe of its answer to reset. TA1 offers F = 512 and D = 16 to a reader that asks for them by PPS.
  ///
  /// It does not say that EF.ATR/INFO tells the limits of extended length, though the file does: that bit has had a
  /// meaning only since the edition of 2013, and what goes by the one of 2005 takes it for a mistake of the card's. Who
  /// hears of extended length knows where to look.
  public var answerToReset: AnswerToReset {
    var capabilities = CardProfile.capabilities
    capabilities.extendedLengthInformation = false
    return AnswerToReset(
      transmissionProtocol, fiDi: 0x95,
      historicalBytes: HistoricalBytes(
        serviceData: CardProfile.serviceData, capabilities: capabilities, issuerData: Array("WARIFU".utf8)))
  }

  /// Card service data (ISO/IEC 7816-4, 12.1.1): applications by whole and by partial name; data objects in
  /// EF.ATR/INFO, which READ BINARY reads; there is a master file.
  static let serviceData: UInt8 = 0xD8

  /// Files are selected by name, path and identifier; a data unit is one octet, written once; both may choose one of
  /// four logical channels.
  static let capabilities = CardCapabilities(
    selectionMethods: 0xF0, dataCoding: 0x01, commandChaining: true, extendedLength: true,
    extendedLengthInformation: true, channelsAssignedByCard: true, channelsAssignedByHost: true,
    logicalChannels: LogicalChannels.count)

  /// The content of EF.ATR/INFO: `43` service data, `47` capabilities, `7F66` the longest APDUs.
  func appendInformation(to buffer: OctetBuffer) throws(OctetError) {
    let service = InlineArray<1, UInt8>(repeating: CardProfile.serviceData)
    try buffer.appendTLV(tag: 0x43, service.span.bytes)
    let capabilities = CardProfile.capabilities.octets
    try buffer.appendTLV(tag: 0x47, capabilities.span.bytes)
    try buffer.appendExtendedLengthInformation(
      ExtendedLengthInformation(commandOctets: Int(commandOctets), responseOctets: Int(commandOctets)))
  }
}
