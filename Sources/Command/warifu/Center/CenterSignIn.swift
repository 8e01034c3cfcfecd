import ArgumentParser
import ChallengeAccess
import Formats
import Identifiers
import LicenseCenter

/// `center sign-in`.
struct CenterSignIn: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sign-in", abstract: "Make a code with which somebody signs in at a browser, once.",
    discussion: """
      It is typed into /sign-in of the served centre within ten minutes. Counter and auditor stay signed in for eight \
      hours, a holder for half an hour. With --card the session is the card's, and ends when that is revoked.

      Example:
        warifu center sign-in --role counter \\
          --center center --passphrase file:passphrase
      """)

  @Option(help: "As what: counter, auditor or, with --card, holder.")
  var role: AccessRole

  @Option(help: ArgumentHelp("Whose session it is: the serial of an issued card.", valueName: "serial"))
  var card: SerialArgument?

  @OptionGroup var operation: OperationOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard role != .machine else { throw ValidationError("machines log in by their keys, not at a browser") }
    guard role != .holder || card != nil else { throw ValidationError("a holder has a card; name it with --card") }
  }

  func run() async throws {
    let report = try await center.use { center in
      try await operation.run { id in
        SignInReport(
          try await center.signIn.offer(role, to: card.map { .card($0.serial) }, operation: id), operation: id)
      }
    }
    try output.write(report)
  }
}

private struct SignInReport: Report {
  let code: String
  let role: String
  let client: String
  let expiresAt: UInt64
  let operation: String

  init(_ offer: SignInOffer, operation: OperationID) {
    code = offer.code.text
    role = offer.role.name
    client = offer.client.description
    expiresAt = offer.expiresAt
    self.operation = operation.description
  }

  var text: String {
    Columns.fields([("Code", code), ("Signs in as", role), ("Good until", Words.time(expiresAt))])
  }
}
