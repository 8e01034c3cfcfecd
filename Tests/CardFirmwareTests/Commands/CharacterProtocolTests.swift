import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import Octets
import SecureChannel
import Testing

/// A card for T=0 (ISO/IEC 7816-3, 12.2), to which a reader or vpcd hands each APDU as the application sent it.
@Suite struct CharacterProtocolTests {
  // MARK: Case 2: exactly Le octets

  /// 12.2.3: another length than the answer's is 6Cxx, and the same command with the right one brings it.
  @Test(arguments: [1, 57, 59, 256]) func wrongLengthIsTold(_ le: Int) throws {
    let bench = try Bench.issuedForCharacters()
    var command = CommandAPDU.getData(.applicationStatus)
    command.le = le
    #expect(try bench.send(command) == ResponseAPDU(data: [], status: .wrongLe(58)))
    #expect(try bench.send(command) == ResponseAPDU(data: [], status: .wrongLe(58)))
    command.le = 58
    let whole = try bench.send(command)
    #expect(whole.status == .ok && whole.data.count == 58)
    #expect(try bench.send(command) == whole)
  }

  @Test func answersOverOneTPDU() throws {
    let bench = try Bench.issuedForCharacters()
    try bench.verifyPIN()
    #expect(try bench.status(.select(file: Bench.fileID)) == .ok)
    // The file has 600 octets: 256 of the 512 and more that a greater Le would ask for.
    let long = CommandAPDU(cla: 0, ins: 0xB0, p1: 0, p2: 0x10, le: 256)
    #expect(try bench.send(long) == ResponseAPDU(data: Array(Bench.fileContent[16..<272]), status: .ok))
    let end = CommandAPDU(cla: 0, ins: 0xB0, p1: 0x02, p2: 0x50, le: 9)
    #expect(try bench.status(end) == .wrongLe(8))
    #expect(try bench.whole(end).data == Array(Bench.fileContent[592...]))
  }

  /// An answer of more than 256 octets: P3 = 00 brings the first of them, anything else is 6C00.
  @Test func longAnswers() throws {
    let bench = try Bench.issuedForCharacters()
    let certificate = SeededRandom(seed: 970).octets(600)
    #expect(try bench.open().store(Bench.object(.issuerCertificate, certificate)).status == .ok)
    bench.reset()
    var command = CommandAPDU.getData(.issuerCertificate)
    for le in [nil, 100] {
      command.le = le
      #expect(try bench.status(command) == .wrongLe(0))
    }
    command.le = 256
    let first = try bench.send(command)
    #expect(first.data == Array(certificate[..<256]) && first.status == .bytesAvailable(0))
    let second = try bench.send(.getResponse(256))
    #expect(second.data == Array(certificate[256..<512]) && second.status == .bytesAvailable(88))
    #expect(try bench.send(.getResponse(88)) == ResponseAPDU(data: Array(certificate[512...]), status: .ok))
  }

  /// The command is not executed again for its right Le: what chance gave stays what it was, and a use is one use.
  @Test func repeatedCommandIsExecutedOnce() throws {
    let bench = try Bench.issuedForCharacters()
    var command = CommandAPDU.getChallenge(256)
    #expect(try bench.status(command) == .wrongLe(32))
    command.le = 32
    let challenge = try bench.send(command).data
    #expect(try bench.status(.setTime(9, signature: try Bench.signedTime(9, challenge))) == .ok)

    #expect(try bench.status(.openChannel(0)) == .ok)
    #expect(try bench.status(CommandAPDU(cla: 0, ins: 0x70, le: 256)) == .wrongLe(1))
    #expect(try bench.send(.openChannel(0)).data == [2])
    #expect(try bench.send(.openChannel(0)).data == [3])
  }

  /// Anything else than that command, or data beside it, makes the card forget what it told the length of.
  @Test func announcedAnswerIsForgotten() throws {
    var command = CommandAPDU.getChallenge(256)
    command.le = 32
    for other: CommandAPDU in [
      .verify(.pin), CommandAPDU(cla: 0, ins: 0x84, p2: 1, le: 32), .getChallenge(9), .getResponse(32),
    ] {
      let bench = try Bench.issuedForCharacters()
      #expect(try bench.status(.getChallenge(256)) == .wrongLe(32))
      #expect(try bench.send(other).data.count <= 9)
      #expect(try bench.status(.getResponse(32)) == .conditionsNotSatisfied)
      // A challenge made anew for this command.
      #expect(try bench.send(command).data.count == 32)
    }
    let bench = try Bench.issuedForCharacters()
    #expect(try bench.status(.getChallenge(256)) == .wrongLe(32))
    bench.reset()
    #expect(try bench.status(.getResponse(32)) == .conditionsNotSatisfied)
  }

  // MARK: Cases 1, 3 and 4

