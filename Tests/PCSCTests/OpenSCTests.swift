import CardConformance
import CardDriver
import CardEmulator
import CardProtocol
import ISO7816
import Octets
import Testing

/// OpenSC reads the card, and takes it for none that it knows.
@Suite(.noHang) struct OpenSCTests {
  @Test(arguments: lines) func readsTheAnswerToReset(line: TransmissionProtocol) throws {
    let card = try Cards.blank(line).card
    let answer = Hex.encode(try card.reset()).lowercased()
    try Slots.withCard(card) { reader in
      let said = try run("opensc-tool", ["--reader", reader.name, "--atr"]).output
      #expect(said.filter(\.isHexDigit) == answer)
    }
  }

  @Test(arguments: lines) func takesTheCardForNoneOfItsOwn(line: TransmissionProtocol) throws {
    let card = try Cards.issued(line).card
    try Slots.withCard(card) { reader in
      let said = try run("opensc-tool", ["--reader", reader.name, "--name"]).output
      #expect(said.trimmingPrefix { $0.isWhitespace }.hasPrefix("Unsupported card"))
    }
    // While it tries one driver after the other, it must not have cost the holder anything.
    let status = try WarifuCard(CardConnection(card)).status()
    #expect(status.pinTries == 3)
    #expect(status.lifeCycle == .secured)
  }

  /// Applications that OpenSC's drivers look for, and a few made up.
  static let applications = [
    "A000000308000010000100", "D27600012401", "A000000063504B43532D3135", "A0000000790100",
    "E828BD080FD25047656E65726963",
    "A00000000101", "D2760000850101", "F057415249465502", "A0000001510001", "0102030405060708090A0B0C0D0E0F10",
  ]

  @Test(arguments: lines) func findsNoApplicationOfOthers(line: TransmissionProtocol) throws {
    let card = try Cards.issued(line).card
    let commands = OpenSCTests.applications.flatMap { application in
      ["--send-apdu", "00A40400" + Hex.encode([UInt8(application.count / 2)]) + application]
    }
    try Slots.withCard(card) { reader in
      let said = try run("opensc-tool", ["--reader", reader.name, "--card-driver", "default"] + commands).output
      let words = said.split(separator: "\n").filter { $0.hasPrefix("Received") }
      #expect(words.count == OpenSCTests.applications.count)
      #expect(words.allSatisfy { $0.contains("(SW1=0x6A, SW2=0x82)") }, "\(said)")
    }
  }

  @Test(arguments: lines) func sendsCommands(line: TransmissionProtocol) throws {
    let card = try Cards.issued(line).card
    let production = try CardConnection(card).data(.getData(.productionLifeCycle), operation: "read")
    try Slots.withCard(card) { reader in
      let said = try run(
        "opensc-tool",
        ["--reader", reader.name, "--card-driver", "default", "--send-apdu", "00CA9F7F00", "--send-apdu", "00FF0000"]
      ).output
      // Every line has up to 16 octets in hex, then the same as text.
      let octets = said.split(separator: "\n").filter { $0.prefix { $0.isHexDigit }.count == 2 }
        .flatMap { $0.prefix(47).split(separator: " ") }.joined()
      #expect(octets == Hex.encode(production))
      #expect(said.contains("(SW1=0x6D, SW2=0x00)"))
    }
  }
}
