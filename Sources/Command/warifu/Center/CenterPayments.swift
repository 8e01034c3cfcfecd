import ArgumentParser
import Cryptography
import Formats
import Identifiers
import LicenseCenter
import Octets

/// The noun `center payments`.
struct CenterPayments: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "payments", abstract: "Collecting bills from holders' means of payment.",
    subcommands: [
      CenterPaymentsUse.self, CenterPaymentsFile.self, CenterPaymentsForget.self, CenterPaymentsList.self,
      CenterPaymentsCollect.self, CenterPaymentsVoid.self, CenterPaymentsReconcile.self,
    ])
}

/// `center payments use`.
struct CenterPaymentsUse: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "use", abstract: "Say which payment processor the centre is opened with.",
    discussion: """
      'none': bills stay on the holder's account and are paid over the counter. 'simulated': the embedded processor, \
      which moves no money; for trying things out. Remembered in the centre's folder.

      Example:
        warifu center payments use simulated \\
          --center center --passphrase file:passphrase
      """)

  /// What there is.
  enum Processor: String, CaseIterable, ExpressibleByArgument { case none, simulated }

  @Argument(help: "The processor.")
  var processor: Processor

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let folder = try center.folderOptions.folder()
    // Whoever may not open the centre shall not change how it is paid.
    try await center.use { _ in
      var settings = try folder.settings()
      settings.simulatesPayments = processor == .simulated
      try folder.keep(settings)
    }
    try output.write(ProcessorReport(processor: processor.rawValue))
  }
}

/// `center payments file`.
struct CenterPaymentsFile: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "file", abstract: "File a holder's means of payment: later sales are collected from it.",
    discussion: """
      Its token is the processor's name for it. The simulated processor takes 'simulated', and words that say how each \
      try shall go: simulated:authorise=decline;capture=time-out,answer-lost.

      Example:
        warifu center payments file 0102030405060708 --token file:token \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "The holder's card.")
  var serial: SerialArgument

  @Option(help: ArgumentHelp("SOURCE of the token.", valueName: "source"))
  var token: SecretSource?

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let secret = try SecretRequest(what: "token", option: "--token").answer(token)
    guard let method = PaymentMethod(token: secret.withBytes { String(decoding: $0.octets, as: UTF8.self) }) else {
      throw Failure(
        .badInput, "this is no token of a means of payment",
        remedy: "give 1 to \(PaymentMethod.maximumOctetCount) octets without control characters")
    }
    try await center.use { try await $0.payments.file(method, for: serial.serial) }
    try output.write(MethodReport(card: serial.serial.description, onFile: true))
  }
}

/// `center payments forget`.
struct CenterPaymentsForget: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forget", abstract: "Forget a holder's means of payment; further bills stay on the account.",
    discussion: """
      Example:
        warifu center payments forget 0102030405060708 --yes \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "The holder's card.")
  var serial: SerialArgument

  @OptionGroup var agreement: AgreementOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await center.use { center in
      _ = try await center.cardIssuer.card(serial.serial)
      try agreement.confirm("The centre forgets the means of payment of card \(serial.serial)")
      try await center.payments.forgetMethod(of: serial.serial)
    }
    try output.write(MethodReport(card: serial.serial.description, onFile: false))
  }
}

/// `center payments list`.
struct CenterPaymentsList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List a holder's payments.",
    discussion: """
      Example:
        warifu center payments list 0102030405060708 \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "The holder's card.")
  var serial: SerialArgument

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let report = try await center.use { center in
      let statement = try await center.statements.statement(of: serial.serial)
      return PaymentListReport(
        card: serial.serial.description, methodOnFile: statement.hasPaymentMethod,
        payments: statement.payments.map(PaymentReport.init))
    }
    try output.write(report)
  }
}

/// `center payments collect`.
struct CenterPaymentsCollect: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "collect", abstract: "Collect what a holder owes from the means of payment on file.",
    discussion: """
      For bills from before the means of payment was filed, or whose payment failed.

      Example:
        warifu center payments collect 0102030405060708 --currency EUR \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "The holder's card.")
  var serial: SerialArgument

  @Option(help: ArgumentHelp("In which currency, such as EUR.", valueName: "currency"))
  var currency: Currency

  @OptionGroup var operation: OperationOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let record = try await center.use { center in
      try await operation.run { try await center.payments.collect(from: serial.serial, in: currency, operation: $0) }
    }
    try output.write(PaymentReport(record))
  }
}

