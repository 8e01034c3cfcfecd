import CardEmulator
import Foundation
import ISO7816
import Octets
import PCSCRig
import Testing

/// Ludovic Rousseau's pcsc-tools find a card in order.
@Suite(.noHang) struct ToolTests {
  /// Words by which ATR_analysis says that something is wrong.
  private static let complaints = [
    "error", "wrong", "rfu", "reserved for future", "truncated", "too long", "missing", "extra byte",
    "not a microprocessor",
  ]

  /// A place for its list of known cards, new enough that it does not go and fetch another.
  private func withList<R>(_ body: ([String: String]) throws -> R) throws -> R {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("warifu-list-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data().write(to: folder.appendingPathComponent("smartcard_list.txt"))
    return try body(["XDG_CACHE_HOME": folder.path, "HOME": folder.path])
  }

  private func expectNoComplaint(_ analysis: String, _ line: TransmissionProtocol) {
    for word in ToolTests.complaints { #expect(!analysis.lowercased().contains(word), "\(analysis)") }
    #expect(analysis.contains("TS = 3B --> Direct Convention"))
    #expect(analysis.contains("Card issuer data: 57 41 52 49 46 55"))
    // A check octet is there if and only if the card offers more than T=0.
    #expect(analysis.contains("(correct checksum)") == (line == .t1))
    #expect(analysis.contains("+ TCK") == (line == .t1))
    #expect(analysis.contains("Protocol T = 1") == (line == .t1))
  }

  @Test(arguments: lines) func analysesTheAnswerToReset(line: TransmissionProtocol) throws {
    let answer = try Cards.blank(line).card.reset()
    let analysis = try withList { try run("ATR_analysis", [Hex.encode(answer)], environment: $0) }.output
    expectNoComplaint(analysis, line)
  }

  @Test(arguments: lines) func scansTheReaders(line: TransmissionProtocol) throws {
    let card = try Cards.issued(line).card
    let answer = try card.reset().map { Hex.encode([$0]) }.joined(separator: " ")
    try Slots.withCard(card) { reader in
      let own = try withList { try section(of: reader.name, environment: $0) }
      #expect(own.contains("Card inserted"))
      #expect(own.contains(answer))
      expectNoComplaint(own, line)
    }
  }

  /// What `pcsc_scan` says of one reader, as soon as it has; it is ended then, as its user ends it.
  ///
  /// Not by its own `-t`: while it analyses a card its time is up unheard, and it waits for the next change of a reader.
  private func section(of reader: String, environment: [String: String]) throws -> String {
    let scan = try Program("pcsc_scan", [], environment: environment)
    defer { scan.kill() }
    var (said, own): ([String], [String]) = ([], [])
    while let line = scan.readLine() {
      said.append(line)
      if line.hasPrefix(" Reader ") { own = [] }
      if line.hasPrefix(" Reader ") && line.contains(": " + reader) || !own.isEmpty { own.append(line) }
      if !own.isEmpty, line.hasPrefix("Possibly identified card") { return own.joined(separator: "\n") }
    }
    return try #require(nil as String?, "pcsc_scan ended with: \(said.joined(separator: "\n"))")
  }

  /// Commands, and the status words that they end with: with T=1, and with T=0, where the length is the tool's business.
  private static let script: [(command: String, words: [TransmissionProtocol: String])] = [
    ("00A4040008F05741524946550100", [.t1: "9000", .t0: "6113"]), ("00C0000013", [.t1: "6985", .t0: "9000"]),
    ("00A4040006A00000000001", [.t1: "6A82", .t0: "6A82"]),
    ("80CADF2100", [.t1: "9000", .t0: "6C41"]), ("80CADF2141", [.t1: "9000", .t0: "9000"]),
    ("002000810830303030FFFFFFFF", [.t1: "63C2", .t0: "63C2"]),
    ("00200081083732393035313633", [.t1: "9000", .t0: "9000"]), ("801000001A", [.t1: "9000", .t0: "9000"]),
    ("00FF0000", [.t1: "6D00", .t0: "6D00"]), ("A0A4000000", [.t1: "6E00", .t0: "6E00"]),
  ]

  @Test(arguments: lines) func playsAScript(line: TransmissionProtocol) throws {
    let card = try Cards.issued(line).card
    _ = try card.reset()
    // What the card answers without readers and daemons in between; the right PIN sets back what the wrong one cost.
    let answers = try ToolTests.script.map { Hex.encode(try card.transmit(Hex.decode($0.command) ?? [])) }
    #expect(answers.map { String($0.suffix(4)) } == ToolTests.script.map { $0.words[line] })
    try Slots.withCard(card) { reader in
      let commands = ToolTests.script.map(\.command).joined(separator: "\n")
      let said = try run("scriptor", ["-r", reader.name], input: commands + "\n").output
      // Every answer: octets on one or more lines, then the meaning of the word behind a colon.
      let heard = said.components(separatedBy: "\n< ").dropFirst()
        .map { $0.prefix { $0 != ":" }.filter(\.isHexDigit) }
      #expect(heard == answers)
    }
  }
}
