import ISO7816
import Octets
import TestSupport
import Testing

/// An answer to reset of a card that people carry, from Ludovic Rousseau's `smartcard_list.txt`.
struct PublishedATR: CustomTestStringConvertible, Sendable {
  let card: String
  let octets: String
  let protocols: [UInt8]
  let historical: String
  var informationFieldSize: UInt8 = 32
  var chaining: Bool?
  var extended: Bool?
  var testDescription: String { card }

  static let all: [PublishedATR] = [
    .init(
      card: "OpenPGP Card V2", octets: "3BDA18FF81B1FE751F030031C573C001400090000C", protocols: [1],
      historical: "0031C573C00140009000", informationFieldSize: 254, chaining: false, extended: true),
    .init(
      card: "OpenPGP Card V3", octets: "3BDA18FF81B1FE751F030031F573C001600090001C", protocols: [1],
      historical: "0031F573C00160009000", informationFieldSize: 254, chaining: false, extended: true),
    .init(
      card: "YubiKey 5", octets: "3BFD1300008131FE158073C021C057597562694B657940", protocols: [1],
      historical: "8073C021C057597562694B6579", informationFieldSize: 254, chaining: true, extended: true),
    .init(
      card: "sysmoUSIM-SJS1", octets: "3B9F96801F878031E073FE211B674A4C753034054BA9", protocols: [0],
      historical: "8031E073FE211B674A4C753034054B", chaining: false, extended: false),
    .init(
      card: "Mifare Classic 1K by PC/SC part 3", octets: "3B8F8001804F0CA000000306030001000000006A",
      protocols: [0, 1], historical: "804F0CA00000030603000100000000"),
    .init(card: "Belgian eID", octets: "3B9813400AA503010101AD1311", protocols: [0], historical: "A503010101AD1311"),
    .init(card: "Schlumberger Multiflex", octets: "3B021450", protocols: [0], historical: "1450"),
    .init(
      card: "Carte bancaire, inverse convention", octets: "3F65250833046C9000", protocols: [0], historical: "33046C9000"
    ),
  ]
}

@Suite struct ATRTests {
  @Test(arguments: PublishedATR.all)
  func publishedAnswersAreRead(_ example: PublishedATR) throws {
    let octets = try #require(Hex.decode(example.octets))
    let atr = try ATR(parsing: octets.span.bytes)
    #expect(atr.octets == octets)
    #expect(atr.protocols == example.protocols)
    #expect(Hex.encode(atr.historicalOctets) == example.historical)
    #expect(atr.informationFieldSize == example.informationFieldSize)
    #expect((atr.checkOctet != nil) == (atr.interface.contains { ($0.td ?? 0) & 15 != 0 }))
    guard example.chaining != nil else { return }
    let capabilities = try #require(try atr.historicalBytes()?.capabilities)
    #expect(capabilities.commandChaining == example.chaining)
    #expect(capabilities.extendedLength == example.extended)
  }

  @Test(arguments: PublishedATR.all)
  func everyShorterOneIsRefused(_ example: PublishedATR) throws {
    let octets = try #require(Hex.decode(example.octets))
    for count in 0..<octets.count {
      let shorter = Array(octets[..<count])
      #expect(throws: ATRError.self) { try ATR(parsing: shorter.span.bytes) }
    }
    let longer = octets + [0]
    #expect(throws: ATRError.self) { try ATR(parsing: longer.span.bytes) }
  }

  @Test(arguments: PublishedATR.all.filter { $0.protocols != [0] })
  func aCheckOctetFindsEveryChange(_ example: PublishedATR) throws {
    let octets = try #require(Hex.decode(example.octets))
    for position in 1..<octets.count {
      for bit in 0..<8 {
        var changed = octets
        changed[position] ^= 1 << bit
        #expect(throws: ATRError.self) { try ATR(parsing: changed.span.bytes) }
      }
    }
  }

  static let malformed: [(String, ATRError)] = [
    ("", .truncated),
    ("3C00", .convention),
    ("3B8000" + "00", .trailing),  // TD1 says T=0 and nothing more
    ("3B800F" + "00", .protocolOrder),  // T=15 in TD1
    ("3B80810081", .protocolOrder),  // T=1 before T=0
    ("3B108100", .trailing),
    ("3B1071", .interfaceOctet),  // Fi reserved
    ("3B101A", .interfaceOctet),  // Di reserved
    ("3B80811100" + "10", .interfaceOctet),  // IFSC of zero
    ("3B808111FF" + "EF", .interfaceOctet),  // IFSC of 255
    ("3B80814102" + "42", .interfaceOctet),  // reserved bits in TC3
    ("3B808121A5" + "85", .interfaceOctet),  // block waiting time beyond 9
    ("3B80010000", .checkOctet),
  ]

