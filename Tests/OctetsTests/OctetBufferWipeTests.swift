import Testing

@testable import Octets

/// What a buffer held is gone with the wipe, also where it was shortened in between.
@Suite struct OctetBufferWipeTests {
  @Test func wipeReachesWhatWasCutOff() throws {
    let buffer = OctetBuffer(capacity: 64)
    try buffer.append(repeating: 0xA5, count: 64)
    buffer.truncate(to: 8)
    buffer.removeAll()
    try buffer.append(UInt32(7))
    buffer.wipe()
    #expect(buffer.count == 0)
    #expect((0..<64).allSatisfy { buffer.storage[$0] == 0 })
  }
}
