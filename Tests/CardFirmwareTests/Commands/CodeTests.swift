import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets
import Testing

/// Retrieval codes on the card: states, dates, uses, and the keys derived from them (P3, P8, P22).
@Suite struct CodeTests {
  private static let key = SeededRandom(seed: 600).octets(32)

  /// An issued card with its PIN verified.
  private func verified() throws -> Bench {
    let bench = try Bench.issued()
    try bench.verifyPIN()
    return bench
  }

  private func wrap(_ index: UInt16, _ level: CommandAPDU.KeyLevel = .message, id: [UInt8] = []) -> CommandAPDU {
    .useKey(.wrap, level: level, codeIndex: index, messageID: id, key: CodeTests.key)
  }

  // MARK: Handing over

  @Test func P3_handOverRevealsTheCodeAfterThePIN() throws {
    let bench = try Bench.issued()
    #expect(try bench.status(.handOverCode(index: 0)) == .securityStatusNotSatisfied)
    #expect(try #require(try bench.code(0)).state == .charged)
    try bench.verifyPIN()
    let record = try Bench.records()[0]
    for _ in 0..<2 {
      let answer = try bench.send(.handOverCode(index: 0))
      #expect(answer == ResponseAPDU(data: record.code + record.softwareID.octets, status: .ok))
      #expect(try #require(try bench.code(0)).state == .handedOver)
    }
    #expect(try bench.status(.handOverCode(index: 4)) == .referencedDataNotFound)
    #expect(try bench.status(.handOverCode(index: 12)) == .referencedDataNotFound)
    #expect(try bench.status(.handOverCode(index: .max)) == .referencedDataNotFound)
    #expect(try bench.status(CommandAPDU(cla: 0x80, ins: 0x10, data: [0])) == .wrongLength)
    try bench.remount()
    #expect(try #require(try bench.code(0)).state == .handedOver)
    #expect(try bench.status(.handOverCode(index: 0)) == .securityStatusNotSatisfied)
  }

