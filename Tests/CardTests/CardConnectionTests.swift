import CardDriver
import Cryptography
import ISO7816
import Testing

/// Whole exchanges over any card and reader: forms of commands, pieces of answers, and cards that mean harm.
@Suite struct CardConnectionTests {
  private static let ok: [UInt8] = [0x90, 0x00]

  private func command(_ data: Int, le: Int? = nil) -> CommandAPDU {
    CommandAPDU(cla: 0x80, ins: 0xE2, p1: 0x10, data: [UInt8](repeating: 0xAB, count: data), le: le)
  }

  /// A connection that knows how much the card takes.
  private func connection(_ transport: ScriptedTransport) throws -> CardConnection {
    let connection = try CardConnection(transport)
    _ = try connection.select(applicationID: [1, 2, 3, 4, 5], operation: "select")
    return connection
  }

  private func transport(
    _ kind: ScriptedTransport.Kind, longest: UInt16 = 4_000, limits: CardTransportLimits = .wide
  ) throws -> ScriptedTransport {
    try ScriptedTransport(kind, limits: limits) { command in
      command.ins == 0xA4 ? ScriptedTransport.control(longest: longest) : Self.ok
    }
  }

  // MARK: Answers in pieces

  @Test func followsBytesAvailable() throws {
    let card = try ScriptedTransport(answers: [[1, 2, 0x61, 3], [3, 4, 0x61, 1], [5, 0x63, 0x10]])
    let response = try CardConnection(card).exchange(command(1, le: 256), operation: "test")
    #expect(response == ResponseAPDU(data: [1, 2, 3, 4, 5], status: StatusWord(0x63, 0x10)))
    #expect(card.commands.dropFirst().map(\.le) == [3, 1] && card.commands.dropFirst().allSatisfy { $0.ins == 0xC0 })
  }

  @Test func repeatsOnceWithTheRightLe() throws {
    let card = try ScriptedTransport(answers: [[0x6C, 0x05], [1, 2, 3, 4, 5, 0x90, 0x00]])
    #expect(try CardConnection(card).exchange(command(3, le: 256), operation: "test").data.count == 5)
    #expect(card.commands.map(\.le) == [256, 5] && card.commands.allSatisfy { $0.data == command(3).data })
    let endless = try ScriptedTransport(answers: [[0x6C, 0x05]])
    #expect(try CardConnection(endless).exchange(command(3, le: 256), operation: "test").status == .wrongLe(5))
    #expect(endless.commands.count == 2)
  }

  // MARK: Forms of commands

  @Test func extendedWhereCardAndReaderAllow() throws {
    let card = try transport(.full)
    let connection = try connection(card)
    #expect(connection.takesExtendedLength && connection.dataOctetsPerCommand == 4_000)
    #expect(try connection.exchange(command(4_000, le: 65_536), operation: "test").status == .ok)
    #expect(card.frames.last?.count == 4 + 3 + 4_000 + 2)
    #expect(try connection.exchange(command(255, le: 256), operation: "test").status == .ok)
    #expect(card.frames.last?.count == 5 + 255 + 1)
  }

  /// A card that has not said how much it takes is not sent more than 255 octets at once.
  @Test(arguments: [ScriptedTransport.Kind.full, .chaining]) func chainsWhatIsTooLong(_ kind: ScriptedTransport.Kind)
    throws
  {
    let card = try transport(kind)
    let connection = try CardConnection(card)
    #expect(connection.dataOctetsPerCommand == 255)
    #expect(try connection.exchange(command(600, le: 65_536), operation: "test").status == .ok)
    #expect(card.commands.map(\.cla) == [0x90, 0x90, 0x80] && card.commands.map(\.data.count) == [255, 255, 90])
    #expect(card.commands.map(\.le) == [nil, nil, 256])
  }

  @Test func chainsWhereTheReaderIsShort() throws {
    let limits = CardTransportLimits(commandOctets: 261, responseOctets: 258, allowsExtended: false)
    let card = try transport(.full, limits: limits)
    let connection = try connection(card)
    #expect(!connection.takesExtendedLength && connection.dataOctetsPerCommand == 255)
    #expect(try connection.exchange(command(256), operation: "test").status == .ok)
    #expect(card.frames.allSatisfy { $0.count <= 261 })
    #expect(try connection.exchange(command(0, le: 65_536), operation: "test").status == .ok)
    #expect(card.commands.last?.le == 256)
  }

  @Test func brokenChainStopsAtOnce() throws {
    let card = try ScriptedTransport(.chaining, answers: [Self.ok, [0x68, 0x84]])
    let response = try CardConnection(card).exchange(command(1_000), operation: "test")
    #expect(response.status == .chainingNotSupported && card.commands.count == 2)
  }

