import Cryptography
import Octets
import SecureChannel
import Testing

@Suite struct SymmetricVectorTests {
  private static let plaintext =
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
  private static let key128 = "2b7e151628aed2a6abf7158809cf4f3c"
  private static let key192 = "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b"
  private static let key256 = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"

  /// RFC 4493 §4 and SP 800-38B's examples for AES-192 and AES-256: key, length of message, tag.
  static let cmacVectors: [(String, Int, String)] = [
    (key128, 0, "bb1d6929e95937287fa37d129b756746"), (key128, 16, "070a16b46b4d4144f79bdd9dd04a287c"),
    (key128, 40, "dfa66747de9ae63030ca32611497c827"), (key128, 64, "51f0bebf7e3b9d92fc49741779363cfe"),
    (key192, 0, "d17ddf46adaacde531cac483de7a9367"), (key192, 16, "9e99a7bf31e710900662f65e617c5184"),
    (key192, 40, "8a1de5be2eb31aad089a82e6ee908b0e"), (key192, 64, "a1d5df0eed790f794d77589659f39a11"),
    (key256, 0, "028962f61b7bf89efc6b551f4667d983"), (key256, 16, "28a7023f452e8f82bd4bf28d8c37c35c"),
    (key256, 40, "aaf3d8f1de5640c232f5b169b9c911e6"), (key256, 64, "e1992190549f6ed5696a2c056c315410"),
  ]

  @Test(arguments: cmacVectors) func cmac(key: String, length: Int, tag: String) throws {
    let message = Array(try hex(Self.plaintext).prefix(length))
    #expect(spell(try CMAC.tag(secret(key), message)) == tag)
    let engine = try engine(with: hex(key))
    for split in Set([0, length / 2, length]) {
      let (head, tail) = (Array(message[..<split]), Array(message[split...]))
      var block = Block(repeating: 0)
      try engine.cmac(.first, head.span.bytes, tail.span.bytes, into: &block)
      #expect(spell(block.span.bytes.octets) == tag, "split at \(split)")
    }
  }

  @Test func cmacIsCheckedWhole() throws {
    let key = try secret(Self.key128)
    let tag = try CMAC.tag(key, [1, 2, 3])
    try CMAC.verify(key, [1, 2, 3], tag: tag)
    #expect(throws: CryptoError.notAuthentic) { try CMAC.verify(key, [1, 2, 3], tag: Array(tag.dropLast())) }
    #expect(throws: CryptoError.notAuthentic) { try CMAC.verify(key, [1, 2], tag: tag) }
    #expect(throws: CryptoError.notAuthentic) { try CMAC.verify(key, [1, 2, 3], tag: []) }
  }

  /// SP 800-38A F.2: key, ciphertext.
  static let cbcVectors: [(String, String)] = [
    (
      key128,
      "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"
    ),
    (
      key192,
      "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd"
    ),
    (
      key256,
      "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b"
    ),
  ]

  @Test(arguments: cbcVectors) func cbc(key: String, ciphertext: String) throws {
    let engine = try engine(with: hex(key))
    let iv = Block { UInt8($0) }
    var data = try hex(Self.plaintext)
    for _ in 0..<2 {  // The second time runs on contexts that were used before.
      try change(&data) { (span) throws(CryptoError) in try engine.encryptCBC(.first, iv: iv, &span) }
      #expect(spell(data) == ciphertext)
      try change(&data) { (span) throws(CryptoError) in try engine.decryptCBC(.first, iv: iv, &span) }
      #expect(spell(data) == Self.plaintext)
    }
  }

  @Test(arguments: [
    (16, "69c4e0d86a7b0430d8cdb78070b4c55a"), (24, "dda97ca4864cdfe06eaf70a0ec0d7191"),
    (32, "8ea2b7ca516745bfeafc49904b496089"),
  ]) func blocksAsInFIPS197(keyLength: Int, ciphertext: String) throws {
    let engine = try engine(with: [UInt8](0..<UInt8(keyLength)))
    var block = Block { UInt8($0 * 0x11) }
    try engine.encryptBlock(.first, &block)
    #expect(spell(block.span.bytes.octets) == ciphertext)
  }

  /// RFC 3394 §4: lengths of key-encryption key and key data, ciphertext.
  static let wrapVectors: [(Int, Int, String)] = [
    (16, 16, "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"),
    (24, 16, "96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d"),
    (32, 16, "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"),
    (24, 24, "031d33264e15d33268f24ec260743edce1c6c7ddee725a936ba814915c6762d2"),
    (32, 24, "a8f9bc1612c68b3ff6e6f4fbe30e71e4769c8b80a32cb8958cd5d17d6b254da1"),
    (32, 32, "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"),
  ]