  @Test(arguments: malformed)
  func malformedOnesAreRefused(_ octets: String, _ error: ATRError) throws {
    let octets = try #require(Hex.decode(octets))
    #expect(throws: error) { try ATR(parsing: octets.span.bytes) }
  }

  static let historicalBytes = HistoricalBytes(
    serviceData: 0xC1,
    capabilities: CardCapabilities(
      selectionMethods: 0xC0, dataCoding: 0x01, commandChaining: true, extendedLength: true,
      extendedLengthInformation: true, channelsAssignedByCard: true, channelsAssignedByHost: false,
      logicalChannels: 4),
    lifeCycle: 0x05, status: .ok)

  @Test(arguments: [TransmissionProtocol.t0, .t1])
  func ourOwnIsReadAsItWasMeant(_ transmissionProtocol: TransmissionProtocol) throws {
    let recipe = AnswerToReset(
      transmissionProtocol, fiDi: 0x18, informationFieldSize: 254, historicalBytes: Self.historicalBytes)
    let octets = try recipe.encoded()
    let atr = try ATR(parsing: octets.span.bytes)
    #expect(atr.protocols == [transmissionProtocol.rawValue])
    #expect(atr.clockRateConversion == 372 && atr.baudRateAdjustment == 12)
    #expect(atr.specificProtocol == nil, "negotiable mode: a PPS is possible")
    #expect(atr.informationFieldSize == (transmissionProtocol == .t1 ? 254 : 32))
    #expect(!atr.usesCRC)
    #expect((atr.checkOctet == nil) == (transmissionProtocol == .t0))
    #expect(try atr.historicalBytes() == Self.historicalBytes)
  }

  @Test func ourOwnInOctets() throws {
    let t0 = try AnswerToReset(.t0, historicalBytes: Self.historicalBytes).encoded()
    #expect(Hex.encode(t0) == "3B1B11" + "8031C173C001F383059000")
    let t1 = try AnswerToReset(.t1, fiDi: 0x18, historicalBytes: Self.historicalBytes).encoded()
    #expect(Hex.encode(t1.dropLast()) == "3B9B188111FE" + "8031C173C001F383059000")
  }

  @Test func anImpossibleRecipeIsRefused() {
    #expect(throws: ATRError.interfaceOctet) {
      try AnswerToReset(.t1, informationFieldSize: 255, historicalBytes: Self.historicalBytes).encoded()
    }
    #expect(throws: ATRError.interfaceOctet) {
      try AnswerToReset(.t0, fiDi: 0x70, historicalBytes: Self.historicalBytes).encoded()
    }
    #expect(throws: ATRError.historicalBytes) {
      try AnswerToReset(.t0, historicalBytes: HistoricalBytes(issuerData: [UInt8](repeating: 1, count: 14))).encoded()
    }
  }

  @Test func capabilitiesRoundTrip() throws {
    for third in UInt8.min...UInt8.max {
      let octets: [UInt8] = [0x80, 0x73, 0xA5, 0x01, third]
      let read = try HistoricalBytes(parsing: octets)
      #expect(try read.encoded() == octets)
    }
  }

  @Test(arguments: ["", "0001", "8031", "8032AAAA", "8074AABBCCDD", "8081", "80840102030405"])
  func malformedHistoricalBytesAreRefused(_ octets: String) throws {
    let octets = try #require(Hex.decode(octets))
    #expect(throws: ATRError.historicalBytes) { try HistoricalBytes(parsing: octets) }
  }

  @Test func anyOctetsAtAllAreReadOrRefused() {
    var random = Randomness("ATR octets")
    for _ in 0..<random.soak(20_000, full: 2_000_000) {
      var octets = random.octets(upTo: 35)
      if !octets.isEmpty { octets[0] = 0x3B }
      guard let atr = try? ATR(parsing: octets.span.bytes) else { continue }
      #expect(!atr.protocols.isEmpty)
      _ = try? atr.historicalBytes()
    }
  }
}