  @Test(arguments: [ScriptedTransport.Kind.short, .silent]) func tooLongForACardOfShortCommands(
    _ kind: ScriptedTransport.Kind
  ) throws {
    let card = try transport(kind)
    let connection = try CardConnection(card)
    let error = #expect(throws: CardError.self) { try connection.exchange(command(256), operation: "send") }
    #expect(error?.code == .tooLong && error?.cardMayHaveChanged == false && card.commands.isEmpty)
    #expect(try connection.exchange(command(255, le: 256), operation: "send").status == .ok)
  }

  @Test func limitsOfTheReaderHold() throws {
    let limits = CardTransportLimits(commandOctets: 100, responseOctets: 100, allowsExtended: true)
    let card = try transport(.full, limits: limits)
    let connection = try connection(card)
    let error = #expect(throws: CardError.self) { try connection.exchange(command(200), operation: "send") }
    #expect(error?.code == .tooLong && error?.cardMayHaveChanged == false && card.commands.count == 1)
  }

  // MARK: Errors

  @Test(
    arguments: [
      (0x6982, false), (0x6A80, false), (0x6D00, false), (0x6400, false), (0x6581, true), (0x6F00, true),
      (0x6283, true), (0x6300, true), (0x63C2, true), (0x1234, true), (0x9100, true),
    ] as [(UInt16, Bool)])
  func refusalTellsWhetherTheCardMayHaveChanged(_ word: UInt16, _ mayHaveChanged: Bool) throws {
    let card = try ScriptedTransport(answers: [[UInt8(word >> 8), UInt8(word & 0xFF)]])
    let connection = try CardConnection(card)
    let error = #expect(throws: CardError.self) { try connection.data(command(1), operation: "test the card") }
    let thrown = try #require(error)
    #expect(thrown.status?.rawValue == word && thrown.cardMayHaveChanged == mayHaveChanged)
    #expect(thrown.description.hasPrefix("test the card failed: ") && thrown.description.hasSuffix("."))
  }

  @Test(arguments: [true, false]) func transportErrorsComeThrough(_ mayHaveChanged: Bool) throws {
    let card = try ScriptedTransport { (_) throws(CardTransportError) in
      throw CardTransportError(
        .cardRemoved, operation: "transmit", cardMayHaveChanged: mayHaveChanged, remedy: "Insert the card again.")
    }
    let connection = try CardConnection(card)
    let error = #expect(throws: CardError.self) { try connection.exchange(command(1), operation: "test") }
    #expect(error?.code == .transport(.cardRemoved) && error?.cardMayHaveChanged == mayHaveChanged)
    #expect(error?.description == "test failed: Insert the card again.")
  }

  // MARK: Cards that mean harm

  @Test(arguments: [
    [0x61, 0x01], [0x61, 0x00], [0xAA, 0x61, 0x01], [UInt8](repeating: 7, count: 256) + [0x61, 0x00],
  ])
  func endlessAnswersEnd(_ answer: [UInt8]) throws {
    let card = try ScriptedTransport(answers: [answer])
    let connection = try CardConnection(card)
    let error = #expect(throws: CardError.self) { try connection.exchange(command(1, le: 256), operation: "test") }
    #expect(error?.code == .unexpectedAnswer && error?.cardMayHaveChanged == true)
    #expect(card.commands.count <= 1_026)
  }

  @Test(arguments: [[], [0x90]] as [[UInt8]]) func answersWithoutAStatusWord(_ answer: [UInt8]) throws {
    let connection = try CardConnection(try ScriptedTransport(answers: [answer]))
    let error = #expect(throws: CardError.self) { try connection.exchange(command(1), operation: "test") }
    #expect(error?.code == .unexpectedAnswer && error?.cardMayHaveChanged == true)
  }

  @Test func anyAnswerToReset() throws {
    let random = SeededRandom(seed: Soak.seed("answers to reset"))
    var refused = 0
    for _ in 0..<Soak.count(2_000, full: 100_000) {
      let octets = random.octets(Int(random.octets(1)[0]) % 40)
      let answer = random.octets(1)[0] & 1 == 0 ? [0x3B] + octets : octets
      do { _ = try CardConnection(ScriptedTransport(answerToReset: answer)) } catch {
        #expect(error.code == .transport(.protocolViolation) && !error.cardMayHaveChanged)
        refused += 1
      }
    }
    #expect(refused > 0)
  }

  @Test func controlInformationOfAnyKind() throws {
    for control: [UInt8] in [
      [0x90, 0x00], [0x6F, 0x00, 0x90, 0x00], [0x6F, 0x7F, 0x90, 0x00], [0x6F, 2, 0xA5, 0, 0x90, 0x00],
      [0x6F, 5, 0xA5, 3, 0x9F, 0x65, 0, 0x90, 0x00], [0x6F, 8, 0xA5, 6, 0x9F, 0x65, 3, 1, 1, 1, 0x90, 0x00],
      ScriptedTransport.control(longest: 0), [0x6A, 0x82],
    ] {
      let connection = try connection(try ScriptedTransport(answers: [control]))
      #expect(connection.dataOctetsPerCommand == 255)
    }
  }
}
