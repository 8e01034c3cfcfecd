import Foundation
import Octets
import Testing

/// Copying by conversion keys, by commands alone.
@Suite struct ConversionTests {
  private static let text = "It is a far, far better thing that I do, than I have ever done.\n"

  /// The story's folder with one more title, sold under conversion keys, and a master disc with it.
  private func bench() throws -> CommandBench {
    let bench = try Story.copy()
    try bench.write(Self.text, to: "film")
    try bench.succeed(
      "master", "press", "films.iso", "--name", "Films", "--manager", "manager", "--profile", "conversion", "--title",
      "path=film,name=Film,type=text,price=2.00 EUR")
    return bench
  }

  private func json(_ outcome: Outcome) throws -> [String: Any] { try json(outcome.octets) }

  private func json(_ octets: Data) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: octets) as? [String: Any])
  }

  /// What the centre has on Alice's card.
  private func books(_ bench: CommandBench) throws -> String {
    let serial = try #require(try json(bench.succeed("card", "info", "--json"))["serial"] as? String)
    return try bench.succeed("center", "card", "show", serial, "--json").output
  }

  @Test func M14_titleIsLicensedConvertedAndShown() throws {
    let bench = try bench()
    let license = try json(bench.succeed("copy", "license", "--title", "Film", "--profile", "conversion", "--json"))
    #expect(license["profile"] as? String == "conversion")
    #expect(license["certificateCode"] == nil && (license["wrappedMediumKey"] as? String)?.count == 80)
    // Again, for nothing.
    let again = try json(bench.succeed("copy", "license", "--title", "Film", "--json"))
    #expect(again["number"] as? Int == license["number"] as? Int)
    try bench.succeed("copy", "title", "--title", "Film", "--master", "films.iso", "--profile", "conversion")
    #expect(try bench.succeed("show", "--title", "Film").output == Self.text)
    // What lies on the same disc by certificate code goes on as before.
    #expect(try bench.succeed("show", "--title", "Text").output == Story.text)
    for image in ["disc.img", "films.iso"] {
      let octets = try Data(contentsOf: URL(fileURLWithPath: bench.path(image)), options: .mappedIfSafe)
      #expect(octets.range(of: Data(Self.text.utf8)) == nil)
    }
    #expect(try json(Data(try books(bench).utf8))["conversionLicenses"] as? Int == 1)
    #expect(try bench.succeed("center", "title", "list").output.contains("conversion"))
  }

  @Test func M13_savedLicenceIsPutBack() throws {
    let bench = try bench()
    try bench.succeed("copy", "license", "--title", "Film")
    try bench.succeed("copy", "title", "--title", "Film", "--master", "films.iso")
    let shown = try json(bench.succeed("disc", "license", "--title", "Film", "--save", "film.licence", "--json"))
    let saved = try bench.octets(of: "film.licence")
    let text = try #require(shown["wrappedMediumKey"] as? String)
    let wrapped = try #require(Hex.decode(text))
    #expect(saved.range(of: Data(wrapped)) != nil)
    try bench.succeed("copy", "install", "film.licence", "--profile", "conversion")
    #expect(try bench.succeed("show", "--title", "Film").output == Self.text)
  }

  /// What is asked for in the wrong way says which is the right one, and leaves everything as it was.
  @Test func theOtherProfileIsRefused() throws {
    let bench = try bench()
    let before = try books(bench)
    for (arguments, word) in [
      (["copy", "license", "--title", "Film", "--profile", "certificate"], "conversion keys"),
      (["copy", "license", "--title", "Text", "--profile", "conversion"], "certificate code"),
      (["copy", "license", "--title", "Text", "--profile", "conversion", "--attested"], "conversion keys"),
      (["copy", "license", "--title", "Film", "--attested"], "leave out --attested"),
      (["copy", "title", "--title", "Text", "--master", "master.iso", "--profile", "conversion"], "certificate code"),
      (
        [
          "master", "press", "x.iso", "--name", "x", "--manager", "manager", "--profile", "certificate", "--title",
          "path=film,title=Film",
        ], "conversion keys"
      ),
    ] {
      let outcome = try bench.run(arguments)
      #expect(outcome.status != 0 && outcome.octets.isEmpty, "\(arguments)")
      #expect(outcome.complaint.contains(word), "\(arguments): \(outcome.complaint)")
    }
    #expect(try books(bench) == before)
    try bench.succeed("copy", "license", "--title", "Film")
    let certify = try bench.run(["copy", "certify", "--title", "Film", "--master", "films.iso"])
    #expect(certify.status == 65 && certify.complaint.contains("conversion keys"), "\(certify.complaint)")
  }

  @Test func M15_anotherCardOpensNothing() throws {
    let bench = try bench()
    try bench.succeed("copy", "license", "--title", "Film")
    try bench.succeed("copy", "title", "--title", "Film", "--master", "films.iso")
    try bench.succeed("card", "new", "bob.card")
    try bench.succeed("card", "issue", "--purchaser", "Bob", "--card-file", "bob.card")
    let outcome = try bench.run(["show", "--title", "Film", "--card-file", "bob.card"])
    #expect(outcome.status == 65 && outcome.octets.isEmpty, "\(outcome.complaint)")
  }
}