  /// Le beside data is not sent over T=0: with it or without it, the answer waits for GET RESPONSE.
  @Test(arguments: [nil, 1, 256]) func answersBesideDataWait(_ le: Int?) throws {
    let bench = try Bench.issuedForCharacters()
    var command = CommandAPDU.internalAuthenticate(challenge: Bench.puk)
    command.le = le
    #expect(try bench.send(command) == ResponseAPDU(data: [], status: .bytesAvailable(64)))
    #expect(try bench.send(.getResponse(65)) == ResponseAPDU(data: [], status: .wrongLe(64)))
    #expect(try bench.send(.getResponse(256)) == ResponseAPDU(data: [], status: .wrongLe(64)))
    let first = try bench.send(.getResponse(60))
    #expect(first.data.count == 60 && first.status == .bytesAvailable(4))
    #expect(try bench.send(.getResponse(4)).data.count == 4)
    #expect(try bench.status(.getResponse(4)) == .conditionsNotSatisfied)
  }

  @Test func commandsWithoutAnAnswer() throws {
    let bench = try Bench.issuedForCharacters()
    #expect(try bench.send(.verify(.pin, value: Bench.pin)) == ResponseAPDU(data: [], status: .ok))
    #expect(try bench.send(CommandAPDU(cla: 0, ins: 0x20, p2: 0x81)) == ResponseAPDU(data: [], status: .ok))
    // Case 1 goes as P3 = 00 over the line, which reads as Le = 256.
    #expect(try bench.send(CommandAPDU(cla: 0, ins: 0x20, p2: 0x81, le: 256)) == ResponseAPDU(data: [], status: .ok))
    // And one that has an answer after all is told how long it is.
    #expect(try bench.send(CommandAPDU(cla: 0x80, ins: 0xCA, p1: 0xDF, p2: 0x20)).status == .wrongLe(58))
    #expect(try bench.send(CommandAPDU(cla: 0x80, ins: 0xCA, p1: 0xDF, p2: 0x20, le: 58)).data.count == 58)
    #expect(try bench.status(CommandAPDU(cla: 0x80, ins: 0xCA, p1: 0, p2: 1, le: 9)) == .referencedDataNotFound)
  }

  /// A warning comes with the last octets, as SELECT's on a locked card.
  @Test func warningsEndTheAnswer() throws {
    let bench = try Bench.issuedForCharacters()
    try bench.move(to: .cardLocked)
    let select = CommandAPDU.select(applicationID: CardProtocol.applicationID)
    #expect(try bench.status(select) == .bytesAvailable(19))
    #expect(try bench.send(.getResponse(19)).status == .selectedFileInvalidated)
  }

  @Test(arguments: SecurityLevel.defined) func sessionsWorkTheSame(_ level: SecurityLevel) throws {
    let bench = try Bench.issuedForCharacters()
    let session = try bench.open(level: level)
    #expect(try session.send(.getData(.applicationStatus)).data.count == 58)
    let expected: StatusWord = level.contains(.commandDecryption) ? .ok : .securityStatusNotSatisfied
    let objects = Bench.object(.issuerCertificate, SeededRandom(seed: 971).octets(500))
    #expect(try session.store(objects).status == expected)
  }

  // MARK: What is longer than one TPDU

  /// No TPDU holds an extended length field.
  @Test func extendedLengthsAreNoTPDUs() throws {
    let bench = try Bench.issuedForCharacters()
    for octets: [UInt8] in [
      [0x80, 0xCA, 0xDF, 0x20, 0, 0, 0], [0x00, 0x20, 0x00, 0x81, 0, 0, 8] + Bench.pin,
      [0x00, 0x88, 0, 0, 0, 0, 8] + Bench.puk + [0, 0],
    ] {
      #expect(bench.transmit(octets) == [0x67, 0x00])
    }
  }

  /// 12.2.7, 12.2.8: a long command comes in ENVELOPEs, up to an empty one.
  @Test(arguments: [false, true]) func longCommandInEnvelopes(_ isForCharacters: Bool) throws {
    let bench = try isForCharacters ? Bench.issuedForCharacters() : Bench.issued()
    let session = try bench.open()
    let objects = Bench.object(.issuerCertificate, SeededRandom(seed: 972).octets(700))
    let block = try #require(try CommandAPDU.storeData(objects, blockOctets: 1_000).first)
    let wrapped = try session.wrap(block)
    try #require(wrapped.needsExtendedLength)
    var response = ResponseAPDU(data: [], status: .ok)
    for envelope in try CommandAPDU.envelopes(of: wrapped) {
      #expect(response == ResponseAPDU(data: [], status: .ok))
      response = try bench.whole(envelope)
    }
    #expect(try session.unwrap(response).status == .ok)
    let stored = try session.send(.getData(.issuerCertificate)).data
    #expect(Bench.object(.issuerCertificate, stored) == objects)
  }

