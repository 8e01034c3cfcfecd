import ArgumentParser
import CardDriver
import CardProtocol
import CenterClient
import Cryptography
import Formats
import Identifiers
import LicenseCenter

/// `card charge`.
struct CardCharge: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "charge", abstract: "Charge retrieval codes onto a card; each reaches it once and is billed once.",
    discussion: """
      If it breaks off, the failure names the operation: repeat the command with --operation, and nothing is charged \
      twice. --center may be an address: the card then logs in at that centre as its holder's, and this program passes on \
      what it cannot read.

      Example:
        warifu card charge --title OpenSSL --count 5 --card-file alice.card \\
          --center center --passphrase file:passphrase
        warifu card charge --title OpenSSL --count 5 --reader "Virtual PCD 00 00"
        warifu card charge --title OpenSSL --count 5 --center https://shop.example
      """)

  @Option(help: ArgumentHelp("Software id, or unique name, of what the codes buy.", valueName: "title"))
  var title: TitleChoice

  @Option(help: ArgumentHelp("How many codes.", valueName: "number"))
  var count: UInt16

  @Flag(help: "Take fewer when the card has room, or its limit allows, for no more.")
  var fewer = false

  @Option(help: ArgumentHelp("Name of the operation that is carried on.", valueName: "id"))
  var operation: OperationArgument?

  @OptionGroup var card: CardOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var network: NetworkOptions
  @OptionGroup var dry: DryRunOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard count > 0 else { throw ValidationError("Give a --count of at least 1.") }
  }

  func run() async throws {
    let address = try center.folderOptions.address()
    guard address == nil || !dry.dryRun else {
      throw Failure(
        .usage, "what a centre on the network would charge cannot be told", remedy: "leave out --dry-run")
    }
    let card = try card.open(isRehearsal: dry.dryRun)
    try card.checkIsIssued()
    if let address { return try output.write(try await charge(card, at: address)) }
    let status = try card.status()
    let serial = status.serial
    if dry.dryRun { return try output.write(try await plan(status)) }
    let outcome = try await center.use { center in
      let titles = try await center.titles.titles().map(NamedTitle.init)
      let order = try ChargeOrder(
        operationID: try operation?.id ?? .drawn(from: SystemRandom()), cardSerial: serial,
        softwareID: try title.resolve(among: titles, in: "the centre"), quantity: count, acceptsFewer: fewer)
      return try await charge(order, onto: card, at: center)
    }
    try output.write(try ChargeReport(outcome))
  }

  /// What charging would do, by the books and by what the card says of itself.
  private func plan(_ status: ApplicationStatus) async throws -> CardPlan {
    let (codes, price) = try await center.use { center in
      let titles = try await center.titles.titles()
      let softwareID = try title.resolve(among: titles.map(NamedTitle.init), in: "the centre")
      guard let record = titles.first(where: { $0.softwareID == softwareID }) else {
        throw Failure(.badInput, "the centre knows no title \(softwareID)", remedy: "check the software id")
      }
      let card = try await center.cardIssuer.card(status.serial)
      let possible = min(
        Int(card.maximumCodes ?? 0) - Int(card.codesSold), status.codeCapacity - status.codeCount)
      guard card.state == .issued, possible >= (fewer ? 1 : Int(count)) else {
        throw Failure(
          .failed, "that many codes cannot be charged", remedy: "the card takes at most \(max(0, possible)) more")
      }
      let codes = min(Int(count), possible)
      return (codes, try record.price.multiplied(by: codes))
    }
    // Tag and length of the object take up to 6 octets.
    let octets = 6 + ChargeBatch.headerOctets + codes * ChargeBatch.recordOctets
    return CardPlan(
      status.serial, "charge \(Words.count(codes, "code"))", CardPlan.Step.channel + [.store(octets: octets)],
      cost: CardPlan.Cost(codes: codes, money: price.description))
  }

  /// Charges over the network: logs the card in as its holder's, and relays.
  private func charge(_ card: WarifuCard, at address: CenterAddress) async throws -> ChargeReport {
    let serial = try card.status().serial
    return try await network.use(address) { client in
      let titles = try await client.titles().map {
        NamedTitle(softwareID: $0.softwareID, name: $0.name, version: $0.version)
      }
      let order = try ChargeOrder(
        operationID: try operation?.id ?? .drawn(from: SystemRandom()), cardSerial: serial,
        softwareID: try title.resolve(among: titles, in: "the centre"), quantity: count, acceptsFewer: fewer)
      do {
        let charge = try await client.loggedIn(with: card) { token in
          try await client.charge(order, over: card.connection, as: token)
        }
        return try ChargeReport(charge)
      } catch let error as CenterClientError {
        guard error.mayHaveChanged else { throw error }
        var failure = error.failure
        failure.sentence += "; carry it on with --operation \(order.operationID)"
        throw failure
      }
    }
  }

  /// Charges; a failure that leaves the outcome open says how to carry on.
  private func charge(
    _ order: ChargeOrder, onto card: WarifuCard, at center: Center
  ) async throws -> ChargeOutcome {
    do {
      return try await center.charging.charge(order, over: LocalRelay(connection: card.connection))
    } catch {
      guard error.code == .cardUnreachable || error.cardMayHaveChanged else { throw error }
      var failure = error.failure
      failure.sentence += "; carry it on with --operation \(order.operationID)"
      throw failure
    }
  }
}

/// The name of an operation as an argument.
struct OperationArgument: ExpressibleByArgument, Sendable {
  let id: OperationID

  init?(argument: String) {
    guard let id = OperationID(argument) else { return nil }
    self.id = id
  }
}

extension OperationID {
  /// A new name.
  static func drawn(from random: any RandomSource) throws -> OperationID {
    guard let id = OperationID(octets: random.octets(OperationID.octetCount)) else {
      throw Failure(.bug, "no operation could be named", remedy: "report this")
    }
    return id
  }
}

extension NamedTitle {
  init(_ title: TitleRecord) {
    self.init(softwareID: title.softwareID, name: title.name, version: title.version)
  }
}

private struct ChargeReport: Report {
  let operation: String
  let card: String
  let softwareID: String
  let number: UInt32
  let desired: Int
  let actual: Int
  let amount: String

  init(_ outcome: ChargeOutcome) throws {
    operation = outcome.operationID.description
    card = outcome.cardSerial.description
    softwareID = outcome.softwareID.description
    number = outcome.number
    desired = outcome.desired
    actual = outcome.actual
    amount = try outcome.amount.description
  }

  init(_ charge: CenterCharge) throws {
    operation = charge.operation
    card = charge.card
    softwareID = charge.softwareID
    number = charge.number
    desired = charge.desired
    actual = charge.actual
    guard let currency = Currency(charge.price.currency) else {
      throw Failure(.badInput, "the centre charged in an unknown currency", remedy: "ask it what was billed")
    }
    amount = try Money(minorUnits: charge.price.minorUnits, currency: currency).multiplied(by: charge.actual)
      .description
  }

  var text: String {
    Columns.fields([
      ("Card", card), ("Charge", "number \(number)"), ("Codes", "\(actual) of \(desired) wanted"),
      ("Title", softwareID), ("Billed", amount), ("Operation", operation),
    ])
  }
}
