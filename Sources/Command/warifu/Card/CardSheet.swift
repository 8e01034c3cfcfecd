import ArgumentParser
import CardDriver
import Cryptography
import Formats
import Identifiers
import LicenseCenter

/// `card sheet`.
struct CardSheet: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sheet", abstract: "Sell codes on paper with a card, and print the seal sheet.",
    discussion: """
      Prints the codes: send standard output to a printer. --number prints a sold sheet again, until \
      --confirm-printed makes the centre forget its copies of the codes.

      Example:
        warifu card sheet --title OpenSSL --count 3 --url https://shop.example \\
          --card-file alice.card --center center --passphrase file:passphrase
      """)

  @Option(help: ArgumentHelp("Software id, or unique name, of what the codes buy.", valueName: "title"))
  var title: TitleChoice?

  @Option(help: ArgumentHelp("How many codes, 1 to 1000.", valueName: "number"))
  var count: UInt16?

  @Option(help: "Where the codes are redeemed.")
  var url: String?

  @Option(help: "The sheet that is sold already.")
  var number: UInt64?

  @Flag(help: "Say that the sheet of --number is on paper: the centre forgets the codes.")
  var confirmPrinted = false

  @Option(help: ArgumentHelp("Name of the operation that is carried on.", valueName: "id"))
  var operation: OperationArgument?

  @OptionGroup var confirmation: ConfirmationOptions
  @OptionGroup var card: CardOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    let sells = title != nil && count != nil && url != nil
    let sellsInPart = title != nil || count != nil || url != nil
    guard sells != (number != nil), sells || !sellsInPart, number != nil || !confirmPrinted else {
      throw ValidationError("Give --title, --count and --url to sell a sheet, or --number of a sold one.")
    }
  }

  func run() async throws {
    try await center.use { center in
      let sheet = try await sheet(at: center)
      guard confirmPrinted else { return try output.write(SheetReport(sheet)) }
      try confirmation.confirm(
        "The centre forgets the codes of sheet \(sheet.number), sold with card \(sheet.cardSerial)",
        for: sheet.cardSerial, named: card.serial)
      try await center.rightsSeller.confirmPrinted(sheet.number)
      try output.write(PrintedReport(sheet: sheet.number))
    }
  }

  private func sheet(at center: Center) async throws -> SealSheet {
    if let number { return try await center.rightsSeller.sheet(number: number) }
    guard let title, let count, let url else {
      throw Failure(.usage, "no sheet was named", remedy: "give --number")
    }
    let titles = try await center.titles.titles().map(NamedTitle.init)
    let order = try SealSheetOrder(
      operationID: try operation?.id ?? .drawn(from: SystemRandom()),
      cardSerial: try card.serial?.serial ?? card.open().status().serial,
      softwareID: try title.resolve(among: titles, in: "the centre"), quantity: count, url: url)
    return try await center.rightsSeller.sell(order)
  }
}

private struct SheetReport: Report {
  let sheet: UInt64
  let center: String
  let card: String
  let title: String
  let softwareID: String
  let url: String
  let codes: [String]
  let text: String

  private enum CodingKeys: CodingKey { case sheet, center, card, title, softwareID, url, codes }

  init(_ sheet: SealSheet) {
    self.sheet = sheet.number
    center = sheet.centerName
    card = sheet.cardSerial.description
    title = sheet.title
    softwareID = sheet.softwareID.description
    url = sheet.url
    codes = sheet.codes.map(\.text)
    text = sheet.text
  }
}

private struct PrintedReport: Report {
  let sheet: UInt64

  var text: String { "Sheet \(sheet) is on paper; the centre has forgotten its codes.\n" }
}
