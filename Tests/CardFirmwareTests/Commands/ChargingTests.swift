import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets
import Testing

/// Charging codes onto the card (P6, P16): exactly once, all or nothing.
@Suite struct ChargingTests {
  private func records(_ count: Int, key: UInt8 = 1, seed: UInt64 = 500) throws -> [ChargeRecord] {
    let random = SeededRandom(seed: seed)
    let softwareID = try #require(SoftwareID(octets: Bench.softwareID))
    return (0..<count).map { _ in
      ChargeRecord(code: random.octets(10), generationKey: key, softwareID: softwareID)
    }
  }

  @Test func P6_chargeIsReceiptedAndThere() throws {
    let bench = try Bench.issued()
    let batch = ChargeBatch(number: 2, records: try records(3))
    let answer = try bench.open().store(Bench.object(.chargeBatch, try batch.encoded()))
    #expect(answer.status == .ok)
    let receipt = try ChargeReceipt(answer.data.span.bytes)
    #expect(receipt.number == 2 && receipt.count == 3 && receipt.total == 7)
    #expect(receipt.digest == Digest.sha256(try batch.encoded()))
    try expectAuthentic(receipt)
    try bench.remount()
    #expect(try bench.whole(.getData(.chargeReceipt)).data == answer.data)
    #expect(try bench.applicationStatus(0x81) == 2 && bench.applicationStatus(0x82) == 7)
    #expect(try bench.applicationStatus(0x83) == 7)
    try bench.verifyPIN()
    for (index, record) in batch.records.enumerated() {
      let given = try bench.send(.handOverCode(index: UInt16(4 + index)))
      #expect(given.data == record.code + record.softwareID.octets)
    }
  }

  /// The receipt's CMAC as the centre checks it.
  private func expectAuthentic(_ receipt: ChargeReceipt) throws {
    let key = Secret(copying: try Bench.derived(.chargeReceipt))
    let input = OctetBuffer(capacity: 256)
    let serial = Bench.serial
    try input.becomeReceiptInput(
      serial: serial.span.bytes, number: receipt.number, digest: receipt.digest.span.bytes, count: receipt.count,
      total: receipt.total)
    try CMAC.verify(key, input.withBytes { $0.octets }, tag: receipt.mac)
  }

  @Test func P6_repeatedBatchGivesTheStoredReceipt() throws {
    let bench = try Bench.issued()
    let stored = try bench.whole(.getData(.chargeReceipt)).data
    for _ in 0..<2 {
      let answer = try bench.open().store(try Bench.charge(1, try Bench.records()))
      #expect(answer.status == .ok && answer.data == stored)
      try bench.remount()
    }
    #expect(try bench.applicationStatus(0x83) == 4)
  }

  @Test(arguments: [0, 1, 3, 4, .max] as [UInt32])
  func P6_anyOtherNumberIsRefused(_ number: UInt32) throws {
    let bench = try Bench.issued()
    let session = try bench.open()
    let before = bench.flash.content
    #expect(try session.store(try Bench.charge(number, try records(2))).status == .conditionsNotSatisfied)
    #expect(bench.flash.content == before)
  }

  @Test func P6_failureWritesNothing() throws {
    let bench = try Bench.issued()
    let session = try bench.open()
    let before = bench.flash.content
    let good = try ChargeBatch(number: 2, records: try records(2)).encoded()
    var late = try records(3)
    late[2].generationKey = 9
    #expect(try session.store(try Bench.charge(2, late)).status == .referencedDataNotFound)
    for (change, word) in ChargingTests.malformed {
      var batch = good
      change(&batch)
      #expect(try session.store(Bench.object(.chargeBatch, batch)).status.rawValue == word)
    }
    #expect(bench.flash.content == before)
    #expect(try session.store(Bench.object(.chargeBatch, good)).status == .ok)
  }

