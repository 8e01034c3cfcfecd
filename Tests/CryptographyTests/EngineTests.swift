import Cryptography
import Octets
import SecureChannel
import Testing

@Suite struct EngineTests {
  private let message: [UInt8] = [1, 2, 3, 4, 5]

  @Test func slotsStartEmpty() throws {
    let engine = OpenSSLEngine(random: SeededRandom(seed: 1))
    #expect(engine.slotCount >= 32)
    for number in 0..<engine.slotCount { expectEmpty(engine, KeySlot(rawValue: number)) }
  }

  @Test func slotsBeyondTheLastDoNotExist() {
    let engine = OpenSSLEngine(random: SeededRandom(seed: 1))
    let key = [UInt8](repeating: 0, count: 16)
    for number in [engine.slotCount, 200, 255] {
      let slot = KeySlot(rawValue: number)
      #expect(throws: CryptoError.noSuchKey) { try engine.load(key.span.bytes, into: slot) }
      expectEmpty(engine, slot)
      engine.erase(slot)
    }
  }

  @Test(arguments: [0, 1, 15, 17, 23, 31, 33, 64]) func keysOfOtherLengthsAreRefused(length: Int) throws {
    let engine = try engine(with: [UInt8](repeating: 9, count: 16))
    let key = [UInt8](repeating: 0, count: length)
    #expect(throws: CryptoError.badLength) { try engine.load(key.span.bytes, into: .first) }
    #expect(engine.keyLength(.first) == 16, "the old key stays")
  }

  @Test func erasedKeysAreGoneForEveryUse() throws {
    let engine = try engine(with: [UInt8](repeating: 9, count: 32))
    try useEverything(engine)
    engine.erase(.first)
    expectEmpty(engine, .first)
    engine.erase(.first)
  }

  /// Contexts are kept across keys, so each use must follow a change of key, of length too.
  @Test func aNewKeyIsUsedForEverything() throws {
    let keys = [16, 32, 24, 16, 16, 32].enumerated().map { [UInt8](repeating: UInt8($0.offset + 1), count: $0.element) }
    let reused = OpenSSLEngine(random: SeededRandom(seed: 1))
    for (round, key) in keys.enumerated() {
      if round % 2 == 1 { reused.erase(.first) }
      try reused.load(key.span.bytes, into: .first)
      #expect(try useEverything(reused) == useEverything(engine(with: key)), "round \(round)")
    }
  }

  @Test func slotsDoNotTouchEachOther() throws {
    let engine = OpenSSLEngine(random: SeededRandom(seed: 1))
    for number in 0..<engine.slotCount {
      let key = [UInt8](repeating: number, count: 16)
      try engine.load(key.span.bytes, into: KeySlot(rawValue: number))
    }
    for number in 0..<engine.slotCount {
      var tag = Block(repeating: 0)
      try engine.cmac(KeySlot(rawValue: number), message.span.bytes, RawSpan(), into: &tag)
      let key = Secret(copying: [UInt8](repeating: number, count: 16))
      #expect(tag.span.bytes.octets == (try CMAC.tag(key, message)))
    }
  }

