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
  /// Lets cards and machines in, by challenge and answer.
  public var access: AccessDesk { AccessDesk(context: context) }
  /// Lets people in at a browser, by codes used once.
  public var signIn: SignInDesk { SignInDesk(context: context) }
  /// Keeps the sealed files that codes buy.
  public var titleStore: TitleStore { TitleStore(context: context) }
  /// Redeems codes.
  public var redemption: Redemption { Redemption(context: context) }
  /// Lets whoever redeemed a code hand copies on.
  public var copyRights: CopyRights { CopyRights(context: context) }
  /// Provides titles off-line, at the counter.
  public var offlineCounter: OfflineCounter { OfflineCounter(context: context) }
  /// Takes back what clients that are lost hold.
  public var seatRecovery: SeatRecovery { SeatRecovery(context: context) }
  /// Says what became of the codes that a card's holder bought, and what the offices told one another.
  public var codeBooks: CodeBooks { CodeBooks(context: context) }
  /// Answers a repeated request as it was answered the first time.
  public var idempotency: Idempotency { Idempotency(context: context) }
  /// Keeps the accounts.
  public var ledger: Ledger { Ledger(context: context) }
  /// Collects bills through a payment processor.
  public var payments: Payments { Payments(context: context) }
  /// Pays holders back.
  public var payback: Payback { Payback(context: context) }
  /// Takes codes back.
  public var refunds: Refunds { Refunds(context: context) }
  /// Sends holders notices that only their cards open.
  public var notices: Notices { Notices(context: context) }
  /// Tells holders what they have.
  public var statements: Statements { Statements(context: context) }
  /// Tells others of every change.
  public var webhooks: Webhooks { Webhooks(context: context) }
  /// Tells cards the time.
  public var cardTime: CardTime { CardTime(context: context) }

  /// Keeps the audit log's last head and closes the database. The keys are wiped when the last copy of this value goes.
  public func close() throws(CenterError) { try context.database.close() }
}
