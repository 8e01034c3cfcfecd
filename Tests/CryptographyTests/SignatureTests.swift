import Cryptography
import Foundation
import Octets
import SecureChannel
import Testing

@Suite struct SignatureTests {
  /// Project Wycheproof, `ecdsa_secp256r1_sha256_p1363_test.json`: number, public key, message, signature, whether good.
  struct Vector: Sendable {
    var number: Int
    var publicKey, message, signature: String
    var isValid: Bool
  }

  static let vectors: [Vector] = Wycheproof.table.split(separator: "\n").compactMap { line in
    let fields = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    guard fields.count == 5, let number = Int(fields[0]), let key = Wycheproof.keys[fields[1]] else { return nil }
    return Vector(
      number: number, publicKey: key, message: fields[2], signature: fields[3], isValid: fields[4] == "valid")
  }

  @Test func allVectorsAreRead() {
    #expect(Self.vectors.count == 22)
    #expect(Self.vectors.contains { $0.isValid } && Self.vectors.contains { !$0.isValid })
  }

  @Test(arguments: vectors) func wycheproof(vector: Vector) throws {
    try check(vector)
  }

  /// Wycheproof's special values of r and s (its tests 11 to 59): none of them is ever good.
  @Test func specialValuesAreRefused() throws {
    let values = [
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0000000000000000000000000000000000000000000000000000000000000001",
      "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
      "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550",
      "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552",
      "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
      "ffffffff00000001000000000000000000000001000000000000000000000000",
    ]
    let key = try #require(Wycheproof.keys["A"])
    for r in values {
      for s in values {
        try check(Vector(number: 11, publicKey: key, message: "313233343030", signature: r + s, isValid: false))
      }
    }
  }

  private func check(_ vector: Vector) throws {
    let message = try hex(vector.message)
    let (point, signature) = (try hex(vector.publicKey), try hex(vector.signature))
    let key = try VerificationKey(octets: point)
    let engine = OpenSSLEngine(random: SeededRandom(seed: 1))
    let digest = Digest.sha256(message)
    if vector.isValid {
      try key.verify(message, signature)
      try engine.verifyP256(publicKey: point.span.bytes, digest: digest.span.bytes, signature: signature.span.bytes)
    } else {
      #expect(throws: CryptoError.notAuthentic, "test \(vector.number)") { try key.verify(message, signature) }
      #expect(throws: CryptoError.notAuthentic, "test \(vector.number)") {
        try engine.verifyP256(publicKey: point.span.bytes, digest: digest.span.bytes, signature: signature.span.bytes)
      }
    }
  }

  @Test func pointsOffTheCurveAreNoKeys() throws {
    let good = try SigningKey(random: SeededRandom(seed: 1)).publicKey
    var moved = good
    moved[40] ^= 1
    var compressed = Array(good.prefix(33))
    compressed[0] = 0x02
    var hybrid = good
    hybrid[0] = 0x06 | good[64] & 1
    let zero = [0x04] + [UInt8](repeating: 0, count: 64)
    for bad in [moved, compressed, hybrid, zero, [0], [], Array(good.dropLast()), good + [0]] {
      #expect(throws: CryptoError.badKey) { try VerificationKey(octets: bad) }
    }
  }

  @Test(arguments: [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "01", "",
  ]) func numbersOutOfRangeAreNoPrivateKeys(scalar: String) throws {
    let octets = try hex(scalar)
    #expect(throws: CryptoError.badKey) { _ = try SigningKey(scalar: Secret(copying: octets)) }
    let engine = OpenSSLEngine(random: SeededRandom(seed: 1))
    let digest = Digest.sha256([])
    #expect(throws: CryptoError.badKey) {
      var signature = P256Signature(repeating: 0)
      try engine.signP256(privateKey: octets.span.bytes, digest: digest.span.bytes, into: &signature)
    }
  }

  @Test(arguments: [
    // The largest private key is n - 1; its point is that of 1 mirrored (SEC 2: the base point).
    (
      "0000000000000000000000000000000000000000000000000000000000000001",
      "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
    ),
    (
      "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550",
      "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296b01cbd1c01e58065711814b583f061e9d431cca994cea1313449bf97c840ae0a"
    ),
  ]) func publicKeysBelongToTheirPrivateOnes(scalar: String, point: String) throws {
    let key = try SigningKey(scalar: secret(scalar))
    #expect(spell(key.publicKey) == point)
    try key.verificationKey.verify([7], key.sign([7]))
  }

  @Test func aDrawnNumberOutOfRangeIsDrawnAgain() throws {
    let (tooLarge, zero, good) = (
      [UInt8](repeating: 0xFF, count: 32), [UInt8](repeating: 0, count: 32), [UInt8](repeating: 0x77, count: 32)
    )
    let key = try SigningKey(random: FixedRandom(tooLarge + zero + good))
    #expect(octets(key.exportScalar()) == good)
  }

  @Test func pkcs8ComesBack() throws {
    let key = try SigningKey(random: SeededRandom(seed: 21))
    let again = try SigningKey(pkcs8: key.exportPKCS8())
    #expect(again.publicKey == key.publicKey)
    #expect(octets(again.exportScalar()) == octets(key.exportScalar()))
    let encoded = octets(try key.exportPKCS8())
    for bad in [Array(encoded.dropLast()), encoded + [0], Array(encoded.dropFirst()), []] {
      #expect(throws: CryptoError.badKey) { _ = try SigningKey(pkcs8: Secret(copying: bad)) }
    }
  }

  @Test func signaturesHave64Octets() throws {
    let key = try SigningKey(random: SeededRandom(seed: 23))
    let signature = try key.sign([1])
    #expect(signature.count == 64)
    let verificationKey = key.verificationKey
    for bad in [signature + [0], [0] + signature, Array(signature.dropLast()), []] {
      #expect(throws: CryptoError.notAuthentic) { try verificationKey.verify([1], bad) }
    }
    #expect(throws: CryptoError.badLength) { try verificationKey.verify(digest: [1], signature) }
    #expect(throws: CryptoError.badLength) { try SigningKey(random: SeededRandom(seed: 23)).sign(digest: [1]) }
  }

  /// The `openssl` program takes our private key, and we verify what it signs.
  @Test func opensslSignsWithOurKey() throws {
    let key = try SigningKey(random: SeededRandom(seed: 22))
    let message = Array("order 17".utf8)
    let encoded = try withTemporaryFolder { folder in
      let (keyFile, messageFile) = (folder.appendingPathComponent("key"), folder.appendingPathComponent("message"))
      try Data(octets(key.exportPKCS8())).write(to: keyFile)
      try Data(message).write(to: messageFile)
      return try run("openssl", ["dgst", "-sha256", "-sign", keyFile.path, "-keyform", "DER", messageFile.path])
    }
    let script = """
      import sys, json
      from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
      r, s = decode_dss_signature(bytes.fromhex(json.load(sys.stdin)))
      print(json.dumps((r.to_bytes(32, "big") + s.to_bytes(32, "big")).hex()))
      """
    let signature: String = try python(script, spell([UInt8](encoded)))
    try key.verificationKey.verify(message, hex(signature))
  }
}

