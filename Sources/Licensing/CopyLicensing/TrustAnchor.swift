import CardDriver
import CardProtocol
import Cryptography
import Formats

/// Whose licences and catalogues are believed: the centre's certification authority, as the card or the centre gives it.
///
/// A centre that has rotated its authority has several, each good until its certificate expires. A card knows only the one
/// of its issue; the centre itself names them all (``believing(_:)``).
public struct TrustAnchor: Sendable {
  /// The centre's certification authority, by which licences are judged.
  public let authority: Certificate
  /// Its other authorities, before and after that one, by which catalogues are judged too.
  public private(set) var otherAuthorities: [Certificate] = []
  /// The key that signs copy licences.
  public let licenseKey: VerificationKey
  /// The time that certificates are judged by, seconds since 1970.
  public let time: UInt64

  /// The anchor from the two certificates, in DER.
  ///
  /// - Throws: ``LicensingError/Code/notAuthentic`` when the second is not good for licences under the first at `time`.
  public init(authority: [UInt8], license: [UInt8], time: UInt64) throws(LicensingError) {
    do {
      self.authority = try Certificate(der: authority)
      licenseKey = try TrustAnchor.key(license, under: self.authority, at: time, role: .licenseSigning)
      self.time = time
    } catch {
      throw LicensingError(
        .notAuthentic, "check the centre's certificates",
        remedy: "The centre's certificates do not belong together or have expired; have the card issued or renewed.")
    }
  }

  /// The anchor that the centre put on a card when it was issued (P2).
  public init(card: WarifuCard, time: UInt64) throws(LicensingError) {
    let (authority, license) = try licensing("read the centre's certificates from the card") {
      (try card.certificate(.issuerCertificate), try card.certificate(.licenseCertificate))
    }
    try self.init(authority: authority, license: license, time: time)
  }

  /// The same anchor, with all of its centre's authorities, so that discs count that were pressed under another of them.
  ///
  /// - Parameter authorities: certificates in DER, as the centre itself gives them. Where the anchor's own is not among
  ///   them they are another centre's, and count for nothing.
  public func believing(_ authorities: [[UInt8]]) -> TrustAnchor {
    let certificates = authorities.compactMap { try? Certificate(der: $0) }.filter(\.isAuthority)
    guard certificates.contains(where: { $0.der == authority.der }) else { return self }
    var anchor = self
    anchor.otherAuthorities = certificates.filter { $0.der != authority.der }
    return anchor
  }

  /// The key of a certificate that one of the authorities issued for signing catalogues.
  func catalogueKey(_ der: [UInt8]) throws(LicensingError) -> VerificationKey {
    for authority in [authority] + otherAuthorities {
      if let key = try? TrustAnchor.key(der, under: authority, at: time, role: .catalogueSigning) { return key }
    }
    throw LicensingError(
      .notAuthentic, "check the certificate of a catalogue",
      remedy: """
        It is not the one of the card's centre for catalogues, or it has expired; if the centre has rotated its \
        authority since, name the centre.
        """)
  }

  private static func key(
    _ der: [UInt8], under authority: Certificate, at time: UInt64, role: Certificate.Role
  ) throws(CertificateError) -> VerificationKey {
    let certificate = try Certificate(der: der)
    try certificate.verify(chainTo: authority, at: time, role: role)
    return certificate.publicKey
  }
}
