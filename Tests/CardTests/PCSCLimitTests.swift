import CardDriver
import ISO7816
import Octets
import Synchronization
import Testing

/// What card and reader can take decides what is sent.
@Suite struct PCSCLimitTests {
  private static let featureRequest: UInt32 = 0x4200_0D48
  private static let tlvRequest: UInt32 = 0x4233_0012

  /// A service whose reader says that its APDUs carry so much data; `nil` for one that says nothing.
  private func library(_ longest: UInt32?, _ activeProtocol: ProtocolSet = .t1) -> MockLibrary {
    let library = MockLibrary(activeProtocol)
    guard let longest else { return library }
    library.control(Self.featureRequest, answers: [0x12, 0x04, 0x42, 0x33, 0x00, 0x12])
    let size = (0..<4).map { UInt8(truncatingIfNeeded: longest >> (8 * $0)) }
    library.control(Self.tlvRequest, answers: [0x0B, 0x02, 0xE6, 0x08, 0x0A, 0x04] + size)
    return library
  }

  @Test(
    arguments: [
      (nil, .t1, "Reader", 261, false), (0, .t1, "Reader", 261, false), (256, .t1, "Reader", 261, false),
      (257, .t1, "Reader", 266, true), (2_048, .t1, "Reader", 2_057, true), (65_536, .t1, "Reader", 65_545, true),
      (0xFFFF_FFFF, .t1, "Reader", 65_545, true), (65_536, .t0, "Reader", 261, false),
      (nil, .t1, "Virtual PCD 00 00", 65_535, true), (nil, .t0, "Virtual PCD 00 00", 261, false),
      (500, .t1, "Warifu 0 00 00", 509, true),
    ] as [(UInt32?, ProtocolSet, String, Int, Bool)])
  func theReaderSaysHowMuch(
    _ longest: UInt32?, _ activeProtocol: ProtocolSet, _ name: String, _ octets: Int, _ extended: Bool
  ) throws {
    let transport = try ReaderTransport(library(longest, activeProtocol), reader: name, sharing: .shared)
    #expect(transport.limits.commandOctets == octets && transport.limits.allowsExtended == extended)
    #expect(transport.limits.responseOctets == (extended ? octets - 7 : 258))
  }

  /// A driver that answers nonsense is one that says nothing.
  @Test(arguments: [[], [0x12], [0x12, 0x04, 1, 2, 3], [0x12, 0x05, 1, 2, 3, 4, 5], [0x12, 0x00]] as [[UInt8]])
  func nonsenseSaysNothing(_ list: [UInt8]) throws {
    let library = MockLibrary()
    library.control(Self.featureRequest, answers: list)
    let transport = try ReaderTransport(library, reader: "Reader", sharing: .shared)
    #expect(!transport.limits.allowsExtended && transport.pinPadAbilities.isEmpty)
    library.control(Self.featureRequest, answers: [0x12, 0x04, 0x42, 0x33, 0x00, 0x12])
    library.control(Self.tlvRequest, answers: list)
    #expect(try !ReaderTransport(library, reader: "Reader", sharing: .shared).limits.allowsExtended)
  }

  @Test func extendedThroughAReaderThatCarriesIt() throws {
    let card = try ScriptedTransport(
      .full, limits: try ReaderTransport(library(400), reader: "Reader", sharing: .shared).limits
    ) {
      $0.ins == 0xA4 ? ScriptedTransport.control(longest: 4_000) : [0x90, 0x00]
    }
    let connection = try CardConnection(card)
    _ = try connection.select(applicationID: [1, 2, 3, 4, 5], operation: "select")
    #expect(connection.dataOctetsPerCommand == 400)
    _ = try connection.exchange(command(400, le: 65_536), operation: "send")
    // Le goes no further than the reader's answer.
    #expect(card.commands.last?.data.count == 400 && card.commands.last?.le == 400)
    _ = try connection.exchange(command(401), operation: "send")
    #expect(card.commands.suffix(2).map(\.data.count) == [255, 146])
  }

  private func command(_ data: Int, cla: UInt8 = 0x80, le: Int? = nil) -> CommandAPDU {
    CommandAPDU(cla: cla, ins: 0xE2, data: [UInt8](repeating: 0xAB, count: data), le: le)
  }

  // MARK: T=0

  private static let t0 = CardTransportLimits(
    commandOctets: 261, responseOctets: 258, allowsExtended: false, transmissionProtocol: .t0)

  /// Case 4 has no Le on the way (ISO/IEC 7816-3, 12.2.5); the answer is fetched, with the length that the card says.
  @Test func caseFourOverT0() throws {
    let card = try ScriptedTransport(answers: [[0x61, 0x00], [0x6C, 0x03], [1, 2, 3, 0x90, 0x00]])
    card.limits = Self.t0
    let response = try CardConnection(card).exchange(command(5, le: 256), operation: "send")
    #expect(response == ResponseAPDU(data: [1, 2, 3], status: .ok))
    #expect(card.commands.map(\.ins) == [0xE2, 0xC0, 0xC0] && card.commands.map(\.le) == [nil, 256, 3])
  }