private enum Wycheproof {
  static let keys = [
    "A":
      "042927b10512bae3eddcfe467828128bad2903269919f7086069c8c4df6c732838c7787964eaac00e5921fb1498a60f4606766b3d9685001558d1a974e7341513e",
    "B":
      "045e59f50708646be8a589355014308e60b668fb670196206c41e748e64e4dca215de37fee5c97bcaf7144d5b459982f52eeeafbdf03aacbafef38e213624a01de",
    "C":
      "04169fb797325843faff2f7a5b5445da9e2fd6226f7ef90ef0bfe924104b02db8e7bbb8de662c7b9b1cf9b22f7a2e582bd46d581d68878efb2b861b131d8a1d667",
    "D":
      "04271cd89c000143096b62d4e9e4ca885aef2f7023d18affdaf8b7b548981487540a1c6e954e32108435b55fa385b0f76481a609b9149ccb4b02b2ca47fe8e4da5",
    "E":
      "043d0bc7ed8f09d2cb7ddb46ebc1ed799ab1563a9ab84bf524587a220afe499c12e22dc3b3c103824a4f378d96adb0a408abf19ce7d68aa6244f78cb216fa3f8df",
    "F":
      "04a6c885ade1a4c566f9bb010d066974abb281797fa701288c721bcbd23663a9b72e424b690957168d193a6096fc77a2b004a9c7d467e007e1f2058458f98af316",
    "G":
      "048d3c2c2c3b765ba8289e6ac3812572a25bf75df62d87ab7330c3bdbad9ebfa5c4c6845442d66935b238578d43aec54f7caa1621d1af241d4632e0b780c423f5d",
    "H":
      "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
    "I":
      "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296b01cbd1c01e58065711814b583f061e9d431cca994cea1313449bf97c840ae0a",
    "J":
      "0404aaec73635726f213fb8a9e64da3b8632e41495a944d0045b522eba7240fad587d9315798aaa3a5ba01775787ced05eaaf7b4e09fc81d6d1aa546e8365d525d",
  ]