  /// With command chaining the last of the chain is the end, and no empty one follows.
  @Test func envelopesInAChain() throws {
    let bench = try Bench.issuedForCharacters()
    let command = CommandAPDU(cla: 0, ins: 0x88, data: Bench.puk + Bench.puk, le: 256)
    var envelopes = try CommandAPDU.envelopes(of: command).filter { !$0.data.isEmpty }
    let content = envelopes[0].data
    envelopes = [
      CommandAPDU(cla: 0x10, ins: 0xC2, data: Array(content[..<7])),
      CommandAPDU(cla: 0x10, ins: 0xC2, data: Array(content[7..<9])),
      CommandAPDU(cla: 0x00, ins: 0xC2, data: Array(content[9...])),
    ]
    #expect(try envelopes.map { try bench.status($0) } == [.ok, .ok, .bytesAvailable(64)])
    #expect(try bench.send(.getResponse(64)).data.count == 64)
  }

  /// On the wire the empty ENVELOPE has P3 = 00; that is no Le, so the answer waits instead of 6Cxx.
  @Test func emptyEnvelopeHasNoLe() throws {
    let bench = try Bench.issuedForCharacters()
    let envelopes = try CommandAPDU.envelopes(of: .internalAuthenticate(challenge: Bench.puk))
    #expect(try bench.status(envelopes[0]) == .ok)
    #expect(bench.transmit([0x00, 0xC2, 0x00, 0x00, 0x00]) == [0x61, 64])
    // In T=1 an ENVELOPE has the Le that it has.
    let block = try Bench.issued()
    #expect(try block.status(envelopes[0]) == .ok)
    #expect(block.transmit([0x00, 0xC2, 0x00, 0x00, 0x00]).count == 66)
  }

  @Test func envelopesThatAreNone() throws {
    let bench = try Bench.issuedForCharacters()
    func word(_ inside: CommandAPDU, cla: UInt8 = 0, p1: UInt8 = 0) throws -> StatusWord {
      let content = try inside.encoded()
      var last = StatusWord.ok
      for start in stride(from: 0, to: content.count, by: 200) {
        let part = Array(content[start..<min(start + 200, content.count)])
        last = try bench.status(CommandAPDU(cla: cla, ins: 0xC2, p1: p1, data: part))
        guard last == .ok else { return last }
      }
      return try bench.status(CommandAPDU(cla: cla, ins: 0xC2, p1: p1))
    }
    let verify = CommandAPDU.verify(.pin, value: Bench.pin)
    #expect(try word(verify) == .ok)
    #expect(try word(CommandAPDU(cla: 0, ins: 0xC2, data: [1])) == .incorrectData)
    #expect(try word(.getResponse(1)) == .incorrectData)
    #expect(try word(CommandAPDU(cla: 0x10, ins: 0x20, p2: 0x81, data: [1])) == .incorrectData)
    #expect(try word(CommandAPDU(cla: 0x20, ins: 0x20)) == .incorrectData)
    #expect(try word(verify.onChannel(1)) == .incorrectData)
    #expect(try word(verify, p1: 1) == .incorrectP1P2)
    #expect(try word(verify, cla: 0x04) == .secureMessagingNotSupported)
    #expect(try word(verify, cla: 0x80) == .classNotSupported)
    // No APDU at all inside, and one longer than a command may be.
    #expect(try bench.status(CommandAPDU(cla: 0, ins: 0xC2)) == .wrongLength)
    let long = CommandAPDU(cla: 0, ins: 0x20, data: [UInt8](repeating: 1, count: 2_048))
    #expect(try word(long) == .wrongLength)
    #expect(try word(verify) == .ok)
  }

  /// Another command leaves what was gathered; what comes then begins anew.
  @Test func interruptedEnvelopeIsForgotten() throws {
    let bench = try Bench.issuedForCharacters()
    let content = try CommandAPDU.verify(.pin, value: Bench.pin).encoded()
    func envelope(_ data: ArraySlice<UInt8>) -> CommandAPDU { CommandAPDU(cla: 0, ins: 0xC2, data: Array(data)) }
    #expect(try bench.status(envelope(content[..<6])) == .ok)
    #expect(try bench.status(.verify(.pin)).retriesLeft == 3)
    #expect(try bench.status(envelope(content[6...])) == .ok)
    #expect(try bench.status(envelope([])) == .wrongLength)
    #expect(try bench.status(.verify(.pin)).retriesLeft == 3)
    #expect(try bench.status(envelope(content[..<6])) == .ok)
    #expect(try bench.status(.getResponse(1)) == .conditionsNotSatisfied)
    #expect(try bench.status(envelope(content[6...])) == .ok)
    #expect(try bench.status(envelope([])) == .wrongLength)
    #expect(try bench.status(envelope(content[..<6])) == .ok)
    bench.reset()
    #expect(try bench.status(envelope([])) == .wrongLength)
  }
}
