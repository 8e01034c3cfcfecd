import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import Testing

/// Logical channels (ISO/IEC 7816-4, clause 5.4 and 11.2.3): what belongs to one is nobody else's.
@Suite struct LogicalChannelTests {
  @Test func channelsOpenAndClose() throws {
    let bench = try Bench.issued()
    for number: UInt8 in 1...3 { #expect(try bench.status(ask.onChannel(number)) == .logicalChannelNotSupported) }
    #expect(try bench.send(.openChannel()) == ResponseAPDU(data: [1], status: .ok))
    #expect(try bench.status(.openChannel(3)) == .ok)
    #expect(try bench.send(.openChannel()) == ResponseAPDU(data: [2], status: .ok))
    #expect(try bench.status(.openChannel()) == .functionNotSupported)
    #expect(try bench.status(.openChannel(3)) == .incorrectP1P2)
    for number: UInt8 in 0...3 { #expect(try bench.status(ask.onChannel(number)) == .ok) }

    #expect(try bench.status(.closeChannel(2)) == .ok)
    #expect(try bench.status(.closeChannel(2)) == .noInformation)
    #expect(try bench.status(ask.onChannel(2)) == .logicalChannelNotSupported)
    // With P2 = 00 a channel closes itself; the basic one cannot.
    #expect(try bench.status(.closeChannel(0).onChannel(3)) == .ok)
    #expect(try bench.status(ask.onChannel(3)) == .logicalChannelNotSupported)
    #expect(try bench.status(.closeChannel(0)) == .functionNotSupported)
    #expect(try bench.status(.closeChannel(0).onChannel(1)) == .ok)
    #expect(try bench.send(.openChannel()).data == [1])
    bench.reset()
    for number: UInt8 in 1...3 { #expect(try bench.status(ask.onChannel(number)) == .logicalChannelNotSupported) }
  }

  private let ask = CommandAPDU.getData(.applicationStatus)

  /// Channels that the card does not have, in both forms of the class byte.
  @Test(arguments: 4...19) func furtherChannelsAreNone(_ number: Int) throws {
    let bench = try Bench.issued()
    let command = ask.onChannel(UInt8(number))
    #expect(command.cla == 0xC0 + UInt8(number) - 4)
    #expect(try bench.status(command) == .logicalChannelNotSupported)
    #expect(try bench.status(.openChannel(UInt8(number))) == .incorrectP1P2)
    #expect(try bench.status(.closeChannel(UInt8(number))) == .noInformation)
  }

  @Test func malformedManagement() throws {
    let bench = try Bench.issued()
    func word(_ p1: UInt8, _ p2: UInt8, _ data: [UInt8] = [], cla: UInt8 = 0) throws -> StatusWord {
      try bench.status(CommandAPDU(cla: cla, ins: 0x70, p1: p1, p2: p2, data: data, le: 1))
    }
    #expect(try word(0x01, 0) == .functionNotSupported)
    #expect(try word(0x00, 20) == .functionNotSupported)
    #expect(try word(0x80, 0xFF) == .functionNotSupported)
    #expect(try word(0x00, 1, [1]) == .wrongLength)
    #expect(try word(0x00, 0, cla: 0x04) == .secureMessagingNotSupported)
    #expect(try word(0x00, 0, cla: 0x80) == .classNotSupported)
    // A SELECT opens no channel.
    let select = CommandAPDU.select(applicationID: CardProtocol.applicationID)
    #expect(try bench.status(select.onChannel(1)) == .logicalChannelNotSupported)
    // T=1 without Le: the number waits.
    #expect(try bench.status(CommandAPDU(cla: 0, ins: 0x70)) == .bytesAvailable(1))
    #expect(try bench.send(.getResponse(1)).data == [1])
  }

  // MARK: What belongs to one channel

  @Test func PINIsVerifiedOnOneChannel() throws {
    let bench = try Bench.issued()
    try bench.verifyPIN()
    for number: UInt8 in 1...3 {
      #expect(try bench.status(.openChannel(number)) == .ok)
      #expect(try bench.status(.verify(.pin).onChannel(number)).retriesLeft == 3)
      #expect(try bench.status(.handOverCode(index: 0).onChannel(number)) == .securityStatusNotSatisfied)
    }
    try bench.verifyPIN(onChannel: 2)
    #expect(try bench.status(.handOverCode(index: 0).onChannel(2)) == .ok)
    // A wrong PIN undoes what its own channel had; tries are the card's.
    #expect(try bench.status(.verify(.pin, value: Bench.puk).onChannel(2)).retriesLeft == 2)
    #expect(try bench.status(.handOverCode(index: 0).onChannel(2)) == .securityStatusNotSatisfied)
    #expect(try bench.status(.handOverCode(index: 0)) == .ok)
    #expect(try bench.status(.verify(.pin).onChannel(1)).retriesLeft == 2)
    // Opened anew it knows nothing of before.
    try bench.verifyPIN(onChannel: 3)
    #expect(try bench.status(.closeChannel(3)) == .ok)
    #expect(try bench.status(.openChannel(3)) == .ok)
    #expect(try bench.status(.verify(.pin).onChannel(3)).retriesLeft == 3)
  }

  /// A PIN that is no longer the PIN was verified nowhere.
  @Test(arguments: [false, true]) func aNewPINIsVerifiedNowhere(_ byPUK: Bool) throws {
    let bench = try Bench.issued()
    #expect(try bench.status(.openChannel(1)) == .ok)
    try bench.verifyPIN()
    try bench.verifyPIN(onChannel: 1)
    let command: CommandAPDU =
      byPUK ? .unblock(puk: Bench.puk, newPIN: Bench.puk) : .change(.pin, from: Bench.pin, to: Bench.puk)
    #expect(try bench.status(command.onChannel(1)) == .ok)
    for number: UInt8 in 0...1 {
      #expect(try bench.status(.handOverCode(index: 0).onChannel(number)) == .securityStatusNotSatisfied)
    }
  }

  /// Wherever the last try was made.
  @Test func aBlockedPINIsVerifiedNowhere() throws {
    let bench = try Bench.issued()
    #expect(try bench.status(.openChannel(1)) == .ok)
    try bench.verifyPIN()
    for left in [2, 1] {
      #expect(try bench.status(.verify(.pin, value: Bench.puk).onChannel(1)).retriesLeft == left)
      #expect(try bench.status(.verify(.pin)) == .ok)
    }
    #expect(try bench.status(.verify(.pin, value: Bench.puk).onChannel(1)) == .authenticationMethodBlocked)
    #expect(try bench.status(.verify(.pin)) == .authenticationMethodBlocked)
    #expect(try bench.status(.handOverCode(index: 0)) == .securityStatusNotSatisfied)
  }

  @Test func filesAndApplicationsAreSelectedOnOneChannel() throws {
    let bench = try Bench.issued()
    #expect(try bench.status(.select(file: Bench.fileID)) == .ok)
    #expect(try bench.status(.openChannel(1)) == .ok)
    try bench.verifyPIN()
    try bench.verifyPIN(onChannel: 1)
    let read = CommandAPDU.readBinary(offset: 0, count: 4)
    #expect(try bench.status(read.onChannel(1)) == .commandNotAllowed)
    #expect(try bench.status(.select(file: CommandAPDU.informationFile).onChannel(1)) == .ok)
    #expect(try bench.send(read).data == Array(Bench.fileContent[..<4]))
    #expect(try bench.send(read.onChannel(1)).data == [0x43, 1, 0xD8, 0x47])
    // From another than the basic channel the application comes along, and nothing else.
    let next = CommandAPDU(cla: 0, ins: 0xA4, p1: 4, p2: 2, le: 256)
    #expect(try bench.status(.select(applicationID: CardProtocol.applicationID).onChannel(1)) == .ok)
    #expect(try bench.status(.openChannel(2).onChannel(1)) == .ok)
    #expect(try bench.status(.openChannel(3)) == .ok)
    #expect(try bench.status(next.onChannel(2)) == .fileNotFound)
    #expect(try bench.status(next.onChannel(3)) == .ok)
    #expect(try bench.status(read.onChannel(2)) == .securityStatusNotSatisfied)
  }

  @Test func challengesAreGoodOnOneChannel() throws {
    let bench = try Bench.issued()
    #expect(try bench.status(.openChannel(1)) == .ok)
    let challenge = try bench.send(.getChallenge(16)).data
    let command = CommandAPDU.setTime(1_000, signature: try Bench.signedTime(1_000, challenge))
    #expect(try bench.status(command.onChannel(1)) == .conditionsNotSatisfied)
    #expect(try bench.status(command) == .ok)
    #expect(try bench.status(command) == .conditionsNotSatisfied)
  }

  // MARK: The secure channel

  /// A session runs on while others send what they like on theirs.
  @Test func sessionBelongsToOneChannel() throws {
    let bench = try Bench.issued()
    let session = try bench.open()
    for number: UInt8 in 1...2 { #expect(try bench.status(.openChannel(number)) == .ok) }
    let block = try #require(try CommandAPDU.storeData([], blockOctets: 8).first)
    let strangers: [(CommandAPDU, StatusWord)] = [
      (ask, .ok), (.verify(.pin, value: Bench.pin), .ok), (.getChallenge(8), .ok),
      (.select(applicationID: CardProtocol.applicationID), .ok), (.select(applicationID: []), .ok),
      (block, .securityStatusNotSatisfied), (.generateKeyPair(.signature), .securityStatusNotSatisfied),
      (CommandAPDU(cla: 0x84, ins: 0xE2, p1: 0x90, data: Bench.puk), .conditionsNotSatisfied),
      (CommandAPDU(cla: 0x84, ins: 0x82, p1: 0x33, data: Bench.puk + Bench.puk), .conditionsNotSatisfied),
      (CommandAPDU(cla: 0x80, ins: 0x50, data: Bench.puk, le: 256), .conditionsNotSatisfied),
      (CommandAPDU(cla: 0x00, ins: 0xFE), .instructionNotSupported),
    ]
    for (command, word) in strangers {
      #expect(try bench.whole(command.onChannel(1)).status == word, "INS \(command.ins)")
      #expect(try session.status(.generateKeyPair(.signature, readOnly: true)) == .ok, "after INS \(command.ins)")
    }
    // A staged sequence is the session's, too.
    let objects = Bench.object(.issuerCertificate, SeededRandom(seed: 960).octets(300))
    let blocks = try CommandAPDU.storeData(objects, blockOctets: 200)
    #expect(try session.status(blocks[0]) == .ok)
    #expect(try bench.status(.select(applicationID: CardProtocol.applicationID).onChannel(2)) == .ok)
    #expect(try bench.status(blocks[0].onChannel(2)) == .securityStatusNotSatisfied)
    #expect(try session.status(blocks[1]) == .ok)
  }

  @Test func sessionEndsWithItsChannel() throws {
    let bench = try Bench.issued()
    #expect(try bench.status(.openChannel(1)) == .ok)
    let session = try bench.open(onChannel: 1)
    #expect(try session.status(.generateKeyPair(.signature, readOnly: true)) == .ok)
    #expect(
      try bench.whole(CommandAPDU(cla: 0x80, ins: 0x50, data: Bench.puk, le: 256)).status == .conditionsNotSatisfied)
    #expect(try bench.status(.closeChannel(1)) == .ok)
    #expect(try bench.status(.openChannel(1)) == .ok)
    let wrapped = try session.wrap(ask)
    #expect(try bench.status(wrapped) == .conditionsNotSatisfied)
    #expect(try bench.open().status(.generateKeyPair(.signature, readOnly: true)) == .ok)
  }

  /// What was only begun on one channel keeps nobody out on another.
  @Test func unfinishedOpeningIsReplaced() throws {
    let bench = try Bench.issued()
    #expect(try bench.status(.openChannel(1)) == .ok)
    let begin = CommandAPDU(cla: 0x80, ins: 0x50, data: Bench.puk, le: 256)
    let finish = CommandAPDU(cla: 0x84, ins: 0x82, p1: 0x33, data: Bench.puk + Bench.puk)
    // A secured command of somebody else does not end it: what its EXTERNAL AUTHENTICATE lacks is the right MAC.
    #expect(try bench.status(begin.onChannel(1)) == .ok)
    #expect(try bench.status(CommandAPDU(cla: 0x84, ins: 0xE2, p1: 0x90, data: Bench.puk)) == .conditionsNotSatisfied)
    #expect(try bench.status(finish.onChannel(1)) == .securityStatusNotSatisfied)
    #expect(try bench.status(begin.onChannel(1)) == .ok)
    #expect(try bench.open().status(.generateKeyPair(.signature, readOnly: true)) == .ok)
    #expect(try bench.status(finish.onChannel(1)) == .conditionsNotSatisfied)
  }

  /// MANAGE CHANNEL is no application's, so a session does not mind it.
  @Test func channelsAreManagedBesideTheSession() throws {
    let bench = try Bench.issued()
    let session = try bench.open()
    #expect(try bench.status(.openChannel(1)) == .ok)
    #expect(try session.status(.generateKeyPair(.signature, readOnly: true)) == .ok)
    #expect(try bench.status(.closeChannel(1)) == .ok)
    #expect(try session.status(.generateKeyPair(.signature, readOnly: true)) == .ok)
    #expect(try bench.status(try session.wrap(.openChannel(1))) == .secureMessagingNotSupported)
  }

  @Test func lockingEndsEveryChannel() throws {
    let bench = try Bench.issued()
    #expect(try bench.status(.openChannel(1)) == .ok)
    try bench.verifyPIN()
    try bench.verifyPIN(onChannel: 1)
    let session = try bench.open(onChannel: 1)
    #expect(try session.status(.setStatus(.cardLocked, serial: try bench.serial)) == .ok)
    #expect(try session.status(.setStatus(.secured, serial: try bench.serial)) == .ok)
    #expect(try bench.status(.handOverCode(index: 0)) == .securityStatusNotSatisfied)
    #expect(try session.status(.handOverCode(index: 0)) == .securityStatusNotSatisfied)
  }

  // MARK: Transmission

  /// One exchange at a time: what comes on another channel breaks a chain as anything else does.
  @Test func chainsDoNotInterleave() throws {
    let bench = try Bench.issued()
    #expect(try bench.status(.openChannel(1)) == .ok)
    let first = CommandAPDU(cla: 0x10, ins: 0x20, p2: 0x81, data: Array(Bench.pin[..<4]))
    let second = CommandAPDU(cla: 0x00, ins: 0x20, p2: 0x81, data: Array(Bench.pin[4...]))
    #expect(try bench.status(first) == .ok)
    #expect(try bench.status(second.onChannel(1)) == .lastCommandOfChainExpected)
    #expect(try bench.status(second) == .wrongLength)
    #expect(try bench.status(first.onChannel(1)) == .ok)
    #expect(try bench.status(second.onChannel(1)) == .ok)
    #expect(try bench.status(.verify(.pin).onChannel(1)) == .ok)
    #expect(try bench.status(.verify(.pin)).retriesLeft == 3)
  }

  @Test func answerIsFetchedOnItsChannel() throws {
    let bench = try Bench.issued()
    #expect(try bench.status(.openChannel(1)) == .ok)
    #expect(try bench.status(CommandAPDU(cla: 0x81, ins: 0xCA, p1: 0xDF, p2: 0x20)) == .bytesAvailable(58))
    #expect(try bench.status(.getResponse(58)) == .conditionsNotSatisfied)
    #expect(try bench.send(.getResponse(58).onChannel(1)).data.count == 58)
    // A command on another channel takes the answer away, as one on the same would.
    #expect(try bench.status(CommandAPDU(cla: 0x81, ins: 0xCA, p1: 0xDF, p2: 0x20)) == .bytesAvailable(58))
    #expect(try bench.status(.verify(.pin)).retriesLeft == 3)
    #expect(try bench.status(.getResponse(58).onChannel(1)) == .conditionsNotSatisfied)
  }
}
