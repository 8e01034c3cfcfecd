import CardProtocol
import Cryptography
import ISO7816
import Octets
import Testing

/// What the card signs and verifies (P24: the card verifies; P14's signature is made here).
@Suite struct SignatureTests {
  @Test func internalAuthenticateSignsWhatTheCardBuilds() throws {
    let bench = try Bench.issued()
    let publicKey = try bench.send(.getData(.authenticationPublicKey)).data
    let key = try VerificationKey(octets: publicKey)
    for count in [8, 16, 64] {
      let challenge = bench.random.octets(count)
      let signature = try bench.send(.internalAuthenticate(challenge: challenge)).data
      let input = OctetBuffer(capacity: 256)
      let serial = Bench.serial
      try input.becomeAuthenticationInput(serial: serial.span.bytes, challenge: challenge.span.bytes)
      let message = input.withBytes { $0.octets }
      try key.verify(message, signature)
      #expect(throws: (any Error).self) { try key.verify(challenge, signature) }
      let digest = Digest.sha256(message)
      #expect(try pythonVerifies(publicKey: publicKey, signature: signature, digest: digest))
      #expect(try !pythonVerifies(publicKey: publicKey, signature: signature, digest: Digest.sha256(challenge)))
    }
    for count in [0, 7, 65] {
      let challenge = [UInt8](repeating: 1, count: count)
      #expect(try bench.status(.internalAuthenticate(challenge: challenge)) == .wrongLength)
    }
    #expect(try bench.status(CommandAPDU(cla: 0, ins: 0x88, p1: 1, data: Bench.puk)) == .incorrectP1P2)
    #expect(try Bench.secured().status(.internalAuthenticate(challenge: Bench.puk)) == .referencedDataNotFound)
  }

  @Test func signatureKeySignsDigestsAfterThePIN() throws {
    let bench = try Bench.issued()
    let digest = Digest.sha256(Array("a document".utf8))
    #expect(try bench.status(.computeSignature(digest: digest)) == .securityStatusNotSatisfied)
    try bench.verifyPIN()
    let signature = try bench.send(.computeSignature(digest: digest)).data
    let publicKey = try bench.send(.getData(.signaturePublicKey)).data
    try VerificationKey(octets: publicKey).verify(digest: digest, signature)
    #expect(try pythonVerifies(publicKey: publicKey, signature: signature, digest: digest))
    let authentication = try VerificationKey(octets: try bench.send(.getData(.authenticationPublicKey)).data)
    #expect(throws: (any Error).self) { try authentication.verify(digest: digest, signature) }
    #expect(try bench.status(.computeSignature(digest: Array(digest.dropLast()))) == .wrongLength)
    #expect(try bench.status(CommandAPDU(cla: 0, ins: 0x2A, p1: 0x9E, p2: 0x9B, data: digest)) == .incorrectP1P2)
  }

  @Test func P24_cardVerifiesTheCentresSignature() throws {
    let bench = try Bench.issued()
    let digest = Digest.sha256(Array("a notice".utf8))
    let signature = try Bench.center().sign(digest: digest)
    #expect(try bench.status(.verifySignature(digest: digest, signature: signature)) == .ok)
    for bit in stride(from: 0, to: 512, by: 7) {
      var forged = signature
      forged[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(try bench.status(.verifySignature(digest: digest, signature: forged)) == .securityStatusNotSatisfied)
    }
    let other = Digest.sha256([1])
    #expect(try bench.status(.verifySignature(digest: other, signature: signature)) == .securityStatusNotSatisfied)
    for zero in [0, 255] as [UInt8] {
      let degenerate = [UInt8](repeating: zero, count: 64)
      #expect(try bench.status(.verifySignature(digest: digest, signature: degenerate)) == .securityStatusNotSatisfied)
    }
    let good = CommandAPDU.verifySignature(digest: digest, signature: signature)
    for length in 0..<good.data.count {
      var cut = good
      cut.data = Array(good.data[..<length])
      #expect(try bench.status(cut) == .incorrectData)
    }
    let without = try Bench.secured()
    #expect(try without.status(good) == .referencedDataNotFound)
  }

  @Test func challengesAreRandomAndBounded() throws {
    let bench = try Bench.issued()
    var seen: Set<[UInt8]> = []
    for count in 8...32 { #expect(try bench.send(.getChallenge(count)).data.count == count) }
    for _ in 0..<1_000 { seen.insert(try bench.send(.getChallenge(8)).data) }
    #expect(seen.count == 1_000)
    #expect(try bench.send(.getChallenge(256)).data.count == 32)
    for count in [1, 7, 33, 255, 257] { #expect(try bench.status(.getChallenge(count)) == .wrongLength) }
    #expect(try bench.status(CommandAPDU(cla: 0, ins: 0x84)) == .wrongLength)
    #expect(try bench.status(CommandAPDU(cla: 0, ins: 0x84, data: [1], le: 8)) == .wrongLength)
    #expect(try bench.status(CommandAPDU(cla: 0, ins: 0x84, p2: 1, le: 8)) == .incorrectP1P2)
  }
}
