import Cryptography
import Formats
import Identifiers
import Octets
import SecureChannel

/// The cryptography of a copy licence (M5): KEYc, CS, E_KU(KEYc) and E(Kd).
enum LicenseMaker {
  /// A licence without its signature.
  static func make(
    number: UInt64, _ request: LicenseRequest, _ strength: MediumIDStrength, centerID: CenterID, issuedAt: UInt64,
    individualKey: borrowing Secret, contentKey: borrowing Secret, keys: KeyStore
  ) throws -> CopyLicense {
    let serial = request.cardSerial
    let rootVersion = try keys.currentVersion(of: .certificationRoot)
    let certificationKey = try keys.withKey(.certificationRoot, version: rootVersion) { root in
      try CardKeys.certificationKey(
        root, number: number, serial: serial, softwareID: request.softwareID, mediumID: request.mediumID,
        rootVersion: rootVersion)
    }
    let input = CopyLicense.certificateInput(
      softwareID: request.softwareID, mediumID: request.mediumID, terms: request.terms)
    let userKey = try CardKeys.derive(individualKey, .copyLicenseUserKey, serial)
    let contentWrappingKey = try CardKeys.contentWrappingKey(certificationKey, certificateInput: input)
    return CopyLicense(
      number: number, centerID: centerID, rootVersion: rootVersion, cardSerial: serial,
      softwareID: request.softwareID, mediumID: request.mediumID,
      mediumIDStrength: strength, terms: request.terms,
      certificateCode: try CMAC.tag(certificationKey, input),
      wrappedCertificationKey: try KeyWrap.wrap(certificationKey, under: userKey),
      wrappedContentKey: try KeyWrap.wrap(contentKey, under: contentWrappingKey), issuedAt: issuedAt)
  }
}
