import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import SecureChannel
import Testing

/// What the card asks of messages inside and around a session (GlobalPlatform 2.3.1, 10.2.3; Amendment D).
@Suite struct SecureChannelRuleTests {
  private static let status = CommandAPDU.getData(.applicationStatus)

  @Test(arguments: SecurityLevel.defined) func everyLevelOpens(_ level: SecurityLevel) throws {
    let bench = try Bench.issued()
    let session = try bench.open(level: level)
    #expect(try session.send(Self.status).data.count == 58)
    #expect(try session.status(.verify(.pin)).rawValue == 0x63C3)
    #expect(try session.status(.getData(.chargeBatch)) == .referencedDataNotFound)
    #expect(try session.send(Self.status).data.count == 58)
  }

  @Test func longMACs() throws {
    var profile = Bench.profile
    profile.macOctets = 16
    let bench = try Bench.secured(profile)
    #expect(try bench.open().status(Self.status) == .ok)
    #expect(try bench.status(CommandAPDU(cla: 0x80, ins: 0x50, data: Bench.puk)) == .wrongLength)
  }

  @Test(arguments: SecurityLevel.defined.filter { $0.contains(.commandMAC) })
  func unsecuredCommandIsRefusedAndEndsNothing(_ level: SecurityLevel) throws {
    let bench = try Bench.issued()
    let session = try bench.open(level: level)
    for command in [Self.status, .verify(.pin), .getChallenge(8), .select(file: Bench.fileID), .listCodes(from: 0)] {
      #expect(try bench.status(command) == .securityStatusNotSatisfied)
    }
    #expect(try session.status(Self.status) == .ok)
  }

  @Test func securedCommandAtLevelZero() throws {
    let bench = try Bench.issued()
    _ = try bench.open(level: [])
    #expect(try bench.status(CommandAPDU(cla: 0x84, ins: 0xCA, p1: 0xDF, p2: 0x20)) == .secureMessagingNotSupported)
    #expect(try bench.status(.generateKeyPair(.signature)) == .securityStatusNotSatisfied)
  }

  /// At level 00 no MAC tells one host's commands from another's; a SELECT ends the session all the same.
  @Test func selectEndsASessionOfLevelZero() throws {
    let bench = try Bench.issued()
    let secured = CommandAPDU(cla: 0x84, ins: 0xCA, p1: 0xDF, p2: 0x20)
    for name in [CardProtocol.applicationID, CardProtocol.issuerDomainID, []] {
      _ = try bench.open(level: [])
      #expect(try bench.status(secured) == .secureMessagingNotSupported)
      #expect(try bench.whole(.select(applicationID: name)).status == .ok)
      #expect(try bench.status(secured) == .conditionsNotSatisfied)
    }
  }

  @Test func securedCommandWithoutASession() throws {
    let bench = try Bench.issued()
    for cla: UInt8 in [0x04, 0x08, 0x0C, 0x84] {
      #expect(try bench.status(CommandAPDU(cla: cla, ins: 0xCA, p1: 0xDF, p2: 0x20)) == .conditionsNotSatisfied)
    }
    _ = try bench.open()
    #expect(try bench.status(CommandAPDU(cla: 0x08, ins: 0xCA, p1: 0xDF, p2: 0x20)) == .secureMessagingNotSupported)
  }

  /// A wrong C-MAC ends the session, and with it what the session was good for.
  @Test func wrongMACEndsTheSession() throws {
    let bench = try Bench.issued()
    let session = try bench.open()
    var forged = try session.wrap(.generateKeyPair(.signature))
    forged.data[forged.data.count - 1] ^= 1
    let before = bench.flash.content
    #expect(try bench.send(forged) == ResponseAPDU(data: [], status: .securityStatusNotSatisfied))
    forged.data[forged.data.count - 1] ^= 1
    #expect(try bench.status(forged) == .conditionsNotSatisfied)
    #expect(bench.flash.content == before)
    #expect(try bench.status(Self.status) == .ok)
  }

  @Test func replayedCommandEndsTheSession() throws {
    let bench = try Bench.issued()
    let session = try bench.open()
    let wrapped = try session.wrap(Self.status)
    #expect(try session.unwrap(bench.whole(wrapped)).status == .ok)
    #expect(try bench.status(wrapped) == .securityStatusNotSatisfied)
    #expect(try bench.status(try session.wrap(Self.status)) == .conditionsNotSatisfied)
  }

