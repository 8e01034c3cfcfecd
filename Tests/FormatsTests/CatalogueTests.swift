import Cryptography
import Formats
import Identifiers
import Octets
import Testing

@Suite struct CatalogueTests {
  private let key: VerificationKey
  private let signed: SignedCatalogue

  init() throws {
    let signing = try SigningKey(random: SeededRandom(seed: Sample.seed))
    let json = try Sample.catalogue().json()
    key = signing.verificationKey
    signed = SignedCatalogue(json: json, signature: try signing.sign(SignedCatalogue.signedOctets(json: json)))
  }

  @Test func catalogueReadsBack() throws {
    #expect(try signed.open(under: key) == Sample.catalogue())
  }

  /// Frozen: master discs must stay readable.
  @Test func jsonIsCanonical() throws {
    var catalogue = try Sample.catalogue()
    catalogue.titles.removeLast()
    #expect(
      String(decoding: try catalogue.json(), as: UTF8.self)
        == #"{"center":"C-C0C1C2C3C4C5C6C7C8C9CACBCCCDCECF","name":"Autumn disc 割符","pressedAt":1800000000,"titles":["#
        + #"{"ciphertextOctets":1000056,"#
        + #""ciphertextPiecesSHA256":"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F","currency":"JPY","#
        + #""name":"openssl","path":"TITLES/0001.ENC","plaintextOctets":1000000,"price":1200,"#
        + #""softwareID":"S-101112131415161718191A1B1C1D1E1F","type":"program","version":"3.0"}],"version":2}"#)
  }

  @Test func changedOctetsAreNotAuthentic() throws {
    for index in stride(from: 0, to: signed.json.count, by: 17) {
      var changed = signed
      changed.json[index] ^= 0x01
      #expect(throws: FormatError(.notAuthentic, "catalogue")) { try changed.open(under: key) }
    }
    #expect(throws: FormatError(.notAuthentic, "catalogue")) {
      try SignedCatalogue(json: signed.json, signature: []).open(under: key)
    }
  }

  /// Frozen, like the JSON: field type 10, the length 12h, the label, the JSON.
  @Test func signatureIsOverTheLabelToo() throws {
    let signing = try SigningKey(random: SeededRandom(seed: Sample.seed))
    #expect(
      SignedCatalogue.signedOctets(json: signed.json)
        == [0x10, 0x00, 0x12] + Array("warifu catalogue 1".utf8) + signed.json)
    let bare = SignedCatalogue(json: signed.json, signature: try signing.sign(signed.json))
    #expect(throws: FormatError(.notAuthentic, "catalogue")) { try bare.open(under: key) }
  }

  @Test(arguments: [
    (#"{"center""#, #"{ "center""#), (#""version":2}"#, #""version":2,"more":2}"#),
    (#""version":2}"#, #""version":2.0}"#),
    (#"1200"#, #"1.2e3"#), (#""openssl""#, #""\u006fpenssl""#), (#""pressedAt""#, #""pressedAt":1,"pressedAt""#),
  ])
  func otherWaysToWriteItAreRefused(part: String, replacement: String) throws {
    let text = String(decoding: signed.json, as: UTF8.self)
    try #require(text.contains(part))
    let changed = Array(text.replacing(part, with: replacement).utf8)
    #expect(throws: FormatError.self) { try MasterCatalogue(json: changed) }
  }

  @Test(arguments: [
    "/ETC/PASSWD", "../SECRET", "A/../B", "A//B", "", "A/", "./A", "A B", "A\\B", "Ä", "A/B/C/D/E/F/G/H/I",
  ])
  func pathsThatLeaveTheDiscAreRefused(path: String) throws {
    var catalogue = try Sample.catalogue()
    catalogue.titles[0].path = path
    #expect(throws: FormatError.self) { try catalogue.json() }
  }

  @Test func valuesOutsideTheRulesAreRefused() throws {
    let changes: [(inout MasterCatalogue) -> Void] = [
      { $0.name = "" }, { $0.name = "two\nlines" }, { $0.titles[0].name = "" }, { $0.titles[0].version = "" },
      { $0.titles[0].ciphertextDigest = [1] }, { $0.titles[0].price = Money(minorUnits: -1, currency: .yen) },
      { $0.titles[0].price = Money(minorUnits: 1 << 53, currency: .yen) }, { $0.titles[0].plaintextOctets = .max },
      { $0.titles[1].softwareID = $0.titles[0].softwareID }, { $0.titles[1].path = $0.titles[0].path },
      { $0.pressedAt = .max },
    ]
    for change in changes {
      var catalogue = try Sample.catalogue()
      change(&catalogue)
      #expect(throws: FormatError.self) { try catalogue.json() }
    }
  }

  @Test func noiseNeverTraps() throws {
    let random = SeededRandom(seed: Sample.seed)
    for _ in 0..<500 {
      var noisy = signed.json
      for _ in 0..<3 {
        let choice = random.octets(3)
        noisy[(Int(choice[0]) << 8 | Int(choice[1])) % noisy.count] = choice[2]
      }
      guard let catalogue = try? MasterCatalogue(json: noisy) else { continue }
      #expect(try catalogue.json() == noisy)
    }
    let deep = [UInt8](repeating: 0x5B, count: 100_000)
    #expect(throws: FormatError.self) { try MasterCatalogue(json: deep) }
    #expect(throws: FormatError(.oversized, "catalogue")) {
      try MasterCatalogue(json: [UInt8](repeating: 0x20, count: MasterCatalogue.maximumOctetCount + 1))
    }
  }
}
