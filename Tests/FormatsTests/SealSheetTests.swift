import Cryptography
import Formats
import Testing

@Suite struct SealSheetTests {
  @Test func P2_sheetShowsEverythingOnce() throws {
    let random = SeededRandom(seed: Sample.seed)
    let sheet = SealSheet(
      number: 12, centerName: "Centre", cardSerial: try Sample.serial(), title: "openssl 3.0",
      softwareID: try Sample.softwareID(), url: "https://shop.example/redeem", expiry: 1_900_000_000,
      codes: (0..<12).map { _ in RetrievalCode(from: random) })
    let lines = sheet.text.split(separator: "\n")
    #expect(lines[0] == "SEAL SHEET 12    Centre")
    #expect(lines[2] == "Card        0123456789ABCDEF")
    #expect(lines[3] == "Title       openssl 3.0")
    #expect(lines[5] == "Redeem at   https://shop.example/redeem")
    #expect(lines[6] == "Good until  2030-03-17T17:46:40Z")
    for (index, code) in sheet.codes.enumerated() {
      #expect(lines.filter { $0.hasSuffix("  \(code.text)") }.count == 1)
      #expect(lines[8 + index].contains("\(index + 1)  \(code.text)"))
    }
  }

  @Test(arguments: [nil, UInt64.max, 0] as [UInt64?])
  func anyDatePrints(expiry: UInt64?) throws {
    let sheet = SealSheet(
      number: 1, centerName: "C", cardSerial: try Sample.serial(), title: "t", softwareID: try Sample.softwareID(),
      url: "u", expiry: expiry, codes: [])
    #expect(sheet.text.contains("Good until  "))
  }
}
