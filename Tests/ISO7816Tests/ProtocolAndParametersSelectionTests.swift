import ISO7816
import Octets
import TestSupport
import Testing

/// PPS requests and responses (ISO/IEC 7816-3, clause 9).
@Suite struct ProtocolAndParametersSelectionTests {
  static let examples: [(String, PPS)] = [
    ("FF00FF", PPS(protocolType: 0)),
    ("FF01FE", PPS(protocolType: 1)),
    ("FF1113FD", PPS(protocolType: 1, pps1: 0x13)),
    ("FF10957A", PPS(protocolType: 0, pps1: 0x95)),
    ("FF3118C016", PPS(protocolType: 1, pps1: 0x18, pps2: 0xC0)),
    ("FF719540015A", PPS(protocolType: 1, pps1: 0x95, pps2: 0x40, pps3: 0x01)),
    ("FF4E00B1", PPS(protocolType: 14, pps3: 0x00)),
  ]

  @Test(arguments: examples) func readAndWritten(_ text: String, _ pps: PPS) throws {
    let octets = try #require(Hex.decode(text))
    #expect(try PPS(parsing: octets.span.bytes) == pps)
    #expect(pps.encoded == octets)
  }

  @Test(arguments: examples) func everyOtherLengthIsRefused(_ text: String, _ pps: PPS) throws {
    let octets = try #require(Hex.decode(text))
    for count in 0..<octets.count {
      let shorter = Array(octets[..<count])
      #expect(throws: PPSError.truncated) { try PPS(parsing: shorter.span.bytes) }
    }
    let longer = octets + [0]
    #expect(throws: PPSError.trailing) { try PPS(parsing: longer.span.bytes) }
  }

  /// PCK finds every change of one bit, but where the change is one of form that is found before.
  @Test(arguments: examples) func everyChangedBitIsRefused(_ text: String, _ pps: PPS) throws {
    let octets = try #require(Hex.decode(text))
    for position in octets.indices {
      for bit in 0..<8 {
        var changed = octets
        changed[position] ^= 1 << bit
        #expect(throws: PPSError.self) { try PPS(parsing: changed.span.bytes) }
      }
    }
  }

  @Test func whatIsReserved() {
    let reserved: [UInt8] = [0xFF, 0x80, 0x7F]
    #expect(throws: PPSError.reserved) { try PPS(parsing: reserved.span.bytes) }
    let initial: [UInt8] = [0xFE, 0x00, 0xFE]
    #expect(throws: PPSError.initialOctet) { try PPS(parsing: initial.span.bytes) }
    let wrong: [UInt8] = [0xFF, 0x00, 0xFE]
    #expect(throws: PPSError.checkOctet) { try PPS(parsing: wrong.span.bytes) }
  }

  // MARK: The card's end (9.3)

  /// Answers to reset and what a card that sent them answers to a request; empty for silence.
  struct Dialogue: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let answerToReset: String
    /// Request, response, F and D after it.
    let exchanges: [(String, String, Int, Int)]

    init(_ description: String, _ answerToReset: String, _ exchanges: [(String, String, Int, Int)]) {
      testDescription = description
      self.answerToReset = answerToReset
      self.exchanges = exchanges
    }
  }

  static let dialogues: [Dialogue] = [
    Dialogue(
      "T=0 alone, TA1 = 95", "3B1095",
      [
        // Its own pair, and the default one said aloud or left out.
        ("FF10957A", "FF10957A", 512, 16), ("FF1011FE", "FF1011FE", 372, 1), ("FF00FF", "FF00FF", 372, 1),
        // A pair that it does not grant; PPS2 and PPS3.
        ("FF1018F7", "FF00FF", 372, 1), ("FF3095401A", "FF10957A", 512, 16), ("FF5095003A", "FF10957A", 512, 16),
        // A protocol that it does not offer.
        ("FF01FE", "", 0, 0), ("FF11957B", "", 0, 0),
      ]),
    Dialogue(
      "T=1 alone, without TA1", "3B800181",
      [("FF01FE", "FF01FE", 372, 1), ("FF1113FD", "FF01FE", 372, 1), ("FF00FF", "", 0, 0)]),
    Dialogue(
      "T=0 and T=1, TA1 = 95", "3B9095800184",
      [("FF00FF", "FF00FF", 372, 1), ("FF11957B", "FF11957B", 512, 16), ("FF4E00B1", "", 0, 0)]),
    Dialogue("specific mode, T=0", "3B90951000", [("FF00FF", "", 0, 0), ("FF10957A", "", 0, 0)]),
    Dialogue("specific mode, T=1", "3B9018110198", [("FF01FE", "", 0, 0)]),
  ]

  @Test(arguments: dialogues) func whatACardAnswers(_ dialogue: Dialogue) throws {
    let reset = try #require(Hex.decode(dialogue.answerToReset))
    let atr = try ATR(parsing: reset.span.bytes)
    for (request, response, clockRate, baudRate) in dialogue.exchanges {
      let octets = try #require(Hex.decode(request))
      let asked = try PPS(parsing: octets.span.bytes)
      let answer = atr.response(to: asked)
      #expect(Hex.encode(answer?.encoded ?? []) == response, "\(request)")
      guard let answer else { continue }
      let parameters = try #require(asked.parameters(after: answer))
      #expect(parameters.protocolType == asked.protocolType)
      #expect(parameters.clockRateConversion == clockRate && parameters.baudRateAdjustment == baudRate)
    }
  }

  @Test func whatHoldsWithoutAnExchange() throws {
    let cards: [(String, TransmissionParameters)] = [
      ("3B1095", .init(protocolType: 0)), ("3B800181", .init(protocolType: 1)),
      ("3B9095800184", .init(protocolType: 0)),
      ("3B90951000", .init(protocolType: 0, fiDi: 0x95)), ("3B9018110198", .init(protocolType: 1, fiDi: 0x18)),
      // TA2 with bit 5: the parameters are implicit.
      ("3B90951010", .init(protocolType: 0)),
    ]
    for (text, parameters) in cards {
      let octets = try #require(Hex.decode(text))
      let atr = try ATR(parsing: octets.span.bytes)
      #expect(atr.initialParameters == parameters, "\(text)")
      #expect(atr.isNegotiable == (atr.specificProtocol == nil))
    }
  }

  // MARK: The reader's end

  /// A response that says anything else than the request, or less of it, is no agreement.
  @Test func whatAReaderAccepts() {
    let request = PPS(protocolType: 1, pps1: 0x95, pps2: 0x40)
    let accepted: [(PPS, UInt8)] = [
      (request, 0x95), (PPS(protocolType: 1, pps1: 0x95), 0x95), (PPS(protocolType: 1), 0x11),
      (PPS(protocolType: 1, pps2: 0x40), 0x11),
    ]
    for (response, pair) in accepted {
      #expect(request.parameters(after: response) == TransmissionParameters(protocolType: 1, fiDi: pair))
    }
    for response in [
      PPS(protocolType: 0, pps1: 0x95), PPS(protocolType: 1, pps1: 0x94), PPS(protocolType: 1, pps1: 0x95, pps2: 0x41),
      PPS(protocolType: 1, pps1: 0x95, pps3: 0x00),
    ] {
      #expect(request.parameters(after: response) == nil)
    }
  }
}
