import Cryptography
import Octets
import SecureChannel
import Testing

@Suite struct AEADTests {
  struct Vector: Sendable {
    var key, nonce, plaintext, associatedData, ciphertext, tag: String
  }

  private static let key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
  private static let plaintext =
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255"
  private static let ciphertext =
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"

  /// McGrew and Viega, "The Galois/Counter Mode of Operation" (the submission to SP 800-38D), test cases 13 to 16.
  static let vectors: [Vector] = [
    Vector(
      key: String(repeating: "00", count: 32), nonce: String(repeating: "00", count: 12), plaintext: "",
      associatedData: "", ciphertext: "", tag: "530f8afbc74536b9a963b4f1c4cb738b"),
    Vector(
      key: String(repeating: "00", count: 32), nonce: String(repeating: "00", count: 12),
      plaintext: String(repeating: "00", count: 16), associatedData: "", ciphertext: "cea7403d4d606b6e074ec5d3baf39d18",
      tag: "d0d1c8a799996bf0265b98b5d48ab919"),
    Vector(
      key: key, nonce: "cafebabefacedbaddecaf888", plaintext: plaintext, associatedData: "", ciphertext: ciphertext,
      tag: "b094dac5d93471bdec1a502270e3cc6c"),
    Vector(
      key: key, nonce: "cafebabefacedbaddecaf888", plaintext: String(plaintext.dropLast(8)),
      associatedData: "feedfacedeadbeeffeedfacedeadbeefabaddad2", ciphertext: String(ciphertext.dropLast(8)),
      tag: "76fc6ece0f4e1768cddf8853bb2d551b"),
  ]

  @Test(arguments: vectors) func publishedVectors(vector: Vector) throws {
    let key = try secret(vector.key)
    let associatedData = try hex(vector.associatedData)
    let sealed = try AEAD.seal(
      hex(vector.plaintext), key: key, associatedData: associatedData, random: FixedRandom(hex(vector.nonce)))
    #expect(spell(sealed) == vector.nonce + vector.ciphertext + vector.tag)
    #expect(spell(try AEAD.open(sealed, key: key, associatedData: associatedData)) == vector.plaintext)
  }

  @Test func anyChangeIsRefused() throws {
    let random = SeededRandom(seed: 7)
    let key = Secret(random: 32, from: random)
    let sealed = try AEAD.seal(Array("tally".utf8), key: key, associatedData: [1, 2], random: random)
    for bit in 0..<(8 * sealed.count) {
      var changed = sealed
      changed[bit / 8] ^= 1 << (bit % 8)
      #expect(throws: CryptoError.notAuthentic) { _ = try AEAD.open(changed, key: key, associatedData: [1, 2]) }
    }
    for length in 0..<sealed.count {
      #expect(throws: CryptoError.notAuthentic) {
        _ = try AEAD.open(Array(sealed[..<length]), key: key, associatedData: [1, 2])
      }
    }
    #expect(throws: CryptoError.notAuthentic) { _ = try AEAD.open(sealed, key: key, associatedData: [1]) }
    #expect(throws: CryptoError.notAuthentic) {
      _ = try AEAD.open(sealed, key: Secret(random: 32, from: random), associatedData: [1, 2])
    }
    #expect(throws: CryptoError.badLength) {
      _ = try AEAD.open(sealed, key: Secret(random: 16, from: random), associatedData: [1, 2])
    }
  }

  /// A key that was taken in once does for each message what it does taken in anew, also behind one that was refused.
  @Test func aKeyTakenInOnceIsTheSame() async throws {
    let random = SeededRandom(seed: 8)
    let octets = random.octets(32)
    let key = try AEADKey(Secret(copying: octets))
    let tags = try HMACKey(Secret(copying: octets))
    for round in 0..<40 {
      let (text, data) = (random.octets(round == 0 ? 0 : round * 7 % 90), random.octets(round % 3))
      let nonce = random.octets(12)
      let sealed = try key.seal(text, associatedData: data, random: FixedRandom(nonce))
      let anew = try AEAD.seal(text, key: Secret(copying: octets), associatedData: data, random: FixedRandom(nonce))
      #expect(sealed == anew)
      var changed = sealed
      changed[round % changed.count] ^= 1
      #expect(throws: CryptoError.notAuthentic) { _ = try key.open(changed, associatedData: data) }
      #expect(throws: CryptoError.notAuthentic) { _ = try key.open([1, 2, 3], associatedData: data) }
      #expect(try key.open(sealed, associatedData: data).withBytes { $0.octets } == text)
      #expect(try tags.tag(text) == HMAC256.tag(key: Secret(copying: octets), text))
    }
    #expect(throws: CryptoError.badLength) { _ = try AEADKey(Secret(copying: [1])) }
    // Many at once.
    let expected = try HMAC256.tag(key: Secret(copying: octets), [5])
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for number in 0..<64 {
        group.addTask {
          let text = [UInt8](repeating: UInt8(number), count: 300)
          let opened = try key.open(try key.seal(text, random: SeededRandom(seed: UInt64(number))))
          return try opened.withBytes { $0.octets } == text && tags.tag([5]) == expected
        }
      }
      for try await isRight in group { #expect(isRight) }
    }
  }

  @Test func secretsAndArraysSealAlike() throws {
    let key = Secret(copying: [UInt8](repeating: 9, count: 32))
    let nonce = [UInt8](0..<12)
    let fromArray = try AEAD.seal([5, 6, 7], key: key, random: FixedRandom(nonce))
    let fromSecret = try AEAD.seal(Secret(copying: [5, 6, 7]), key: key, random: FixedRandom(nonce))
    #expect(fromArray == fromSecret)
  }
}