  @Test(arguments: [1, 15, 17, 31]) func partBlocksAreRefused(length: Int) throws {
    let engine = try engine(with: [UInt8](repeating: 9, count: 16))
    var data = [UInt8](repeating: 0x33, count: length)
    let iv = Block(repeating: 0)
    #expect(throws: CryptoError.badLength) {
      try change(&data) { (span) throws(CryptoError) in try engine.encryptCBC(.first, iv: iv, &span) }
    }
    #expect(throws: CryptoError.badLength) {
      try change(&data) { (span) throws(CryptoError) in try engine.decryptCBC(.first, iv: iv, &span) }
    }
    #expect(data == [UInt8](repeating: 0x33, count: length))
  }

  @Test func randomComesFromTheGivenSource() throws {
    let expected = SeededRandom(seed: 5).octets(40)
    let engine = OpenSSLEngine(random: SeededRandom(seed: 5))
    var octets = [UInt8](repeating: 0, count: 40)
    try change(&octets) { (span) throws(CryptoError) in try engine.random(into: &span) }
    #expect(octets == expected)
  }

  @Test func keyPairsReplayWithTheirSeed() throws {
    func generate(_ seed: UInt64) throws -> ([UInt8], [UInt8]) {
      let engine = OpenSSLEngine(random: SeededRandom(seed: seed))
      var (scalar, point) = (Block32(repeating: 0), P256PublicKey(repeating: 0))
      try engine.generateP256(privateKey: &scalar, publicKey: &point)
      return (scalar.span.bytes.octets, point.span.bytes.octets)
    }
    let (first, second, other) = (try generate(3), try generate(3), try generate(4))
    #expect(first == second)
    #expect(first.0 != other.0)
    let host = try SigningKey(random: SeededRandom(seed: 3))
    #expect(host.publicKey == first.1)
    #expect(octets(host.exportScalar()) == first.0)
  }

  @Test func signaturesVerify() throws {
    let engine = OpenSSLEngine(random: SeededRandom(seed: 8))
    var (scalar, point) = (Block32(repeating: 0), P256PublicKey(repeating: 0))
    try engine.generateP256(privateKey: &scalar, publicKey: &point)
    let digest = Digest.sha256(message)
    var signature = P256Signature(repeating: 0)
    try engine.signP256(privateKey: scalar.span.bytes, digest: digest.span.bytes, into: &signature)
    try engine.verifyP256(publicKey: point.span.bytes, digest: digest.span.bytes, signature: signature.span.bytes)
    let otherDigest = Digest.sha256(message + [0])
    #expect(throws: CryptoError.notAuthentic) {
      try engine.verifyP256(
        publicKey: point.span.bytes, digest: otherDigest.span.bytes, signature: signature.span.bytes)
    }
    point[64] ^= 1
    #expect(throws: CryptoError.badKey) {
      try engine.verifyP256(publicKey: point.span.bytes, digest: digest.span.bytes, signature: signature.span.bytes)
    }
  }

  private func expectEmpty(_ engine: OpenSSLEngine, _ slot: KeySlot) {
    #expect(engine.keyLength(slot) == nil)
    #expect(throws: CryptoError.noSuchKey) {
      var block = Block(repeating: 0)
      try engine.cmac(slot, message.span.bytes, RawSpan(), into: &block)
    }
    #expect(throws: CryptoError.noSuchKey) {
      var block = Block(repeating: 0)
      try engine.encryptBlock(slot, &block)
    }
    #expect(throws: CryptoError.noSuchKey) {
      try engine.derive(
        slot, prefix: RawSpan(), counterOctets: 4, suffix: RawSpan(), length: 16, into: .second)
    }
    #expect(throws: CryptoError.noSuchKey) {
      let wrapped = [UInt8](repeating: 0, count: 24)
      try engine.unwrap(slot, wrapped.span.bytes, into: .second)
    }
  }

  /// What the key in the first slot makes of fixed inputs, in every way that it can be used.
  @discardableResult
  private func useEverything(_ engine: OpenSSLEngine) throws -> [[UInt8]] {
    var tag = Block(repeating: 0)
    try engine.cmac(.first, message.span.bytes, RawSpan(), into: &tag)
    var block = Block(repeating: 0x11)
    try engine.encryptBlock(.first, &block)
    var encrypted = [UInt8](repeating: 0x22, count: 32)
    var decrypted = encrypted
    var wrapped = [UInt8](repeating: 0, count: 24)
    let (iv, key) = (Block(repeating: 5), [UInt8](repeating: 0x44, count: 16))
    try change(&encrypted) { (span) throws(CryptoError) in try engine.encryptCBC(.first, iv: iv, &span) }
    try change(&decrypted) { (span) throws(CryptoError) in try engine.decryptCBC(.first, iv: iv, &span) }
    try change(&wrapped) { (span) throws(CryptoError) in try engine.wrap(.first, key.span.bytes, into: &span) }
    try engine.unwrap(.first, wrapped.span.bytes, into: .second)
    return [tag.span.bytes.octets, block.span.bytes.octets, encrypted, decrypted, wrapped]
  }
}
