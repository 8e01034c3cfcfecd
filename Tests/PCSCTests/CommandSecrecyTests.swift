import CardEmulator
import Cryptography
import Foundation
import Octets
import PCSCRig
import Testing

/// The commands' output, JSON and traces, over a reader, tell no PIN, code or key.
@Suite(.noHang) struct CommandSecrecyTests {
  /// A folder for a centre, a card and the user's secrets.
  private struct Shop: ~Copyable {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("warifu-shop-\(UUID().uuidString)")
    /// All that was said, but where a secret was asked for.
    var said = ""

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false) }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    func write(_ text: String, to name: String) throws {
      try Data((text + "\n").utf8).write(to: folder.appendingPathComponent(name))
    }

    /// Runs the program; what it wrote is kept, but not the output of a verb that is there to tell a secret.
    mutating func warifu(_ arguments: [String], tells: Bool = false, status: Int32 = 0) throws -> String {
      let environment = [
        "HOME": folder.path, "XDG_DATA_HOME": path("data"), "WARIFU_CENTER": path("center"),
        "WARIFU_PASSPHRASE": "file:" + path("passphrase"),
      ]
      let ending = try Program(warifuPath(), arguments, environment: environment).finish()
      try #require(ending.status == status, "\(arguments): \(ending)")
      said += ending.errors + (tells ? "" : ending.output)
      return ending.output
    }
  }

  @Test func commandsTellNoSecret() throws {
    var shop = try Shop()
    try shop.write("correct horse battery staple", to: "passphrase")
    _ = try shop.warifu(["center", "init", shop.path("center"), "--name", "Shop"])
    _ = try shop.warifu(["center", "title", "add", "--name", "Text", "--type", "text", "--price", "1 EUR"])
    _ = try shop.warifu(["card", "new", shop.path("a.card")])
    let emulatorKey = [UInt8](try Data(contentsOf: URL(fileURLWithPath: shop.path("data/warifu/emulator.key"))))
    let card = try EmulatedCard(
      path: shop.path("a.card"), key: Secret(copying: emulatorKey), random: SystemRandom())
    var secrets: [(name: String, octets: [UInt8])] = [
      ("emulator key", emulatorKey), ("passphrase", Array("correct horse battery staple".utf8)),
    ]
    try Slots.withCard(card) { slot in
      let place = ["--reader", slot.name, "--trace", "-"]
      _ = try shop.warifu(["card", "issue", "--purchaser", "Alice", "--json"] + place)
      let letter = try shop.warifu(["card", "pin", "letter", "--reader", slot.name], tells: true)
      for name in ["PIN", "PUK"] {
        let line = letter.split(separator: "\n").first { $0.hasPrefix(name + "  ") }
        let value = String(try #require(line?.split(separator: " ").last))
        try shop.write(value, to: name)
        secrets.append((name, Array(value.utf8)))
      }
      let pin = "file:" + shop.path("PIN")
      try shop.write("00000000", to: "wrong")
      for verb in [
        ["charge", "--title", "Text", "--count", "3"], ["info"], ["codes"], ["receipt"], ["keys"],
        ["pin", "verify", "--pin", pin],
      ] {
        _ = try shop.warifu(["card"] + verb + ["--json"] + place)
      }
      _ = try shop.warifu(["card", "pin", "verify", "--pin", "file:" + shop.path("wrong")] + place, status: 77)
      for index in 0..<3 {
        let told = try shop.warifu(
          ["card", "hand-over", "--index", "\(index)", "--pin", pin] + place, tells: true)
        let shape = /[0-9A-Z]{4}(-[0-9A-Z]{4}){3}/
        let code = String(try #require(told.firstMatch(of: shape)).output.0)
        secrets.append(("code \(index)", Array(code.utf8)))
        secrets.append(("code \(index) without hyphens", Array(code.replacing("-", with: "").utf8)))
      }
    }
    #expect(shop.said.contains("STORE DATA") && shop.said.contains("hidden"))
    // A time of six digits may happen to be a PIN's.
    let text = shop.said.replacing(/\.[0-9]+/, with: "")
    for (name, octets) in secrets {
      let hexadecimal = Hex.encode(octets)
      let forms = [
        hexadecimal, hexadecimal.lowercased(), Data(octets).base64EncodedString().replacing("=", with: ""),
        octets.map { "\($0)" }.joined(separator: ", "), String(decoding: octets, as: UTF8.self),
      ]
      for form in forms { #expect(!text.contains(form), "\(name) is told") }
    }
  }
}
