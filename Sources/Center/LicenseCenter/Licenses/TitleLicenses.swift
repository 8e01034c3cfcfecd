import Cryptography
import Formats
import Identifiers

/// Licences of whichever profile a title is sold under.
public struct TitleLicenses: Sendable {
  let context: CenterContext

  /// The licence that ``CopyLicenses/license(_:)`` or ``ConversionLicenses/license(_:)`` gives; the title decides which.
  ///
  /// - Parameter word: that of the drive which holds the medium, asked by ``LicenseRequest/attestationChallenge``; terms
  ///   that want the medium attested need it, and a licence that is given with it says so.
  public func license(
    _ request: LicenseRequest, attestedBy word: DriveWord? = nil
  ) async throws(CenterError) -> TitleLicense {
    try await LicenseDesk(context: context).serve(request, word)
  }

  /// The licences of a card, oldest first.
  public func licenses(of serial: CardSerial) async throws(CenterError) -> [TitleLicense] {
    try await LicenseDesk(context: context).licenses(of: serial)
  }
}
