import CardProtocol
import ISO7816
import Octets
import SecureChannel

/// Challenges, signatures and the time (ISO/IEC 7816-4, 11.5.3 and 11.5.4; ISO/IEC 7816-8, 5.2).
extension Card {
  /// The last time the centre told the card; 0 for never.
  var knownTime: UInt64 {
    store.withValue(CardLayout.time) { (octets) -> UInt64 in
      var reader = OctetReader(octets)
      return (try? reader.u64()) ?? 0
    } ?? 0
  }

  /// GET CHALLENGE: 8 to 32 octets, good for one use.
  func getChallenge(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    guard header.p1p2 == 0 else { throw .incorrectP1P2 }
    guard data.byteCount == 0, let le = header.le else { throw .wrongLength }
    let length = le == 256 ? 32 : le
    guard (8...32).contains(length) else { throw .wrongLength }
    try writing { () throws(OctetError) in try output.append(repeating: 0, count: length) }
    try computing { () throws(CryptoError) in
      try output.withMutableBytes { (octets: inout MutableRawSpan) throws(CryptoError) in
        try engine.random(into: &octets)
      }
    }
    for index in 0..<length { channels.current.challenge[index] = output[index] ?? 0 }
    channels.current.challengeOctets = length
  }

  /// INTERNAL AUTHENTICATE: signs a labelled structure that the card builds, never what the host sends.
  ///
  /// In an environment for mutual authentication only a centre that has proved itself gets an answer (C9).
  func internalAuthenticate(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    guard header.p1p2 == 0 else { throw .incorrectP1P2 }
    if channels.current.environment.isMutual, !channels.current.isCenterAuthenticated {
      throw .securityStatusNotSatisfied
    }
    guard (8...64).contains(data.byteCount) else { throw .wrongLength }
    defer { scratch.wipe() }
    try writing { () throws(OctetError) in
      try scratch.becomeAuthenticationInput(serial: production.serial.span.bytes, challenge: data)
    }
    var digest = Block32(repeating: 0)
    try digestScratch(into: &digest)
    try sign(.authentication, digest: digest)
  }

  /// EXTERNAL AUTHENTICATE: the centre's signature over a labelled structure with the challenge that it is asked by.
  ///
  /// It opens no secret: it tells whoever holds the card that this is its centre, for INTERNAL AUTHENTICATE in an
  /// environment for mutual authentication. The status lasts until the channel closes or the next attempt.
  func authenticateCenter(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    guard header.p1p2 == 0 else { throw .incorrectP1P2 }
    guard data.byteCount == 64 else { throw .wrongLength }
    channels.current.isCenterAuthenticated = false
    let digest = try digestOverChallenge { (challenge) throws(OctetError) in
      try scratch.becomeCenterAuthenticationInput(serial: production.serial.span.bytes, challenge: challenge)
    }
    do {
      try verifyCenter(digest: digest, signature: data)
    } catch {
      // As with a key that does not match, 6300 (ISO/IEC 7816-4, 11.5.5), not the 6982 of a command that is not allowed.
      throw error == .securityStatusNotSatisfied ? .authenticationFailed : error
    }
    channels.current.isCenterAuthenticated = true
  }

  /// PSO: P1 P2 is 9E9A to compute, 00A8 to verify, 00BE to verify a certificate, 8680 to encipher and 8086 to decipher a
  /// key.
  func performSecurityOperation(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    switch header.p1p2 {
    case 0x9E9A:
      try requirePIN()
      guard data.byteCount == 32 else { throw .wrongLength }
      var digest = Block32(repeating: 0)
      for index in 0..<32 { digest[index] = data[octet: index] }
      try sign(.signature, digest: digest)
    case 0x00A8: try verifySignature(data)
    case 0x00BE: try verifyCertificate(data)
    case 0x8680: try encipher(data)
    case 0x8086: try decipher(data)
    default: throw .incorrectP1P2
    }
  }

  private func verifySignature(_ data: RawSpan) throws(StatusWord) {
    var digest = Block32(repeating: 0)
    var signature = P256Signature(repeating: 0)
    try reading { () throws(OctetError) in
      var reader = TLVReader(data)
      let first = try reader.next()
      guard first.tag == 0x9A, first.value.byteCount == 32 else { throw OctetError.invalid }
      for index in 0..<32 { digest[index] = first.value[octet: index] }
      let second = try reader.next()
      guard second.tag == 0x9E, second.value.byteCount == 64, reader.isAtEnd else { throw OctetError.invalid }
      for index in 0..<64 { signature[index] = second.value[octet: index] }
    }
    try verifyCenter(digest: digest, signature: signature.span.bytes)
  }

  /// SET TIME: believed only over this session's challenge, and never backwards.
  func setTime(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    guard header.p1p2 == 0 else { throw .incorrectP1P2 }
    guard data.byteCount == 72 else { throw .wrongLength }
    let time = try reading { () throws(OctetError) in
      var reader = OctetReader(data)
      return try reader.u64()
    }
    let digest = try digestOverChallenge { (challenge) throws(OctetError) in
      try scratch.becomeTimeInput(serial: production.serial.span.bytes, challenge: challenge, time: time)
    }
    try verifyCenter(digest: digest, signature: data.extracting(8..<72))
    guard time >= knownTime else { throw .conditionsNotSatisfied }
    try atomically { () throws(StatusWord) in try put(CardLayout.time, data.extracting(0..<8)) }
    session.hasFreshTime = true
  }

  /// The digest of a structure that `body` makes in `scratch` around this channel's challenge, which is used up by it.
  ///
  /// - Throws: 6985 when there is no challenge.
  func digestOverChallenge(
    _ body: (RawSpan) throws(OctetError) -> Void
  ) throws(StatusWord) -> Block32 {
    let challenge = channels.current.challenge
    let octets = channels.current.challengeOctets
    guard octets > 0 else { throw .conditionsNotSatisfied }
    channels.current.challengeOctets = 0
    defer { scratch.wipe() }
    try writing { () throws(OctetError) in try body(challenge.span.bytes.extracting(0..<octets)) }
    var digest = Block32(repeating: 0)
    try digestScratch(into: &digest)
    return digest
  }

  func verifyCenter(digest: Block32, signature: RawSpan) throws(StatusWord) {
    let found = try store.withValue(CardLayout.object(.centerVerificationKey)) { (key) throws(StatusWord) -> Bool in
      try computing { () throws(CryptoError) in
        try engine.verifyP256(publicKey: key, digest: digest.span.bytes, signature: signature)
      }
      return true
    }
    guard found == true else { throw .referencedDataNotFound }
  }

  private func sign(_ pair: CommandAPDU.KeyPair, digest: Block32) throws(StatusWord) {
    var signature = P256Signature(repeating: 0)
    let found = try store.withValue(CardLayout.keyPair(pair.rawValue)) { (value) throws(StatusWord) -> Bool in
      guard value.byteCount == 97 else { throw StatusWord.executionError }
      try computing { () throws(CryptoError) in
        try engine.signP256(privateKey: value.extracting(0..<32), digest: digest.span.bytes, into: &signature)
      }
      return true
    }
    guard found == true else { throw .referencedDataNotFound }
    try writing { () throws(OctetError) in try output.append(signature.span.bytes) }
  }

  private func digestScratch(into digest: inout Block32) throws(StatusWord) {
    try computing { () throws(CryptoError) in
      try scratch.withBytes { (input) throws(CryptoError) in
        try engine.sha256(input, input.extracting(0..<0), into: &digest)
      }
    }
  }
}
