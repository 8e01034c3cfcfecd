import Octets

/// Why octets are no PPS request or response (ISO/IEC 7816-3, 9.2).
public enum PPSError: Error, Equatable {
  /// Fewer octets than PPS0 announces.
  case truncated
  /// More octets than PPS0 announces.
  case trailing
  /// PPSS is not FF.
  case initialOctet
  /// Bit 8 of PPS0 is not 0.
  case reserved
  /// The exclusive-or of PPSS to PCK is not zero.
  case checkOctet
}

/// A protocol and parameters selection, request or response (ISO/IEC 7816-3, clause 9).
///
/// After a reset, and before anything else, a reader may ask a card in negotiable mode for one of its protocols and for a
/// faster line; the card confirms by the same octets, or leaves out what it does not grant.
public struct PPS: Hashable, Sendable {
  /// PPSS, the first octet of each.
  public static let initialOctet: UInt8 = 0xFF
  /// The longest: PPSS, PPS0 to PPS3, PCK.
  public static let octetLimit = 6

  /// T, 0 to 15.
  public var protocolType: UInt8
  /// PPS1: F and D, coded as in TA1; `nil` for the default pair.
  public var pps1: UInt8?
  /// PPS2: use of the standard or proprietary contact.
  public var pps2: UInt8?
  /// PPS3: reserved for future use.
  public var pps3: UInt8?

  /// A request or response; of `protocolType` the low four bits count.
  public init(protocolType: UInt8, pps1: UInt8? = nil, pps2: UInt8? = nil, pps3: UInt8? = nil) {
    self.protocolType = protocolType & 0x0F
    self.pps1 = pps1
    self.pps2 = pps2
    self.pps3 = pps3
  }

  /// Reads and checks one.
  public init(parsing octets: RawSpan) throws(PPSError) {
    var reader = OctetReader(octets)
    guard try PPS.octet(&reader) == PPS.initialOctet else { throw .initialOctet }
    let format = try PPS.octet(&reader)
    self.init(protocolType: format)
    if format & 0x10 != 0 { pps1 = try PPS.octet(&reader) }
    if format & 0x20 != 0 { pps2 = try PPS.octet(&reader) }
    if format & 0x40 != 0 { pps3 = try PPS.octet(&reader) }
    _ = try PPS.octet(&reader)
    guard reader.isAtEnd else { throw .trailing }
    var sum: UInt8 = 0
    for index in 0..<octets.byteCount { sum ^= octets[octet: index] }
    guard sum == 0 else { throw .checkOctet }
    guard format & 0x80 == 0 else { throw .reserved }
  }

  private static func octet(_ reader: inout OctetReader) throws(PPSError) -> UInt8 {
    do { return try reader.u8() } catch { throw .truncated }
  }

  /// The octets, PPSS to PCK.
  public var encoded: [UInt8] {
    var format = protocolType
    if pps1 != nil { format |= 0x10 }
    if pps2 != nil { format |= 0x20 }
    if pps3 != nil { format |= 0x40 }
    let octets = [PPS.initialOctet, format] + [pps1, pps2, pps3].compactMap { $0 }
    return octets + [octets.reduce(0, ^)]
  }
}

/// What both ends go by after a reset or a PPS (ISO/IEC 7816-3, 6.3 and clause 9).
public struct TransmissionParameters: Hashable, Sendable {
  /// T.
  public var protocolType: UInt8
  /// F and D, coded as in TA1; 11 is 372 and 1.
  public var fiDi: UInt8

  /// The pair that every card and reader knows (8.3): F = 372, D = 1.
  public static let defaultFiDi: UInt8 = 0x11

  /// Parameters.
  public init(protocolType: UInt8, fiDi: UInt8 = TransmissionParameters.defaultFiDi) {
    self.protocolType = protocolType
    self.fiDi = fiDi
  }

  /// Clock rate conversion factor F; 0 where the coding is reserved.
  public var clockRateConversion: Int { ATR.clockFactors[Int(fiDi >> 4)] }

  /// Baud rate adjustment factor D; 0 where the coding is reserved.
  public var baudRateAdjustment: Int { ATR.rateFactors[Int(fiDi & 15)] }
}

extension ATR {
  /// Whether the card takes a PPS: TA2 is absent (6.3.1).
  public var isNegotiable: Bool { specificProtocol == nil }

  /// What holds right after the reset: the first protocol offered, with the default pair; in specific mode the one that
  /// TA2 names, with the pair of TA1 unless TA2 says it is implicit (6.3.1, 8.3).
  public var initialParameters: TransmissionParameters {
    guard let specificProtocol else { return TransmissionParameters(protocolType: protocols.first ?? 0) }
    let isImplicit = (interface[1].ta ?? 0) & 0x10 != 0
    return TransmissionParameters(
      protocolType: specificProtocol, fiDi: isImplicit ? TransmissionParameters.defaultFiDi : fiDi)
  }

  /// What the card answers to a request, if it answers at all (9.3).
  ///
  /// It answers nothing in specific mode, nor to a protocol that it does not offer. It confirms the pair of TA1 and the
  /// default one, and leaves PPS1 out for any other, which is the default pair then; PPS2 and PPS3 it leaves out.
  public func response(to request: PPS) -> PPS? {
    guard isNegotiable, protocols.contains(request.protocolType) else { return nil }
    var response = PPS(protocolType: request.protocolType)
    if let pair = request.pps1, pair == fiDi || pair == TransmissionParameters.defaultFiDi { response.pps1 = pair }
    return response
  }
}

extension PPS {
  /// What a reader that sent this request goes by after the response, or `nil` when the exchange failed and the card
  /// must be reset (9.3): each parameter is the request's, or left out, and the protocol is the same.
  public func parameters(after response: PPS) -> TransmissionParameters? {
    guard response.protocolType == protocolType, response.pps1 == nil || response.pps1 == pps1,
      response.pps2 == nil || response.pps2 == pps2, response.pps3 == nil || response.pps3 == pps3
    else { return nil }
    return TransmissionParameters(
      protocolType: protocolType, fiDi: response.pps1 ?? TransmissionParameters.defaultFiDi)
  }
}
