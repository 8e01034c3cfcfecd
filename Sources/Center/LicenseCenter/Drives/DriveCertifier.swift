import CardProtocol
import Cryptography
import Formats
import Identifiers
import Octets

/// Vouches for drives that attest media, so that the centre's cards believe them (docs/drive-attestation.md).
///
/// A maker of drives brings the serial number and the public key of each; the private key never leaves the drive.
public struct DriveCertifier: Sendable {
  let context: CenterContext

  /// How long the centre's word for a drive is good: ten years.
  public static let validitySeconds: UInt64 = 10 * 366 * 86_400

  /// The card-verifiable certificate of a drive's key.
  ///
  /// - Parameters:
  ///   - serial: the drive's serial number, 1 to 16 characters of ASCII without spaces.
  ///   - publicKey: a P-256 point, 65 octets.
  /// - Throws: ``CenterError/Code/invalid`` for another serial or key, or when the centre's clock is out of the century.
  public func certify(serial: String, publicKey: [UInt8]) async throws(CenterError) -> [UInt8] {
    let operation = "Certifying drive \(serial)"
    let holder = Array(serial.utf8)
    guard (1...16).contains(holder.count), holder.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw CenterError(
        .invalid, "Certifying a drive", remedy: "Give a serial number of 1 to 16 characters of ASCII without spaces.")
    }
    guard (try? VerificationKey(octets: publicKey)) != nil else {
      throw CenterError(.invalid, operation, remedy: "The key is no point of P-256; get it from the drive again.")
    }
    let context = context
    return try await context.database.write { transaction in
      let now = context.clock.now()
      let body = CardVerifiableCertificate.body(
        authority: Array(context.facts.centerID.octets.prefix(16)), holder: holder, publicKey: publicKey,
        validity: now...(now + DriveCertifier.validitySeconds))
      guard let body else {
        throw CenterError(.invalid, operation, remedy: "The centre's clock is wrong; set it right.")
      }
      let signature = try Authority.sign(body, .timeSigning, context.keys)
      try AuditLog.append(
        transaction, at: now, "drive.certify", subject: serial,
        detail: "key \(Hex.encode(Digest.sha256(publicKey)))")
      return CardVerifiableCertificate.encode(body: body, signature: signature)
    }
  }
}

extension LicenseRequest {
  /// Who vouches for the medium id (attack 9): a drive whose word there is, or nobody but the host.
  ///
  /// - Throws: ``CenterError/Code/invalid`` for a word that is not good.
  func strength(of word: DriveWord?, _ context: CenterContext) throws -> MediumIDStrength {
    guard let word else { return .hostAsserted }
    let keys = try Authority.verificationKeys(.timeSigning, context.keys)
    let isGood = keys.contains { key in
      (try? word.verify(
        challenge: attestationChallenge, mediumID: mediumID, under: key, at: context.clock.now())) != nil
    }
    guard isGood else {
      throw CenterError(
        .invalid, LicenseDesk.operation,
        remedy: "The drive's word for the disc is not good; use a drive that this centre has certified.")
    }
    return .driveAttested
  }
}