  @Test func listShowsStatesAndNeverCodes() throws {
    let bench = try Bench.issued()
    let list = try bench.whole(.listCodes(from: 0))
    #expect(list.status == .ok && list.data.count == 4 * 31)
    for record in try Bench.records() { #expect(!list.data.contains(record.code)) }
    let short = try bench.send(CommandAPDU(cla: 0x80, ins: 0x1C, le: 70))
    #expect(short.status == StatusWord(0x63, 0x10) && short.data == Array(list.data[..<62]))
    let rest = try bench.send(CommandAPDU(cla: 0x80, ins: 0x1C, p2: 2, le: 70))
    #expect(rest.status == .ok && rest.data == Array(list.data[62...]))
    #expect(try bench.send(.listCodes(from: 12)) == ResponseAPDU(data: [], status: .ok))
    #expect(try bench.status(.listCodes(from: 13)) == .referencedDataNotFound)
    #expect(try bench.status(CommandAPDU(cla: 0x80, ins: 0x1C, data: [1], le: 256)) == .wrongLength)
  }

  // MARK: Dates

  @Test func P8_codeDiesAtItsDate() throws {
    let bench = try verified()
    #expect(try bench.setTime(Bench.expiry) == .ok)
    #expect(try bench.status(.handOverCode(index: Bench.Code.expiring)) == .ok)
    #expect(try bench.setTime(Bench.expiry + 1) == .ok)
    #expect(try #require(try bench.code(Bench.Code.expiring)).state == .expired)
    for command in [CommandAPDU.handOverCode(index: Bench.Code.expiring), wrap(Bench.Code.expiring)] {
      #expect(try bench.status(command) == .conditionsNotSatisfied)
    }
    try bench.remount()
    #expect(try #require(try bench.code(Bench.Code.expiring)).state == .expired)
    let session = try bench.open()
    #expect(try session.status(.deleteCode(index: 0)) == .conditionsNotSatisfied)
    #expect(try session.status(.deleteCode(index: Bench.Code.expiring)) == .ok)
    #expect(try session.status(.deleteCode(index: Bench.Code.expiring)) == .referencedDataNotFound)
    #expect(try bench.applicationStatus(0x83, in: session) == 3)
  }

  @Test func P8_freshTimeIsWantedOncePerSession() throws {
    let bench = try verified()
    let fresh = Bench.Code.freshTime
    #expect(try bench.status(.handOverCode(index: fresh)) == .conditionsNotSatisfied)
    #expect(try bench.status(wrap(fresh)) == .conditionsNotSatisfied)
    #expect(try bench.setTime(1_600_000_000) == .ok)
    #expect(try bench.status(wrap(fresh)) == .ok)
    #expect(try bench.status(.handOverCode(index: fresh)) == .ok)
    bench.reset()
    try bench.verifyPIN()
    #expect(try bench.status(wrap(fresh)) == .conditionsNotSatisfied)
    #expect(try bench.status(wrap(Bench.Code.plain)) == .ok)
  }

  @Test func timeIsTheCentresAndNeverRunsBackwards() throws {
    let bench = try Bench.issued()
    #expect(try bench.setTime(1_000) == .ok)
    #expect(try bench.setTime(999) == .conditionsNotSatisfied)
    #expect(try bench.setTime(1_000) == .ok)
    #expect(try bench.setTime(2_000) == .ok)
    let before = bench.flash.content
    let challenge = try bench.send(.getChallenge(16)).data
    let signature = try Bench.signedTime(3_000, challenge)
    #expect(try bench.status(.setTime(3_001, signature: signature)) == .securityStatusNotSatisfied)
    // The challenge was good for one try.
    #expect(try bench.status(.setTime(3_000, signature: signature)) == .conditionsNotSatisfied)
    let other = try bench.send(.getChallenge(16)).data
    #expect(other != challenge)
    #expect(try bench.status(.setTime(3_000, signature: signature)) == .securityStatusNotSatisfied)
    let again = try bench.send(.getChallenge(16)).data
    let foreign = try Bench.signedTime(3_000, again, serial: [0, 1, 2, 3, 4, 5, 6, 7])
    #expect(try bench.status(.setTime(3_000, signature: foreign)) == .securityStatusNotSatisfied)
    let last = try bench.send(.getChallenge(16)).data
    let good = try Bench.signedTime(3_000, last)
    bench.reset()
    #expect(try bench.status(.setTime(3_000, signature: good)) == .conditionsNotSatisfied)
    #expect(bench.flash.content == before)
    #expect(try bench.applicationStatus(0x88) == 2_000)
    #expect(try bench.status(.setTime(1, signature: [1])) == .wrongLength)
    #expect(try bench.status(CommandAPDU(cla: 0x80, ins: 0x18, p1: 1)) == .incorrectP1P2)
    let blank = try Bench.secured()
    #expect(try blank.setTime(1) == .referencedDataNotFound)
  }

  // MARK: Keys

  /// What the centre wraps keys with for the same code: derived from the right key, or from the message key.
  private func derived(_ record: ChargeRecord, id: [UInt8]?) throws -> Secret {
    try Derivation.kbkdf(try root(record, id: id), label: .wrapping, octets: 32) { _ in }
  }

  /// The right key, or with an ID the message key.
  private func root(_ record: ChargeRecord, id: [UInt8]?) throws -> Secret {
    let generation = Secret(copying: Bench.generationKeys[Int(record.generationKey) - 1])
    let right = try Derivation.kbkdf(generation, label: .right, octets: 32) { (context) throws(OctetError) in
      try context.appendField(.retrievalCode, record.code.span.bytes)
    }
    guard let id else { return right }
    return try Derivation.kbkdf(right, label: .message, octets: 32) { (context) throws(OctetError) in
      try context.appendField(.messageID, id.span.bytes)
    }
  }

  @Test func P22_rightAndMessageKeysAreTheCentres() throws {
    let bench = try verified()
    let record = try Bench.records()[0]
    let key = Secret(copying: CodeTests.key)
    let right = try bench.send(wrap(0, .right))
    #expect(right.data == (try KeyWrap.wrap(key, under: try derived(record, id: nil))))
    let plain = try bench.send(wrap(0))
    #expect(plain.data == (try KeyWrap.wrap(key, under: try derived(record, id: []))))
    let named = try bench.send(wrap(0, id: Array("any".utf8)))
    #expect(named.data == (try KeyWrap.wrap(key, under: try derived(record, id: Array("any".utf8)))))
    let back = CommandAPDU.useKey(
      .unwrap, level: .message, codeIndex: 0, messageID: Array("any".utf8), key: named.data)
    #expect(try bench.send(back).data == CodeTests.key)
  }

  @Test func P22_keyIsSetFromTheIDBesideTheCode() throws {
    let bench = try verified()
    let record = try Bench.records()[Int(Bench.Code.twoUses)]
    let wrapped = try bench.send(wrap(Bench.Code.twoUses)).data
    let expected = try KeyWrap.wrap(
      Secret(copying: CodeTests.key), under: try derived(record, id: Array("box 17".utf8)))
    #expect(wrapped == expected)
  }

  @Test func usesAreCountedAndTheLastOneSpends() throws {
    let bench = try verified()
    let index = Bench.Code.twoUses
    #expect(try bench.status(wrap(index)) == .ok)
    #expect(try #require(try bench.code(index)).uses == 1)
    // What is not authentic gives nothing, and costs nothing.
    let forged = CommandAPDU.useKey(
      .unwrap, level: .message, codeIndex: index, messageID: [], key: [UInt8](repeating: 1, count: 40))
    #expect(try bench.send(forged) == ResponseAPDU(data: [], status: .securityStatusNotSatisfied))
    #expect(try #require(try bench.code(index)).uses == 1)
    try bench.remount()
    try bench.verifyPIN()
    #expect(try bench.status(.handOverCode(index: index)) == .ok)
    #expect(try #require(try bench.code(index)).state == .handedOver)
    #expect(try bench.status(wrap(index)) == .ok)
    let spent = try #require(try bench.code(index))
    #expect(spent.state == .spent && spent.uses == 0)
    for command in [wrap(index), wrap(index, .right), .handOverCode(index: index)] {
      #expect(try bench.status(command) == .conditionsNotSatisfied)
    }
    let session = try bench.open()
    #expect(try session.status(.deleteCode(index: index)) == .ok)
  }

  @Test(arguments: [16, 24, 32])
  func everyKeyLengthWrapsAndUnwraps(_ count: Int) throws {
    let bench = try verified()
    let key = SeededRandom(seed: 601).octets(count)
    for level in [CommandAPDU.KeyLevel.right, .message] {
      let wrapped = try bench.send(.useKey(.wrap, level: level, codeIndex: 0, messageID: [], key: key))
      #expect(wrapped.status == .ok && wrapped.data.count == count + 8)
      let back = CommandAPDU.useKey(.unwrap, level: level, codeIndex: 0, messageID: [], key: wrapped.data)
      #expect(try bench.send(back) == ResponseAPDU(data: key, status: .ok))
    }
  }

  @Test func refusalsOfUseKey() throws {
    let bench = try verified()
    let tooLongID = [UInt8](repeating: 1, count: 33)
    let rows: [(CommandAPDU, UInt16)] = [
      (CommandAPDU(cla: 0x80, ins: 0x12, p1: 2), 0x6A86), (CommandAPDU(cla: 0x80, ins: 0x12, p2: 3), 0x6A86),
      (CommandAPDU(cla: 0x80, ins: 0x12), 0x6A80), (CommandAPDU(cla: 0x80, ins: 0x12, data: [0x80, 2, 0]), 0x6A80),
      (wrap(4), 0x6A88), (wrap(.max), 0x6A88), (wrap(0, id: tooLongID), 0x6A80),
      (.useKey(.wrap, level: .right, codeIndex: 0, messageID: [], key: [UInt8](repeating: 1, count: 40)), 0x6A80),
      (.useKey(.wrap, level: .right, codeIndex: 0, messageID: [], key: []), 0x6A80),
      (.useKey(.unwrap, level: .right, codeIndex: 0, messageID: [], key: [UInt8](repeating: 1, count: 16)), 0x6A80),
      (.useKey(.unwrap, level: .right, codeIndex: 0, messageID: [], key: [UInt8](repeating: 1, count: 24)), 0x6982),
    ]
    let before = bench.flash.content
    for (command, word) in rows { #expect(try bench.status(command).rawValue == word) }
    var trailing = wrap(0)
    trailing.data.append(0)
    #expect(try bench.status(trailing) == .incorrectData)
    #expect(bench.flash.content == before)
  }

  @Test func refusalsOfDelete() throws {
    let session = try Bench.issued().open()
    let rows: [(CommandAPDU, UInt16)] = [
      (CommandAPDU(cla: 0x80, ins: 0xE4, p1: 1), 0x6A86), (CommandAPDU(cla: 0x80, ins: 0xE4), 0x6A80),
      (CommandAPDU(cla: 0x80, ins: 0xE4, data: [0x81, 2, 0, 0]), 0x6A80), (.deleteCode(index: 7), 0x6A88),
      (.deleteCode(index: .max), 0x6A88), (.deleteCode(index: 0), 0x6985),
    ]
    for (command, word) in rows { #expect(try session.status(command).rawValue == word) }
  }
}

extension [UInt8] {
  /// Whether `part` lies somewhere inside.
  func contains(_ part: [UInt8]) -> Bool {
    guard let first = part.first, count >= part.count else { return part.isEmpty }
    for start in 0...(count - part.count) where self[start] == first {
      if self[start..<(start + part.count)].elementsEqual(part) { return true }
    }
    return false
  }
}
