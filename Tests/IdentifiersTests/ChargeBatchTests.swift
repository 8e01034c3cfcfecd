import CardProtocol
import Identifiers
import Octets
import Testing

@Suite struct ChargeBatchTests {
  private func record(code: [UInt8] = [UInt8](0xA0...0xA9), messageID: [UInt8] = []) throws -> ChargeRecord {
    ChargeRecord(
      code: code, generationKey: 3, flags: ChargeRecord.needsFreshTime, expiry: 0x0102_0304_0506_0708, uses: 0x090A,
      softwareID: try #require(SoftwareID(octets: [UInt8](0x10...0x1F))), messageID: messageID)
  }

  @Test func anEmptyBatchIsItsHeader() throws {
    #expect(try ChargeBatch(number: 0x0102_0304, records: []).encoded() == [1, 1, 2, 3, 4, 0, 0])
  }

  @Test func recordsFollowTheHeader() throws {
    let batch = ChargeBatch(number: 5, records: [try record(messageID: [0xEE, 0xFF]), try record()])
    let octets = try #require(
      Hex.decode(
        """
        01 00000005 0002 \
        A0A1A2A3A4A5A6A7A8A9 03 01 0102030405060708 090A 101112131415161718191A1B1C1D1E1F 02 EEFF \
        A0A1A2A3A4A5A6A7A8A9 03 01 0102030405060708 090A 101112131415161718191A1B1C1D1E1F 00
        """))
    #expect(try batch.encoded() == octets)
    #expect(octets.count == ChargeBatch.headerOctets + 2 * ChargeBatch.recordOctets + 2)
  }

  @Test(arguments: [0, 9, 11]) func codesOfOtherLengthsAreRefused(length: Int) throws {
    let batch = ChargeBatch(number: 1, records: [try record(code: [UInt8](repeating: 0, count: length))])
    #expect(throws: OctetError.invalid) { try batch.encoded() }
  }

  @Test func messageIDsEndAt32Octets() throws {
    let longest = ChargeBatch(number: 1, records: [try record(messageID: [UInt8](repeating: 7, count: 32))])
    #expect(try longest.encoded().count == 7 + 39 + 32)
    let tooLong = ChargeBatch(number: 1, records: [try record(messageID: [UInt8](repeating: 7, count: 33))])
    #expect(throws: OctetError.invalid) { try tooLong.encoded() }
  }

  @Test func batchesEndAt65535Codes() throws {
    let one = try record()
    let largest = try ChargeBatch(number: 1, records: Array(repeating: one, count: 65_535)).encoded()
    #expect(largest[5] == 0xFF && largest[6] == 0xFF && largest.count == 7 + 39 * 65_535)
    let tooLarge = ChargeBatch(number: 1, records: Array(repeating: one, count: 65_536))
    #expect(throws: OctetError.full) { try tooLarge.encoded() }
  }

  @Test func receiptsAreReadWhole() throws {
    let octets = [UInt8](0..<58)
    let receipt = try ChargeReceipt(octets.span.bytes)
    #expect(receipt.number == 0x0001_0203)
    #expect(receipt.digest == [UInt8](4..<36))
    #expect(receipt.count == 0x2425)
    #expect(receipt.total == 0x2627_2829)
    #expect(receipt.mac == [UInt8](42..<58))
    for length in 0..<58 {
      let cut = Array(octets[..<length])
      #expect(throws: OctetError.truncated) { try ChargeReceipt(cut.span.bytes) }
    }
    let padded = octets + [0]
    #expect(throws: OctetError.trailing) { try ChargeReceipt(padded.span.bytes) }
  }

  @Test func receiptInputIsTyped() throws {
    let (serial, digest): ([UInt8], [UInt8]) = ([UInt8](1...8), [UInt8](repeating: 0xDD, count: 32))
    let buffer = OctetBuffer(capacity: 128)
    try buffer.becomeReceiptInput(
      serial: serial.span.bytes, number: 0x0A, digest: digest.span.bytes, count: 0x0102, total: 0x0B)
    let expected =
      [2, 0, 8] + serial + [8, 0, 4, 0, 0, 0, 10] + [9, 0, 32] + digest + [10, 0, 2, 1, 2] + [11, 0, 4, 0, 0, 0, 11]
    #expect(buffer.withBytes { $0.octets } == expected)
  }
}
