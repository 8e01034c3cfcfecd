import Formats
import Foundation
import Identifiers
import TestSupport
import Testing

@testable import LicenseCenter

/// Servers that are killed while they do what a form asks for: sent again, as a browser does it, it is done once.
@Suite(.serialized) struct KilledPageTests {
  private static let token = "counter-token-0123456789abcdef012345"

  private func exchange(
    _ port: Int, _ lines: [String], _ body: String = "", cookie: String, from source: String? = nil
  ) async throws -> RawAnswer {
    let all = lines + ["Host: 127.0.0.1:\(port)", "Cookie: \(cookie)"]
    return try await converse(with: port, from: source) { connection in
      connection.send(all.joined(separator: "\r\n") + "\r\n\r\n" + body)
      return try connection.answer(patience: 60)
    }
  }

  private func send(
    _ port: Int, _ path: String, _ body: String, cookie: String = "session=\(KilledPageTests.token)",
    from source: String? = nil
  ) async throws -> RawAnswer {
    try await exchange(
      port,
      [
        "POST \(path) HTTP/1.1", "Content-Type: application/x-www-form-urlencoded",
        "Content-Length: \(body.utf8.count)",
      ], body, cookie: cookie, from: source)
  }

  /// In front of each write of one form, one after another: whether the server died before the change, between the change
  /// and its answer, or behind both, the form sent again leads where it led, and money was taken in once.
  @Test(arguments: Engine.allCases)
  func aFormSentAgainAfterACrashIsDoneOnceAndAnsweredAlike(engine: Engine) async throws {
    let step = Randomness("kills of a server within one form").soak(3, full: 1)
    let served = try await ServedFolder(engine, codes: 1)
    let (page, path) = ("/counter/cards/\(served.card)", "/counter/cards/\(served.card)/deposits")
    let token = KilledPageTests.token
    func balance() async throws -> Int64 {
      try await served.look { try await $0.ledger.balance(of: .holder(served.card), in: .yen).minorUnits }
    }
    let before = try await balance()
    var (rounds, answered, between) = (0, 0, 0)
    var server = try await served.start(token: token)
    while true {
      let shown = try await exchange(try #require(server.port), ["GET \(page) HTTP/1.1"], cookie: "session=\(token)")
      let key = try #require(shown.key(of: path), "\(shown.text)")
      let body = "key=\(key)&amount=7&currency=JPY"
      try await server.stop()
      let doomed = try await served.start(killAt: rounds * step, token: token)
      var first: RawAnswer?
      if let port = doomed.port { first = try? await send(port, path, body) }
      if let first {
        #expect(first.status == 303, "\(first.text)")
        answered += 1
        // Something may be written after the answer, too.
        try await Task.sleep(for: .milliseconds(300))
      }
      let wasKilled = first == nil || doomed.hasEnded
      try await doomed.crash()
      let isDone = try await balance() == before + 7 * Int64(rounds + 1)
      #expect(isDone || first == nil, "an answer stands for what is done")
      if first == nil, isDone { between += 1 }
      server = try await served.start(token: token)
      let port = try #require(server.port)
      for _ in 0..<2 {
        let again = try await send(port, path, body)
        #expect(again.status == 303 && again.headers["location"] == page, "\(again.text)")
      }
      let other = try await send(port, path, "key=\(key)&amount=8&currency=JPY")
      #expect(other.status == 422 && other.text.contains("This form was sent before"), "\(other.text)")
      rounds += 1
      guard wasKilled else { break }
    }
    try await server.stop()
    #expect(try await balance() == before + 7 * Int64(rounds))
    _ = try await served.look { try await $0.verify() }
    print("\(engine.rawValue): \(rounds) forms, \(between) killed between change and answer, \(answered) answered")
    #expect(between > 0 && answered > 0)
  }

  /// The same of redeeming a code: the browser that sent the form has the download, and no other has.
  @Test func P17_aCodeRedeemedAtABrowserIsItsAfterACrash() async throws {
    let step = Randomness("kills of a server within one redemption at a browser").soak(5, full: 1)
    let served = try await ServedFolder(.sqlite, codes: 120)
    let browsers = ["visit=\(String(repeating: "ab", count: 16))", "visit=\(String(repeating: "cd", count: 16))"]
    func key(_ port: Int, _ code: String, _ cookie: String, from source: String? = nil) async throws -> String {
      let form = try await exchange(port, ["GET /redeem HTTP/1.1"], cookie: cookie, from: source)
      let shown = try await send(
        port, "/redeem", "key=\(try #require(form.hiddenKey))&code=\(code)", cookie: cookie, from: source)
      return try #require(shown.hiddenKey, "\(shown.text)")
    }
    var (rounds, answered) = (0, 0)
    var server = try await served.start()
    while rounds < served.codes.count {
      let code = served.codes[rounds].encoded
      let body = "key=\(try await key(try #require(server.port), code, browsers[0]))&code=\(code)"
      try await server.stop()
      let doomed = try await served.start(killAt: rounds * step)
      var first: RawAnswer?
      if let port = doomed.port { first = try? await send(port, "/redeem/begin", body, cookie: browsers[0]) }
      if first != nil {
        answered += 1
        try await Task.sleep(for: .milliseconds(300))
      }
      let wasKilled = first == nil || doomed.hasEnded
      try await doomed.crash()
      server = try await served.start()
      let port = try #require(server.port)
      let again = try await send(port, "/redeem/begin", body, cookie: browsers[0])
      #expect(again.status == 303 && again.headers["set-cookie"]?.hasPrefix("ticket=") == true, "\(again.text)")
      if let first {
        #expect(first.status == 303 && first.headers["set-cookie"] == again.headers["set-cookie"], "\(first.text)")
        #expect(first.headers["location"] == again.headers["location"])
      }
      let elsewhere = address(ofStranger: rounds)
      let other = try await key(port, code, browsers[1], from: elsewhere)
      let refused = try await send(
        port, "/redeem/begin", "key=\(other)&code=\(code)", cookie: browsers[1], from: elsewhere)
      #expect(refused.status == 422 && refused.headers["set-cookie"] == nil, "\(refused.text)")
      rounds += 1
      guard wasKilled else { break }
    }
    try await server.stop()
    print("a browser redeemed \(rounds) codes, \(answered) were answered before the server died")
    #expect(rounds > 2 && answered > 0)
    #expect(try await served.audit()[.inUse] == rounds)
  }
}