  /// What may be wrong with a batch of two records without IDs: header 7, record 39.
  private static let malformed: [(@Sendable (inout [UInt8]) -> Void, UInt16)] = [
    ({ $0[0] = 2 }, 0x6A80), ({ $0 = [] }, 0x6A80), ({ $0 = Array($0.prefix(6)) }, 0x6A80),
    ({ $0[6] = 0 }, 0x6A80), ({ $0[6] = 1 }, 0x6A80), ({ $0[6] = 3 }, 0x6A80), ({ $0[5] = 0xFF }, 0x6A84),
    ({ $0.removeLast() }, 0x6A80), ({ $0.append(0) }, 0x6A80), ({ $0[17] = 0 }, 0x6A80), ({ $0[17] = 17 }, 0x6A80),
    ({ $0[45] = 1 }, 0x6A80), ({ $0[45] = 33 }, 0x6A80), ({ $0[84] = 1 }, 0x6A80), ({ $0[17] = 16 }, 0x6A88),
  ]

  @Test func P16_maximumCodesAreEnforced() throws {
    let bench = try Bench.issued()
    let session = try bench.open()
    let before = bench.flash.content
    #expect(try session.store(try Bench.charge(2, try records(9))).status == .notEnoughMemory)
    #expect(bench.flash.content == before)
    #expect(try session.store(try Bench.charge(2, try records(8))).status == .ok)
    #expect(try session.store(try Bench.charge(3, try records(1, seed: 501))).status == .notEnoughMemory)
    #expect(try bench.applicationStatus(0x83, in: session) == 12 && bench.applicationStatus(0x84, in: session) == 12)
    bench.reset()
    #expect(try bench.setTime(Bench.expiry + 1) == .ok)
    let later = try bench.open()
    #expect(try later.status(.deleteCode(index: Bench.Code.expiring)) == .ok)
    #expect(try later.store(try Bench.charge(3, try records(1, seed: 501))).status == .ok)
    #expect(try later.store(try Bench.charge(4, try records(1, seed: 502))).status == .notEnoughMemory)
    try bench.remount()
    #expect(try bench.applicationStatus(0x83) == 12 && bench.applicationStatus(0x82) == 13)
  }

  // MARK: Blocks

