import CardProtocol
import Cryptography
import ISO7816
import Testing

/// MANAGE SECURITY ENVIRONMENT, and PSO: ENCIPHER and DECIPHER under the keys that it names (P24).
@Suite struct SecurityEnvironmentTests {
  private static let key = SeededRandom(seed: 980).octets(32)

  private func manage(_ p1: UInt8, _ p2: UInt8, _ data: [UInt8] = []) -> CommandAPDU {
    CommandAPDU(cla: 0, ins: 0x22, p1: p1, p2: p2, data: data)
  }

  /// What one enciphers the other deciphers, and USE KEY is the same under another name.
  @Test(arguments: [16, 24, 32]) func P24_cardEnciphersAndDeciphers(_ octets: Int) throws {
    let bench = try Bench.issued()
    try bench.verifyPIN()
    let key = Array(Self.key[..<octets])
    for level: CommandAPDU.KeyLevel in [.right, .message] {
      #expect(try bench.status(.setCipherKey(nil, level: level, codeIndex: 0, messageID: Array("box".utf8))) == .ok)
      let cryptogram = try bench.send(.encipher(key: key)).data
      #expect(cryptogram.count == octets + 9 && cryptogram[0] == 0x80)
      #expect(try bench.send(.decipher(cryptogram: cryptogram)) == ResponseAPDU(data: key, status: .ok))
      let used = try bench.send(
        .useKey(.wrap, level: level, codeIndex: 0, messageID: Array("box".utf8), key: key))
      #expect(used.data == Array(cryptogram[1...]))
    }
  }

  /// Each code, each level and each ID is a key of its own; no key opens what another closed.
  @Test func P24_manyCipherKeysEachForItsOwn() throws {
    let bench = try Bench.issued()
    try bench.verifyPIN()
    var keys: [CommandAPDU] = []
    for code in [Bench.Code.plain, Bench.Code.expiring] {
      keys.append(.setCipherKey(nil, level: .right, codeIndex: code))
      for id in ["", "a", "b"] {
        keys.append(.setCipherKey(nil, level: .message, codeIndex: code, messageID: Array(id.utf8)))
      }
    }
    var cryptograms: [[UInt8]] = []
    for key in keys {
      #expect(try bench.status(key) == .ok)
      cryptograms.append(try bench.send(.encipher(key: Self.key)).data)
    }
    #expect(Set(cryptograms).count == keys.count)
    for (index, key) in keys.enumerated() {
      #expect(try bench.status(key) == .ok)
      for (other, cryptogram) in cryptograms.enumerated() {
        let response = try bench.send(.decipher(cryptogram: cryptogram))
        #expect(response.status == (index == other ? .ok : .securityStatusNotSatisfied))
        #expect(response.data == (index == other ? Self.key : []))
      }
    }
  }

  @Test func eachSideHasItsOwnKey() throws {
    let bench = try Bench.issued()
    try bench.verifyPIN()
    #expect(try bench.status(.encipher(key: Self.key)) == .conditionsNotSatisfied)
    #expect(try bench.status(.setCipherKey(.wrap, level: .right, codeIndex: 0)) == .ok)
    let cryptogram = try bench.send(.encipher(key: Self.key)).data
    #expect(try bench.status(.decipher(cryptogram: cryptogram)) == .conditionsNotSatisfied)
    #expect(try bench.status(.setCipherKey(.unwrap, level: .right, codeIndex: 2)) == .ok)
    #expect(try bench.status(.decipher(cryptogram: cryptogram)) == .securityStatusNotSatisfied)
    #expect(try bench.send(.encipher(key: Self.key)).data == cryptogram)
    #expect(try bench.status(.setCipherKey(.unwrap, level: .right, codeIndex: 0)) == .ok)
    #expect(try bench.send(.decipher(cryptogram: cryptogram)).data == Self.key)
  }

  /// Each operation is a use of the code, and asks for its terms.
  @Test func usesAndTermsCount() throws {
    let bench = try Bench.issued()
    try bench.verifyPIN()
    #expect(try bench.status(.setCipherKey(nil, level: .message, codeIndex: Bench.Code.twoUses)) == .ok)
    let cryptogram = try bench.send(.encipher(key: Self.key)).data
    #expect(try bench.status(.decipher(cryptogram: cryptogram)) == .ok)
    #expect(try bench.status(.decipher(cryptogram: cryptogram)) == .conditionsNotSatisfied)
    #expect(try bench.code(Bench.Code.twoUses)?.state == .spent)
    #expect(try bench.status(.setCipherKey(nil, level: .right, codeIndex: Bench.Code.freshTime)) == .ok)
    #expect(try bench.status(.encipher(key: Self.key)) == .conditionsNotSatisfied)
    #expect(try bench.setTime(5) == .ok)
    #expect(try bench.status(.encipher(key: Self.key)) == .ok)
  }

