import Cryptography
import Octets
import SecureChannel
import Testing

@Suite struct SecretTests {
  @Test func holdsACopy() {
    let secret = Secret(copying: [1, 2, 3])
    #expect(secret.count == 3)
    #expect(octets(secret) == [1, 2, 3])
    let copy = secret.copy()
    let isSame = copy.matches(secret)
    #expect(isSame)
  }

  @Test func printsNothingOfItself() {
    #expect(Secret(copying: Array("open sesame".utf8)).description == "Secret(redacted)")
  }

  @Test(arguments: [([1, 2, 3], true), ([1, 2, 4], false), ([0, 2, 3], false), ([1, 2], false), ([], false)])
  func comparesWhole(other: [UInt8], isSame: Bool) {
    let matches = Secret(copying: [1, 2, 3]).matches(Secret(copying: other))
    #expect(matches == isSame)
  }

  @Test func emptyOnesAreSecretsToo() {
    let secret = Secret(copying: nothing)
    #expect(secret.count == 0)
    #expect(octets(secret).isEmpty)
    let isSame = secret.matches(Secret(copying: nothing))
    #expect(isSame)
  }

  /// More than the secure heap can take: the rest lies on the ordinary one, and OpenSSL still finds room for its own.
  @Test func manyAndLargeOnesFindRoom() throws {
    let large = Secret(random: 3 << 20, from: SeededRandom(seed: 1))
    #expect(large.count == 3 << 20)
    let held = (0..<20_000).map { _ in Holder(Secret(random: 64, from: SeededRandom(seed: 2))) }
    _ = try SigningKey(random: SeededRandom(seed: 3)).sign([1])
    #expect(held.allSatisfy { $0.secret.count == 64 })
  }

  private final class Holder {
    let secret: Secret
    init(_ secret: consuming Secret) { self.secret = secret }
  }
}

@Suite struct RandomTests {
  @Test func seededStreamsRepeat() {
    let (first, again, other) = (SeededRandom(seed: 1), SeededRandom(seed: 1), SeededRandom(seed: 2))
    let stream = first.octets(100)
    #expect(stream == again.octets(33) + again.octets(67), "however it is cut")
    #expect(stream != other.octets(100))
    #expect(first.octets(100) != stream)
  }

  /// The stream is part of replayed failures, so it stays the same: Python computes it too.
  @Test func seededStreamIsTheDocumentedOne() throws {
    let script = """
      import sys, json, hashlib
      from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
      key = hashlib.sha256(b"warifu seeded random" + json.load(sys.stdin).to_bytes(8, "big")).digest()
      print(json.dumps(Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor().update(bytes(50)).hex()))
      """
    let expected: String = try python(script, 0x0102_0304_0506_0708)
    #expect(spell(SeededRandom(seed: 0x0102_0304_0506_0708).octets(50)) == expected)
  }

  @Test func systemRandomFillsAll() {
    let random = SystemRandom()
    #expect(random.octets(0).isEmpty)
    let octets = random.octets((1 << 20) + 1000)
    #expect(octets.suffix(1000).contains { $0 != 0 })
    #expect(random.octets(32) != random.octets(32))
  }
}