  @Test func blocksOutOfOrderAreDropped() throws {
    let bench = try Bench.issued()
    let objects = try Bench.charge(2, try records(3))
    let blocks = try CommandAPDU.storeData(objects, blockOctets: 50)
    let session = try bench.open()
    let before = bench.flash.content
    #expect(try session.status(blocks[1]) == .incorrectP1P2)
    #expect(try session.status(blocks[0]) == .ok)
    #expect(try session.status(blocks[2]) == .incorrectP1P2)
    #expect(try session.status(blocks[1]) == .incorrectP1P2)
    #expect(try session.status(blocks[0]) == .ok)
    #expect(try session.status(blocks[0]) == .incorrectP1P2)
    #expect(bench.flash.content == before)
    for block in blocks.dropLast() { #expect(try session.status(block) == .ok) }
    #expect(try session.status(try #require(blocks.last)) == .ok)
    #expect(try bench.applicationStatus(0x83, in: session) == 7)
  }

  /// Whatever comes between two blocks and ends or renews something drops what was staged.
  @Test(arguments: ["reset", "SELECT in the session", "plain SELECT", "INITIALIZE UPDATE"])
  func interruptionDropsTheBlocks(_ interruption: String) throws {
    let bench = try Bench.issued()
    let blocks = try CommandAPDU.storeData(try Bench.charge(2, try records(3)), blockOctets: 50)
    var session = try bench.open()
    #expect(try session.status(blocks[0]) == .ok)
    let select = CommandAPDU.select(applicationID: CardProtocol.applicationID)
    switch interruption {
    case "reset":
      bench.reset()
      session = try bench.open()
    case "SELECT in the session": #expect(try session.status(select) == .ok)
    case "plain SELECT":
      #expect(try bench.status(select) == .ok)
      session = try bench.open()
    default: session = try bench.open()
    }
    #expect(try session.status(blocks[1]) == .incorrectP1P2)
    for block in blocks { #expect(try session.status(block) == .ok) }
  }

  @Test func tooMuchIsRefusedAndDropped() throws {
    let bench = try Bench.issued()
    let session = try bench.open()
    let objects = [UInt8](repeating: 0x5A, count: Int(Bench.profile.stagingOctets) + 1)
    let before = bench.flash.content
    #expect(try session.store(objects, blockOctets: 1_000).status == .notEnoughMemory)
    #expect(bench.flash.content == before)
    #expect(try session.store(try Bench.charge(2, try records(1))).status == .ok)
  }

  @Test(arguments: [0x00, 0x11, 0x80, 0x91, 0xF0] as [UInt8])
  func storeDataOfAnotherFormIsRefused(_ p1: UInt8) throws {
    let session = try Bench.issued().open()
    #expect(try session.status(CommandAPDU(cla: 0x80, ins: 0xE2, p1: p1)) == .incorrectP1P2)
  }

  // MARK: Several objects

  @Test func severalObjectsAllOrNothing() throws {
    let certificate = Bench.object(.issuerCertificate, [0x30, 0x01, 0x05])
    let file = Bench.object(.createFile, Bench.fileDescription(0x0202, size: 10))
    let batch = try Bench.charge(2, try records(2))
    let bad: [([UInt8], UInt16)] = [
      (Bench.object(.referenceData, Bench.pin + Bench.puk), 0x6985),
      (Bench.object(.createFile, Bench.fileDescription(Bench.fileID, size: 10)), 0x6A89),
      (Bench.object(.centerVerificationKey, [4] + [UInt8](repeating: 7, count: 64)), 0x6985),
      (Bench.object(.applicationStatus, [1]), 0x6A80), (BERTLV.encode(tag: 0xDF29, value: [1]), 0x6A80),
      (BERTLV.encode(tag: 0x5F2D, value: [1]), 0x6A80), (Bench.object(.chargeReceipt, [1]), 0x6A80),
      (Bench.object(.issuerCertificate, []), 0x6A80), (certificate, 0x6A80), (batch, 0x6A80), ([0xDF], 0x6A80),
      ([0xDF, 0x25, 0x05, 0x01], 0x6A80), ([0xDF, 0x25, 0x80], 0x6A80),
    ]
    let bench = try Bench.issued()
    let session = try bench.open()
    for (object, word) in bad {
      let part = word == 0x6A89 ? certificate + batch : certificate + file + batch
      #expect(try session.store(part + object).status.rawValue == word)
      #expect(try session.store(object + part).status.rawValue == word)
    }
    #expect(try session.status(.getData(.issuerCertificate)) == .referencedDataNotFound)
    #expect(try bench.applicationStatus(0x83, in: session) == 4)
    #expect(try session.store(certificate + file + batch).status == .ok)
    #expect(try session.send(.getData(.issuerCertificate)).data == [0x30, 0x01, 0x05])
    #expect(try session.status(.select(file: 0x0202)) == .ok)
    #expect(try bench.applicationStatus(0x83, in: session) == 6)
  }

  /// A whole issue may be repeated after a cut; something new hidden behind an old batch is not swallowed.
  @Test func nothingHidesBehindARepeatedBatch() throws {
    let bench = try Bench.issued()
    let session = try bench.open()
    let batch = try Bench.charge(1, try Bench.records())
    let pin = Bench.object(.referenceData, Bench.pin + Bench.puk)
    let file = Bench.object(.createFile, Bench.fileDescription(Bench.fileID, size: Bench.fileContent.count))
    #expect(try session.store(pin + file + batch).status == .ok)
    let other = Bench.object(.createFile, Bench.fileDescription(0x0303, size: 10))
    let certificate = Bench.object(.issuerCertificate, [0x30, 0x01, 0x05])
    for new in [other, certificate] {
      #expect(try session.store(batch + new).status == .conditionsNotSatisfied)
    }
    #expect(try session.store(other + certificate).status == .ok)
    #expect(try session.store(batch + certificate).status == .ok)
  }
}

extension Bench {
  /// A part of DF20 read inside a session.
  func applicationStatus(_ tag: UInt32, in session: BenchSession) throws -> UInt64 {
    let answer = try session.send(.getData(.applicationStatus))
    let value = try #require(try BERTLV.firstValue(of: tag, in: answer.data.span.bytes)?.octets)
    return value.reduce(0) { $0 << 8 | UInt64($1) }
  }
}
