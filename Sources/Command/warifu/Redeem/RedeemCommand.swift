import ArgumentParser
import CenterClient
import CopyLicensing
import Cryptography
import Formats
import Foundation
import Identifiers
import Octets

/// The verb `redeem`.
struct RedeemCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "redeem", abstract: "Redeem a retrieval code at a centre on the network, and download what it buys.",
    discussion: """
      The code is asked for, or read from its source; it is no argument. If the download breaks off, repeat the command: \
      it goes on where it was, and the code is taken once. The file appears when it has passed every check; a program can \
      be run at once.

      Example:
        warifu redeem --center https://shop.example --code file:code -o hanafuda
      """)

  @Option(help: ArgumentHelp("Address of the centre (or WARIFU_CENTER).", valueName: "url"))
  var center: String?

  @Option(help: ArgumentHelp("SOURCE of the code.", valueName: "source"))
  var code: SecretSource?

  @Option(name: [.customShort("o"), .long], help: ArgumentHelp("Where the title goes; a new file.", valueName: "file"))
  var output: String

  @OptionGroup var network: NetworkOptions
  @OptionGroup var report: OutputOptions

  func run() async throws {
    let place = center ?? ProcessInfo.processInfo.environment["WARIFU_CENTER"]
    guard let address = try NetworkOptions.address(place) else {
      throw Failure(
        .usage, place.map { "\($0) is no address of a centre" } ?? "no centre was named",
        remedy: "give its address with --center: https://HOST; where its folder is, there is 'warifu center provide'")
    }
    try checkOutput()
    let secret = try SecretRequest(what: "code", option: "--code").answer(code)
    let code = try secret.withBytes { try RetrievalCode(typed: String(decoding: $0.octets, as: UTF8.self)) }
    let watch = InterruptWatch()
    let title = try await network.use(address, hearing: watch) { client in
      let line = ProgressLine("Downloading", watch: watch)
      return try await client.redeem(code, into: output) { done, total in
        line.advance(TransferProgress(.copying, done: done, total: total))
      }
    }
    try report.write(RedeemReport(title, output))
  }

  private func checkOutput() throws {
    do {
      try NewPath.checkIsFree(output)
    } catch let failure as Failure where failure.status == .failed && CenterClient.hasBegun(output) {
      throw Failure(
        .failed, "there is a file \(output) already, and \(output).redemption of a download to it",
        remedy: "remove that one if \(output) is the title, else move \(output) away and repeat the command")
    }
  }
}

private struct RedeemReport: Report {
  let softwareID: String
  let name: String
  let version: String
  let type: String
  let octets: UInt64
  let file: String

  init(_ title: RedeemedTitle, _ file: String) {
    softwareID = title.softwareID.description
    name = title.name
    version = title.version
    type = title.type.rawValue
    octets = title.octets
    self.file = file
  }

  var text: String {
    Columns.fields([
      ("Title", "\(name) \(version)"), ("Software id", softwareID), ("Type", type), ("Octets", "\(octets)"),
      ("File", file),
    ])
  }
}
