import CardProtocol
import Cryptography
import ISO7816
import Testing

/// Which command works in which state of the card's life: the table of `docs/card-protocol.md`, row by row.
@Suite struct LifeCycleTests {
  /// A command and the word it ends with in OP_READY, INITIALIZED, SECURED, CARD_LOCKED and TERMINATED.
  struct Row: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let command: CommandAPDU
    let words: [UInt16]

    init(_ name: String, _ command: CommandAPDU, _ words: [UInt16]) {
      testDescription = name
      self.command = command
      self.words = words
    }
  }

  static let states: [LifeCycle] = [.operatingReady, .initialized, .secured, .cardLocked, .terminated]

  private static func everywhere(_ word: UInt16) -> [UInt16] { [word, word, word, word, word] }
  private static func onlySecured(_ word: UInt16) -> [UInt16] { [0x6985, 0x6985, word, 0x6985, 0x6985] }

  /// Right after reset, with neither PIN nor session.
  static let plain: [Row] = [
    Row(
      "SELECT application", .select(applicationID: CardProtocol.applicationID),
      [0x9000, 0x9000, 0x9000, 0x6283, 0x6985]),
    Row("SELECT file", .select(file: Bench.fileID), onlySecured(0x9000)),
    Row("GET DATA DF20", .getData(.applicationStatus), everywhere(0x9000)),
    Row("GET DATA CPLC", .getData(.productionLifeCycle), everywhere(0x9000)),
    Row("GET DATA 66", .getData(.cardRecognitionData), [0x9000, 0x9000, 0x9000, 0x9000, 0x6985]),
    Row("GET DATA receipt", .getData(.chargeReceipt), [0x6A88, 0x6A88, 0x9000, 0x9000, 0x6985]),
    Row("GET DATA batch", .getData(.chargeBatch), [0x6A88, 0x6A88, 0x6A88, 0x6A88, 0x6985]),
    Row("SELECT EF.ATR/INFO", .select(file: CommandAPDU.informationFile), [0x9000, 0x9000, 0x9000, 0x9000, 0x6985]),
    Row("MANAGE CHANNEL", .openChannel(2), [0x9000, 0x9000, 0x9000, 0x6A81, 0x6985]),
    Row("ENVELOPE without content", CommandAPDU(cla: 0x00, ins: 0xC2), everywhere(0x6700)),
    Row("MANAGE SECURITY ENVIRONMENT", .restoreSecurityEnvironment(), onlySecured(0x9000)),
    Row("PSO encipher", .encipher(key: Bench.individualKey), onlySecured(0x6982)),
    Row("PSO decipher", .decipher(cryptogram: Bench.individualKey), onlySecured(0x6982)),
    Row("ISO EXTERNAL AUTHENTICATE", .externalAuthenticate(signature: Array(1...64)), onlySecured(0x6985)),
    Row("GET RESPONSE", .getResponse(8), everywhere(0x6985)),
    Row("GET CHALLENGE", .getChallenge(8), [0x9000, 0x9000, 0x9000, 0x6985, 0x6985]),
    Row("VERIFY", .verify(.pin, value: Bench.pin), onlySecured(0x9000)),
    Row("CHANGE REFERENCE DATA", .change(.pin, from: Bench.pin, to: Bench.puk), onlySecured(0x9000)),
    Row("RESET RETRY COUNTER", .unblock(puk: Bench.puk, newPIN: Bench.pin), onlySecured(0x9000)),
    Row("INTERNAL AUTHENTICATE", .internalAuthenticate(challenge: Bench.puk), onlySecured(0x9000)),
    Row("PSO compute", .computeSignature(digest: Bench.individualKey), onlySecured(0x6982)),
    Row("PSO verify", .verifySignature(digest: Bench.individualKey, signature: Array(1...64)), onlySecured(0x6982)),
    Row("READ BINARY", .readBinary(offset: 0, count: 8), onlySecured(0x6982)),
    Row("UPDATE BINARY", .updateBinary(offset: 0, data: [1]), onlySecured(0x6982)),
    Row("INITIALIZE UPDATE", initializeUpdate, [0x9000, 0x9000, 0x9000, 0x9000, 0x6985]),
    Row("EXTERNAL AUTHENTICATE", externalAuthenticate, everywhere(0x6985)),
    Row("PUT KEY", .putKey(version: 0x51, []), [0x6982, 0x6982, 0x6982, 0x6985, 0x6985]),
    Row("STORE DATA", CommandAPDU(cla: 0x80, ins: 0xE2, p1: 0x90, data: [1]), onlySecured(0x6982)),
    Row("GENERATE KEY PAIR", .generateKeyPair(.signature), onlySecured(0x6982)),
    Row("SET STATUS", CommandAPDU(cla: 0x80, ins: 0xF0, p1: 0x80, p2: 0xFF), [0x6982, 0x6982, 0x6982, 0x6982, 0x6985]),
    Row("GET STATUS", getStatus, [0x6982, 0x6982, 0x6982, 0x6982, 0x6985]),
    Row("DELETE", .deleteCode(index: 0), onlySecured(0x6982)),
    Row("HAND OVER CODE", .handOverCode(index: 0), onlySecured(0x6982)),
    Row("USE KEY", .useKey(.wrap, level: .right, codeIndex: 0, messageID: [], key: Bench.puk), onlySecured(0x6982)),
    Row("CERTIFY COPY", CommandAPDU(cla: 0x80, ins: 0x14), onlySecured(0x6A80)),
    Row("SET TIME", .setTime(1, signature: Array(1...64)), onlySecured(0x6985)),
    Row("LIST CODES", .listCodes(from: 0), onlySecured(0x9000)),
    Row("unknown instruction", CommandAPDU(cla: 0x00, ins: 0x0A), everywhere(0x6D00)),
    Row("unknown class", CommandAPDU(cla: 0x20, ins: 0xA4, p1: 4), everywhere(0x6E00)),
    Row("VERIFY in GlobalPlatform's class", CommandAPDU(cla: 0x80, ins: 0x20, p2: 0x81), everywhere(0x6E00)),
    Row("STORE DATA in ISO's class", CommandAPDU(cla: 0x00, ins: 0xE2, p1: 0x90), everywhere(0x6E00)),
    Row("another logical channel", CommandAPDU(cla: 0x01, ins: 0xCA, p1: 0xDF, p2: 0x20), everywhere(0x6881)),
    Row("secure messaging without a session", CommandAPDU(cla: 0x84, ins: 0xE2, p1: 0x90), everywhere(0x6985)),
  ]

  /// Inside a session at level 33: under the transport set, then under key set 1. A terminated card opens none.
  static let administration: [Row] = [
    Row("GET DATA DF20", .getData(.applicationStatus), [0x9000, 0x9000, 0x9000, 0x9000]),
    Row("GET STATUS", getStatus, [0x9000, 0x9000, 0x9000, 0x9000]),
    Row("PUT KEY without a key", .putKey(version: 0x55, []), [0x6985, 0x6985, 0x6A80, 0x6985]),
    Row("PUT KEY of no known version", .putKey(version: 0x20, []), [0x6A80, 0x6A80, 0x6A80, 0x6985]),
    Row("PUT KEY without data", CommandAPDU(cla: 0x80, ins: 0xD8), [0x6700, 0x6700, 0x6700, 0x6985]),
    Row("PUT KEY of the individual key", .putKey(version: 0x40, []), [0x6A80, 0x6A80, 0x6985, 0x6985]),
    Row("STORE DATA", CommandAPDU(cla: 0x80, ins: 0xE2, p1: 0x90), [0x6985, 0x6985, 0x9000, 0x6985]),
    Row("GENERATE KEY PAIR", .generateKeyPair(.signature), [0x6985, 0x6985, 0x9000, 0x6985]),
    Row("DELETE of a live code", .deleteCode(index: 0), [0x6985, 0x6985, 0x6985, 0x6985]),
    Row("UPDATE BINARY", .updateBinary(offset: 0, data: [1]), [0x6985, 0x6985, 0x6986, 0x6985]),
    Row("LIST CODES", .listCodes(from: 0), [0x6985, 0x6985, 0x9000, 0x6985]),
    Row(
      "SET STATUS of another card", CommandAPDU(cla: 0x80, ins: 0xF0, p1: 0x80, p2: 0xFF, data: Bench.puk),
      [0x6A80, 0x6A80, 0x6A80, 0x6A80]),
    Row(
      "SET STATUS without a serial", CommandAPDU(cla: 0x80, ins: 0xF0, p1: 0x80, p2: 0xFF),
      [0x6700, 0x6700, 0x6700, 0x6700]),
    Row(
      "SET STATUS of no known state", CommandAPDU(cla: 0x80, ins: 0xF0, p1: 0x80, p2: 0x55),
      [0x6A86, 0x6A86, 0x6A86, 0x6A86]),
    Row(
      "SET STATUS of an application", CommandAPDU(cla: 0x80, ins: 0xF0, p1: 0x40, p2: 0x0F),
      [0x6A86, 0x6A86, 0x6A86, 0x6A86]),
    Row(
      "GET STATUS of applications", CommandAPDU(cla: 0x80, ins: 0xF2, p1: 0x40, data: [0x4F, 0]),
      [0x6A86, 0x6A86, 0x6A86, 0x6A86]),
    Row(
      "GET STATUS of one application", CommandAPDU(cla: 0x80, ins: 0xF2, p1: 0x80, data: [0x4F, 1, 0]),
      [0x6A80, 0x6A80, 0x6A80, 0x6A80]),
  ]

  private static let initializeUpdate = CommandAPDU(cla: 0x80, ins: 0x50, data: Bench.puk, le: 256)
  private static let externalAuthenticate = CommandAPDU(cla: 0x84, ins: 0x82, p1: 0x33, data: Array(1...16))
  private static let getStatus = CommandAPDU(cla: 0x80, ins: 0xF2, p1: 0x80, data: [0x4F, 0], le: 256)

  @Test(arguments: plain) func commandInEveryState(_ row: Row) throws {
    for (state, word) in zip(LifeCycleTests.states, row.words) {
      let bench = try Bench.inState(state)
      let before = bench.flash.content
      let status = try bench.whole(row.command).status
      #expect(status.rawValue == word, "\(state): \(status.meaning)")
      if status.category == .checkingError { #expect(bench.flash.content == before, "\(state): refused, and changed") }
    }
  }

  @Test(arguments: administration) func administrationInEveryState(_ row: Row) throws {
    for (state, word) in zip(LifeCycleTests.states, row.words) {
      let bench = try Bench.inState(state)
      let isBlank = state == .operatingReady || state == .initialized
      let session = try bench.open(version: isBlank ? KeyVersion.transportSet : KeyVersion.individualSet)
      let before = bench.flash.content
      let status = try session.status(row.command)
      #expect(status.rawValue == word, "\(state): \(status.meaning)")
      if status.category == .checkingError { #expect(bench.flash.content == before, "\(state): refused, and changed") }
    }
  }

  @Test func wholeCommandsHaveEveryRow() {
    let tested = Set(LifeCycleTests.plain.map(\.command.ins))
    #expect(Instruction.allCases.allSatisfy { tested.contains($0.rawValue) })
  }

  /// Which state SET STATUS leads to from which; everything else is refused and changes nothing.
  @Test func stateTransitions() throws {
    let allowed: [LifeCycle: Set<LifeCycle>] = [
      .operatingReady: [.initialized, .terminated], .initialized: [.terminated],
      .secured: [.cardLocked, .terminated], .cardLocked: [.secured, .terminated],
    ]
    for (state, targets) in allowed {
      for target in LifeCycle.allCases {
        let bench = try Bench.inState(state)
        let isBlank = state == .operatingReady || state == .initialized
        let session = try bench.open(version: isBlank ? KeyVersion.transportSet : KeyVersion.individualSet)
        let status = try session.status(.setStatus(target, serial: try bench.serial))
        #expect(status == (targets.contains(target) ? .ok : .conditionsNotSatisfied), "\(state) to \(target)")
        try bench.remount()
        let now = try bench.applicationStatus(0x80)
        #expect(now == UInt64(targets.contains(target) ? target.rawValue : state.rawValue), "\(state) to \(target)")
      }
    }
  }

  /// A further key set is for work on the card, not for undoing what the issuer locked.
  @Test func lockedCardOpensForTheIssuerAlone() throws {
    let bench = try Bench.issued()
    let keys = bench.random.octets(96)
    let session = try bench.open()
    #expect(try session.status(try session.putKey(0x02, keys, count: 3)) == .ok)
    #expect(try bench.open(version: 0x02, keys: keys).status(.getStatus(.issuerDomain)) == .ok)
    try bench.move(to: .cardLocked)
    let refused = CommandAPDU(cla: 0x80, ins: 0x50, p1: 0x02, data: Bench.puk, le: 256)
    #expect(try bench.status(refused) == .conditionsNotSatisfied)
    try bench.move(to: .secured)
    #expect(try bench.status(refused) == .ok)
  }
}
