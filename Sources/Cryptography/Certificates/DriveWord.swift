import CardProtocol
import Identifiers
import Octets
import SecureChannel

/// A drive's word for which medium it holds, beside the centre's word for the drive (docs/drive-attestation.md).
public struct DriveWord: Hashable, Sendable {
  /// The drive's card-verifiable certificate (``CardProtocol/CardVerifiableCertificate``).
  public var certificate: [UInt8]
  /// The drive's signature over {challenge, medium id}, 64 octets.
  public var signature: [UInt8]

  /// A word as a drive gave it; nothing is checked yet.
  public init(certificate: [UInt8], signature: [UInt8]) {
    self.certificate = certificate
    self.signature = signature
  }

  /// Checks that the centre vouches for a drive that says, asked by this challenge, that it holds this medium.
  ///
  /// - Parameters:
  ///   - challenge: what whoever checks made up, 16 to 64 octets.
  ///   - mediumID: the medium in question.
  ///   - center: the key with which the centre speaks to cards.
  ///   - time: now, in seconds since 1970 UTC.
  /// - Throws: ``CertificateError/malformed`` for what is no drive's certificate, ``CertificateError/expired``, and
  ///   ``CertificateError/notAuthentic``.
  public func verify(
    challenge: [UInt8], mediumID: MediumID, under center: VerificationKey, at time: UInt64
  ) throws(CertificateError) {
    let key = try key(under: center, at: time)
    let input = OctetBuffer(capacity: 256)
    do {
      try input.becomeDriveAttestationInput(
        challenge: challenge.span.bytes, mediumID: mediumID.octets.span.bytes)
      try key.verify(input.withBytes { $0.octets }, signature)
    } catch {
      throw .notAuthentic
    }
  }

  /// The drive's key, if the centre vouches for it now.
  private func key(under center: VerificationKey, at time: UInt64) throws(CertificateError) -> VerificationKey {
    let (body, publicKey, sealed, validity) = try parts()
    do throws(CryptoError) { try center.verify(body, sealed) } catch { throw .notAuthentic }
    guard validity.contains(time) else { throw .expired }
    do throws(CryptoError) { return try VerificationKey(octets: publicKey) } catch { throw .malformed }
  }

  private func parts() throws(CertificateError) -> ([UInt8], [UInt8], [UInt8], ClosedRange<UInt64>) {
    do throws(OctetError) {
      let parsed = try CardVerifiableCertificate(parsing: certificate.span.bytes)
      return (parsed.body.octets, parsed.publicKey.octets, parsed.signature.octets, parsed.validity)
    } catch {
      throw .malformed
    }
  }
}
