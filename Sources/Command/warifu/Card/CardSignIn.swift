import ArgumentParser
import CenterClient

/// `card sign-in`.
struct CardSignIn: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sign-in", abstract: "Get a code with which the card's holder signs in at a browser, once.",
    discussion: """
      The card logs in at the centre. The code is typed into the centre's page /sign-in within ten minutes; whoever has \
      it sees the holder's codes and balance for half an hour.

      Example:
        warifu card sign-in --center https://shop.example
      """)

  @OptionGroup var card: CardOptions
  @OptionGroup var center: CenterFolderOptions
  @OptionGroup var network: NetworkOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    guard let address = try center.address() else {
      throw Failure(
        .usage, center.path.map { "\($0) is no address of a centre" } ?? "no centre was named",
        remedy: "give its address with --center: https://HOST; where its folder is, there is 'warifu center sign-in'")
    }
    let card = try card.open()
    try card.checkIsIssued()
    let code = try await network.use(address) { client in
      try await client.loggedIn(with: card) { try await client.signInCode(as: $0) }
    }
    try output.write(CardSignInReport(code))
  }
}

private struct CardSignInReport: Report {
  let code: String
  let expiresAt: UInt64

  init(_ code: CenterSignInCode) {
    self.code = code.text
    expiresAt = code.expiresAt
  }

  var text: String { Columns.fields([("Code", code), ("Good until", Words.time(expiresAt))]) }
}