  @Test(arguments: wrapVectors) func keyWrap(keyLength: Int, dataLength: Int, wrapped: String) throws {
    let kek = [UInt8](0..<UInt8(keyLength))
    let key = Array(try hex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f").prefix(dataLength))
    #expect(spell(try KeyWrap.wrap(Secret(copying: key), under: Secret(copying: kek))) == wrapped)
    #expect(octets(try KeyWrap.unwrap(hex(wrapped), under: Secret(copying: kek))) == key)

    let engine = try engine(with: kek)
    var output = [UInt8](repeating: 0, count: dataLength + 8)
    try change(&output) { (span) throws(CryptoError) in try engine.wrap(.first, key.span.bytes, into: &span) }
    #expect(spell(output) == wrapped)
    try engine.unwrap(.first, output.span.bytes, into: .second)
    #expect(engine.keyLength(.second) == dataLength)
    var (direct, viaSlot) = (Block(repeating: 0), Block(repeating: 0))
    try engine.load(key.span.bytes, into: KeySlot(rawValue: 2))
    try engine.encryptBlock(.second, &viaSlot)
    try engine.encryptBlock(KeySlot(rawValue: 2), &direct)
    #expect(viaSlot.span.bytes.octets == direct.span.bytes.octets)
  }

  @Test func everyChangedBitOfAWrappedKeyIsRefused() throws {
    let kek = try secret(Self.key256)
    let wrapped = try KeyWrap.wrap(secret(Self.key128), under: kek)
    let engine = try engine(with: hex(Self.key256))
    for bit in 0..<(8 * wrapped.count) {
      var changed = wrapped
      changed[bit / 8] ^= 1 << (bit % 8)
      #expect(throws: CryptoError.notAuthentic) { _ = try KeyWrap.unwrap(changed, under: kek) }
      var output = [UInt8](repeating: 0xAA, count: 16)
      #expect(throws: CryptoError.notAuthentic) {
        try change(&output) { (span) throws(CryptoError) in
          try engine.unwrap(.first, changed.span.bytes, into: &span)
        }
      }
      #expect(output == [UInt8](repeating: 0, count: 16))
    }
    for length in [0, 8, 16, 23, 25] {
      let bytes = [UInt8](repeating: 0, count: length)
      #expect(throws: CryptoError.badLength) { _ = try KeyWrap.unwrap(bytes, under: kek) }
    }
  }

  /// IEEE 1619 annex B, vector 10.
  @Test func xts() throws {
    let key = try secret(
      "2718281828459045235360287471352662497757247093699959574966967627"
        + "3141592653589793238462643383279502884197169399375105820974944592")
    let plaintext = (0..<512).map { UInt8($0 & 0xFF) }
    let ciphertext = """
      1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b5d31e276f8fe4a8d66b317f9ac683f44680a86ac35adfc33
      45befecb4bb188fd5776926c49a3095eb108fd1098baec70aaa66999a72a82f27d848b21d4a741b0c5cd4d5fff9dac89aeba122961d03a75
      7123e9870f8acf1000020887891429ca2a3e7a7d7df7b10355165c8b9a6d0a7de8b062c4500dc4cd120c0f7418dae3d0b5781c34803fa754
      21c790dfe1de1834f280d7667b327f6c8cd7557e12ac3a0f93ec05c52e0493ef31a12d3d9260f79a289d6a379bc70c50841473d1a8cc81ec
      583e9645e07b8d9670655ba5bbcfecc6dc3966380ad8fecb17b6ba02469a020a84e18e8f84252070c13e9f1f289be54fbc481457778f6160
      15e1327a02b140f1505eb309326d68378f8374595c849d84f4c333ec4423885143cb47bd71c5edae9be69a2ffeceb1bec9de244fbe15992b
      11b77c040f12bd8f6a975a44a0f90c29a9abc3d4d893927284c58754cce294529f8614dcd2aba991925fedc4ae74ffac6e333b93eb4aff04
      79da9a410e4450e0dd7ae4c6e2910900575da401fc07059f645e8b7e9bfdef33943054ff84011493c27b3429eaedb4ed5376441a77ed4385
      1ad77f16f541dfd269d50d6a5f14fb0aab1cbb4c1550be97f7ab4066193c4caa773dad38014bd2092fa755c824bb5e54c4f36ffda9fcea70
      b9c6e693e148c151
      """
    var xts = try XTS(key: key)
    let sealed = try xts.encrypt(plaintext, tweak: 0xFF)
    #expect(spell(sealed) == ciphertext.filter { !$0.isWhitespace })
    #expect(try xts.decrypt(sealed, tweak: 0xFF) == plaintext)
    #expect(try xts.decrypt(sealed, tweak: 0xFE) != plaintext)
    #expect(throws: CryptoError.badLength) { try xts.encrypt([UInt8](repeating: 0, count: 15), tweak: 0) }
  }

  @Test func xtsWantsTwoKeys() throws {
    let (short, twice) = ([UInt8](repeating: 1, count: 32), [UInt8](repeating: 1, count: 64))
    #expect(throws: CryptoError.badLength) { _ = try XTS(key: Secret(copying: short)) }
    #expect(throws: CryptoError.badKey) { _ = try XTS(key: Secret(copying: twice)) }
  }
}