  @Test func operationsWantThePINAndAWholeKey() throws {
    let bench = try Bench.issued()
    #expect(try bench.status(.setCipherKey(nil, level: .right, codeIndex: 0)) == .ok)
    #expect(try bench.status(.encipher(key: Self.key)) == .securityStatusNotSatisfied)
    #expect(try bench.status(.decipher(cryptogram: [0x80] + Self.key)) == .securityStatusNotSatisfied)
    try bench.verifyPIN()
    // No raw block operation: 16, 24 and 32 octets are keys, and what comes back is RFC 3394's.
    for count in [0, 1, 8, 15, 17, 31, 33, 40, 48] {
      #expect(try bench.status(.encipher(key: [UInt8](repeating: 7, count: count))) == .incorrectData)
    }
    for cryptogram: [UInt8] in [[], [0x80], [0x80] + Self.key.dropLast(), [0x02] + Self.key, [0x01] + Self.key] {
      #expect(try bench.send(.decipher(cryptogram: cryptogram)) == ResponseAPDU(data: [], status: .incorrectData))
    }
    let forged = try bench.send(.decipher(cryptogram: [0x80] + Self.key))
    #expect(forged == ResponseAPDU(data: [], status: .securityStatusNotSatisfied))
    for (p1, p2) in [(0x80, 0x84), (0x84, 0x80), (0x80, 0x80), (0x86, 0x86), (0x82, 0x80)] as [(UInt8, UInt8)] {
      #expect(try bench.status(CommandAPDU(cla: 0, ins: 0x2A, p1: p1, p2: p2, data: Self.key)) == .incorrectP1P2)
    }
  }

  /// Individual, generation and private keys have no reference, and no key serves for what another is there for.
  @Test func onlyKeysOfTheirUseAreNamed() throws {
    let bench = try Bench.issued()
    for reference in UInt8.min...UInt8.max {
      for (p1, p2, tag, right) in [
        (0x41, 0xA4, 0x84, 0xA4), (0x41, 0xB6, 0x84, 0xB6), (0x81, 0xA4, 0x83, 0x27), (0x81, 0xB6, 0x83, 0x27),
        (0xC1, 0xA4, 0x84, 0xA4), (0xC1, 0xB6, 0x83, 0x27),
      ] as [(UInt8, UInt8, UInt8, UInt8)] {
        let status = try bench.status(manage(p1, p2, [tag, 1, reference]))
        #expect(status == (reference == right ? .ok : .referencedDataNotFound))
      }
    }
    for index: UInt16 in [4, 11, 12, 0xFFFF] {
      #expect(try bench.status(.setCipherKey(nil, level: .right, codeIndex: index)) == .referencedDataNotFound)
    }
  }

  @Test func malformedEnvironments() throws {
    let bench = try Bench.issued()
    let malformed: [(UInt8, UInt8, [UInt8])] = [
      (0x41, 0xA4, [0x83, 1, 0x27]), (0x81, 0xA4, [0x84, 1, 0xA4]), (0x41, 0xA4, [0x84, 1, 0xA4, 0x84, 1, 0xA4]),
      (0x41, 0xA4, [0x84, 0]), (0x41, 0xA4, [0x84, 2, 0xA4, 0xA4]), (0x41, 0xA4, [0x84]), (0x41, 0xB6, [0x80, 1, 1]),
      (0xC1, 0xB8, []), (0xC1, 0xB8, [0x83, 2, 0, 0]), (0xC1, 0xB8, [0x83, 3, 2, 0, 0]),
      (0xC1, 0xB8, [0x83, 3, 0, 0, 0, 0x94]), (0xC1, 0xB8, [0x84, 3, 0, 0, 0]),
      (0xC1, 0xB8, [0x83, 3, 0, 0, 0, 0x94, 33] + [UInt8](repeating: 1, count: 33)),
      (0xC1, 0xB8, [0x83, 3, 0, 0, 0, 0x94, 0, 0x94, 0]),
    ]
    for (p1, p2, data) in malformed { #expect(try bench.status(manage(p1, p2, data)) == .incorrectData) }
    for (p1, p2) in [(0x41, 0xA6), (0x41, 0xB4), (0x41, 0x00), (0x01, 0xA4), (0x42, 0xA4), (0x00, 0x00)]
      as [(UInt8, UInt8)]
    {
      #expect(try bench.status(manage(p1, p2)) == .incorrectP1P2)
    }
    #expect(try bench.status(manage(0xF2, 1)) == .functionNotSupported)
    #expect(try bench.status(manage(0xF4, 1)) == .functionNotSupported)
    for number: UInt8 in [0, 2, 0xFF] { #expect(try bench.status(manage(0xF3, number)) == .referencedDataNotFound) }
    #expect(try bench.status(manage(0xF3, 1, [1])) == .wrongLength)
  }

  /// RESTORE, another application, another channel and a reset know nothing of what was set.
  @Test func environmentsEnd() throws {
    let bench = try Bench.issued()
    let set = CommandAPDU.setCipherKey(nil, level: .right, codeIndex: 0)
    let endings: [CommandAPDU] = [
      .restoreSecurityEnvironment(), .select(applicationID: CardProtocol.applicationID),
      .select(applicationID: CardProtocol.issuerDomainID),
    ]
    try bench.verifyPIN()
    for ending in endings {
      #expect(try bench.status(set) == .ok)
      #expect(try bench.status(.encipher(key: Self.key)) == .ok)
      #expect(try bench.whole(ending).status == .ok)
      #expect(try bench.status(.encipher(key: Self.key)) == .conditionsNotSatisfied)
    }
    #expect(try bench.status(set) == .ok)
    #expect(try bench.status(.openChannel(1)) == .ok)
    try bench.verifyPIN(onChannel: 1)
    #expect(try bench.status(.encipher(key: Self.key).onChannel(1)) == .conditionsNotSatisfied)
    #expect(try bench.status(.encipher(key: Self.key)) == .ok)
    bench.reset()
    try bench.verifyPIN()
    #expect(try bench.status(.encipher(key: Self.key)) == .conditionsNotSatisfied)
  }
}
