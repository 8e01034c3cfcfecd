import Formats
import Identifiers

/// The copy-licence centre of embodiment 2: gives licences by conversion keys for one title on one medium and one card
/// (M11, M12).
public struct ConversionLicenses: Sendable {
  let context: CenterContext

  /// Saves the request (M4), looks the software id up in the contents identifier file (M11), makes E_Mid(Ku) and
  /// E_Mid(Ka), and bills last (M12).
  ///
  /// A licence belongs to card, title and medium: asking for it again, under this or another operation id, gives the
  /// same octets and costs nothing. It has no date, since the card that opens the keys is shown none.
  ///
  /// - Throws: ``CenterError/Code/notFound`` for an unknown card, or an unknown title: then no key is made and nothing
  ///   billed; ``CenterError/Code/keyReused`` when the operation id was used for another request;
  ///   ``CenterError/Code/conflict`` when the title is sold by certificate; ``CenterError/Code/invalid`` for any terms but ``LicenseTerms/unlimited``. The request is on record
  ///   even then, unless its card is unknown.
  public func license(_ request: LicenseRequest) async throws(CenterError) -> ConversionLicense {
    guard case .conversion(let license) = try await LicenseDesk(context: context).serve(request, as: .conversion)
    else { throw LicenseDesk.wrongProfile(.certificate) }
    return license
  }

  /// The licences of a card by conversion keys, oldest first.
  public func licenses(of serial: CardSerial) async throws(CenterError) -> [ConversionLicense] {
    try await LicenseDesk(context: context).licenses(of: serial).compactMap { license in
      guard case .conversion(let license) = license else { return nil }
      return license
    }
  }
}
