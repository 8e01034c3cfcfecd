import CardDriver
import CardProtocol
import ISO7816
import Octets
import Testing

/// A reader with a keypad: the structures of PC/SC Part 10, octet by octet.
@Suite struct PINPadTests {
  private static let verifyCode: UInt32 = 0x4233_0006
  private static let modifyCode: UInt32 = 0x4233_0007

  /// A reader with a keypad, whose card answers `response`.
  private func library(_ response: [UInt8] = [0x90, 0x00]) -> MockLibrary {
    let control: [UInt8] = [0x6F, 0x07, 0xA5, 0x05, 0x9F, 0x65, 0x02, 0xFF, 0xF6, 0x90, 0x00]
    let library = MockLibrary { $0[1] == 0xA4 ? control : [0x90, 0x00] }
    library.control(
      0x4200_0D48, answers: [0x06, 0x04, 0x42, 0x33, 0x00, 0x06, 0x07, 0x04, 0x42, 0x33, 0x00, 0x07])
    library.control(Self.verifyCode, answers: response)
    library.control(Self.modifyCode, answers: response)
    return library
  }

  private func card(_ library: MockLibrary) throws -> WarifuCard {
    let transport = try ReaderTransport(library, reader: "Reader", sharing: .shared, timeout: .seconds(60))
    let card = try WarifuCard(CardConnection(scripted(transport)))
    _ = library.takeCalls()
    return card
  }

  /// The transport, with an ATR that is one.
  private func scripted(_ transport: ReaderTransport) -> any APDUTransport { Announced(transport) }

  private static let empty = "FFFFFFFFFFFFFFFF"

  @Test func verify() throws {
    let library = library()
    let card = try card(library)
    #expect(card.pinPadAbilities == [.verify, .modify])
    try card.verifyAtPINPad()
    // bTimerOut 30, bTimerOut2 30, bmFormatString 82, bmPINBlockString 08, bmPINLengthFormat 00, wPINMaxExtraDigit 0408,
    // bEntryValidationCondition 02, bNumberMessage 01, wLangId 0409, bMsgIndex 00, bTeoPrologue, ulDataLength 13, abData.
    #expect(
      library.calls == [
        "control 42330006 1E1E82080008040201090400000000" + "0D000000" + "0020008108" + Self.empty
      ])
  }

  @Test func change() throws {
    let library = library()
    try card(library).changeAtPINPad(.pin)
    // ... bInsertionOffsetOld 00, bInsertionOffsetNew 08, wPINMaxExtraDigit, bConfirmPIN 03, bEntryValidationCondition 02,
    // bNumberMessage 03, wLangId, bMsgIndex1 to 3, bTeoPrologue, ulDataLength 21, abData.
    let head = "1E1E820800" + "0008" + "0804" + "03" + "02" + "03" + "0904" + "000102" + "000000"
    #expect(library.calls.first == "control 42330007 " + head + "15000000" + "0024008110" + Self.empty + Self.empty)
  }

  @Test func unblock() throws {
    let library = library()
    try card(library).unblockAtPINPad()
    #expect(library.calls.first?.hasSuffix("15000000" + "002C008110" + Self.empty + Self.empty) == true)
  }

  @Test(
    arguments: [
      ([0x64, 0x00], .transport(.timeout), false), ([0x64, 0x01], .transport(.cancelled), false),
      ([0x64, 0x02], .transport(.cancelled), false), ([0x64, 0x03], .transport(.cancelled), false),
      ([0x63, 0xC2], .wrongReferenceData(triesLeft: 2), true),
      ([0x69, 0x83], .refused(.authenticationMethodBlocked), false),
      ([0x90], .unexpectedAnswer, true), ([], .unexpectedAnswer, true),
    ] as [([UInt8], CardError.Code, Bool)])
  func whatComesBack(_ answer: [UInt8], _ code: CardError.Code, _ mayHaveChanged: Bool) throws {
    let library = library(answer)
    let card = try card(library)
    let error = #expect(throws: CardError.self) { try card.verifyAtPINPad() }
    #expect(error?.code == code && error?.cardMayHaveChanged == mayHaveChanged)
    // Asked once, whatever came.
    #expect(library.calls.count == 1)
  }

  @Test func removalWhileTheUserTypes() throws {
    let library = library()
    let card = try card(library)
    library.inject(.control, .removedCard)
    let error = #expect(throws: CardError.self) { try card.verifyAtPINPad() }
    #expect(error?.code == .transport(.cardRemoved) && error?.cardMayHaveChanged == true)
  }

  /// The keypad is there while a session is recorded, and the recording has nothing of what it sent.
  @Test func aRecordedSession() throws {
    let library = library()
    let transport = try ReaderTransport(library, reader: "Reader", sharing: .shared, timeout: .seconds(60))
    let recorder = RecordingTransport(scripted(transport))
    let card = try WarifuCard(CardConnection(recorder))
    let recorded = recorder.recording
    #expect(card.pinPadAbilities == [.verify, .modify] && recorded.exchangeCount > 0)
    _ = library.takeCalls()
    try card.verifyAtPINPad()
    try card.changeAtPINPad(.pin)
    #expect(library.calls.map { $0.prefix(16) } == ["control 42330006", "control 42330007"])
    #expect(recorder.recording == recorded)
  }

  @Test func aRecordedSessionWithoutKeypad() throws {
    let recorder = RecordingTransport(try ScriptedTransport(answers: [[0x90, 0x00]]))
    #expect(recorder.pinPadAbilities.isEmpty)
    let entry = PINEntry.verify(ins: 0x20, p1: 0, p2: 0x81, PINFormat(fieldOctets: 8, shortest: 4, longest: 8))
    let error = #expect(throws: CardTransportError.self) { try recorder.enter(entry) }
    #expect(error?.code == .protocolViolation && error?.cardMayHaveChanged == false)
  }

  /// Without a card, over a connection to the reader alone, which leaves the card as it is.
  @Test func theReaderItselfIsAsked() throws {
    let library = library()
    let context = try ReaderContext(library)
    #expect(context.pinPadAbilities(of: "Reader") == [.verify, .modify])
    #expect(library.calls.contains("connect Reader direct") && library.calls.contains("disconnect leave"))
    library.inject(.connect, .sharingViolation)
    #expect(context.pinPadAbilities(of: "Reader").isEmpty)
  }

  @Test func aReaderWithoutKeypad() throws {
    let control: [UInt8] = [0x90, 0x00]
    let card = try WarifuCard(CardConnection(ScriptedTransport(answers: [control])))
    #expect(card.pinPadAbilities.isEmpty)
    let error = #expect(throws: CardError.self) { try card.verifyAtPINPad() }
    #expect(error?.cardMayHaveChanged == false)
  }
}

/// A reader's card with an answer to reset that a connection accepts.
private final class Announced: APDUTransport, PINPad {
  private let transport: ReaderTransport

  init(_ transport: ReaderTransport) { self.transport = transport }

  var limits: CardTransportLimits { transport.limits }
  var pinPadAbilities: PINPadAbilities { transport.pinPadAbilities }
  func reset() throws(CardTransportError) -> [UInt8] { [0x3B, 0x00] }
  func transmit(_ command: [UInt8]) throws(CardTransportError) -> [UInt8] { try transport.transmit(command) }
  func enter(_ entry: PINEntry) throws(CardTransportError) -> [UInt8] { try transport.enter(entry) }
}
