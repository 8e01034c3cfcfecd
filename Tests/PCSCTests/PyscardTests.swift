import CardDriver
import CardEmulator
import ISO7816
import Octets
import Testing

/// Programs written with pyscard get on with the card.
@Suite(.noHang) struct PyscardTests {
  /// Debian's Python, which has Debian's pyscard, whatever stands first in PATH.
  private static let python = "/usr/bin/python3"

  private func play(_ task: String, _ reader: Slot) throws -> String {
    try run(PyscardTests.python, [client("pyscard_client.py"), task, reader.name]).output
  }

  @Test(arguments: lines) func connects(line: TransmissionProtocol) throws {
    let card = try Cards.issued(line).card
    let answer = Hex.encode(try card.reset())
    let said = try Slots.withCard(card) { try play("connect", $0) }
    #expect(said == answer + "\n")
  }

  @Test(arguments: ["exclusive", "transaction", "reset"], lines) func shares(
    task: String, line: TransmissionProtocol
  ) throws {
    let card = try Cards.issued(line).card
    try Slots.withCard(card) { _ = try play(task, $0) }
  }

  @Test(arguments: lines) func hearsOfInsertionAndRemoval(line: TransmissionProtocol) throws {
    let card = try Cards.issued(line).card
    let answer = Hex.encode(try card.reset())
    try Slots.withReader { reader in
      let watcher = try Program(PyscardTests.python, [client("pyscard_client.py"), "events", reader.name])
      #expect(watcher.readLine() == "watching")
      for _ in 1...2 {
        let inserted = try reader.insert(card)
        #expect(watcher.readLine() == "inserted \(answer)")
        try reader.eject(inserted)
        #expect(watcher.readLine() == "removed \(answer)")
      }
      let ending = try watcher.finish()
      #expect(ending.status == 0, "\(ending)")
    }
  }
}
