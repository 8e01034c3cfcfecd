import CardEmulator
import Cryptography
import Foundation
import PCSCRig
import Testing

/// `warifu batch run` with cards that somebody puts into a reader one after the other.
@Suite(.noHang) struct BatchReaderTests {
  /// A folder with a centre, a title and registered blank cards.
  private struct Shop: ~Copyable {
    let folder: URL

    init(cards: Int) throws {
      folder = FileManager.default.temporaryDirectory.appendingPathComponent("warifu-shop-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
      try Data("passphrase".utf8).write(to: file("passphrase"))
      try run(warifu, ["center", "init", file("center").path, "--name", "Shop"], environment: environment)
      try run(
        warifu, ["center", "title", "add", "--name", "Text", "--type", "text", "--price", "1 EUR"],
        environment: environment)
      for card in 1...cards { try run(warifu, ["card", "new", file("\(card).card").path], environment: environment) }
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func file(_ name: String) -> URL { folder.appendingPathComponent(name) }

    var environment: [String: String] {
      [
        "HOME": folder.path, "XDG_DATA_HOME": file("data").path, "WARIFU_CENTER": file("center").path,
        "WARIFU_PASSPHRASE": "file:" + file("passphrase").path,
      ]
    }

    var warifu: String {
      get throws {
        let path = URL(fileURLWithPath: try rigPath()).deletingLastPathComponent().appendingPathComponent("warifu").path
        try #require(FileManager.default.isExecutableFile(atPath: path), "warifu is not built")
        return path
      }
    }

    /// A card, out of its file.
    func card(_ number: Int) throws -> EmulatedCard {
      let key = try Data(contentsOf: file("data/warifu/emulator.key"))
      return try EmulatedCard(
        path: file("\(number).card").path, key: Secret(copying: Array(key)), random: SystemRandom())
    }
  }

  private func members(_ line: String?) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data((line ?? "").utf8)) as? [String: Any])
  }

  @Test func cardAfterCardIsIssuedAndChargedOnce() throws {
    let shop = try Shop(cards: 2)
    let (warifu, plan) = (try shop.warifu, shop.file("plan.json"))
    try Slots.withReader { reader in
      let name = String(decoding: try JSONEncoder().encode(reader.name), as: UTF8.self)
      try Data(
        """
        {"version": 1, "cards": [{"reader": \(name), "count": 2}], "issue": {"purchaser": "Customer {number}"},
         "charge": [{"title": "Text", "count": 2}]}
        """.utf8
      ).write(to: plan)
      let batch = ["batch", "run", plan.path, "--json"]
      // What it tells people comes between the results.
      let program = try Program(
        "/bin/sh", ["-c", "exec \"$0\" \"$@\" 2>&1", warifu] + batch, environment: shop.environment)
      // The first card comes back once: it is done already.
      for (number, words) in [(1, "\"state\":\"done\""), (1, "done already"), (2, "\"state\":\"done\"")] {
        #expect(
          program.readLine() == "Put card \(number == 1 && words.hasPrefix("\"") ? 1 : 2) of 2 into \(reader.name).")
        let inserted = try reader.insert(try shop.card(number))
        let answer = try #require(program.readLine())
        #expect(answer.contains(words), "\(answer)")
        // Only now: whoever pulls a card out of its exchange keeps pcscd busy for a while.
        if number == 1 { #expect(program.readLine() == "Take it out.") }
        try reader.eject(inserted)
      }
      let ending = try program.finish()
      #expect(ending.status == 0, "\(ending)")
      #expect(try members(ending.output.split(separator: "\n").last.map(String.init))["done"] as? Int == 2)
      // Nothing is left: no card is asked for.
      let again = try run(warifu, batch, environment: shop.environment)
      #expect(again.output.components(separatedBy: "done before").count == 3, "\(again)")
    }
    let books = try run(warifu, ["center", "card", "list", "--json"], environment: shop.environment).output
    let cards = try #require(
      try members(books)["cards"] as? [[String: Any]])
    #expect(cards.map { $0["codesSold"] as? Int } == [2, 2])
  }
}
