import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import Testing

/// A card whose flash is smaller than its profile promises, filled by whoever may bring software.
@Suite struct FullCardTests {
  private static let delegate = SeededRandom(seed: 990).octets(48)

  /// An issued card with more carried software than it has room for.
  private func filled() throws -> Bench {
    var profile = Bench.profile
    profile.fileOctets = 32_767
    let bench = try Bench.secured(profile)
    let issuer = try bench.open()
    for (index, key) in Bench.generationKeys.enumerated() {
      try #require(try issuer.status(try issuer.putKey(KeyVersion.generationKeyBase + 1 + UInt8(index), key)) == .ok)
    }
    try #require(try issuer.status(try issuer.putKey(0x02, Self.delegate, count: 3)) == .ok)
    let objects = Bench.object(.referenceData, Bench.pin + Bench.puk) + (try Bench.charge(1, try Bench.records()))
    try #require(try issuer.store(objects).status == .ok)
    bench.reset()
    let session = try bench.open(version: 0x02, keys: Self.delegate)
    for file: UInt16 in 0x0201...0x0203 {
      let file = Bench.object(.createFile, Bench.fileDescription(file, size: 32_767))
      try #require(try session.store(file).status == .ok)
    }
    for file: UInt16 in 0x0201...0x0203 {
      try #require(try session.status(.select(file: file)) == .ok)
      var offset: UInt16 = 0
      for part in [1_024, 256, 64, 16, 1] {
        let data = [UInt8](repeating: 0x5A, count: part)
        while Int(offset) + part <= 32_767 {
          let status = try session.status(.updateBinary(offset: offset, data: data))
          guard status == .ok else {
            try #require(status == .notEnoughMemory)
            break
          }
          offset += UInt16(part)
        }
      }
    }
    bench.reset()
    return bench
  }

  @Test func filesLeaveRoomForEverythingElse() throws {
    let bench = try filled()
    #expect(try bench.status(.verify(.pin, value: Bench.puk)).retriesLeft == 2)
    try bench.verifyPIN()
    #expect(try bench.status(.handOverCode(index: Bench.Code.plain)) == .ok)
    let use = CommandAPDU.useKey(
      .wrap, level: .message, codeIndex: Bench.Code.twoUses, messageID: [], key: [UInt8](repeating: 1, count: 32))
    for _ in 0..<2 { #expect(try bench.status(use) == .ok) }
    #expect(try bench.status(.change(.pin, from: Bench.pin, to: Bench.puk)) == .ok)
    let session = try bench.open()
    #expect(try session.status(.deleteCode(index: Bench.Code.twoUses)) == .ok)
    for state in [LifeCycle.cardLocked, .secured, .terminated] {
      #expect(try session.status(.setStatus(state, serial: try bench.serial)) == .ok)
    }
    let content = bench.flash.content
    #expect(!content.contains(Bench.individualKey) && !content.contains(Self.delegate))
  }
}
