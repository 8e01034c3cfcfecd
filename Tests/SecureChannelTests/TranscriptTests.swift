import Foundation
import ISO7816
import Octets
import SecureChannel
import Testing

/// A session as `scp03.py` has it.
private struct Transcript {
  var mode = SecureChannelMode.s8
  var level: SecurityLevel = []
  var channel: UInt8 = 0
  var keys = KeySet(octets: 16)
  var hostChallenge: [UInt8] = []
  var cardChallenge: [UInt8] = []
  var sequenceCounter: [UInt8] = []
  var applicationID: [UInt8] = []
  var initialize: [UInt8] = []
  var diversificationData: [UInt8] = []
  var answer: [UInt8] = []
  var authenticate: [UInt8] = []
  var sensitive: (plain: [UInt8], wrapped: [UInt8]) = ([], [])
  var keyCheckValue: [UInt8] = []
  var exchanges: [(command: Pair, response: Pair)] = []

  struct Pair {
    var plain: [UInt8]
    var wrapped: [UInt8]
  }

  var name: String { "AES-\(keys.enc.count * 8) \(mode) level \(level) channel \(channel)" }

  /// Runs the script and reads what it prints.
  static func all() throws -> [Transcript] {
    let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "scp03.py")
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["python3", script.path(percentEncoded: false)]
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "scp03.py failed; it needs the Python package `cryptography`")

    var sessions: [Transcript] = []
    var command: Pair?
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      let fields = try words.dropFirst().map { $0 == "-" ? [] : try #require(Hex.decode($0)) }
      if words[0] == "session" { sessions.append(Transcript()) }
      let last = sessions.count - 1
      switch words[0] {
      case "command":
        command = Pair(plain: fields[0], wrapped: fields[1])
      case "response":
        sessions[last].exchanges.append((try #require(command), Pair(plain: fields[0], wrapped: fields[1])))
      default:
        try sessions[last].take(words[0], fields)
      }
    }
    return sessions
  }

  private mutating func take(_ word: Substring, _ fields: [[UInt8]]) throws {
    switch word {
    case "session":
      mode = try #require(SecureChannelMode(rawValue: fields[0][0]))
      (level, channel) = (SecurityLevel(rawValue: fields[0][1]), fields[0][2])
    case "keys": keys = KeySet(enc: fields[0], mac: fields[1], dek: fields[2])
    case "challenges":
      (hostChallenge, cardChallenge, sequenceCounter, applicationID) = (fields[0], fields[1], fields[2], fields[3])
    case "initialize": (initialize, diversificationData, answer) = (fields[0], fields[1], fields[2])
    case "authenticate": authenticate = fields[0]
    case "sensitive": sensitive = (fields[0], fields[1])
    case "check": keyCheckValue = fields[0]
    default: Issue.record("a line of another kind: \(word)")
    }
  }

  func link() throws -> Link {
    let link = try Link(
      keys, mode, level, channel: channel, hostChallenge: hostChallenge, cardRandom: FixedRandom(cardChallenge))
    link.card.diversificationData = diversificationData
    if !sequenceCounter.isEmpty {
      link.card.sequenceCounter = (sequenceCounter.reduce(0) { $0 << 8 | UInt32($1) }, applicationID)
    }
    return link
  }
}

private func command(_ octets: [UInt8]) throws -> CommandAPDU { try CommandAPDU(parsing: octets.span.bytes) }

private func response(_ octets: [UInt8]) throws -> ResponseAPDU { try ResponseAPDU(parsing: octets.span.bytes) }

/// Every key length, mode and level against an implementation in another language on another library.
@Suite struct TranscriptTests {
  @Test func hostAgreesWithPython() throws {
    let sessions = try Transcript.all()
    #expect(sessions.count == 3 * 2 * 6 + 4 + 2)
    for session in sessions {
      let link = try session.link()
      #expect(try link.host.initializeUpdate().encoded() == session.initialize, "\(session.name)")
      let answer = ResponseAPDU(data: session.answer, status: .ok)
      #expect(try link.host.externalAuthenticate(after: answer).encoded() == session.authenticate, "\(session.name)")
      #expect(link.host.cardChallenge == session.cardChallenge)
      #expect(link.host.diversificationData == session.diversificationData)
      try link.host.confirm(ResponseAPDU(status: .ok))
      let sensitive = session.sensitive.plain
      #expect(try link.host.encryptSensitiveData(sensitive.span.bytes) == session.sensitive.wrapped)
      for exchange in session.exchanges {
        let wrapped = try link.host.wrap(command(exchange.command.plain)).encoded()
        #expect(wrapped == exchange.command.wrapped, "\(session.name)")
        let plain = try link.host.unwrap(response(exchange.response.wrapped)).encoded
        #expect(plain == exchange.response.plain, "\(session.name)")
      }
    }
  }

  @Test func cardAgreesWithPython() throws {
    for session in try Transcript.all() {
      let link = try session.link()
      let ok: [UInt8] = [0x90, 0x00]
      #expect(link.card.transmit(session.initialize) == session.answer + ok, "\(session.name)")
      #expect(link.card.transmit(session.authenticate) == ok, "\(session.name)")
      #expect(link.cardLevel == session.level)
      #expect(try link.card.decryptSensitiveData(session.sensitive.wrapped) == session.sensitive.plain)
      let check = try KeyCheckValue.of(KeySet.staticSlots.enc, link.card.engine)
      #expect([check[0], check[1], check[2]] == session.keyCheckValue)
      for exchange in session.exchanges {
        let answer = try response(exchange.response.plain)
        link.card.application = { _, _ in answer }
        #expect(link.card.transmit(exchange.command.wrapped) == exchange.response.wrapped, "\(session.name)")
        #expect(try link.card.executed.last == command(exchange.command.plain), "\(session.name)")
      }
    }
  }
}
