import Cryptography
import Identifiers
import Octets
import SCSI

extension DriveSession {
  /// Has the drive sign which medium is inside (docs/drive-attestation.md). What it says is not checked here.
  ///
  /// - Parameter challenge: what whoever will check the answer made up, 16 to 64 octets; never used twice.
  /// - Returns: the attestation with this challenge; `nil` if the drive gives none.
  public func attestation(challenge: [UInt8]) throws(DiscError) -> DriveAttestation? {
    let operation = "cannot have the drive attest which medium this is"
    guard let question = DriveAttestation.Challenge(octets: challenge) else {
      throw DiscError(.invalidArgument, operation, remedy: "give a challenge of 16 to 64 octets")
    }
    let list = question.encoded
    do {
      try execute(
        .securityProtocolOut(
          DriveAttestation.securityProtocol, DriveAttestation.function, length: UInt32(truncatingIfNeeded: list.count)),
        dataOut: list.span.bytes, operation)
    } catch {
      guard error.code == .refused else { throw error }
      return nil
    }
    let allocation = DriveAttestation.maximumOctetCount
    let answer = try fetch(
      .securityProtocolIn(
        DriveAttestation.securityProtocol, DriveAttestation.function,
        allocation: UInt32(truncatingIfNeeded: allocation)), upTo: allocation, operation)
    guard let answer, let attestation = try? DriveAttestation(parsing: answer.span.bytes),
      constantTimeEqual(attestation.challenge.span.bytes, challenge.span.bytes)
    else {
      throw DiscError(.driveFailure, operation, remedy: "the drive's answer makes no sense; use another drive")
    }
    return attestation
  }

  /// Which medium this is (M3) by the word of a drive that the centre knows, for hosts that want to be sure themselves.
  /// Where a licence asks for an attested id, the card checks the drive's word: a host that lies would not ask itself.
  ///
  /// - Parameters:
  ///   - center: the key with which the centre speaks to cards, as a card has it.
  ///   - time: now, in seconds since 1970 UTC.
  ///   - random: where the challenge comes from.
  /// - Returns: an identity of strength ``MediumIdentity/Strength/attested``; `nil` if the drive attests nothing.
  /// - Throws: ``DiscError/Code/notAuthentic`` if the drive's word is not good.
  public func attestedIdentity(
    under center: VerificationKey, at time: UInt64, random: any RandomSource
  ) throws(DiscError) -> MediumIdentity? {
    var challenge = [UInt8](repeating: 0, count: 32)
    challenge.withUnsafeMutableBytes { random.fill($0) }
    guard let attestation = try attestation(challenge: challenge) else { return nil }
    do {
      return try attestation.identity(under: center, at: time)
    } catch {
      throw DiscError(
        .notAuthentic, "cannot believe the drive about which medium this is",
        remedy: "use a drive that your centre has certified")
    }
  }
}

extension DriveAttestation {
  /// The identity that the drive vouches for, if its certificate and its signature are good.
  ///
  /// - Throws: ``CertificateError`` for whatever is not good.
  func identity(under center: VerificationKey, at time: UInt64) throws(CertificateError) -> MediumIdentity {
    guard let id = MediumID(octets: mediumID) else { throw .malformed }
    try word.verify(challenge: challenge, mediumID: id, under: center, at: time)
    return MediumIdentity(id: id, source: .driveAttestation, strength: .attested)
  }

  /// The drive's word in it.
  public var word: DriveWord { DriveWord(certificate: certificate, signature: signature) }
}
