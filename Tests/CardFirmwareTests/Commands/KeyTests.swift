import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import SecureChannel
import Testing

/// PUT KEY: what enters, under what, and what never leaves or changes again (P24).
@Suite struct KeyTests {
  private static let other = SeededRandom(seed: 800).octets(32)

  @Test func P24_individualKeyEntersOnceAndIsImmutable() throws {
    let bench = try Bench.blank()
    let transport = try bench.open(version: KeyVersion.transportSet)
    let answer = try transport.send(try transport.putKey(KeyVersion.individualKey, Bench.individualKey))
    #expect(answer.status == .ok && answer.data.count == 4 && answer.data[0] == KeyVersion.individualKey)
    // The transport session may go on talking, but administers nothing more.
    #expect(try transport.status(.getData(.applicationStatus)) == .ok)
    #expect(try transport.status(.generateKeyPair(.signature)) == .securityStatusNotSatisfied)
    #expect(
      try transport.status(try transport.putKey(KeyVersion.individualKey, Self.other)) == .securityStatusNotSatisfied)
    bench.reset()
    #expect(try bench.applicationStatus(0x80) == UInt64(LifeCycle.secured.rawValue))
    let gone = CommandAPDU(cla: 0x80, ins: 0x50, p1: KeyVersion.transportSet, data: Bench.puk, le: 256)
    #expect(try bench.status(gone) == .referencedDataNotFound)
    let session = try bench.open()
    for old: UInt8 in [0, KeyVersion.individualKey] {
      let word = try session.status(try session.putKey(KeyVersion.individualKey, Self.other, replacing: old))
      #expect(word == (old == 0 ? .conditionsNotSatisfied : .incorrectP1P2))
    }
    // Key set 1 is derived and has no PUT KEY of its own.
    #expect(
      try session.status(try session.putKey(KeyVersion.individualSet, Bench.transportKeys, count: 3)) == .incorrectData)
    try bench.remount()
    _ = try bench.open()
  }

  @Test(arguments: [
    SecurityLevel([.commandMAC, .commandDecryption]), [.commandMAC, .commandDecryption, .responseMAC],
  ])
  func P24_individualKeyWantsFullProtection(_ level: SecurityLevel) throws {
    let bench = try Bench.blank()
    let session = try bench.open(level: level, version: KeyVersion.transportSet)
    let word = try session.status(try session.putKey(KeyVersion.individualKey, Bench.individualKey))
    #expect(word == .securityStatusNotSatisfied)
    #expect(try session.status(.setStatus(.initialized, serial: try bench.serial)) == .ok)
  }

  @Test(arguments: [[], [.commandMAC], [.commandMAC, .responseMAC]] as [SecurityLevel])
  func administrationWantsEncryption(_ level: SecurityLevel) throws {
    let bench = try Bench.issued()
    let session = try bench.open(level: level)
    for command in [
      CommandAPDU.generateKeyPair(.signature), try session.putKey(0x53, Self.other), .deleteCode(index: 0),
    ] {
      #expect(try session.status(command) == .securityStatusNotSatisfied)
    }
  }

  @Test(arguments: [16, 24]) func individualKeyHasOneLength(_ count: Int) throws {
    let session = try Bench.blank().open(version: KeyVersion.transportSet)
    let command = try session.putKey(KeyVersion.individualKey, SeededRandom(seed: 801).octets(count))
    #expect(try session.status(command) == .incorrectData)
  }

  /// Sixteen generation keys, each good for its own codes (P24: many cipher keys).
  @Test func P24_manyCipherKeys() throws {
    let bench = try Bench.issued()
    let session = try bench.open()
    for number in 3...CardProtocol.generationKeyCount {
      let command = try session.putKey(
        KeyVersion.generationKeyBase + number, SeededRandom(seed: 810 + UInt64(number)).octets(32))
      #expect(try session.send(command) == ResponseAPDU(data: checkValues(command), status: .ok))
    }
    var records = try Bench.records()
    records = (1...8).map { (number: UInt8) in
      var record = records[0]
      record.generationKey = number * 2
      return record
    }
    #expect(try session.store(try Bench.charge(2, records)).status == .ok)
    bench.reset()
    try bench.verifyPIN()
    // The same code under eight keys makes eight right keys.
    let wrapped = try (4..<12).map {
      try bench.send(.useKey(.wrap, level: .right, codeIndex: $0, messageID: [], key: Self.other)).data
    }
    #expect(Set(wrapped).count == 8 && wrapped.allSatisfy { $0.count == 40 })
  }

  private func checkValues(_ command: CommandAPDU) -> [UInt8] { [command.data[0]] + command.data.suffix(3) }

  @Test func generationKeyIsReplacedOnlyWhenNoLiveCodeNeedsIt() throws {
    let bench = try Bench.issued()
    let session = try bench.open()
    let second = KeyVersion.generationKeyBase + 2
    let unused = KeyVersion.generationKeyBase + 3
    let rows: [(version: UInt8, old: UInt8, word: UInt16)] = [
      (second, 0, 0x6985), (second, second, 0x6985), (second, unused, 0x6A86), (unused, unused, 0x6A88),
      (unused, 0, 0x9000), (unused, unused, 0x9000), (0x50, 0, 0x6A80), (0x61, 0, 0x6A80), (0x00, 0, 0x6A80),
    ]
    for row in rows {
      let word = try session.status(try session.putKey(row.version, Self.other, replacing: row.old))
      #expect(word.rawValue == row.word, "\(row)")
    }
    #expect(
      try session.status(try session.putKey(unused, Array(Self.other[..<16]), replacing: unused)) == .incorrectData)
    var asSet = try session.putKey(unused, Self.other, replacing: unused)
    asSet.p2 = 0x81
    #expect(try session.status(asSet) == .incorrectP1P2)
  }

  @Test func expiredCodesHoldNoGenerationKey() throws {
    let bench = try Bench.issued()
    let third = KeyVersion.generationKeyBase + 3
    let session = try bench.open()
    #expect(try session.status(try session.putKey(third, Self.other)) == .ok)
    var record = try Bench.records()[2]
    record.generationKey = 3
    #expect(try session.store(try Bench.charge(2, [record])).status == .ok)
    #expect(try session.status(try session.putKey(third, Self.other, replacing: third)) == .conditionsNotSatisfied)
    bench.reset()
    #expect(try bench.setTime(Bench.expiry + 1) == .ok)
    let later = try bench.open()
    #expect(try later.status(try later.putKey(third, Self.other, replacing: third)) == .ok)
  }

  @Test func furtherKeySets() throws {
    let bench = try Bench.issued()
    let session = try bench.open()
    for (version, length) in [(0x02, 16), (0x03, 24), (0x0F, 32)] as [(UInt8, Int)] {
      let keys = SeededRandom(seed: UInt64(version)).octets(3 * length)
      let command = try session.putKey(version, keys, count: 3)
      #expect(try session.send(command).data.count == 10)
      #expect(try session.status(command) == .conditionsNotSatisfied)
      #expect(try session.status(try session.putKey(version, keys, count: 3, replacing: version)) == .ok)
      let other = try Bench(flash: BenchFlash(geometry: Bench.geometry, content: bench.flash.content))
      #expect(try other.open(version: version, keys: keys).status(.getStatus(.issuerDomain)) == .ok)
    }
    let single = try session.putKey(0x04, Self.other)
    #expect(try session.status(single) == .incorrectP1P2)
    #expect(try session.status(try session.putKey(0x10, Bench.transportKeys, count: 3)) == .incorrectData)
  }

  @Test func malformedKeysChangeNothing() throws {
    let bench = try Bench.issued()
    let session = try bench.open()
    let before = bench.flash.content
    let good = try session.putKey(KeyVersion.generationKeyBase + 3, Self.other)
    for length in 1..<good.data.count {
      var cut = good
      cut.data = Array(good.data[..<length])
      #expect(try session.status(cut) == .incorrectData)
    }
    for index in 1..<good.data.count {
      var changed = good
      changed.data[index] ^= 0x01
      #expect(try session.status(changed) == .incorrectData, "octet \(index)")
    }
    var trailing = good
    trailing.data.append(0)
    #expect(try session.status(trailing) == .incorrectData)
    #expect(bench.flash.content == before)
    #expect(try session.status(good) == .ok)
  }

  @Test func keyPairsStandOnceCertified() throws {
    let bench = try Bench.secured()
    let session = try bench.open()
    for (pair, tag, publicTag) in [
      (CommandAPDU.KeyPair.authentication, DataTag.authenticationCertificate, DataTag.authenticationPublicKey),
      (.signature, .signatureCertificate, .signaturePublicKey),
    ] {
      #expect(try session.status(.generateKeyPair(pair, readOnly: true)) == .referencedDataNotFound)
      #expect(try session.status(.getData(publicTag)) == .referencedDataNotFound)
      let first = try session.send(.generateKeyPair(pair)).data
      let second = try session.send(.generateKeyPair(pair)).data
      #expect(first != second && Array(second[..<5]) == [0x7F, 0x49, 0x43, 0x86, 0x41] && second.count == 70)
      #expect(try session.send(.generateKeyPair(pair, readOnly: true)).data == second)
      #expect(try session.send(.getData(publicTag)).data == Array(second[5...]))
      let certificate = Bench.object(tag, [0x30, 0x00])
      #expect(try session.store(certificate).status == .ok)
      #expect(try session.store(certificate).status == .ok)
      #expect(try session.store(Bench.object(tag, [0x30, 0x01])).status == .conditionsNotSatisfied)
      #expect(try session.status(.generateKeyPair(pair)) == .conditionsNotSatisfied)
    }
    let rows: [(CommandAPDU, UInt16)] = [
      (CommandAPDU(cla: 0x80, ins: 0x47, p1: 0x82), 0x6A86),
      (CommandAPDU(cla: 0x80, ins: 0x47, p1: 0x80, p2: 1), 0x6A86),
      (CommandAPDU(cla: 0x80, ins: 0x47, p1: 0x80), 0x6A80),
      (CommandAPDU(cla: 0x80, ins: 0x47, p1: 0x80, data: [0xB8, 0]), 0x6A80),
      (CommandAPDU(cla: 0x80, ins: 0x47, p1: 0x80, data: [0xB6, 1]), 0x6A80),
    ]
    for (command, word) in rows { #expect(try session.status(command).rawValue == word) }
  }

  @Test func testCardsSayWhatTheyAre() throws {
    var profile = Bench.profile
    profile.hasTestKeys = true
    let key = (0x40...0x4F).map { UInt8($0) }
    let bench = try Bench.blank(profile, transportKeys: key + key + key)
    #expect(try bench.applicationStatus(0x8A) == 1)
    for version: UInt8 in [0xFF, 0x00] {
      let answer = try bench.send(CommandAPDU(cla: 0x80, ins: 0x50, p1: version, data: Bench.puk, le: 256))
      #expect(answer.status == .ok && answer.data[10] == 0xFF)
    }
    let session = try bench.open(version: KeyVersion.testSet, keys: key + key + key)
    #expect(try session.status(try session.putKey(KeyVersion.individualKey, Bench.individualKey)) == .ok)
    bench.reset()
    #expect(try bench.applicationStatus(0x8A) == 1)
    #expect(try bench.status(CommandAPDU(cla: 0x80, ins: 0x50, p1: 0xFF, data: Bench.puk)) == .referencedDataNotFound)
  }
}
