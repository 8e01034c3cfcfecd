import ArgumentParser
import Formats
import Identifiers
import LicenseCenter

/// `center give-up`.
struct CenterGiveUp: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "give-up", abstract: "Give up an open charge whose card will not come back.",
    discussion: """
      Takes the operation that 'warifu card charge' printed when it was cut short; 'warifu card receipt' tells it, too. \
      While the card is there, 'warifu card charge --operation' carries the charge on instead.

      The codes are worth nothing from now on, even if the card has them after all. Nothing is billed, and what was paid \
      beforehand is paid back.

      Example:
        warifu center give-up 000102030405060708090A0B0C0D0E0F --yes \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "The charge's operation.")
  var charge: OperationArgument

  @OptionGroup var agreement: AgreementOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try agreement.confirm("The codes of this charge are worth nothing from now on")
    try output.write(GivenUpReport(try await center.use { try await $0.charging.refund(charge.id) }))
  }
}

/// A charge that was given up.
private struct GivenUpReport: Report {
  let operation: String
  let card: String
  let number: UInt32
  let codes: Int
  let state: String

  init(_ outcome: ChargeOutcome) {
    operation = outcome.operationID.description
    card = outcome.cardSerial.description
    number = outcome.number
    codes = outcome.actual
    state = outcome.state.rawValue
  }

  var text: String {
    Columns.fields([
      ("Card", card), ("Charge", "number \(number), given up"), ("Codes", "\(codes), worth nothing"),
      ("Operation", operation),
    ])
  }
}
