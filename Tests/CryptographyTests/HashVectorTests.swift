import Cryptography
import Foundation
import Octets
import SecureChannel
import Testing

@Suite struct HashVectorTests {
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ]) func sha256(message: String, digest: String) throws {
    let message = Array(message.utf8)
    #expect(spell(Digest.sha256(message)) == digest)
    var hasher = SHA256Hasher()
    for octet in message { hasher.update([octet].span.bytes) }
    #expect(spell(hasher.finalize()) == digest)
    let engine = OpenSSLEngine(random: SeededRandom(seed: 1))
    for split in [0, message.count / 2, message.count] {
      let (head, tail) = (Array(message[..<split]), Array(message[split...]))
      var block = Block32(repeating: 0)
      try engine.sha256(head.span.bytes, tail.span.bytes, into: &block)
      #expect(spell(block.span.bytes.octets) == digest)
    }
  }

  private static func repeated(_ octet: UInt8, _ count: Int) -> [UInt8] { [UInt8](repeating: octet, count: count) }

  /// RFC 4231 §4: key, data, HMAC-SHA-256 (test case 5 in full; the RFC prints its first 128 bits).
  static let hmacVectors: [([UInt8], [UInt8], String)] = [
    (repeated(0x0B, 20), Array("Hi There".utf8), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (
      Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    ),
    (repeated(0xAA, 20), repeated(0xDD, 50), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    ([UInt8](1...25), repeated(0xCD, 50), "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
    (
      repeated(0x0C, 20), Array("Test With Truncation".utf8),
      "a3b6167473100ee06e0c796c2955552bfa6f7c0a6a8aef8b93f860aab0cd20c5"
    ),
    (
      repeated(0xAA, 131), Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    ),
    (
      repeated(0xAA, 131),
      Array(
        ("This is a test using a larger than block-size key and a larger than block-size data. "
          + "The key needs to be hashed before being used by the HMAC algorithm.").utf8),
      "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
    ),
  ]

  @Test(arguments: hmacVectors) func hmac(key: [UInt8], message: [UInt8], tag: String) throws {
    #expect(spell(try HMAC256.tag(key: Secret(copying: key), message)) == tag)
    try HMAC256.verify(key: Secret(copying: key), message, tag: hex(tag))
    #expect(throws: CryptoError.notAuthentic) {
      try HMAC256.verify(key: Secret(copying: key), message + [0], tag: hex(tag))
    }
  }

  @Test func hmacTakesAnEmptyKey() throws {
    // HMAC pads keys with zeros, so none and one zero are the same key.
    let none = try HMAC256.tag(key: Secret(copying: nothing), [1])
    #expect(none == (try HMAC256.tag(key: Secret(copying: [0]), [1])))
  }

  /// RFC 5869 appendix A, the cases with SHA-256: secret, salt, info, output.
  static let hkdfVectors: [([UInt8], [UInt8], [UInt8], String)] = [
    (
      repeated(0x0B, 22), [UInt8](0...0x0C), [UInt8](0xF0...0xF9),
      "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    ),
    (
      [UInt8](0x00...0x4F), [UInt8](0x60...0xAF), [UInt8](0xB0...0xFF),
      "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"
    ),
    (
      repeated(0x0B, 22), [], [],
      "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    ),
  ]

  @Test(arguments: hkdfVectors) func hkdf(secret: [UInt8], salt: [UInt8], info: [UInt8], output: String) throws {
    for length in [output.count / 2, 1, 32, 33] {
      let derived = try Derivation.hkdf(Secret(copying: secret), salt: salt, info: info, octets: length)
      #expect(spell(derived) == output.prefix(2 * length))
    }
  }

  @Test func hkdfTakesAnyInfo() throws {
    let info = [UInt8](repeating: 0x5A, count: 100_000)
    let script = """
      import sys, json
      from cryptography.hazmat.primitives.kdf.hkdf import HKDF
      from cryptography.hazmat.primitives import hashes
      key = HKDF(algorithm=hashes.SHA256(), length=8160, salt=b"s", info=b"\\x5a" * json.load(sys.stdin)).derive(b"k")
      print(json.dumps(key.hex()))
      """
    let expected: String = try python(script, info.count)
    let secret = Secret(copying: Array("k".utf8))
    #expect(spell(try Derivation.hkdf(secret, salt: Array("s".utf8), info: info, octets: 8160)) == expected)
    #expect(throws: CryptoError.badLength) { _ = try Derivation.hkdf(secret, salt: [], info: [], octets: 8161) }
    #expect(throws: CryptoError.badLength) { _ = try Derivation.hkdf(secret, salt: [], info: [], octets: 0) }
  }

  struct ScryptVector: Sendable {
    var passphrase, salt: String
    var n, r, p: Int
    var output: String
  }

  /// RFC 7914 §12. The last one takes a gigabyte, so it runs with `WARIFU_SOAK=1` only.
  static let scryptVectors: [ScryptVector] = [
    ScryptVector(
      passphrase: "", salt: "", n: 16, r: 1, p: 1,
      output:
        "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906"
    ),
    ScryptVector(
      passphrase: "password", salt: "NaCl", n: 1024, r: 8, p: 16,
      output:
        "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"
    ),
    ScryptVector(
      passphrase: "pleaseletmein", salt: "SodiumChloride", n: 16384, r: 8, p: 1,
      output:
        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
    ),
  ]

  static let largeScryptVectors: [ScryptVector] = [
    ScryptVector(
      passphrase: "pleaseletmein", salt: "SodiumChloride", n: 1_048_576, r: 8, p: 1,
      output:
        "2101cb9b6a511aaeaddbbe09cf70f881ec568d574a2ffd4dabe5ee9820adaa478e56fd8f4ba5d09ffa1c6d927c40f4c337304049e8a952fbcbf45c6fa77a41a4"
    )
  ]

  static var isSoaking: Bool { ProcessInfo.processInfo.environment["WARIFU_SOAK"] == "1" }

  @Test(arguments: scryptVectors + (isSoaking ? largeScryptVectors : [])) func scrypt(vector: ScryptVector) throws {
    let key = try Derivation.scrypt(
      passphrase: Secret(copying: Array(vector.passphrase.utf8)), salt: Array(vector.salt.utf8), n: vector.n,
      r: vector.r, p: vector.p, octets: 64)
    #expect(spell(key) == vector.output)
  }

  @Test(arguments: [
    (0, 8, 1), (1, 8, 1), (3, 8, 1), (1 << 21, 8, 1), (16, 0, 1), (16, 33, 1), (16, 8, 0), (16, 8, 17), (-16, 8, 1),
    (1 << 20, 16, 1), (1 << 20, 8, 16), (.max, .max, .max), (.min, .min, .min),
  ]) func scryptRefusesToBeOverworked(n: Int, r: Int, p: Int) {
    #expect(throws: CryptoError.badLength) { try ScryptCost(n: n, r: r, p: p) }
  }
}
