import Foundation
import Testing

/// `--record` and `apdu replay`.
@Suite struct RecordingTests {
  /// A session with a PIN, a code, chance and two signatures.
  private func recorded() throws -> (bench: CommandBench, pin: String) {
    let bench = try Story.copy()
    let pin = try Story.told.get().secret(in: Story.pinFile)
    let digits = pin.utf8.map { String(format: "%02X", $0) }.joined()
    let digest = String(repeating: "5A", count: 32)
    try bench.write(
      """
      00A4040008F05741524946550100
      0020008108\(digits)FFFF = 9000
      8010000100 = * 9000
      0084000010 = * 9000
      0088000010\(String(repeating: "A5", count: 16))00 = * 9000
      002A9E9A20\(digest)00 = * 9000
      8010000100 = * 9000

      """, to: "session.apdu")
    try FileManager.default.copyItem(atPath: bench.path("alice.card"), toPath: bench.path("before.card"))
    try bench.succeed("apdu", "script", "session.apdu", "--seed", "7", "--record", "session.rec")
    return (bench, digits)
  }

  @Test func aSessionRepeatsOctetForOctet() throws {
    let (bench, _) = try recorded()
    try FileManager.default.copyItem(atPath: bench.path("before.card"), toPath: bench.path("copy.card"))
    let same = try bench.json("apdu", "replay", "session.rec", "--card-file", "copy.card")
    #expect(same["isSame"] as? Bool == true && same["compared"] as? Int == 7)
    #expect(same["verifiedSignatures"] as? Int == 2)
    // Without the state it was recorded in: the code is spent, or another card answers.
    try bench.succeed("card", "new", "bob.card")
    try bench.succeed("card", "issue", "--purchaser", "Bob", "--card-file", "bob.card")
    let other = try bench.run(["apdu", "replay", "session.rec", "--card-file", "bob.card"])
    #expect(other.status == 1 && other.complaint.contains("event 3 of 8 differs"), "\(other.complaint)")
  }

  @Test func aRecordingIsItsOwnersAndSealed() throws {
    let (bench, digits) = try recorded()
    let attributes = try FileManager.default.attributesOfItem(atPath: bench.path("session.rec"))
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    let octets = try bench.octets(of: "session.rec")
    let pin = Data(stride(from: 0, to: digits.count, by: 2).map { UInt8(0x30 + ($0 / 2) % 10) })
    let application = Data([0xF0, 0x57, 0x41, 0x52, 0x49, 0x46, 0x55, 0x01])
    #expect(octets.range(of: application) == nil && octets.range(of: pin) == nil)
    let shown = try bench.run(["apdu", "replay", "session.rec", "--show"])
    #expect(shown.status == 0 && shown.output.contains("VERIFY") && shown.output.contains("hidden"))
    #expect(!shown.output.contains(digits))
    // The code, too, unless somebody asks for it.
    let revealed = try bench.run(["apdu", "replay", "session.rec", "--show", "--reveal"])
    #expect(revealed.output.count > shown.output.count && !revealed.output.contains(digits))
    #expect(!FileManager.default.fileExists(atPath: bench.path("session.rec") + ".part"))
  }

  @Test func aDamagedOrForeignRecordingIsRefused() throws {
    let (bench, _) = try recorded()
    // Mapped octets cannot be written to.
    var octets = Data(Array(try bench.octets(of: "session.rec")))
    octets[octets.count / 2] ^= 1
    try octets.write(to: URL(fileURLWithPath: bench.path("changed.rec")))
    try octets.prefix(3).write(to: URL(fileURLWithPath: bench.path("short.rec")))
    try Data((0..<32).map { UInt8($0) }).write(to: URL(fileURLWithPath: bench.path("key")))
    for (arguments, status) in [
      (["changed.rec"], Int32(77)), (["short.rec"], 65), (["passphrase"], 65), (["missing"], 66), (["center"], 66),
      (["session.rec", "--card-key", "file:key"], 77), (["session.rec", "--card-key", "file:passphrase"], 65),
    ] {
      let outcome = try bench.run(["apdu", "replay"] + arguments + ["--show"])
      #expect(outcome.status == status, "\(arguments): \(outcome.complaint)")
    }
    let again = try bench.run(["card", "info", "--record", "session.rec"])
    #expect(again.status == 1 && again.complaint.contains("already"))
    #expect(try bench.run(["card", "info", "--record", "nope/session.rec"]).status == 66)
  }

  /// What failed is what somebody wants to see.
  @Test func aSessionThatFailsIsRecordedToo() throws {
    let bench = try Story.copy()
    try bench.write("0000", to: "wrong")
    #expect(try bench.run(["card", "pin", "verify", "--pin", "file:wrong", "--record", "x.rec"]).status == 77)
    let shown = try bench.succeed("apdu", "replay", "x.rec", "--show").output
    #expect(shown.contains("> VERIFY") && shown.contains("< 63C2") && !shown.contains("30303030"))
  }
}
