import CardProtocol
import ISO7816
import Identifiers
import Octets
import SecureChannel

/// The word of a drive for which medium it holds, and the centre's for the drive (docs/drive-attestation.md).
extension Card {
  /// PSO: VERIFY CERTIFICATE (ISO/IEC 7816-8, 5.5): takes in the key of a drive that the centre vouches for. It serves this
  /// channel until another certificate is shown or the channel closes.
  ///
  /// - Throws: 6A80 for what is no certificate of a drive, 6982 for one that the centre did not sign, 6985 for one that has
  ///   expired by the last time that the card was told. A drive's key taken in before is forgotten then.
  func verifyCertificate(_ data: RawSpan) throws(StatusWord) {
    channels.current.hasDriveKey = false
    let certificate = try CardVerifiableCertificate(checking: data)
    var digest = Block32(repeating: 0)
    try computing { () throws(CryptoError) in
      try engine.sha256(certificate.body, data.extracting(0..<0), into: &digest)
    }
    try verifyCenter(digest: digest, signature: certificate.signature)
    // The card's clock stands still between the centre's messages: it can find out only what is over, not what is to come.
    guard knownTime <= certificate.validity.upperBound else { throw .conditionsNotSatisfied }
    let channel = channels.current
    for index in 0..<65 { channel.driveKey[index] = certificate.publicKey[octet: index] }
    channel.hasDriveKey = true
  }

  /// The drive's signature over this channel's challenge and the medium id that the host names (attack 9).
  ///
  /// - Throws: 6985 without a drive's key, or without a challenge of at least 16 octets; 6982 for another signature. The
  ///   challenge is used up.
  func checkAttestation(_ mediumID: RawSpan, signature: RawSpan) throws(StatusWord) {
    let channel = channels.current
    guard channel.hasDriveKey, channel.challengeOctets >= 16 else { throw .conditionsNotSatisfied }
    let digest = try digestOverChallenge { (challenge) throws(OctetError) in
      try scratch.becomeDriveAttestationInput(challenge: challenge, mediumID: mediumID)
    }
    let key = channel.driveKey
    try computing { () throws(CryptoError) in
      try engine.verifyP256(publicKey: key.span.bytes, digest: digest.span.bytes, signature: signature)
    }
  }
}

extension CardVerifiableCertificate {
  /// Reads the data field of PSO: VERIFY CERTIFICATE.
  @_lifetime(copy content)
  fileprivate init(checking content: RawSpan) throws(StatusWord) {
    do { self = try CardVerifiableCertificate(content: content) } catch { throw .incorrectData }
  }
}