  static let table = """
    1 A 313233343030 2ba3a8be6b94d5ec80a6d9d1190a436effe50d85a1eee859b8cc6af9bd5c2e184cd60b855d442f5b3c7b11eb6c4e0ae7525fe710fab9aa7c77a67f79e6fadd76 valid
    2 A 313233343030 012ba3a8bd6b94d5ed80a6d9d1190a436ebccc0833490686deac8635bcb9bf536900b329f479a2bbd0a5c384ee1493b1f5186a87139cac5df4087c134b49156847db invalid
    3 A 313233343030 01002ba3a7be6b94d6ec80a6d9d1190a432be6dfbb2cb98d6d4d72972df620817f180000b329f479a2bbd0a5c384ee1493b1f5186a87139cac5df4087c134b49156847db invalid
    4 A 313233343030 d45c5740946b2a147f59262ee6f5bc90bd01ed280528b62b3aed5fc93f06f739b329f479a2bbd0a5c384ee1493b1f5186a87139cac5df4087c134b49156847db invalid
    5 A 313233343030 012ba3a8be6b94d5ec80a6d9d1190a436effe50d85a1eee859b8cc6af9bd5c2e1800b329f479a2bbd0a5c384ee1493b1f5186a87139cac5df4087c134b49156847db invalid
    6 A 313233343030 0100000000000000002ba3a8be6b94d5ec80a6d9d1190a436effe50d85a1eee859b8cc6af9bd5c2e18000000000000000000b329f479a2bbd0a5c384ee1493b1f5186a87139cac5df4087c134b49156847db invalid
    7 A 313233343030 01b329f478a2bbd0a6c384ee1493b1f518276e0e4a5375928d6fcd160c11cb6d2c00b329f479a2bbd0a5c384ee1493b1f5186a87139cac5df4087c134b49156847db invalid
    8 A 313233343030 0100b329f379a2bbd1a5c384ee1493b1f4d55181c143c3fc78fc35de0e45788d98db0000b329f479a2bbd0a5c384ee1493b1f5186a87139cac5df4087c134b49156847db invalid
    9 A 313233343030 01b329f479a2bbd0a5c384ee1493b1f5186a87139cac5df4087c134b49156847db00b329f479a2bbd0a5c384ee1493b1f5186a87139cac5df4087c134b49156847db invalid
    10 A 313233343030 010000000000000000b329f479a2bbd0a5c384ee1493b1f5186a87139cac5df4087c134b49156847db000000000000000000b329f479a2bbd0a5c384ee1493b1f5186a87139cac5df4087c134b49156847db invalid
    215 B 313233343030 6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296555555550000000055555555555555553ef7a8e48d07df81a693439654210c70 valid
    216 C 313233343030 6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296b6db6db6249249254924924924924924625bd7a09bec4ca81bcdd9f8fd6b63cc valid
    217 D 313233343030 6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296cccccccc00000000cccccccccccccccc971f2ef152794b9d8fc7d568c9e8eaa7 valid
    218 E 313233343030 6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2963333333300000000333333333333333325c7cbbc549e52e763f1f55a327a3aaa valid
    219 F 313233343030 6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c29649249248db6db6dbb6db6db6db6db6db5a8b230d0b2b51dcd7ebf0c9fef7c185 valid
    220 G 313233343030 6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c29616a4502e2781e11ac82cbc9d1edd8c981584d13e18411e2f6e0478c34416e3bb valid
    221 H 313233343030 bb5a52f42f9c9261ed4361f59422a1e30036e7c32b270c8807a419feca605023249249246db6db6ddb6db6db6db6db6dad4591868595a8ee6bf5f864ff7be0c2 invalid
    222 H 313233343030 44a5ad0ad0636d9f12bc9e0a6bdd5e1cbcb012ea7bf091fcec15b0c43202d52e249249246db6db6ddb6db6db6db6db6dad4591868595a8ee6bf5f864ff7be0c2 invalid
    223 I 313233343030 bb5a52f42f9c9261ed4361f59422a1e30036e7c32b270c8807a419feca605023249249246db6db6ddb6db6db6db6db6dad4591868595a8ee6bf5f864ff7be0c2 invalid
    224 I 313233343030 44a5ad0ad0636d9f12bc9e0a6bdd5e1cbcb012ea7bf091fcec15b0c43202d52e249249246db6db6ddb6db6db6db6db6dad4591868595a8ee6bf5f864ff7be0c2 invalid
    225 J  b292a619339f6e567a305c951c0dcbcc42d16e47f219f9e98e76e09d8770b34a0177e60492c5a8242f76f07bfe3661bde59ec2a17ce5bd2dab2abebdf89a62e2 valid
    226 J 4d7367 530bd6b0c9af2d69ba897f6b5fb59695cfbf33afe66dbadcf5b8d2a2a6538e23d85e489cb7a161fd55ededcedbf4cc0c0987e3e3f0f242cae934c72caa3f43e9 valid
    """
}
