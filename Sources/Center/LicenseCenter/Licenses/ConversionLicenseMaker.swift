import Cryptography
import Formats
import Identifiers
import SecureChannel

/// The cryptography of a licence by conversion keys (M12): Ku, Ka, E_Mid(Ku) and E_Mid(Ka).
enum ConversionLicenseMaker {
  /// A licence without its signature.
  ///
  /// - Parameter masterKey: Ka, from the version of KM that the title was registered under; Ku comes from the newest.
  static func make(
    number: UInt64, _ request: LicenseRequest, _ strength: MediumIDStrength, centerID: CenterID, issuedAt: UInt64,
    individualKey: borrowing Secret, masterKey: borrowing Secret, keys: KeyStore
  ) throws -> ConversionLicense {
    let rootVersion = try keys.currentVersion(of: .conversionRoot)
    let mediumKey = try keys.withKey(.conversionRoot, version: rootVersion) { root in
      try ConversionKeys.mediumKey(root, request.mediumID)
    }
    let conversionSecret = try CardKeys.derive(individualKey, .conversionSecret, request.cardSerial)
    return ConversionLicense(
      number: number, centerID: centerID, rootVersion: rootVersion, cardSerial: request.cardSerial,
      softwareID: request.softwareID, mediumID: request.mediumID,
      mediumIDStrength: strength, terms: request.terms,
      wrappedMediumKey: try ConversionKeys.wrap(mediumKey: mediumKey, conversionSecret, request.mediumID),
      wrappedMasterKey: try ConversionKeys.wrap(
        masterKey: masterKey, conversionSecret, request.mediumID, request.softwareID),
      issuedAt: issuedAt)
  }
}