  @Test func selectAndInitializeUpdateEndTheSession() throws {
    let bench = try Bench.issued()
    for command in [
      CommandAPDU.select(applicationID: CardProtocol.applicationID), .select(applicationID: [1, 2, 3, 4, 5]),
      CommandAPDU(cla: 0x80, ins: 0x50, data: Bench.puk, le: 256), CommandAPDU(cla: 0x80, ins: 0x50, data: [1]),
      CommandAPDU(cla: 0x80, ins: 0x50, p1: 0x77, data: Bench.puk),
    ] {
      let session = try bench.open()
      _ = try bench.whole(command)
      let secured = try session.wrap(.getData(.applicationStatus))
      #expect(try bench.status(secured) == .conditionsNotSatisfied)
    }
    let session = try bench.open()
    bench.reset()
    #expect(try bench.status(try session.wrap(Self.status)) == .conditionsNotSatisfied)
  }

  @Test func externalAuthenticateInsideASessionEndsIt() throws {
    let bench = try Bench.issued()
    let session = try bench.open()
    let block = try #require(try CommandAPDU.storeData([1, 2, 3, 4], blockOctets: 2).first)
    #expect(try session.status(block) == .ok)
    let again = CommandAPDU(cla: 0x84, ins: 0x82, p1: 0x33, data: Array(1...16))
    #expect(try bench.status(again) == .conditionsNotSatisfied)
    #expect(try bench.status(try session.wrap(Self.status)) == .conditionsNotSatisfied)
  }

  @Test func wrongHostIsRefused() throws {
    let bench = try Bench.issued()
    let open = CommandAPDU(cla: 0x80, ins: 0x50, p1: 1, data: Bench.puk, le: 256)
    let rows: [(CommandAPDU, UInt16)] = [
      (CommandAPDU(cla: 0x84, ins: 0x82, p1: 0x33, data: Array(1...16)), 0x6982),
      (CommandAPDU(cla: 0x84, ins: 0x82, p1: 0x33, data: Array(1...15)), 0x6700),
      (CommandAPDU(cla: 0x84, ins: 0x82, p1: 0x02, data: Array(1...16)), 0x6A86),
      (CommandAPDU(cla: 0x84, ins: 0x82, p1: 0x33, p2: 1, data: Array(1...16)), 0x6A86),
      (CommandAPDU(cla: 0x80, ins: 0x82, p1: 0x33, data: Array(1...16)), 0x6882),
    ]
    for (command, word) in rows {
      #expect(try bench.send(open).data.count == 29)
      #expect(try bench.status(command).rawValue == word)
      #expect(
        try bench.status(CommandAPDU(cla: 0x84, ins: 0x82, p1: 0x33, data: Array(1...16))) == .conditionsNotSatisfied)
    }
    #expect(try bench.status(CommandAPDU(cla: 0x80, ins: 0x50, p1: 0x55, data: Bench.puk)) == .referencedDataNotFound)
    #expect(try bench.status(CommandAPDU(cla: 0x80, ins: 0x50, p2: 1, data: Bench.puk)) == .incorrectP1P2)
    #expect(throws: SecureChannelError.cardNotAuthentic) { try bench.open(keys: bench.random.octets(96)) }
  }

  /// Warnings carry an R-MAC like successes; errors go alone (Amendment D, 6.2.5).
  @Test(arguments: SecurityLevel.defined.filter { $0.contains(.responseMAC) })
  func warningsCarryAnRMAC(_ level: SecurityLevel) throws {
    let bench = try Bench.issued()
    let session = try bench.open(level: level)
    let wrong = CommandAPDU.verify(.pin, value: [UInt8](repeating: 0x39, count: 8))
    let warning = try bench.whole(try session.wrap(wrong))
    #expect(warning.status.rawValue == 0x63C2 && warning.data.count == 8)
    #expect(try session.unwrap(warning).data == [])
    let more = try bench.whole(try session.wrap(CommandAPDU(cla: 0x80, ins: 0x1C, le: 31)))
    #expect(more.status == StatusWord(0x63, 0x10))
    #expect(try session.unwrap(more).data.count == 31)
    let error = try bench.whole(try session.wrap(.getData(.chargeBatch)))
    #expect(error == ResponseAPDU(data: [], status: .referencedDataNotFound))
    _ = try session.unwrap(error)
    let ok = try bench.whole(try session.wrap(.verify(.pin, value: Bench.pin)))
    #expect(ok.status == .ok && ok.data.count == 8)
  }

  @Test func pinOutlivesTheSession() throws {
    let bench = try Bench.issued()
    let session = try bench.open()
    #expect(try session.status(.verify(.pin, value: Bench.pin)) == .ok)
    #expect(try session.status(.handOverCode(index: 0)) == .ok)
    #expect(try bench.status(.select(applicationID: CardProtocol.applicationID)) == .ok)
    #expect(try bench.status(.handOverCode(index: 1)) == .ok)
  }
}
