import Cryptography
import Octets
import SecureChannel

/// The block cipher of the seeds, for what is attacked here and for nothing else: the texts encrypt ids, keys and data
/// block by block, and chain blocks for a signature (Fig 5). AES stands where they have DES; the attacks ask nothing of
/// the cipher but that whoever has its key can use it.
enum SeedCipher {
  /// Octets of a block, and of a key.
  static let block = 16

  /// E_key(data), block by block.
  static func encrypt(_ data: [UInt8], _ key: [UInt8]) throws -> [UInt8] {
    try blocks(data, key) { (engine, slot, block) throws(CryptoError) in try engine.encryptBlock(slot, &block) }
  }

  /// The inverse.
  static func decrypt(_ data: [UInt8], _ key: [UInt8]) throws -> [UInt8] {
    try blocks(data, key) { (engine, slot, block) throws(CryptoError) in
      var span = block.mutableSpan
      var bytes = span.mutableBytes
      try engine.decryptCBC(slot, iv: Block(repeating: 0), &bytes)
    }
  }

  /// Fig 5: each block is mixed in by XOR and the whole encrypted; the last result is the signature.
  static func chain(_ data: [UInt8], _ key: [UInt8]) throws -> [UInt8] {
    var state = [UInt8](repeating: 0, count: block)
    for start in stride(from: 0, to: data.count, by: block) {
      state = try encrypt(xor(state, Array(data[start..<(start + block)])), key)
    }
    return state
  }

  static func xor(_ a: [UInt8], _ b: [UInt8]) -> [UInt8] { zip(a, b).map { $0 ^ $1 } }

  private static func blocks(
    _ data: [UInt8], _ key: [UInt8],
    _ body: (OpenSSLEngine, KeySlot, inout Block) throws(CryptoError) -> Void
  ) throws -> [UInt8] {
    let (engine, slot) = (OpenSSLEngine(random: SystemRandom()), KeySlot(rawValue: 0))
    try engine.load(key.span.bytes, into: slot)
    var result: [UInt8] = []
    for start in stride(from: 0, to: data.count, by: block) {
      var one = Block { data[start + $0] }
      try body(engine, slot, &one)
      for index in 0..<block { result.append(one[index]) }
    }
    return result
  }
}

/// The centre of the seeds, word for word: the medium id alone is the key of the answer, one rule makes keys of both
/// kinds of id, and one certification key serves every licence. Ids are whole blocks here.
struct SeedCenter {
  /// KM of embodiment 2, KEYc and KU of embodiment 1.
  let masterKey, certificationKey, userKey: [UInt8]

  init(seed: UInt64) {
    let random = SeededRandom(seed: seed)
    (masterKey, certificationKey, userKey) = (random.octets(16), random.octets(16), random.octets(16))
  }

  /// Ku or Ka: the id, encrypted under KM (31 and 35 of Fig 8).
  func key(of id: [UInt8]) throws -> [UInt8] { try SeedCipher.encrypt(id, masterKey) }

  /// E_Mid(Ku, Ka) (36 of Fig 8).
  func conversionKeys(medium: [UInt8], software: [UInt8]) throws -> [UInt8] {
    try SeedCipher.encrypt(try key(of: medium) + key(of: software), medium)
  }

  /// CS and E_KU(KEYc) (14 and 15 of Fig 4).
  func certificate(software: [UInt8], medium: [UInt8]) throws -> (code: [UInt8], wrappedKey: [UInt8]) {
    (
      try SeedCipher.chain(software + medium, certificationKey), try SeedCipher.encrypt(certificationKey, userKey)
    )
  }

  /// The user's site (16, 17 and 18 of Fig 4): unwraps KEYc, makes CS′ and compares.
  func userAccepts(code: [UInt8], wrappedKey: [UInt8], software: [UInt8], medium: [UInt8]) throws -> Bool {
    try SeedCipher.chain(software + medium, try SeedCipher.decrypt(wrappedKey, userKey)) == code
  }
}
