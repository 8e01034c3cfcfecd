import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import Octets
import SecureChannel
import Testing

/// GET STATUS and SET STATUS of the application (GlobalPlatform 2.3.1, 11.4 and 11.10): forms, searches, occurrences.
@Suite struct RegistryTests {
  private static let domain = CardProtocol.issuerDomainID
  private static let application = CardProtocol.applicationID
  private static let loadFile: [UInt8] = application.dropLast() + [0x00]

  /// GET STATUS with any P1, P2 and data.
  private func getStatus(_ p1: UInt8, _ p2: UInt8 = 0x02, _ data: [UInt8] = [0x4F, 0], le: Int = 256) -> CommandAPDU {
    CommandAPDU(cla: 0x80, ins: 0xF2, p1: p1, p2: p2, data: data, le: le)
  }

  /// The entries of an answer, each as its objects.
  private func entries(_ octets: [UInt8]) throws -> [[UInt32: [UInt8]]] {
    var reader = TLVReader(octets.span.bytes)
    var list: [[UInt32: [UInt8]]] = []
    while !reader.isAtEnd {
      let entry = try reader.next()
      #expect(entry.tag == 0xE3)
      var inner = TLVReader(entry.value)
      var objects: [UInt32: [UInt8]] = [:]
      while !inner.isAtEnd {
        let object = try inner.next()
        objects[object.tag] = object.value.octets
      }
      list.append(objects)
    }
    return list
  }

