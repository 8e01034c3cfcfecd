import Cryptography
import Formats
import Identifiers
import Octets
import Testing

@Suite struct RecordTests {
  @Test func licenseRequestIsStrict() throws {
    let request = LicenseRequest(
      operationID: try Sample.operationID(), cardSerial: try Sample.serial(), softwareID: try Sample.softwareID(),
      mediumID: try Sample.mediumID(), terms: LicenseTerms(requiresAttestedMedium: true, expiry: 5))
    let octets = request.encoded
    #expect(try LicenseRequest(parsing: octets.span.bytes) == request)
    try expectStrict(octets) { try LicenseRequest(parsing: $0.span.bytes).encoded }
  }

  @Test func cardIssueOrderIsStrict() throws {
    let order = try CardIssueOrder(
      cardSerial: try Sample.serial(), purchaser: "Ōno Yasuko", maximumCodes: 100, generationKeys: [1, 2, 16])
    let octets = order.encoded
    #expect(try CardIssueOrder(parsing: octets.span.bytes) == order)
    try expectStrict(octets) { try CardIssueOrder(parsing: $0.span.bytes).encoded }
  }

  @Test(arguments: [[0], [17], [2, 1], [1, 1], Array(1...17)] as [[UInt8]])
  func generationKeyNumbersAreChecked(numbers: [UInt8]) throws {
    let serial = try Sample.serial()
    #expect(throws: FormatError.self) {
      try CardIssueOrder(cardSerial: serial, purchaser: "A", maximumCodes: 1, generationKeys: numbers)
    }
  }

  @Test(arguments: ["", "line\nbreak", "bell\u{7}", "right\u{202E}left", String(repeating: "x", count: 257)])
  func namesThatDoNotPrintAreRefused(name: String) throws {
    let serial = try Sample.serial()
    #expect(throws: FormatError.self) { try CardIssueOrder(cardSerial: serial, purchaser: name, maximumCodes: 1) }
  }

  @Test func chargeOrderIsStrict() throws {
    let order = try ChargeOrder(
      operationID: try Sample.operationID(), cardSerial: try Sample.serial(), softwareID: try Sample.softwareID(),
      quantity: 5, acceptsFewer: true,
      conditions: CodeConditions(
        generationKey: 3, expiry: 9, uses: 2, needsFreshTime: true, messageID: Sample.bytes(1, 32)))
    let octets = order.encoded
    #expect(try ChargeOrder(parsing: octets.span.bytes) == order)
    try expectStrict(octets) { try ChargeOrder(parsing: $0.span.bytes).encoded }
  }

  @Test func sealSheetOrderIsStrict() throws {
    let order = try SealSheetOrder(
      operationID: try Sample.operationID(), cardSerial: try Sample.serial(), softwareID: try Sample.softwareID(),
      quantity: 1000, url: "https://shop.example/redeem")
    let octets = order.encoded
    #expect(try SealSheetOrder(parsing: octets.span.bytes) == order)
    try expectStrict(octets) { try SealSheetOrder(parsing: $0.span.bytes).encoded }
  }

  @Test(arguments: [16, 24, 32])
  func productionRecordIsStrict(keyOctets: Int) throws {
    let random = SeededRandom(seed: Sample.seed)
    let record = try ProductionRecord(
      cardSerial: try Sample.serial(), moduleType: "WARIFU-E1", productionNumber: "2026-0001", producedAt: 3,
      encryptionKey: Secret(random: keyOctets, from: random), macKey: Secret(random: keyOctets, from: random),
      dataKey: Secret(random: keyOctets, from: random))
    let octets = try record.encoded().withBytes { $0.octets }
    let again = try ProductionRecord(parsing: octets.span.bytes)
    let (sameENC, sameMAC, sameDEK) = (
      again.encryptionKey.matches(record.encryptionKey), again.macKey.matches(record.macKey),
      again.dataKey.matches(record.dataKey)
    )
    #expect(sameENC && sameMAC && sameDEK)
    #expect(again.moduleType == "WARIFU-E1")
    try expectStrict(octets, rounds: 500) { octets in
      try ProductionRecord(parsing: octets.span.bytes).encoded().withBytes { $0.octets }
    }
  }

  @Test func transportKeysHaveOneLength() throws {
    let random = SeededRandom(seed: Sample.seed)
    let serial = try Sample.serial()
    #expect(throws: FormatError.self) {
      _ = try ProductionRecord(
        cardSerial: serial, moduleType: "E", productionNumber: "1", producedAt: 0,
        encryptionKey: Secret(random: 16, from: random), macKey: Secret(random: 32, from: random),
        dataKey: Secret(random: 16, from: random))
    }
  }

  @Test func idsReadWhatTheyWrite() throws {
    let center = try Sample.centerID()
    #expect(CenterID(center.description) == center)
    #expect(CenterID("C-00") == nil)
    let operation = try Sample.operationID()
    #expect(OperationID(operation.description) == operation)
    #expect(OperationID("zz") == nil)
  }
}
