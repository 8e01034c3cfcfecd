import Formats
import Identifiers

/// Licences of whichever profile a title is sold under.
public struct TitleLicenses: Sendable {
  let context: CenterContext

  /// The licence that ``CopyLicenses/license(_:)`` or ``ConversionLicenses/license(_:)`` gives; the title decides which.
  public func license(_ request: LicenseRequest) async throws(CenterError) -> TitleLicense {
    try await LicenseDesk(context: context).serve(request)
  }

  /// The licences of a card, oldest first.
  public func licenses(of serial: CardSerial) async throws(CenterError) -> [TitleLicense] {
    try await LicenseDesk(context: context).licenses(of: serial)
  }
}
