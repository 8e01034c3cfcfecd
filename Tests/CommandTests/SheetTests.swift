import Cryptography
import Formats
import Foundation
import Identifiers
import LicenseCenter
import Testing

/// What reaches people on paper and from the card is what the centre has in its database.
@Suite struct SheetTests {
  @Test func P2_thePrintedSheetEqualsTheDatabase() async throws {
    let bench = try Story.copy()
    let before = try await books(bench) { try await $0.cardIssuer.card(try serial(bench)).codesSold }
    let sheet = try bench.succeed(
      "card", "sheet", "--title", "Text", "--count", "12", "--url", "https://shop.example/redeem")
    #expect(sheet.output.contains("Redeem at   https://shop.example/redeem\n"))
    #expect(sheet.output.contains("Card        \(try serial(bench))\n"))
    let codes = try printedCodes(sheet.output)
    #expect(codes.count == 12)
    #expect(Set(codes).count == 12)
    try await books(bench) { center in
      let title = try #require(try await center.titles.titles().first { $0.name == "Text" })
      for code in codes {
        let record = try #require(try await center.rightsSeller.record(of: code))
        #expect(record.state == .unused)
        #expect(record.softwareID == title.softwareID)
        #expect(record.price == title.price)
        #expect(sheet.output.contains("Software id \(title.softwareID)\n"))
      }
      #expect(try await center.cardIssuer.card(try serial(bench)).codesSold == before + 12)
      #expect(try await center.rightsSeller.record(of: RetrievalCode(from: SystemRandom())) == nil)
    }
  }

  @Test func aSheetIsPrintedAgainUntilItIsConfirmed() throws {
    let bench = try Story.copy()
    let sold = try bench.succeed("card", "sheet", "--title", "Text", "--count", "2", "--url", "https://x.example")
    #expect(try bench.succeed("card", "sheet", "--number", "1").output == sold.output)
    let unasked = try bench.run(["card", "sheet", "--number", "1", "--confirm-printed"])
    #expect(unasked.status == 64)
    let wrongCard = try bench.run(
      ["card", "sheet", "--number", "1", "--confirm-printed", "--yes", "--card", "0000000000000000"])
    #expect(wrongCard.status == 64)
    #expect(try bench.succeed("card", "sheet", "--number", "1").output == sold.output)
    try bench.succeed(
      "card", "sheet", "--number", "1", "--confirm-printed", "--yes", "--card", try serial(bench).description)
    #expect(try bench.run(["card", "sheet", "--number", "1"]).status == 1)
  }

  @Test func P6_theCardHandsOverWhatTheCentreSold() async throws {
    let bench = try Story.copy()
    let pin = "file:\(Story.pinFile)"
    var codes: Set<RetrievalCode> = []
    for index in 0..<5 {
      let first = try bench.succeed("card", "hand-over", "--index", "\(index)", "--pin", pin).output
      #expect(try bench.succeed("card", "hand-over", "--index", "\(index)", "--pin", pin).output == first)
      let line = try #require(first.split(separator: "\n").first { $0.hasPrefix("Code") })
      codes.insert(try RetrievalCode(typed: try #require(line.split(separator: " ").last)))
    }
    #expect(codes.count == 5)
    try await books(bench) { center in
      for code in codes {
        let record = try await center.rightsSeller.record(of: code)
        #expect(record?.state == .unused)
      }
    }
  }

  private func printedCodes(_ sheet: String) throws -> [RetrievalCode] {
    try sheet.split(separator: "\n").compactMap { line in
      let parts = line.split(separator: " ")
      guard parts.count == 2, Int(parts[0]) != nil else { return nil }
      return try RetrievalCode(typed: parts[1])
    }
  }

  private func serial(_ bench: CommandBench) throws -> CardSerial {
    let line = try bench.succeed("card", "info").output.split(separator: "\n").first ?? ""
    return try #require(CardSerial(line.split(separator: " ").last ?? ""))
  }

  @discardableResult
  private func books<R: Sendable>(_ bench: CommandBench, _ body: (Center) async throws -> R) async throws -> R {
    let center = try await CenterFolder(bench.path("center")).open(
      passphrase: Secret(copying: Array(Story.passphrase.utf8)), random: SystemRandom(), clock: SystemClock())
    let result = try await body(center)
    try center.close()
    return result
  }
}