@Suite struct SealedBoxTests {
  private let content: [UInt8] = Array("certification root, version 3".utf8)

  @Test func opensWithItsPassphraseOnly() throws {
    let random = SeededRandom(seed: 11)
    let box = try SealedBox.seal(
      Secret(copying: content), passphrase: Secret(copying: Array("correct horse".utf8)), cost: .test, random: random)
    #expect(octets(try SealedBox.open(box, passphrase: Secret(copying: Array("correct horse".utf8)))) == content)
    for wrong in ["correct hors", "Correct horse", ""] {
      #expect(throws: CryptoError.notAuthentic) {
        _ = try SealedBox.open(box, passphrase: Secret(copying: Array(wrong.utf8)))
      }
    }
  }

  @Test func damageAndWrongPassphraseLookAlike() throws {
    let passphrase = Array("p".utf8)
    let box = try SealedBox.seal(
      Secret(copying: content), passphrase: Secret(copying: passphrase), cost: .test, random: SeededRandom(seed: 12))
    for index in box.indices {
      var changed = box
      // The highest bit turns costs into ones that must be refused before they are paid for.
      changed[index] ^= 0x80
      #expect(throws: CryptoError.notAuthentic) {
        _ = try SealedBox.open(changed, passphrase: Secret(copying: passphrase))
      }
    }
    for length in box.indices {
      #expect(throws: CryptoError.notAuthentic) {
        _ = try SealedBox.open(Array(box[..<length]), passphrase: Secret(copying: passphrase))
      }
    }
  }

  /// Layout and construction, by a reader that shares nothing with ours.
  @Test func pythonOpensIt() throws {
    let box = try SealedBox.seal(
      Secret(copying: content), passphrase: Secret(copying: Array("geheim".utf8)), cost: .test,
      random: SeededRandom(seed: 13))
    let script = """
      import sys, json
      from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
      from cryptography.hazmat.primitives.ciphers.aead import AESGCM
      box = bytes.fromhex(json.load(sys.stdin)["box"])
      assert box[:9] == b"WARIFUBX\\x01"
      key = Scrypt(salt=box[12:28], length=32, n=1 << box[9], r=box[10], p=box[11]).derive(b"geheim")
      print(json.dumps({"content": AESGCM(key).decrypt(box[28:40], box[40:], box[:28]).hex()}))
      """
    let answer: [String: String] = try python(script, ["box": spell(box)])
    #expect(answer["content"] == spell(content))
  }
}
