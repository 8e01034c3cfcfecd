import Cryptography
import Formats
import Testing

@testable import LicenseCenter

@Suite(.onEveryEngine) struct SealSheetSaleTests {
  private func order(_ test: TestCenter, _ title: TitleRecord) throws -> SealSheetOrder {
    try SealSheetOrder(
      operationID: try test.operationID(), cardSerial: test.serial, softwareID: title.softwareID, quantity: 12,
      url: "https://shop.example/redeem",
      conditions: CodeConditions(generationKey: 2, expiry: 1_900_000_000, uses: 3))
  }

  @Test func P2_printedSheetEqualsDatabase() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let sheet = try await test.center.rightsSeller.sell(try order(test, title))
    let lines = sheet.text.split(separator: "\n").map(String.init)
    let typed = lines.compactMap { line in
      line.split(separator: " ").last.flatMap { try? RetrievalCode(typed: $0) }
    }
    #expect(typed == sheet.codes && Set(typed).count == 12)
    #expect(lines.contains("Card        \(test.serial)"))
    #expect(lines.contains("Title       openssl 3.0"))
    #expect(lines.contains("Redeem at   https://shop.example/redeem"))
    #expect(lines.contains("Good until  2030-03-17T17:46:40Z"))
    for code in typed {
      let record = try #require(try await test.center.rightsSeller.record(of: code))
      #expect(record.state == .unused && record.softwareID == title.softwareID && record.price == title.price)
      #expect(record.conditions.expiry == 1_900_000_000 && record.conditions.generationKey == 2)
      #expect(record.conditions.uses == 3)
    }
    #expect(try await test.count("SELECT id FROM codes") == 12)
    #expect(try await test.balance(.holder(test.serial)) == -3600)
  }

  @Test func P3_labelsAreUniqueAcrossSheets() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    var seen: Set<RetrievalCode> = []
    for _ in 0..<5 { seen.formUnion(try await test.center.rightsSeller.sell(try order(test, title)).codes) }
    #expect(seen.count == 60)
  }

  @Test func sellingAgainGivesTheSameSheetAndPrintingForgetsIt() async throws {
    let test = try await TestCenter()
    let order = try order(test, try await test.issuedCardAndTitle())
    let sheet = try await test.center.rightsSeller.sell(order)
    #expect(try await test.center.rightsSeller.sell(order).text == sheet.text)
    #expect(try await test.center.rightsSeller.sheet(number: sheet.number).text == sheet.text)
    #expect(try await test.balance(.holder(test.serial)) == -3600)
    try await test.center.rightsSeller.confirmPrinted(sheet.number)
    try await test.center.rightsSeller.confirmPrinted(sheet.number)
    await #expect(throws: CenterError.self) { _ = try await test.center.rightsSeller.sheet(number: sheet.number) }
    #expect(try await test.count("SELECT id FROM codes WHERE code IS NOT NULL") == 0)
    #expect(try await test.center.rightsSeller.record(of: sheet.codes[0])?.state == .unused)
  }

  /// The printer jams, one code is given back meanwhile: the others are still there to be printed.
  @Test func codeThatIsTakenBackLeavesTheOthersToBePrinted() async throws {
    let test = try await TestCenter()
    let seller = test.center.rightsSeller
    let sheet = try await seller.sell(try order(test, try await test.issuedCardAndTitle()))
    func refund(_ source: RefundSource) async throws {
      _ = try await test.center.refunds.refund(
        RefundOrder(
          operationID: try test.operationID(), cardSerial: test.serial, source: source, destination: .account))
    }
    try await refund(.code(sheet.codes[3]))
    try await test.center.seatRecovery.retire(sheet.codes[5])
    let rest = sheet.codes.enumerated().filter { ![3, 5].contains($0.offset) }.map(\.element)
    #expect(try await seller.sheet(number: sheet.number).codes == rest)
    try await refund(.sheet(sheet.number))
    await expectFailure(.conflict) { _ = try await seller.sheet(number: sheet.number) }
  }

  @Test func unknownCodeIsNobodys() async throws {
    let test = try await TestCenter()
    #expect(try await test.center.rightsSeller.record(of: RetrievalCode(from: test.random)) == nil)
  }
}
