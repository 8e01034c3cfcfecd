import Cryptography
import Formats

/// An open licence centre: its offices, each a service of its own.
public struct Center: Sendable {
  let context: CenterContext

  /// What anybody may know.
  public var facts: CenterFacts { context.facts }
  /// Issues cards.
  public var cardIssuer: CardIssuer { CardIssuer(context: context) }
  /// Makes keys for two purchasers.
  public var sharedKeys: SharedKeys { SharedKeys(context: context) }
  /// Registers titles and signs catalogues.
  public var titles: Titles { Titles(context: context) }
  /// Sells codes on paper.
  public var rightsSeller: RightsSeller { RightsSeller(context: context) }
  /// Charges codes onto cards.
  public var charging: Charging { Charging(context: context) }
  /// Gives copy licences by certificate code.
  public var copyLicenses: CopyLicenses { CopyLicenses(context: context) }
  /// Gives copy licences by conversion keys.
  public var conversionLicenses: ConversionLicenses { ConversionLicenses(context: context) }
  /// Gives the licences that titles are sold under, whichever those are.
  public var titleLicenses: TitleLicenses { TitleLicenses(context: context) }
  /// Vouches for drives that attest media.
  public var driveCertifier: DriveCertifier { DriveCertifier(context: context) }
  /// Keeps the accounts.
  public var ledger: Ledger { Ledger(context: context) }
  /// Tells cards the time.
  public var cardTime: CardTime { CardTime(context: context) }

  /// Keeps the audit log's last head and closes the database. The keys are wiped when the last copy of this value goes.
  public func close() throws(CenterError) { try context.database.close() }
}
