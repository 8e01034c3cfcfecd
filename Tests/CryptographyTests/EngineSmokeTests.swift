import Cryptography
import Octets
import SecureChannel
import Testing

@Suite struct EngineSmokeTests {
  @Test func works() throws {
    let engine = OpenSSLEngine(random: SeededRandom(seed: 1))
    let key = try #require(Hex.decode("2b7e151628aed2a6abf7158809cf4f3c"))
    let slot = KeySlot(rawValue: 3)
    try engine.load(key.span.bytes, into: slot)
    let message = try #require(Hex.decode("6bc1bee22e409f96e93d7e117393172a"))
    for _ in 0..<3 {
      var tag = Block(repeating: 0)
      try engine.cmac(slot, message.span.bytes, [UInt8]().span.bytes, into: &tag)
      #expect(Hex.encode(tag.span.bytes.octets) == "070A16B46B4D4144F79BDD9DD04A287C")
      try engine.cmac(slot, [UInt8]().span.bytes, [UInt8]().span.bytes, into: &tag)
      #expect(Hex.encode(tag.span.bytes.octets) == "BB1D6929E95937287FA37D129B756746")
    }
    var d = Block32(repeating: 0), p = P256PublicKey(repeating: 0), s = P256Signature(repeating: 0)
    try engine.generateP256(privateKey: &d, publicKey: &p)
    let digest = Digest.sha256(message)
    try engine.signP256(privateKey: d.span.bytes, digest: digest.span.bytes, into: &s)
    try engine.verifyP256(publicKey: p.span.bytes, digest: digest.span.bytes, signature: s.span.bytes)
    s[3] ^= 1
    #expect(throws: CryptoError.notAuthentic) {
      try engine.verifyP256(publicKey: p.span.bytes, digest: digest.span.bytes, signature: s.span.bytes)
    }
    var w = [UInt8](repeating: 0, count: 24)
    let k = [UInt8](0..<16)
    var span = w.mutableSpan
    var ws = span.mutableBytes
    try engine.wrap(slot, k.span.bytes, into: &ws)
    try engine.unwrap(slot, w.span.bytes, into: KeySlot(rawValue: 4))
    engine.erase(slot)
    var tag = Block(repeating: 0)
    #expect(throws: CryptoError.noSuchKey) {
      try engine.cmac(slot, message.span.bytes, [UInt8]().span.bytes, into: &tag)
    }
    #expect(engine.keyLength(KeySlot(rawValue: 4)) == 16)
  }
}
