import Cryptography
import Formats
import Octets
import Testing

@Suite struct RetrievalCodeTests {
  private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ")

  /// Check symbols computed apart (Python integers) from Crockford's definition.
  @Test(arguments: [
    ("00000000000000000000", "0000-0000-0000-0000-0"), ("00000000000000000001", "0000-0000-0000-0001-1"),
    ("00000000000000000020", "0000-0000-0000-0010-*"), ("00000000000000000024", "0000-0000-0000-0014-U"),
    ("00000000000000000025", "0000-0000-0000-0015-0"), ("FFFFFFFFFFFFFFFFFFFF", "ZZZZ-ZZZZ-ZZZZ-ZZZZ-~"),
  ])
  func writesCrockford(octets: String, text: String) throws {
    let binary = try #require(Hex.decode(octets))
    let code = try #require(RetrievalCode(octets: binary))
    #expect(code.text == text)
    #expect(try RetrievalCode(typed: text) == code)
  }

  @Test func readsAsPeopleType() throws {
    let binary = try #require(Hex.decode("0842108421084210842F"))
    let code = try #require(RetrievalCode(octets: binary))
    let text = code.text
    #expect(try RetrievalCode(typed: text.lowercased()) == code)
    #expect(try RetrievalCode(typed: " " + text.replacing("-", with: " ")) == code)
    #expect(try RetrievalCode(typed: text.replacing("1", with: "I").replacing("0", with: "o")) == code)
    #expect(try RetrievalCode(typed: text.replacing("1", with: "l")) == code)
  }

  @Test func randomCodesReadBack() throws {
    let random = SeededRandom(seed: Sample.seed)
    for _ in 0..<2000 {
      let code = RetrievalCode(from: random)
      #expect(try RetrievalCode(typed: code.text) == code)
    }
  }

  /// The check is a number modulo 37, and 32 and 31 have no factor in common with it: no wrong symbol, and no swap of
  /// neighbours among the 16, can go unnoticed.
  @Test func everySingleSlipIsCaught() throws {
    let random = SeededRandom(seed: Sample.seed)
    for _ in 0..<20 {
      let symbols = Array(RetrievalCode(from: random).text.filter { $0 != "-" })
      for index in symbols.indices {
        for wrong in RetrievalCodeTests.alphabet where wrong != symbols[index] {
          var typed = symbols
          typed[index] = wrong
          #expect(throws: RetrievalCodeError.typingError) { try RetrievalCode(typed: String(typed)) }
        }
        guard index + 1 < 16, symbols[index] != symbols[index + 1] else { continue }
        var typed = symbols
        typed.swapAt(index, index + 1)
        #expect(throws: RetrievalCodeError.typingError) { try RetrievalCode(typed: String(typed)) }
      }
    }
  }

  @Test(
    arguments: [
      ("", .wrongLength), ("0000-0000-0000-0000", .wrongLength), ("0000-0000-0000-0000-00", .wrongLength),
      ("0000-0000-0000-000!-0", .foreignSymbol(position: 16)), ("U000-0000-0000-0000-0", .foreignSymbol(position: 1)),
      ("0000-0000-0000-0000-1", .typingError), ("００００-0000-0000-0000-0", .foreignSymbol(position: 1)),
      (String(repeating: "0", count: 100_000), .wrongLength),
    ] as [(String, RetrievalCodeError)])
  func tellsWhatIsWrong(text: String, error: RetrievalCodeError) {
    #expect(throws: error) { try RetrievalCode(typed: text) }
  }

  @Test func neverShowsItself() throws {
    let code = try #require(RetrievalCode(octets: Sample.bytes(1, 10)))
    var dumped = ""
    dump(code, to: &dumped)
    for text in ["\(code)", String(reflecting: code), dumped] {
      #expect(!text.contains(code.text) && !text.contains("1, 2, 3"))
    }
  }
}
