import BrowserRig
import CenterServer
import ChallengeAccess
import Cryptography
import Formats
import Foundation
import Identifiers
import Testing

@testable import LicenseCenter

/// Pages as they travel: header fields, cookies, forms that come from elsewhere or twice.
@Suite struct PageTests {
  @Test func everyPageForbidsScriptsFramesAndKeeping() async throws {
    try await PageServer.run { server in
      for path in ["/", "/redeem", "/sign-in", "/redeem/downloads/1234"] {
        let answer = try await server.visit(path)
        let policy = try #require(answer.headers["content-security-policy"])
        #expect(
          policy == """
            default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; \
            base-uri 'none'
            """)
        #expect(answer.headers["cache-control"] == "no-store" && answer.headers["referrer-policy"] == "no-referrer")
        #expect(answer.headers["x-content-type-options"] == "nosniff")
        #expect(answer.headers["content-type"] == "text/html; charset=utf-8")
        #expect(answer.text.contains("<html lang=\"en\">"))
      }
      let cookie = try #require(try await server.visit("/redeem").headers["set-cookie"])
      #expect(cookie.hasPrefix("visit=") && cookie.hasSuffix("Path=/; HttpOnly; SameSite=Strict"))
    }
  }

  /// What a cache between here and the browsers may hand to many has nothing in it that is one browser's own.
  @Test func whatIsKeptByCachesSetsNoCookie() async throws {
    try await PageServer.run { server in
      let style = try await server.visit("/style.css")
      #expect(style.status == 200 && style.headers["cache-control"] == "max-age=3600")
      #expect(style.headers["set-cookie"] == nil)
    }
  }

  @Test func errorsArePagesThatSayWhatToDo() async throws {
    try await PageServer.run { server in
      let lost = try await server.visit("/nowhere", headers: ["Accept": "text/html,application/xhtml+xml"])
      #expect(lost.status == 404 && lost.text.contains("<h1>There is no such page or thing</h1>"))
      // A program hears it as a program does.
      #expect(try await server.visit("/nowhere").headers["content-type"] == "application/problem+json")
      for path in ["/holder", "/counter", "/counter/audit", "/counter/cards/\(server.serial)"] {
        let closed = try await server.visit(path)
        #expect(closed.status == 401 && closed.text.contains("href=\"/sign-in\""), "\(path)")
      }
      let request = try #require(lost.headers["request-id"])
      #expect(lost.text.contains(request))
    }
  }

  @Test func aFormFromAnotherSiteIsRefused() async throws {
    try await PageServer.run { server in
      let (cookie, key) = try await server.form("/redeem")
      let body = "key=\(key)&code=0"
      for headers in [
        ["Sec-Fetch-Site": "cross-site"], ["Sec-Fetch-Site": "same-site"], ["Origin": "https://x.example"],
      ] {
        let answer = try await server.send("/redeem", body, cookie, headers: headers)
        #expect(answer.status == 403, "\(headers)")
      }
      #expect(try await server.send("/redeem", body, cookie, headers: ["Origin": server.origin]).status == 422)
      // A form of another browser, or of another page, is none of this one's.
      let (other, _) = try await server.form("/redeem")
      #expect(try await server.send("/redeem", body, other).status == 400)
      #expect(try await server.send("/sign-in", body, cookie).status == 400)
      #expect(try await server.send("/redeem", "code=0", cookie).status == 400)
    }
  }

  @Test func formsAreReadStrictly() async throws {
    try await PageServer.run { server in
      let (cookie, key) = try await server.form("/redeem")
      let bodies = [
        "key=\(key)&code=1&code=2", "key=\(key)&code=1&more=2", "key=\(key)&code=%00", "key=\(key)&code=%FF",
        "key=\(key)&code=\(String(repeating: "A", count: 65))", "key=\(key)&key=\(key)&code=1", "key=\(key)&code",
      ]
      for body in bodies { #expect(try await server.send("/redeem", body, cookie).status == 400, "\(body)") }
      let huge = "key=\(key)&code=" + String(repeating: "A", count: 70_000)
      #expect(try await server.send("/redeem", huge, cookie).status == 413)
      let json = try await server.send("/redeem", "{}", cookie, headers: ["Content-Type": "application/json"])
      #expect(json.status == 415)
    }
  }

  @Test func whatIsTypedStaysText() async throws {
    try await PageServer.run { server in
      let (cookie, key) = try await server.form("/redeem")
      // A combining mark makes one character of a quotation mark and itself.
      let typed = "\"\u{301}><b id=x>'"
      let encoded = try #require(typed.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
      let answer = try await server.send("/redeem", "key=\(key)&code=\(encoded)", cookie)
      #expect(answer.status == 422)
      #expect(answer.text.contains("value=\"&quot;\u{301}&gt;&lt;b id=x&gt;&#39;\""))
      #expect(!answer.text.contains("<b id=x>"))
    }
  }

  @Test func P23_everyWrongCodeHasOneAnswer() async throws {
    try await PageServer.run { server in
      let codes = try await server.codes(3)
      _ = try await server.center.redemption.begin(
        RedemptionRequest(code: codes[0], key: try #require(IdempotencyKey(octets: server.random.octets(16)))))
      try await server.center.seatRecovery.retire(codes[1])
      let unknown = RetrievalCode(from: server.random)
      var answers: Set<String> = []
      for code in [codes[0], codes[1], unknown] {
        let (cookie, key) = try await server.form("/redeem")
        let confirmed = try await server.send("/redeem", "key=\(key)&code=\(code.encoded)", cookie)
        #expect(confirmed.status == 200 && confirmed.text.contains(code.text))
        let next = try #require(confirmed.hiddenKey)
        let answer = try await server.send("/redeem/begin", "key=\(next)&code=\(code.encoded)", cookie)
        #expect(answer.status == 422)
        answers.insert(answer.text.replacing(try Regex("name=\"key\" value=\"[0-9A-Fa-f]+\""), with: ""))
      }
      #expect(answers.count == 1)
    }
  }

  @Test func aFormSentTwiceRepeatsItsAnswer() async throws {
    try await PageServer.run { server in
      let cookie = try await server.session(.counter)
      let path = "/counter/cards/\(server.serial)"
      let page = try await server.visit(path, headers: ["Cookie": cookie])
      let key = try #require(page.key(of: path + "/deposits"))
      let first = try await server.send(path + "/deposits", "key=\(key)&amount=500&currency=JPY", cookie)
      let second = try await server.send(path + "/deposits", "key=\(key)&amount=500&currency=JPY", cookie)
      #expect(first.status == 303 && second.status == 303 && first.headers["location"] == second.headers["location"])
      #expect(try await server.center.ledger.balance(of: .holder(server.serial), in: .yen).minorUnits == 500)
      let other = try await server.send(path + "/deposits", "key=\(key)&amount=900&currency=JPY", cookie)
      #expect(other.status == 422 && other.text.contains("This form was sent before"))
      // What was refused stays refused, with the same words.
      let payout = try #require(page.key(of: path + "/payouts"))
      for _ in 0..<2 {
        let answer = try await server.send(
          path + "/payouts", "key=\(payout)&amount=100&currency=JPY&destination=cash", cookie)
        #expect(answer.status == 409 && answer.text.contains("So much pay-back is not granted."))
      }
    }
  }

  /// The ticket is in a cookie and its page in an address: each alone opens nothing, nor does another download's.
  @Test func aDownloadBelongsToTheBrowserThatBeganIt() async throws {
    try await PageServer.run { server in
      let codes = try await server.codes(2)
      let (own, cookie) = try await server.download(codes[0])
      let (other, stranger) = try await server.download(codes[1])
      #expect(own != other)
      for part in ["", "/file", "/key"] {
        for headers in [[:], ["Cookie": stranger]] {
          let answer = try await server.visit(own + part, headers: headers)
          #expect(answer.status == 422 && answer.text.contains("another browser"), "\(part)")
        }
      }
      #expect(try await server.visit(own, headers: ["Cookie": cookie]).status == 200)
      // The key is there only when the code is used.
      #expect(try await server.visit(own + "/key", headers: ["Cookie": cookie]).status == 409)
      let (_, key) = try await server.form("/redeem")
      for action in ["/done", "/return"] {
        #expect(try await server.send(own + action, "key=\(key)", stranger).status == 400)
      }
      #expect(try await server.state(codes[0]) == .inUse)
    }
  }

  @Test func aSessionEndsWithItsSigningOut() async throws {
    try await PageServer.run { server in
      let (visit, key) = try await server.form("/sign-in")
      let code = try await server.signInCode(.holder)
      let answer = try await server.send("/sign-in", "key=\(key)&code=\(code)", visit)
      let cookie = try #require(answer.headers["set-cookie"])
      #expect(answer.status == 303 && answer.headers["location"] == "/holder")
      #expect(cookie.contains("Path=/; HttpOnly; SameSite=Strict; Max-Age=1800"))
      let session = String(cookie.prefix { $0 != ";" })
      let page = try await server.visit("/holder", headers: ["Cookie": session])
      #expect(page.status == 200 && page.text.contains("\(server.serial)"))
      // A holder is not at the counter.
      #expect(try await server.visit("/counter", headers: ["Cookie": session]).status == 403)
      let leave = try #require(page.key(of: "/sign-out"))
      #expect(try await server.send("/sign-out", "key=\(leave)", session).headers["location"] == "/")
      #expect(try await server.visit("/holder", headers: ["Cookie": session]).status == 401)
      // Sent twice, since the answer was lost: it is done.
      let twice = try await server.send("/sign-out", "key=\(leave)", session)
      #expect(twice.status == 303 && twice.headers["location"] == "/")
      // The code was used.
      let (again, second) = try await server.form("/sign-in")
      #expect(try await server.send("/sign-in", "key=\(second)&code=\(code)", again).status == 422)
    }
  }

  @Test func anAuditorReadsAndChangesNothing() async throws {
    try await PageServer.run { server in
      let cookie = try await server.session(.auditor)
      for path in ["/counter/audit", "/counter/ledger"] {
        #expect(try await server.visit(path, headers: ["Cookie": cookie]).status == 200)
      }
      for path in ["/counter", "/counter/cards/\(server.serial)", "/counter/payback"] {
        #expect(try await server.visit(path, headers: ["Cookie": cookie]).status == 403)
      }
      let audit = try await server.visit("/counter/audit", headers: ["Cookie": cookie]).text
      #expect(audit.contains("title.publish"))
    }
  }

  /// The audit log, page by page from the newest record on: every record once, none left out.
  @Test func thePagesOfTheAuditLogHaveEveryRecordOnce() async throws {
    try await PageServer.run { server in
      for _ in 0..<120 {
        try await server.center.ledger.deposit(
          Money(minorUnits: 1, currency: .yen), for: server.serial, operation: try server.operationID())
      }
      let cookie = try await server.session(.auditor)
      let head = try await server.center.audit.head().sequence
      var (found, pages): ([Int64], Int) = ([], 0)
      var next: String? = "/counter/audit"
      while let path = next, pages < 10 {
        let page = try await server.visit(path, headers: ["Cookie": cookie])
        #expect(page.status == 200)
        found += page.text.matches(of: /data-label="Record" class="number">(\d+)</).compactMap { Int64($0.1) }
        #expect(page.text.contains(">Newest</a>") == (pages > 0))
        next = page.text.firstMatch(of: /href="([^"]+)">Older</).map { String($0.1) }
        pages += 1
      }
      #expect(found == Array((1...head).reversed()) && pages > 2)
      for number in ["0", "-1", "x", "99999999999999999999"] {
        let page = try await server.visit("/counter/audit?before=\(number)", headers: ["Cookie": cookie])
        #expect(page.status == 400, "\(number)")
      }
    }
  }

  /// A sheet is shown until somebody says that it is on paper; then the page says why it shows nothing.
  @Test func aSheetThatIsOnPaperIsNotShownAgain() async throws {
    try await PageServer.run { server in
      let code = try await server.codes(1)[0]
      let cookie = try await server.session(.counter)
      let sheet = try await server.visit("/counter/sheets/1", headers: ["Cookie": cookie])
      #expect(sheet.status == 200 && sheet.text.contains(code.text) && sheet.headers["cache-control"] == "no-store")
      let key = try #require(sheet.key(of: "/counter/sheets/1/printed"))
      let printed = try await server.send("/counter/sheets/1/printed", "key=\(key)", cookie)
      #expect(printed.status == 303)
      let again = try await server.visit("/counter/sheets/1", headers: ["Cookie": cookie])
      #expect(again.status == 409 && again.text.contains("This sheet was printed.") && !again.text.contains(code.text))
      #expect(try await server.visit("/counter/sheets/2", headers: ["Cookie": cookie]).status == 404)
    }
  }
}

extension RetrievalCode {
  /// As a form sends it.
  var encoded: String { text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "" }
}

extension RawAnswer {
  /// The key of the main form.
  var hiddenKey: String? {
    text.split(separator: "<main").last.flatMap { RawAnswer.key(in: $0) }
  }

  /// The key of the form that goes to a path.
  func key(of path: String) -> String? {
    text.range(of: "action=\"\(path)\"").flatMap { RawAnswer.key(in: text[$0.upperBound...]) }
  }

  private static func key(in text: Substring) -> String? {
    guard let start = text.range(of: "name=\"key\" value=\"") else { return nil }
    return String(text[start.upperBound...].prefix { $0.isHexDigit })
  }
}

extension PageServer {
  func visit(_ path: String, headers: [String: String] = [:]) async throws -> RawAnswer {
    let lines = ["GET \(path) HTTP/1.1", "Host: 127.0.0.1:\(port)"] + headers.map { "\($0.key): \($0.value)" }
    return try await exchange(lines.joined(separator: "\r\n") + "\r\n\r\n")
  }

  func send(
    _ path: String, _ body: String, _ cookie: String, headers: [String: String] = [:]
  ) async throws -> RawAnswer {
    var all = [
      "Host": "127.0.0.1:\(port)", "Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded",
      "Content-Length": "\(body.utf8.count)",
    ]
    all.merge(headers) { $1 }
    let lines = ["POST \(path) HTTP/1.1"] + all.map { "\($0.key): \($0.value)" }
    return try await exchange(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
  }

  private func exchange(_ text: String) async throws -> RawAnswer {
    try await converse(with: port) { connection in
      connection.send(text)
      return try connection.answer()
    }
  }

  /// A form as a new browser is shown it: its cookie and its key.
  func form(_ path: String) async throws -> (cookie: String, key: String) {
    let page = try await visit(path)
    let cookie = try #require(page.headers["set-cookie"]).prefix { $0 != ";" }
    return (String(cookie), try #require(page.hiddenKey))
  }

  /// The cookie of somebody who signed in.
  func session(_ role: AccessRole) async throws -> String {
    let (visit, key) = try await form("/sign-in")
    let answer = try await send("/sign-in", "key=\(key)&code=\(try await signInCode(role))", visit)
    return String(try #require(answer.headers["set-cookie"]).prefix { $0 != ";" })
  }
}