  @Test func caseTwoOverT0() throws {
    let card = try ScriptedTransport(answers: [[0x6C, 0x02], [1, 2, 0x90, 0x00]])
    card.limits = Self.t0
    #expect(try CardConnection(card).exchange(command(0, le: 65_536), operation: "send").data == [1, 2])
    #expect(card.commands.map(\.le) == [256, 2])
  }

  /// What is too long for T=0 goes in a chain if the card says that it takes one, else in envelopes.
  @Test func longCommandsOverT0() throws {
    let chaining = try ScriptedTransport(.full, limits: Self.t0) { _ in [0x90, 0x00] }
    _ = try CardConnection(chaining).exchange(command(300, le: 256), operation: "send")
    #expect(chaining.commands.map(\.cla) == [0x90, 0x80] && chaining.commands.allSatisfy { $0.le == nil })

    let enveloping = try ScriptedTransport(.extendedOnly, limits: Self.t0) { _ in [0x90, 0x00] }
    let long = command(300, cla: 0x81, le: 256)
    _ = try CardConnection(enveloping).exchange(long, operation: "send")
    #expect(enveloping.commands.allSatisfy { $0.cla == 0x01 && $0.ins == 0xC2 && $0.le == nil })
    #expect(try enveloping.commands.flatMap(\.data) == long.encoded())
    #expect(enveloping.commands.map(\.data.count) == [255, 54, 0])

    let neither = try ScriptedTransport(.short, limits: Self.t0) { _ in [0x90, 0x00] }
    let connection = try CardConnection(neither)
    let error = #expect(throws: CardError.self) { try connection.exchange(long, operation: "send") }
    #expect(error?.code == .tooLong && neither.commands.isEmpty)
  }

  @Test func aRefusedEnvelopeIsTheLast() throws {
    let card = try ScriptedTransport(.extendedOnly, limits: Self.t0) { _ in [0x6D, 0x00] }
    #expect(try CardConnection(card).exchange(command(300), operation: "send").status == .instructionNotSupported)
    #expect(card.commands.count == 1)
  }

  // MARK: Secure channels

  /// 6Cxx on a secured command: sending it again would be a replay, and cost the session its counter.
  @Test(arguments: [0x84, 0x04, 0x0C, 0x87, 0xE0] as [UInt8]) func aSecuredCommandGoesOnce(_ cla: UInt8) throws {
    let card = try ScriptedTransport(answers: [[0x6C, 0x05], [0x90, 0x00]])
    let response = try CardConnection(card).exchange(command(16, cla: cla, le: 256), operation: "send")
    #expect(response.status == .wrongLe(5) && card.commands.count == 1)
  }

  // MARK: EF.ATR/INFO

  /// Whether or not its answer to reset says so, too.
  @Test(arguments: [ScriptedTransport.Kind.informative, .full])
  func theCardTellsItsLimitsInAFile(_ kind: ScriptedTransport.Kind) throws {
    let file: [UInt8] = [0x43, 0x01, 0xD8, 0x7F, 0x66, 0x08, 0x02, 0x02, 0x03, 0xE8, 0x02, 0x02, 0x02, 0x02]
    let card = try ScriptedTransport(kind, limits: .wide) { command in
      command.ins == 0xB0 ? file + [0x62, 0x82] : [0x90, 0x00]
    }
    let connection = try CardConnection(card)
    #expect(connection.dataOctetsPerCommand == 255)
    try connection.learnLimits()
    #expect(card.commands.map(\.ins) == [0xA4, 0xB0] && card.commands[0].data == [0x2F, 0x01])
    #expect(connection.dataOctetsPerCommand == 991)
    _ = try connection.exchange(command(991, le: 65_536), operation: "send")
    #expect(card.commands.last?.le == 512)
    _ = try connection.exchange(command(992), operation: "send")
    #expect(card.commands.last?.data.count == 992 - 3 * 255)
  }

  @Test(
    arguments: [[0x6A, 0x82], [0x90, 0x00], [0x7F, 0x66, 0x01, 0x02, 0x90, 0x00], [0x7F, 0x90, 0x00]] as [[UInt8]])
  func aFileThatSaysNothing(_ answer: [UInt8]) throws {
    let card = try ScriptedTransport(.informative, limits: .wide) { _ in answer }
    let connection = try CardConnection(card)
    try connection.learnLimits()
    #expect(connection.dataOctetsPerCommand == 255)
  }

  @Test(arguments: [ScriptedTransport.Kind.short, .chaining, .silent])
  func aCardOfShortLengthsAloneIsNotAsked(_ kind: ScriptedTransport.Kind) throws {
    let card = try ScriptedTransport(kind, answers: [[0x90, 0x00]])
    try CardConnection(card).learnLimits()
    #expect(card.commands.isEmpty)
  }
}
