import Octets
import Testing

@Suite struct OctetReaderTests {
  private let octets = [UInt8](1...15)

  @Test func readsBigEndianFromTheFront() throws {
    let local = octets
    var reader = OctetReader(local.span.bytes)
    let (one, two, four, eight) = (try reader.u8(), try reader.u16(), try reader.u32(), try reader.u64())
    #expect(one == 0x01)
    #expect(two == 0x0203)
    #expect(four == 0x0405_0607)
    #expect(eight == 0x0809_0A0B_0C0D_0E0F)
    let (isAtEnd, position) = (reader.isAtEnd, reader.position)
    #expect(isAtEnd)
    #expect(position == 15)
    try reader.expectEnd()
  }

  /// Every kind of read at every distance from the end: either it fits, or it throws and consumes nothing.
  @Test(arguments: 0...9) func neverReadsPastTheEnd(remaining: Int) throws {
    let local = [UInt8](repeating: 0xAB, count: remaining)
    func consumed(_ read: (inout OctetReader) throws(OctetError) -> Void) -> Int? {
      var reader = OctetReader(local.span.bytes)
      do { try read(&reader) } catch {
        #expect(error == .truncated)
        let position = reader.position
        #expect(position == 0)
        return nil
      }
      return reader.position
    }
    #expect(consumed { (reader) throws(OctetError) in _ = try reader.u8() } == (remaining >= 1 ? 1 : nil))
    #expect(consumed { (reader) throws(OctetError) in _ = try reader.u16() } == (remaining >= 2 ? 2 : nil))
    #expect(consumed { (reader) throws(OctetError) in _ = try reader.u32() } == (remaining >= 4 ? 4 : nil))
    #expect(consumed { (reader) throws(OctetError) in _ = try reader.u64() } == (remaining >= 8 ? 8 : nil))
    for count in [0, 1, 5, 9] {
      #expect(
        consumed { (reader) throws(OctetError) in _ = try reader.take(count) } == (remaining >= count ? count : nil))
    }
    for count in [-1, .min, .max] {
      #expect(consumed { (reader) throws(OctetError) in _ = try reader.take(count) } == nil)
    }
  }

  @Test func takesPartsAndTheRest() throws {
    let local = octets
    var reader = OctetReader(local.span.bytes)
    let first = try reader.take(3).octets
    let remaining = reader.remaining
    let rest = reader.takeRest().octets
    let (nothing, none) = (reader.takeRest().octets, try reader.take(0).octets)
    #expect(first == [1, 2, 3])
    #expect(remaining == 12)
    #expect(rest == [UInt8](4...15))
    #expect(nothing.isEmpty && none.isEmpty)
    #expect(throws: OctetError.trailing) { try OctetReader(local.span.bytes).expectEnd() }
    #expect(throws: OctetError.truncated) {
      var empty = OctetReader(RawSpan())
      _ = try empty.u8()
    }
  }
}

@Suite struct OctetBufferTests {
  @Test func appendsBigEndian() throws {
    let buffer = OctetBuffer(capacity: 15)
    try buffer.append(UInt8(0x01))
    try buffer.append(UInt16(0x0203))
    try buffer.append(UInt32(0x0405_0607))
    try buffer.append(UInt64(0x0809_0A0B_0C0D_0E0F))
    #expect(buffer.withBytes { $0.octets } == [UInt8](1...15))
    #expect(buffer.count == buffer.capacity)
    #expect(throws: OctetError.full) { try buffer.append(UInt8(0)) }
    #expect(buffer.count == 15)
  }

  @Test func appendsAllOfASpanOrNothing() throws {
    let (four, two): ([UInt8], [UInt8]) = ([1, 2, 3, 4], [5, 6])
    let buffer = OctetBuffer(capacity: 5)
    try buffer.append(four.span.bytes)
    #expect(throws: OctetError.full) { try buffer.append(two.span.bytes) }
    #expect(buffer.withBytes { $0.octets } == four)
    try buffer.append(RawSpan())
    try buffer.append(repeating: 9, count: 1)
    for count in [1, -1, .max, .min] {
      #expect(throws: OctetError.full) { try buffer.append(repeating: 9, count: count) }
    }
    #expect(buffer.withBytes { $0.octets } == four + [9])
  }

  @Test func replacesWithinTheUsedPartOnly() throws {
    let two: [UInt8] = [8, 9]
    let buffer = OctetBuffer(capacity: 10)
    try buffer.append(repeating: 0, count: 4)
    try buffer.replace(at: 2, with: two.span.bytes)
    #expect(buffer.withBytes { $0.octets } == [0, 0, 8, 9])
    try buffer.replace(at: 4, with: RawSpan())
    for offset in [3, 4, 5, -1, .max, .min] {
      #expect(throws: OctetError.truncated) { try buffer.replace(at: offset, with: two.span.bytes) }
    }
    #expect(buffer.withBytes { $0.octets } == [0, 0, 8, 9])
  }

  @Test func indexesTheUsedPartOnly() throws {
    let buffer = OctetBuffer(capacity: 10)
    try buffer.append(UInt16(0x0102))
    #expect([-1, 0, 1, 2, 9, 10, .max].map { buffer[$0] } == [nil, 1, 2, nil, nil, nil, nil])
  }

  @Test func truncatesAndForgets() throws {
    let buffer = OctetBuffer(capacity: 10)
    try buffer.append(UInt32(0x0102_0304))
    for length in [5, -1, 4] { buffer.truncate(to: length) }
    #expect(buffer.count == 4)
    buffer.truncate(to: 1)
    #expect(buffer.withBytes { $0.octets } == [1])
    buffer.removeAll()
    #expect(buffer.count == 0)
    try buffer.append(UInt8(7))
    buffer.wipe()
    #expect(buffer.count == 0)
    #expect(OctetBuffer(capacity: 0).withBytes { $0.octets } == [])
  }

  @Test(arguments: [(-5, 4), (0, 4), (1, 3), (4, 0), (5, 0), (.max, 0)])
  func lendsForChangesFromAnOffset(offset: Int, length: Int) throws {
    let buffer = OctetBuffer(capacity: 8)
    try buffer.append(UInt32(0))
    buffer.withMutableBytes(from: offset) { bytes in
      #expect(bytes.byteCount == length)
      bytes.withUnsafeMutableBytes { bytes in
        for index in bytes.indices { bytes[index] = 0xEE }
      }
    }
    let expected = [UInt8](repeating: 0, count: 4 - length) + [UInt8](repeating: 0xEE, count: length)
    #expect(buffer.withBytes { $0.octets } == expected)
  }
}