  /// Table 11-36: E3 with AID, state, privileges, load file, version, modules, security domain.
  @Test func everyKindOfEntry() throws {
    let session = try Bench.issued().open()
    let rows: [(UInt8, [[UInt32: [UInt8]]])] = [
      (0x80, [[0x4F: Self.domain, 0x9F70: [0x0F], 0xC5: [0x9C, 0x04, 0x00]]]),
      (0x40, [[0x4F: Self.application, 0x9F70: [0x07], 0xC5: [0, 0, 0], 0xC4: Self.loadFile, 0xCC: Self.domain]]),
      (0x20, [[0x4F: Self.loadFile, 0x9F70: [0x01], 0xCE: [1, 0], 0xCC: Self.domain]]),
      (0x10, [[0x4F: Self.loadFile, 0x9F70: [0x01], 0xCE: [1, 0], 0x84: Self.application, 0xCC: Self.domain]]),
    ]
    for (p1, expected) in rows {
      let answer = try session.send(getStatus(p1))
      #expect(answer.status == .ok)
      #expect(try entries(answer.data) == expected)
    }
    #expect(
      try entries(try session.send(getStatus(0xF0)).data).map { $0[0x4F] } == [
        Self.domain, Self.application, Self.loadFile,
      ])
  }

  /// Table 11-34: length of AID, AID, state, privileges; modules behind their load file.
  @Test func deprecatedForm() throws {
    let session = try Bench.issued().open()
    let file = [8] + Self.loadFile + [0x01, 0x00]
    let rows: [(UInt8, [UInt8])] = [
      (0x80, [8] + Self.domain + [0x0F, 0x9C]), (0x40, [8] + Self.application + [0x07, 0x00]), (0x20, file),
      (0x10, file + [1, 8] + Self.application),
    ]
    for (p1, expected) in rows { #expect(try session.send(getStatus(p1, 0x00)).data == expected) }
  }

  @Test func searchByTheFrontOfAName() throws {
    let session = try Bench.issued().open()
    let rows: [(UInt8, [UInt8], Int)] = [
      (0x40, [0xF0], 1), (0x60, Array(Self.application.prefix(5)), 2), (0x40, Self.application, 1),
      (0x40, Self.application + [1], 0), (0x40, [0xA0], 0), (0x20, Self.application, 0), (0x20, Self.loadFile, 1),
      // The search says nothing about the issuer security domain.
      (0x80, [0xF0], 1), (0xC0, [0xA0], 1),
    ]
    for (p1, name, count) in rows {
      let answer = try session.send(getStatus(p1, 0x02, BERTLV.encode(tag: 0x4F, value: name)))
      #expect(answer.status == (count == 0 ? .referencedDataNotFound : .ok))
      #expect(try entries(answer.data).count == count)
    }
  }

  @Test func tagListChoosesProperties() throws {
    let session = try Bench.issued().open()
    let rows: [([UInt8], Set<UInt32>)] = [
      ([0x4F], [0x4F]), ([0x9F, 0x70], [0x9F70]), ([0x4F, 0x9F, 0x70, 0xC5], [0x4F, 0x9F70, 0xC5]), ([0xCF], []),
      ([0x5F], []), ([0xC4, 0xCC], [0xC4, 0xCC]),
    ]
    for (list, tags) in rows {
      let data: [UInt8] = [0x4F, 0] + BERTLV.encode(tag: 0x5C, value: list)
      let found = try entries(try session.send(getStatus(0x40, 0x02, data)).data)
      #expect(found.count == 1 && Set(found[0].keys) == tags)
    }
  }

  /// As many whole entries as Le holds, 6310, and the next ones with P2 bit 1; only behind such an answer.
  @Test(arguments: [0x02, 0x00] as [UInt8]) func nextOccurrences(_ form: UInt8) throws {
    let bench = try Bench.issued()
    let session = try bench.open()
    let all = try session.send(getStatus(0xF0, form)).data
    var command = getStatus(0xF0, form, le: 24)
    var parts: [[UInt8]] = []
    var answer = try session.send(command)
    while answer.status == StatusWord(0x63, 0x10) {
      parts.append(answer.data)
      command.p2 = form | 0x01
      answer = try session.send(command)
    }
    #expect(answer.status == .ok)
    parts.append(answer.data)
    #expect(parts.count > 1 && parts.flatMap { $0 } == all)
    // Nothing is left, another search was begun, or none at all.
    #expect(try session.status(command) == .conditionsNotSatisfied)
    #expect(try session.status(getStatus(0xF0, form, le: 24)) == StatusWord(0x63, 0x10))
    #expect(try session.status(getStatus(0xC0, form | 1, le: 24)) == .conditionsNotSatisfied)
    // What is left is nobody else's.
    #expect(try session.status(getStatus(0xF0, form, le: 24)) == StatusWord(0x63, 0x10))
    #expect(try bench.status(.select(applicationID: Self.domain)) == .ok)
    #expect(try bench.open().status(command) == .conditionsNotSatisfied)
  }

  @Test(arguments: SecurityLevel.defined) func wantsAnAuthenticatedHost(_ level: SecurityLevel) throws {
    let bench = try Bench.issued()
    let word = try bench.open(level: level).status(getStatus(0x80))
    #expect(word == (level.isEmpty ? .securityStatusNotSatisfied : .ok))
  }

  // MARK: The application's life

  @Test func lockedApplicationServesNobody() throws {
    let bench = try Bench.issued()
    var session = try bench.open()
    try #require(try session.status(.verify(.pin, value: Bench.pin)) == .ok)
    #expect(try session.status(.setApplicationLock(false)) == .conditionsNotSatisfied)
    #expect(try session.status(.setApplicationLock(true)) == .ok)
    #expect(try session.status(.setApplicationLock(true)) == .conditionsNotSatisfied)
    #expect(try entries(try session.send(getStatus(0x40)).data)[0][0x9F70] == [0x87])
    try bench.remount()
    #expect(try bench.status(.select(applicationID: Self.application)) == .fileNotFound)
    #expect(try bench.status(.select(applicationID: Self.domain)) == .ok)
    for command in [
      CommandAPDU.verify(.pin, value: Bench.pin), .internalAuthenticate(challenge: Bench.puk), .listCodes(from: 0),
      .handOverCode(index: 0),
    ] {
      #expect(try bench.status(command) == .conditionsNotSatisfied)
    }
    session = try bench.open()
    #expect(try session.store(Bench.object(.createFile, Bench.fileDescription(0x0909, size: 4))).status == .ok)
    #expect(try session.status(.setApplicationLock(false)) == .ok)
    bench.reset()
    #expect(try bench.status(.select(applicationID: Self.application)) == .ok)
    #expect(try bench.status(.handOverCode(index: 0)) == .securityStatusNotSatisfied)
    try bench.verifyPIN()
    #expect(try bench.status(.handOverCode(index: 0)) == .ok)
  }

  /// A terminated card is a card without keys: no value of them is in its store any more.
  @Test func terminationTakesTheKeysAway() throws {
    let bench = try Bench.issued()
    #expect(bench.flash.content.contains(Bench.individualKey) && bench.flash.content.contains(Bench.puk))
    let session = try bench.open()
    try #require(try session.status(try session.putKey(0x02, bench.random.octets(96), count: 3)) == .ok)
    let secrets: [ClosedRange<UInt16>] = [0x0003...0x0003, 0x0100...0x02FF, 0x0300...0x03FF, 0x0500...0x05FF]
    func count() -> Int {
      var count = 0
      for range in secrets { bench.store.forEachKey(in: range) { _ in count += 1 } }
      return count
    }
    #expect(count() == 1 + 1 + 2 + 2 + 2)
    #expect(try session.status(.setStatus(.terminated, serial: try bench.serial)) == .ok)
    // Nor is any of them left in the flash, where a removed value lies until its page is erased.
    let content = bench.flash.content
    for secret in [Bench.individualKey, Bench.generationKeys[0], Bench.generationKeys[1], Bench.pin, Bench.puk] {
      #expect(!content.contains(secret))
    }
    try bench.remount()
    #expect(count() == 0 && bench.flash.content == content)
    #expect(try bench.applicationStatus(0x80) == UInt64(LifeCycle.terminated.rawValue))
    #expect(try bench.status(CommandAPDU(cla: 0x80, ins: 0x50, data: Bench.puk, le: 256)) == .conditionsNotSatisfied)
  }
}