/// `center payments void`.
struct CenterPaymentsVoid: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "void", abstract: "Give up a payment for which nothing was sold: what is set aside is let go.",
    discussion: """
      'warifu center payments list' shows its name. One that was taken is refunded instead, see 'warifu center refund'; \
      of a charge the card decides, see 'warifu card receipt'.

      Example:
        warifu center payments void 00112233445566778899AABBCCDDEEFF --yes \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: ArgumentHelp("The payment's name.", valueName: "payment"))
  var payment: OperationArgument

  @OptionGroup var agreement: AgreementOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let record = try await center.use { center in
      let found = try await center.payments.payment(payment.id)
      if found.canBeGivenUp {
        try agreement.confirm("The payment of \(found.amount) by card \(found.cardSerial) is given up")
      }
      _ = try await center.payments.void(payment.id)
      return try await center.payments.payment(payment.id)
    }
    try output.write(PaymentReport(record))
  }
}

extension PaymentRecord {
  /// Whether giving it up is something to ask about: else it is given up already, or cannot be.
  fileprivate var canBeGivenUp: Bool { [.authorising, .authorised].contains(state) && !bill.hasPrefix("charge:") }
}

/// `center payments reconcile`.
struct CenterPaymentsReconcile: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reconcile", abstract: "Ask the processor about everything that is still open, and compare the books.",
    discussion: """
      'warifu center serve' asks every minute. Where a settled payment is another one in the processor's books, it is \
      listed, and the exit code is 4.

      Example:
        warifu center payments reconcile \\
          --center center --passphrase file:passphrase
      """)

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let report = try await center.use { center in
      let done = try await center.payments.reconcile()
      return ReconciliationReport(done, try await center.payments.disagreements())
    }
    try output.write(report)
    guard report.disagreements.isEmpty else { throw ExitCode(ExitStatus.repairDue.rawValue) }
  }
}

/// A payment.
struct PaymentReport: Report {
  let payment: String
  let bill: String
  let amount: String
  let refunded: String
  let state: String
  let processor: String
  let openedAt: UInt64
  let closedAt: UInt64?

  init(_ record: PaymentRecord) {
    payment = record.payment.description
    bill = record.bill
    amount = record.amount.description
    refunded = record.refunded.description
    state = record.state.rawValue
    processor = record.processor
    openedAt = record.openedAt
    closedAt = record.closedAt
  }

  var text: String { PaymentReport.table([self]) }

  /// Several payments.
  static func table(_ payments: [PaymentReport]) -> String {
    Columns.table(
      ["OPENED", "AMOUNT", "REFUNDED", "STATE", "PAYMENT", "BILL"],
      payments.map { [Words.time($0.openedAt), $0.amount, $0.refunded, $0.state, $0.payment, $0.bill] })
  }
}

private struct ProcessorReport: Report {
  let processor: String

  var text: String {
    processor == "none"
      ? "Bills stay on the holder's account.\n" : "Bills are collected by the processor '\(processor)'.\n"
  }
}

private struct MethodReport: Report {
  let card: String
  let onFile: Bool

  var text: String { "A means of payment of card \(card) is \(onFile ? "on file" : "not on file any more").\n" }
}

private struct PaymentListReport: Report {
  let card: String
  let methodOnFile: Bool
  let payments: [PaymentReport]

  var text: String {
    Columns.fields([("Card", card), ("Means of payment", methodOnFile ? "on file" : "none on file")])
      + (payments.isEmpty ? "No payments.\n" : PaymentReport.table(payments))
  }
}

private struct ReconciliationReport: Report {
  struct Disagreement: Encodable {
    let payment: PaymentReport
    let processorState: String?
    let processorAmount: String?
  }

  let settled: Int
  let unknown: Int
  let disagreements: [Disagreement]

  init(_ done: Reconciliation, _ found: [PaymentDisagreement]) {
    settled = done.settled
    unknown = done.unknown
    disagreements = found.map {
      Disagreement(
        payment: PaymentReport($0.record), processorState: $0.standing?.state.rawValue,
        processorAmount: $0.standing?.amount?.description)
    }
  }

  var text: String {
    let head = Columns.fields([
      ("Settled now", "\(settled)"), ("Still open", unknown == 0 ? "none" : "\(unknown), the processor did not answer"),
      ("Differences", disagreements.isEmpty ? "none" : "\(disagreements.count)"),
    ])
    guard !disagreements.isEmpty else { return head }
    return head
      + Columns.table(
        ["AMOUNT", "HERE", "THERE", "BILL"],
        disagreements.map {
          [$0.payment.amount, $0.payment.state, $0.processorState ?? "unknown", $0.payment.bill]
        })
  }
}
