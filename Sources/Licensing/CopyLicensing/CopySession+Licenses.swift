import DiscDriver
import Formats
import Identifiers

/// Licences on their way to the medium and on it (S1 to S3, S15).
extension CopySession {
  /// What to ask the centre for (S1, M4): the title, this medium's id as just read, this card.
  public func request(
    for softwareID: SoftwareID, operationID: OperationID, terms: LicenseTerms = .unlimited
  ) throws(LicensingError) -> LicenseRequest {
    LicenseRequest(
      operationID: operationID, cardSerial: serial, softwareID: softwareID, mediumID: volume.identity.id, terms: terms)
  }

  /// Sees to it that the disc would take the licence, before the centre bills it.
  public func prepare(for softwareID: SoftwareID) throws(LicensingError) {
    try licensing("write the licence to the disc") { try volume.prepare(forLicenceFor: softwareID) }
  }

  /// Writes the centre's answer into the predetermined region of the medium (S3, M6), if it is authentic and for this
  /// medium and this card. Whatever keys are wrapped in it stay so (S15, M13).
  public func install(_ license: TitleLicense) throws(LicensingError) {
    let operation = "write the licence to the disc"
    try check(license, operation)
    try licensing(operation) { try volume.install(licence: license.encoded, for: license.softwareID) }
  }

  /// Writes a licence by certificate code.
  public func install(_ license: CopyLicense) throws(LicensingError) { try install(.certificate(license)) }

  /// Writes a licence by conversion keys.
  public func install(_ license: ConversionLicense) throws(LicensingError) { try install(.conversion(license)) }

  /// The licence on the medium. The centre's signature is checked before anything else of it is looked at.
  ///
  /// - Throws: ``LicensingError/Code/notLicensed``, ``LicensingError/Code/notAuthentic``,
  ///   ``LicensingError/Code/wrongMedium``, ``LicensingError/Code/wrongCard``.
  public func titleLicense(for softwareID: SoftwareID) throws(LicensingError) -> TitleLicense {
    let operation = "read the licence for \(softwareID)"
    guard let installed = volume.licence(for: softwareID) else {
      guard volume.damagedLicenceCount == 0 else {
        throw LicensingError(
          .damaged, operation,
          remedy: "A licence on this disc is damaged in both its copies, maybe this one; get it from the centre again.")
      }
      throw LicensingError(
        .notLicensed, operation, remedy: "There is none on this disc; get one from the centre first.")
    }
    let license = try licensing(operation) {
      try TitleLicense.open(installed.octets.span.bytes, under: anchor.licenseKey)
    }
    guard license.softwareID == softwareID else {
      throw LicensingError(
        .notAuthentic, operation, remedy: "The licence is for another title; remove it and get the right one.")
    }
    try check(license, operation)
    return license
  }

  /// The licence on the medium, which must be one by certificate code.
  ///
  /// - Throws: what ``titleLicense(for:)`` throws, and ``LicensingError/Code/wrongProfile``.
  public func license(for softwareID: SoftwareID) throws(LicensingError) -> CopyLicense {
    guard case .certificate(let license) = try titleLicense(for: softwareID) else {
      throw LicensingError(
        .wrongProfile, "compare the certificate code for \(softwareID)",
        remedy: "This title is copied by conversion keys, which have none; just copy or run it.")
    }
    return license
  }

  private func check(_ license: TitleLicense, _ operation: String) throws(LicensingError) {
    try licensing(operation) { try license.verify(under: anchor.licenseKey) }
    guard license.mediumID == volume.identity.id else {
      throw LicensingError(
        .wrongMedium, operation,
        remedy: "The licence is for another disc; use that disc, or get a licence for this one.")
    }
    guard license.cardSerial == serial else {
      throw LicensingError(
        .wrongCard, operation, remedy: "The licence is for card \(license.cardSerial); use that card.")
    }
  }
}
