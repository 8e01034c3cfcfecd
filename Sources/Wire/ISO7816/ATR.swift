import Octets

/// Why octets are no answer to reset (ISO/IEC 7816-3, 8.2).
public enum ATRError: Error, Equatable {
  /// Fewer octets than its own format octets announce.
  case truncated
  /// More octets than its own format octets announce, or more than 33.
  case trailing
  /// TS is neither 3B nor 3F.
  case convention
  /// The exclusive-or of T0 to TCK is not zero.
  case checkOctet
  /// Protocols are not offered in ascending order, or TD1 says T=15.
  case protocolOrder
  /// An interface octet has a value reserved for future use.
  case interfaceOctet
  /// The historical bytes contradict their category octet, or do not fit.
  case historicalBytes
}

/// An answer to reset: how the card introduces itself (ISO/IEC 7816-3, 8.2).
public struct ATR: Hashable, Sendable {
  /// How bits and levels correspond, from TS.
  public enum Convention: UInt8, Sendable {
    /// 3B: state H is 1, least significant bit first.
    case direct = 0x3B
    /// 3F: state L is 1, most significant bit first.
    case inverse = 0x3F
  }

  /// One round of interface octets: TAi, TBi, TCi, TDi.
  public struct InterfaceOctets: Hashable, Sendable {
    /// The protocol that these octets are about: from TD(i-1), 0 in the first round.
    public var protocolType: UInt8
    /// TAi.
    public var ta: UInt8?
    /// TBi.
    public var tb: UInt8?
    /// TCi.
    public var tc: UInt8?
    /// TDi: the next round's presence bits, and its protocol.
    public var td: UInt8?
  }

  /// The longest answer to reset: TS and 32 octets more.
  public static let octetLimit = 33

  /// All its octets.
  public let octets: [UInt8]
  /// TS.
  public let convention: Convention
  /// The rounds of interface octets; the first is always there, though it may be empty.
  public let interface: [InterfaceOctets]
  /// The historical bytes, 0 to 15.
  public let historicalOctets: [UInt8]

  /// Reads and checks an answer to reset.
  public init(parsing span: RawSpan) throws(ATRError) {
    guard span.byteCount <= ATR.octetLimit else { throw .trailing }
    var reader = OctetReader(span)
    guard let convention = Convention(rawValue: try ATR.octet(&reader)) else { throw .convention }
    let t0 = try ATR.octet(&reader)
    let interface = try ATR.readInterface(presence: t0 >> 4, &reader)
    let historicalOctets: [UInt8]
    do { historicalOctets = try reader.take(Int(t0 & 15)).octets } catch { throw .truncated }

    // TCK is absent if and only if T=0 alone is indicated (8.2.5).
    if interface.contains(where: { ($0.td ?? 0) & 15 != 0 }) {
      _ = try ATR.octet(&reader)
      var sum: UInt8 = 0
      for offset in 1..<reader.position { sum ^= span[octet: offset] }
      guard sum == 0 else { throw .checkOctet }
    }
    guard reader.isAtEnd else { throw .trailing }

    self.octets = span.octets
    self.convention = convention
    self.interface = interface
    self.historicalOctets = historicalOctets
    try checkInterface()
  }

  private static func octet(_ reader: inout OctetReader) throws(ATRError) -> UInt8 {
    do { return try reader.u8() } catch { throw .truncated }
  }

  private static func readInterface(
    presence: UInt8, _ reader: inout OctetReader
  ) throws(ATRError) -> [InterfaceOctets] {
    var rounds: [InterfaceOctets] = []
    var presence = presence
    var protocolType: UInt8 = 0
    while true {
      var round = InterfaceOctets(protocolType: protocolType)
      if presence & 1 != 0 { round.ta = try octet(&reader) }
      if presence & 2 != 0 { round.tb = try octet(&reader) }
      if presence & 4 != 0 { round.tc = try octet(&reader) }
      if presence & 8 != 0 { round.td = try octet(&reader) }
      rounds.append(round)
      guard let td = round.td else { return rounds }
      // Ascending order (8.2.3); T=15 is no protocol and never stands in TD1.
      guard td & 15 >= protocolType, rounds.count > 1 || td & 15 != 15 else { throw .protocolOrder }
      protocolType = td & 15
      presence = td >> 4
    }
  }

  private func checkInterface() throws(ATRError) {
    guard ATR.clockFactors[Int(fiDi >> 4)] != 0, ATR.rateFactors[Int(fiDi & 15)] != 0 else { throw .interfaceOctet }
    // IFSC is 1 to 254 (11.4.2).
    if let ifsc = firstT1Octets?.ta, ifsc == 0 || ifsc == 0xFF { throw .interfaceOctet }
    if let error = firstT1Octets?.tc, error & 0xFE != 0 { throw .interfaceOctet }
    if let waiting = firstT1Octets?.tb, waiting >> 4 > 9 { throw .interfaceOctet }
  }

  static let clockFactors: [Int] = [
    372, 372, 558, 744, 1116, 1488, 1860, 0, 0, 512, 768, 1024, 1536, 2048, 0, 0,
  ]
  static let rateFactors: [Int] = [0, 1, 2, 4, 8, 16, 32, 64, 12, 20, 0, 0, 0, 0, 0, 0]
}

extension ATR {
  /// The protocols it offers, in its order: 0 for T=0, 1 for T=1.
  public var protocols: [UInt8] {
    guard interface.first?.td != nil else { return [0] }
    var offered: [UInt8] = []
    for round in interface {
      guard let td = round.td, td & 15 != 15, !offered.contains(td & 15) else { continue }
      offered.append(td & 15)
    }
    return offered
  }

  /// TA1, or 11 (372 and 1) when it is absent (8.3).
  public var fiDi: UInt8 { interface.first?.ta ?? 0x11 }

  /// Clock rate conversion factor F.
  public var clockRateConversion: Int { ATR.clockFactors[Int(fiDi >> 4)] }

  /// Baud rate adjustment factor D.
  public var baudRateAdjustment: Int { ATR.rateFactors[Int(fiDi & 15)] }

  /// The only protocol it would speak, if TA2 puts it into specific mode; else it takes a PPS (6.3.1).
  public var specificProtocol: UInt8? {
    interface.count > 1 ? interface[1].ta.map { $0 & 15 } : nil
  }

  /// The most octets the card takes in one T=1 block, 32 unless it says otherwise (11.4.2).
  public var informationFieldSize: UInt8 { firstT1Octets?.ta ?? 32 }

  /// Whether T=1 blocks end in a CRC rather than an exclusive-or (11.4.4).
  public var usesCRC: Bool { (firstT1Octets?.tc ?? 0) & 1 != 0 }

  /// The check octet, if there is one.
  public var checkOctet: UInt8? {
    interface.contains { ($0.td ?? 0) & 15 != 0 } ? octets.last : nil
  }

  /// The historical bytes, read.
  ///
  /// - Throws: ``ATRError/historicalBytes``.
  public func historicalBytes() throws(ATRError) -> HistoricalBytes? {
    historicalOctets.isEmpty ? nil : try HistoricalBytes(parsing: historicalOctets)
  }

  /// What is specific to T=1: the first round from the third on whose TD before says T=1.
  private var firstT1Octets: InterfaceOctets? {
    interface.dropFirst(2).first { $0.protocolType == 1 }
  }
}
