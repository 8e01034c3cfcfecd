import ArgumentParser
import CardDriver
import CardProtocol
import Formats
import Identifiers
import LicenseCenter
import Octets

/// `card receipt`.
struct CardReceipt: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "receipt", abstract: "Have the centre check the card's last charge receipt, and settle the charge.",
    discussion: """
      A charge that broke off after the card had taken its codes is booked by the receipt; one that the card does not \
      have stays open, and 'card charge --operation' carries it on. No codes are sent.

      Example:
        warifu card receipt --card-file alice.card --center center \\
          --passphrase file:passphrase
      """)

  @OptionGroup var card: CardOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var dry: DryRunOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let card = try card.open()
    try card.checkIsIssued()
    let serial = try card.status().serial
    if dry.dryRun {
      let commands = CardPlan.Step.channel + [CardPlan.Step(.getData(.chargeReceipt), secured: true)]
      return try output.write(CardPlan(serial, "read the receipt and book the charge it proves", commands))
    }
    let report = try await center.use { center in
      let receipt = try await center.charging.receipt(of: serial, over: LocalRelay(connection: card.connection))
      let open = try await center.charging.charges(of: serial).first { $0.state == .open }
      return try ReceiptReport(serial, receipt, open: open)
    }
    try output.write(report)
  }
}

private struct ReceiptReport: Report {
  struct Receipt: Encodable {
    let number: UInt32
    let codes: UInt16
    let codesEverCharged: UInt32
    let digest: String
    let state: String
    let settledNow: Bool
    let operation: String?
    let amount: String?
  }

  let card: String
  let receipt: Receipt?
  let openOperation: String?

  init(_ serial: CardSerial, _ verified: VerifiedReceipt?, open: ChargeOutcome?) throws {
    card = serial.description
    receipt = try verified.map { verified in
      Receipt(
        number: verified.receipt.number, codes: verified.receipt.count, codesEverCharged: verified.receipt.total,
        digest: Hex.encode(verified.receipt.digest), state: verified.charge?.state.rawValue ?? "unknown",
        settledNow: verified.isNews, operation: verified.charge?.operationID.description,
        amount: try verified.charge?.amount.description)
    }
    openOperation = open?.operationID.description
  }

  var text: String {
    guard let receipt else {
      return Columns.fields([("Card", card), ("Receipt", "none: it was never charged")] + unsettled)
    }
    return Columns.fields(
      [
        ("Card", card), ("Receipt", "charge \(receipt.number), authentic"),
        ("Codes", "\(receipt.codes), of \(receipt.codesEverCharged) ever charged"), ("Charge", charge(receipt)),
        ("Billed", receipt.amount ?? "nothing"), ("Operation", receipt.operation ?? "none of this centre's"),
      ] + unsettled)
  }

  private func charge(_ receipt: Receipt) -> String {
    receipt.settledNow ? "\(receipt.state) now, by this receipt" : receipt.state
  }

  private var unsettled: [(String, String)] {
    openOperation.map { [("Still open", "operation \($0); carry it on with 'card charge --operation'")] } ?? []
  }
}
