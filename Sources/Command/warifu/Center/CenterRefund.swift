import ArgumentParser
import Formats
import Identifiers
import LicenseCenter

/// `center refund`.
struct CenterRefund: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "refund", abstract: "Take unused codes back, and pay for them.",
    discussion: """
      Give --charge, the operation that 'warifu card charge' printed, or --sheet, a seal sheet's number: all its unused \
      codes; or --code for a single one. The codes stay on the card or on paper, and are worth nothing.

      The price goes to the holder's account, or --to cash over the counter, or --to payment where it came from; what \
      is owed is paid first.

      Example:
        warifu center refund 0102030405060708 --sheet 7 --to cash --yes \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "The serial of the card that they were sold with.")
  var serial: SerialArgument

  @Option(help: ArgumentHelp("The charge whose unused codes come back.", valueName: "operation"))
  var charge: OperationArgument?

  @Option(help: ArgumentHelp("The seal sheet whose unused codes come back.", valueName: "number"))
  var sheet: UInt64?

  @Option(help: ArgumentHelp("SOURCE of the one code that comes back.", valueName: "source"))
  var code: SecretSource?

  @Option(help: "Where the price goes.")
  var to = RefundDestination.account

  @OptionGroup var operation: OperationOptions
  @OptionGroup var agreement: AgreementOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    let sources = [charge != nil, sheet != nil, code != nil].filter(\.self).count
    guard sources == 1 else { throw ValidationError("give one of --charge, --sheet and --code") }
  }

  func run() async throws {
    let source = try source()
    try agreement.confirm("The unused codes are worth nothing from now on")
    let outcome = try await center.use { center in
      try await operation.run { id in
        try await center.refunds.refund(
          RefundOrder(operationID: id, cardSerial: serial.serial, source: source, destination: to))
      }
    }
    try output.write(RefundReport(outcome, to: to))
  }

  private func source() throws -> RefundSource {
    if let charge { return .charge(charge.id) }
    if let sheet { return .sheet(sheet) }
    return .code(try CodeOptions.code(try SecretRequest(what: "code", option: "--code").answer(code)))
  }
}

extension RefundDestination: ExpressibleByArgument {}

/// What became of a refund.
struct RefundReport: Report {
  let operation: String
  let card: String
  let codes: Int
  let price: String
  let recovered: String
  let paid: String
  let to: String?
  let refundedAt: UInt64

  init(_ outcome: RefundOutcome, to destination: RefundDestination? = nil) {
    operation = outcome.operationID.description
    card = outcome.cardSerial.description
    codes = outcome.codes
    price = outcome.price.description
    recovered = outcome.recovered.description
    paid = outcome.paid.description
    to = destination?.rawValue
    refundedAt = outcome.refundedAt
  }

  var text: String {
    Columns.fields([
      ("Card", card), ("Codes", "\(codes) taken back"), ("Price", price), ("For pay-back", "\(recovered) kept"),
      ("Paid out", paid + (to.map { $0 == "account" ? ", the rest is on the account" : " to \($0)" } ?? "")),
      ("Operation", operation),
    ])
  }
}
