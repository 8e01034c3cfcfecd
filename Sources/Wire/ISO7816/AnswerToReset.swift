import Octets

/// How a card with contacts exchanges characters with its reader (ISO/IEC 7816-3, clauses 10 to 12).
public enum TransmissionProtocol: UInt8, Sendable {
  /// T=0: character oriented.
  case t0 = 0
  /// T=1: block oriented.
  case t1 = 1
}

/// What a card of ours says of itself at reset: the recipe of an ``ATR``.
public struct AnswerToReset: Hashable, Sendable {
  /// The protocol: one, so that no PPS is needed to choose it.
  public var transmissionProtocol: TransmissionProtocol
  /// TA1: F and D that the card can be asked for in a PPS; 18 is 372 and 12, 11 the default pair.
  public var fiDi: UInt8
  /// IFSC, 1 to 254: the most octets in one T=1 block to the card. Without meaning for T=0.
  public var informationFieldSize: UInt8
  /// The historical bytes.
  public var historicalBytes: HistoricalBytes

  /// A recipe.
  public init(
    _ transmissionProtocol: TransmissionProtocol, fiDi: UInt8 = 0x11, informationFieldSize: UInt8 = 254,
    historicalBytes: HistoricalBytes
  ) {
    self.transmissionProtocol = transmissionProtocol
    self.fiDi = fiDi
    self.informationFieldSize = informationFieldSize
    self.historicalBytes = historicalBytes
  }

  /// The answer to reset, checked by the same rules as any other.
  ///
  /// - Throws: ``ATRError`` when the recipe asks for something that the standard forbids.
  public func encoded() throws(ATRError) -> [UInt8] {
    let historical = try historicalBytes.encoded()
    var octets: [UInt8] = [ATR.Convention.direct.rawValue]
    switch transmissionProtocol {
    case .t0:
      // T0: TA1 follows, no TD1, so T=0 alone and no TCK.
      octets += [0x10 | UInt8(historical.count), fiDi] + historical
    case .t1:
      // T0: TA1 and TD1 follow; TD1: T=1, TD2 follows; TD2: T=1, TA3 (IFSC) follows.
      octets += [0x90 | UInt8(historical.count), fiDi, 0x81, 0x11, informationFieldSize] + historical
      octets.append(octets[1...].reduce(0, ^))
    }
    return try ATR(parsing: octets.span.bytes).octets
  }
}
