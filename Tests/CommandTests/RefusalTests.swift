import DiscEmulator
import Foundation
import Testing

/// What must not work, by commands alone.
@Suite struct RefusalTests {
  @Test func M10_theSameBitsOnAnotherDiscAreRefused() throws {
    let bench = try Story.copy()
    try bench.succeed("disc", "new", "other.img")
    let copied = try bench.launch(
      "/usr/bin/env", ["dd", "if=disc.img", "of=other.img", "bs=1M", "skip=2", "seek=2", "conv=notrunc"])
    #expect(copied.status == 0)
    let run = try bench.run(["run", "--title", "Shell", "--disc", "other.img", "--", "-c", "echo ran"])
    #expect(run.status == 65)
    #expect(run.octets.isEmpty)
    #expect(run.complaint.contains("for another disc"))
    #expect(try bench.succeed("disc", "info", "--disc", "other.img").output.contains("made on another disc"))
  }

  @Test func M5_nothingIsBilledForADiscThatTakesNoLicence() throws {
    let bench = try Story.copy()
    try bench.succeed("disc", "new", "other.img")
    try EmulatedDisc(openingAt: bench.path("other.img")).setProtection(WriteProtection(isWhole: true))
    let books = try bench.succeed("center", "verify").output
    let refused = try bench.run(["copy", "license", "--title", "Shell", "--disc", "other.img"])
    #expect(refused.status != 0 && refused.complaint.contains("write-protected"), "\(refused.complaint)")
    #expect(try bench.succeed("center", "verify").output == books)
  }

  @Test func anotherCardIsRefused() throws {
    let bench = try Story.copy()
    try bench.succeed("card", "new", "bob.card")
    try bench.succeed("card", "issue", "--purchaser", "Bob", "--card-file", "bob.card")
    let run = try bench.run(["run", "--title", "Shell", "--card-file", "bob.card", "--", "-c", "echo ran"])
    #expect(run.status == 65)
    #expect(run.octets.isEmpty)
    #expect(run.complaint.contains("use that card"))
  }

  @Test func aBlankCardIsRefused() throws {
    let bench = try Story.copy()
    try bench.succeed("card", "new", "bob.card")
    let run = try bench.run(["run", "--title", "Shell", "--card-file", "bob.card"])
    #expect(run.status == 65)
    #expect(run.complaint.contains("not issued"))
    let codes = try bench.run(["card", "codes", "--card-file", "bob.card"])
    #expect(codes.status == 65)
    #expect(codes.complaint.contains("not issued: see 'warifu card issue'"))
  }

  @Test func M7_withoutALicenceNotOneOctetIsCopied() throws {
    let bench = try Story.copy()
    let before = try bench.launch("/usr/bin/env", ["sha256sum", "disc.img"]).output
    let copy = try bench.run(["copy", "title", "--title", "Picture, framed", "--master", "master.iso"])
    #expect(copy.status == 65)
    #expect(copy.complaint.contains("get one from the centre"))
    #expect(try bench.launch("/usr/bin/env", ["sha256sum", "disc.img"]).output == before)
  }

  /// Every octet of a licence matters: whichever is altered, the disc does not take it.
  @Test func anAlteredLicenceIsRefused() throws {
    let bench = try Story.copy()
    try bench.succeed("disc", "license", "--title", "Shell", "--save", "licence")
    let licence = Array(try bench.octets(of: "licence"))
    let before = try bench.state()
    for place in stride(from: 0, to: licence.count, by: 37) {
      var altered = licence
      altered[place] ^= 1
      try Data(altered).write(to: URL(fileURLWithPath: bench.path("altered")))
      let install = try bench.run(["copy", "install", "altered"])
      #expect(install.status == 65, "octet \(place): \(install.complaint)")
      #expect(install.complaint.split(separator: "\n").count == 1)
    }
    try FileManager.default.removeItem(atPath: bench.path("altered"))
    #expect(try bench.state() == before)
    try bench.succeed("copy", "install", "licence")
  }

  /// The card itself recomputes the code, whoever asks.
  @Test func M7_theCardFindsAFlippedBitInTheCertificateCode() throws {
    let bench = try Story.copy()
    let json = try JSONSerialization.jsonObject(
      with: bench.succeed("disc", "license", "--title", "Shell", "--json").octets)
    let licence = try #require(json as? [String: Any])
    func member(_ name: String) throws -> String { try #require(licence[name] as? String) }
    let head =
      "80140000" + "6C" + "8010" + (try member("softwareID").dropFirst(2)) + "8110"
      + (try member("mediumID").dropFirst(2)) + "820A" + (try member("terms")) + "8328"
      + (try member("wrappedCertificationKey")) + "8410"
    let code = try member("certificateCode")
    #expect(try bench.run(["apdu", "send", head + code]).status == 0)
    let last = try #require(code.last?.hexDigitValue)
    let flipped = code.dropLast() + String(last ^ 1, radix: 16)
    let refused = try bench.run(["apdu", "send", head + flipped])
    #expect(refused.status == 1)
    #expect(refused.output.contains("6982"))
    let mixed = try bench.run(["apdu", "send", head + code, head + flipped])
    #expect(mixed.status == 3)
  }
}
