import CardDriver
import Cryptography
import DiscDriver
import Formats
import ISO7816

/// The drive's word for which medium it holds, for licences that do not take the host's (docs/drive-attestation.md).
extension CopySession {
  /// The drive's word about this medium for a request, to go to the centre with it.
  ///
  /// - Throws: ``LicensingError/Code/notAttested`` if the drive gives none.
  public func attest(_ request: LicenseRequest) throws(LicensingError) -> DriveWord {
    try word(challenge: request.attestationChallenge, "have the drive attest which disc this is")
  }

  /// Has the drive attest the medium to the card, which asks by a challenge of its own, and answers the drive's signature.
  func attestToCard(_ operation: String) throws(LicensingError) -> [UInt8] {
    let challenge = try licensing(operation) { try card.challenge() }
    let word = try word(challenge: challenge, operation)
    do { try card.trust(drive: word.certificate) } catch {
      switch error.status {
      case .securityStatusNotSatisfied, .conditionsNotSatisfied, .incorrectData:
        throw CopySession.notAttested(operation)
      default: throw LicensingError(error, during: operation)
      }
    }
    return word.signature
  }

  private func word(challenge: [UInt8], _ operation: String) throws(LicensingError) -> DriveWord {
    let attestation = try licensing(operation) { try volume.attestation(challenge: challenge) }
    guard let attestation else { throw CopySession.notAttested(operation) }
    return attestation.word
  }

  private static func notAttested(_ operation: String) -> LicensingError {
    LicensingError(
      .notAttested, operation,
      remedy: "The licence wants a drive that the centre has certified to say which disc this is; use such a drive.")
  }
}
