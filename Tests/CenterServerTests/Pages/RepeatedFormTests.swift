import CardEmulator
import CardFirmware
import CenterServer
import ChallengeAccess
import Cryptography
import Formats
import Foundation
import Identifiers
import Synchronization
import Testing

@testable import LicenseCenter

/// The server is killed between what a form does and the keeping of its answer, and the browser sends the form again.
@Suite struct RepeatedFormTests {
  /// Sends a form twice, the first time without its answer being kept; answers where both lead.
  private func repeated(
    _ server: PageServer, _ cookie: String, _ page: String, _ path: String, _ fields: String = "",
    between: () async throws -> Void = {}
  ) async throws {
    let shown = try await server.visit(page, headers: ["Cookie": cookie])
    let key = try #require(shown.key(of: path), "\(path): \(shown.text)")
    let body = "key=\(key)" + (fields.isEmpty ? "" : "&\(fields)")
    server.answers.forgets.withLock { $0 = true }
    let first = try await server.send(path, body, cookie)
    #expect(first.status == 303, "\(path): \(first.text)")
    try await between()
    let count = try await server.center.audit.head().sequence
    server.answers.forgets.withLock { $0 = false }
    for _ in 0..<2 {
      let again = try await server.send(path, body, cookie)
      #expect(again.status == 303 && again.headers["location"] == first.headers["location"], "\(path): \(again.text)")
    }
    #expect(try await server.center.audit.head().sequence == count, "\(path) was done twice")
  }

  @Test func everyFormOfTheCounterIsRepeatableAfterACrash() async throws {
    try await PageServer.run(keepsAnswers: false) { server in
      let cookie = try await server.session(.counter)
      let older = server.serial
      let card = try await server.furtherCard()
      let (page, rules) = ("/counter/cards/\(card)", "/counter/payback")
      try await repeated(server, cookie, page, page + "/introduction", "introducer=\(older)")
      try await repeated(server, cookie, page, page + "/deposits", "amount=5000&currency=JPY")
      try await repeated(server, cookie, rules, rules, "kind=bulk&gives=amount&value=50&currency=JPY")
      try await repeated(server, cookie, rules, rules, "kind=points&gives=points&value=100&currency=JPY")
      try await repeated(server, cookie, rules, rules + "/worth", "amount=3&currency=JPY") {
        try await server.center.payback.setWorth(ofPoint: Money(minorUnits: 9, currency: .yen))
      }
      #expect(try await server.center.payback.worths() == [Money(minorUnits: 9, currency: .yen)])
      let order = "title=\(server.title.softwareID)&quantity=3"
      try await repeated(server, cookie, page, page + "/sheets", order)
      try await repeated(server, cookie, page, page + "/sheets", order)
      try await repeated(server, cookie, page, page + "/payouts", "amount=20&currency=JPY&destination=account")
      try await repeated(server, cookie, page, page + "/points", "points=2&currency=JPY")
      try await repeated(server, cookie, page, page + "/refunds", "source=sheet&which=2&destination=account")
      try await repeated(server, cookie, page, page + "/notices", "text=Hello")
      try await repeated(server, cookie, "/counter/sheets/1", "/counter/sheets/1/printed")
      try await repeated(server, cookie, rules, rules + "/1/end")
      _ = try await server.center.verify()
    }
  }

  /// Nobody is signed in who redeems a code: what such forms do is done once as well, and answered alike.
  @Test func everyFormOfADownloadIsRepeatable() async throws {
    try await PageServer.run { server in
      try await server.center.copyRights.permit(3, of: server.title.softwareID)
      let codes = try await server.codes(2)
      let (first, given) = try await server.download(codes[0])
      func send(_ path: String, _ action: String, _ cookie: String, _ fields: String = "") async throws {
        let page = try await server.visit(path, headers: ["Cookie": cookie])
        let key = try #require(page.key(of: path + action), "\(action): \(page.text)")
        var locations: Set<String?> = []
        for _ in 0..<3 {
          let answer = try await server.send(path + action, "key=\(key)\(fields)", cookie)
          #expect(answer.status == 303, "\(action): \(answer.text)")
          locations.insert(answer.headers["location"])
        }
        #expect(locations.count == 1)
      }
      try await send(first, "/return", given)
      #expect(try await server.state(codes[0]) == .unused)
      let (second, cookie) = try await server.download(codes[1])
      _ = try await server.visit(second + "/file", headers: ["Cookie": cookie])
      try await send(second, "/done", cookie)
      #expect(try await server.state(codes[1]) == .used)
      try await send(second, "/copies", cookie, "&copies=2")
      // What was given back is another's by now, and sending the form once more takes nothing from it.
      _ = try await server.download(codes[0])
      #expect(try await server.state(codes[0]) == .inUse)
    }
  }
}

extension PageServer {
  /// Redeems a code: the page of its download, and the cookies that the browser has then.
  func download(_ code: RetrievalCode) async throws -> (path: String, cookie: String) {
    let (cookie, key) = try await form("/redeem")
    let confirmed = try await send("/redeem", "key=\(key)&code=\(code.encoded)", cookie)
    let next = try #require(confirmed.hiddenKey)
    let answer = try await send("/redeem/begin", "key=\(next)&code=\(code.encoded)", cookie)
    let ticket = try #require(answer.headers["set-cookie"]).prefix { $0 != ";" }
    return (try #require(answer.headers["location"]), "\(cookie); \(ticket)")
  }

  /// One more card that is issued.
  func furtherCard() async throws -> CardSerial {
    let made = try EmulatedCard.inMemory(profile: .standard, random: random)
    let card = made.production.serial
    try await center.cardIssuer.register(
      try ProductionRecord(
        cardSerial: card, moduleType: "WARIFU-E", productionNumber: "2", producedAt: 1_700_000_000,
        transportKeys: made.production.transportKeys))
    let order = try CardIssueOrder(cardSerial: card, purchaser: "Sato", maximumCodes: 100, generationKeys: [1])
    _ = try await center.cardIssuer.issue(order, over: try EmulatedRelay(made.card))
    return card
  }
}
