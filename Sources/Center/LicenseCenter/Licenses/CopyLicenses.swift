import Formats
import Identifiers

/// The copy-licence centre of embodiment 1: takes requests in (M4) and gives licences by certificate code for one title
/// on one medium and one card (M5).
public struct CopyLicenses: Sendable {
  let context: CenterContext

  /// Saves the request in the user profile database (13 of the seeds), registers the user on the first one, and gives
  /// the licence: certificate code, E_KU(KEYc) and IDc, billed once.
  ///
  /// A licence belongs to card, title and medium: asking for it again, under this or another operation id, gives the
  /// same octets and costs nothing. Once it has expired by the centre's clock, another operation with later terms buys a
  /// new one in its place.
  ///
  /// - Throws: ``CenterError/Code/keyReused`` when the operation id was used for another request;
  ///   ``CenterError/Code/conflict`` when the licence was given under other terms and is still good, or the title is sold under conversion keys; ``CenterError/Code/notFound``
  ///   for an unknown card or title; ``CenterError/Code/invalid`` for terms that this centre cannot give. A request that
  ///   contradicts none before it is on record even then, unless its card is unknown.
  public func license(_ request: LicenseRequest) async throws(CenterError) -> CopyLicense {
    guard case .certificate(let license) = try await LicenseDesk(context: context).serve(request, as: .certificate)
    else { throw LicenseDesk.wrongProfile(.conversion) }
    return license
  }

  /// The licences of a card by certificate code, oldest first.
  public func licenses(of serial: CardSerial) async throws(CenterError) -> [CopyLicense] {
    try await LicenseDesk(context: context).licenses(of: serial).compactMap { license in
      guard case .certificate(let license) = license else { return nil }
      return license
    }
  }

  /// The requests of a card for licences of either profile as they were saved (M4), oldest first.
  public func requests(of serial: CardSerial) async throws(CenterError) -> [LicenseRequest] {
    try await LicenseDesk(context: context).requests(of: serial)
  }
}
