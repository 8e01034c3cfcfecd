import CenterServer
import Cryptography
import Formats
import Foundation
import HTTPTypes
import Identifiers
import Octets
import Synchronization
import Testing

@testable import LicenseCenter

/// Codes redeemed over HTTP, as somebody without an account does it.
@Suite struct RedemptionEndpointTests {
  @Test func P23_aCodeIsRedeemedDownloadedInPartsAndUsed() async throws {
    try await TestServer.run(keepsAnswers: true) { server in
      let wares = try await server.wares(codes: 1, octets: 200_000)
      let code = wares.codes[0]
      let answer = try await server.redeem(code.text.lowercased())
      #expect(answer.status == 201 && answer.json?["name"] == "Hanafuda", "\(answer.text)")
      let ticket = try #require(answer.string("ticket"))
      let total = try #require(answer.integer("octets"))
      #expect(try await server.state(of: code) == .inUse)
      // The line breaks after some octets, and the client asks for the rest.
      let first = try await server.file(ticket, "bytes=0-99999")
      #expect(first.status == 206 && first.headers["content-range"] == "bytes 0-99999/\(total)")
      let tag = try #require(first.headers["etag"])
      let rest = try await server.file(ticket, "bytes=100000-", ["If-Range": tag])
      #expect(rest.status == 206 && rest.headers["content-range"] == "bytes 100000-\(total - 1)/\(total)")
      let sealed = first.body + rest.body
      #expect(Int64(sealed.count) == total)
      let progress = try await server.ask("GET", "/v1/redemptions/ticket", ticket: ticket)
      #expect(progress.json?["delivered"] == .integer(total) && progress.json?["acknowledged"] == 100_000)
      #expect(progress.json?["state"] == "inUse" && progress.json?["wrappedContentKey"] == nil)
      let done = try await server.acknowledge(ticket, sealed.count)
      #expect(done.json?["state"] == "used" && done.json?["acknowledged"] == .integer(total), "\(done.text)")
      #expect(try server.open(sealed, with: done, ticket, wares.title) == wares.content)
      #expect(try await server.state(of: code) == .used)
      let later = try await server.ask("GET", "/v1/redemptions/ticket", ticket: ticket)
      #expect(later.json == done.json)
      expectProblem(try await server.file(ticket), .conflict, 409)
      for line in server.log.all {
        for secret in [ticket, code.text, code.text.replacingOccurrences(of: "-", with: "")] {
          #expect(!line.contains(secret))
        }
      }
      _ = try await server.center.verify()
    }
  }

  /// RFC 9110 §14: what is asked for, and what is answered.
  @Test func rangesAreAnsweredAsHTTPHasThem() async throws {
    try await TestServer.run(keepsAnswers: true) { server in
      let wares = try await server.wares(codes: 1, octets: 1000)
      let ticket = try await server.ticket(wares.codes[0])
      // Nothing was sent yet: nobody begins in the middle.
      expectProblem(try await server.file(ticket, "bytes=1-"), .range, 416)
      let whole = try await server.file(ticket)
      let (n, sealed) = (whole.body.count, whole.body)
      let tag = try #require(whole.headers["etag"])
      #expect(whole.status == 200 && whole.headers["accept-ranges"] == "bytes" && tag.hasPrefix("\""))
      let parts: [(String, Range<Int>)] = [
        ("bytes=0-0", 0..<1), ("bytes=5-", 5..<n), ("bytes=\(n - 1)-", n - 1..<n), ("bytes=-1", n - 1..<n),
        ("bytes=-99999999", 0..<n), ("bytes=0-99999999", 0..<n), ("BYTES= 2 - 3 ", 2..<4),
        ("bytes=7-99999999999999999999999", 7..<n),
      ]
      for (header, range) in parts {
        let part = try await server.file(ticket, header)
        #expect(part.status == 206 && part.body == Array(sealed[range]), "\(header)")
        #expect(part.headers["content-range"] == "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(n)")
      }
      for header in ["bytes=", "bytes=-", "bytes=3-2", "bytes=0-1,5-6", "octets=0-1", "bytes=a-b", "bytes=1", "x"] {
        let answer = try await server.file(ticket, header)
        #expect(answer.status == 200 && answer.body == sealed, "\(header)")
      }
      for header in ["bytes=\(n)-", "bytes=-0", "bytes=99999999999999999999999-"] {
        expectProblem(try await server.file(ticket, header), .range, 416, "\(header)")
      }
      let other = try await server.file(ticket, "bytes=5-", ["If-Range": "\"other\""])
      #expect(other.status == 200 && other.body == sealed)
      let head = try await server.ask(
        "HEAD", "/v1/redemptions/ticket/file", ticket: ticket, headers: ["Range": "bytes=5-6"])
      #expect(head.status == 206 && head.headers["content-length"] == "2" && head.body.isEmpty)
    }
  }

  /// Somebody who has no right to a code hears the same, whatever became of it.
  @Test func everyCodeThatIsGoodForNothingGetsOneAnswer() async throws {
    try await TestServer.run(keepsAnswers: true) { server in
      let wares = try await server.wares(codes: 4)
      let expired = try await server.wares(codes: 1, conditions: CodeConditions(expiry: StandingClock().now() - 1))
      _ = try await server.ticket(wares.codes[0])
      _ = try await server.finish(try await server.ticket(wares.codes[1]), wares.title)
      try await server.center.seatRecovery.retire(wares.codes[2])
      let unknown = RetrievalCode(from: server.random)
      let classes = [wares.codes[0], wares.codes[1], wares.codes[2], expired.codes[0], unknown]
      var bodies: Set<JSON> = []
      var headers: Set<[String]> = []
      for code in classes {
        let answer = try await server.redeem(code.text)
        expectProblem(answer, .refused, 422)
        if let body = answer.anonymousBody { bodies.insert(body) }
        headers.insert(
          answer.headers.filter { !["request-id", "date"].contains($0.key) }.map { "\($0.key): \($0.value)" }.sorted())
      }
      #expect(bodies.count == 1 && headers.count == 1)
      #expect(try await server.redeem(wares.codes[3].text).status == 201)
      // A slip of the fingers is told before anything is looked up.
      let state = try await server.state()
      expectProblem(try await server.redeem("0000-0000-0000-0000-1"), .unprocessable, 422)
      #expect(try await server.state() == state)
    }
  }

  /// A key repeated is answered as before, in status and body, and does nothing; with another request it is 422.
  @Test func aKeyRepeatedGetsTheSameStatusAndBody() async throws {
    try await TestServer.run(keepsAnswers: true) { server in
      let wares = try await server.wares(codes: 3)
      let (key, wrong) = (TestServer.key(), TestServer.key())
      let granted = try await server.redeem(wares.codes[0].text, key: key)
      let refused = try await server.redeem(wares.codes[0].text, key: wrong)
      #expect(granted.status == 201 && refused.status == 422)
      let ticket = try #require(granted.string("ticket"))
      let state = try await server.state()
      for _ in 0..<2 {
        let again = try await server.redeem(wares.codes[0].text, key: key)
        #expect(again.status == 201 && again.body == granted.body)
        let refusedAgain = try await server.redeem(wares.codes[0].text, key: wrong)
        #expect(refusedAgain.status == 422 && refusedAgain.body == refused.body)
        expectProblem(try await server.redeem(wares.codes[1].text, key: key), .keyReused, 422)
      }
      #expect(try await server.state() == state)
      let total = try await server.file(ticket).body.count
      let acknowledgement = TestServer.key()
      let done = try await server.acknowledge(ticket, total, key: acknowledgement)
      #expect(done.status == 200 && done.octets("wrappedContentKey") != nil)
      let again = try await server.acknowledge(ticket, total, key: acknowledgement)
      #expect(again.status == 200 && again.body == done.body)
      expectProblem(try await server.acknowledge(ticket, 1, key: acknowledgement), .keyReused, 422)
      #expect(try await server.state(of: wares.codes[1]) == .unused)
    }
  }

  @Test func P17_aSeatIsGivenUpOrTakenBackAndItsTicketIsWorthNothing() async throws {
    try await TestServer.run(keepsAnswers: true) { server in
      let wares = try await server.wares(codes: 2)
      let first = try await server.ticket(wares.codes[0])
      let key = TestServer.key()
      let up = try await server.ask("DELETE", "/v1/redemptions/ticket", ticket: first, key: key)
      #expect(up.status == 200 && up.json == ["state": "unused"], "\(up.text)")
      let second = try await server.ticket(wares.codes[0])
      // The same request again, now that the seat is another's: answered as before, and nothing happens.
      let again = try await server.ask("DELETE", "/v1/redemptions/ticket", ticket: first, key: key)
      #expect(again.status == 200 && again.body == up.body)
      #expect(try await server.ask("GET", "/v1/redemptions/ticket", ticket: second).status == 200)
      for ticket in [first, String(repeating: "0", count: 64), "nonsense"] {
        expectProblem(try await server.ask("GET", "/v1/redemptions/ticket", ticket: ticket), .refused, 422)
        expectProblem(try await server.file(ticket), .refused, 422)
      }
      let nobody = try await server.ask("GET", "/v1/redemptions/ticket", ticket: nil)
      expectProblem(nobody, .unauthenticated, 401)
      #expect(nobody.headers["www-authenticate"] == #"Ticket realm="warifu""#)
      // At the counter.
      let code: JSON = ["code": .text(wares.codes[0].text)]
      let seats = try await server.post("/v1/redemptions/seats", code, as: "counter", key: nil)
      let list = try #require(seats.list("seats"))
      #expect(list.count == 1 && list[0]["isDone"] == false && list[0]["seat"] == 0)
      let recovery: JSON = ["code": .text(wares.codes[0].text), "seat": 0]
      expectProblem(try await server.post("/v1/redemptions/recoveries", recovery, as: "holder"), .forbidden, 403)
      let free = try await server.post("/v1/redemptions/recoveries", recovery, as: "counter", key: key)
      #expect(free.status == 200, "\(free.text)")
      expectProblem(try await server.file(second), .refused, 422)
      let third = try await server.ticket(wares.codes[0])
      #expect(try await server.post("/v1/redemptions/recoveries", recovery, as: "counter", key: key).body == free.body)
      #expect(try await server.finish(third, wares.title) == wares.content)
      expectProblem(try await server.post("/v1/redemptions/recoveries", recovery, as: "counter"), .conflict, 409)
    }
  }

  @Test func P8_aCodeThatIsRetiredIsGoodForNothingAndItsDownloadStops() async throws {
    try await TestServer.run(keepsAnswers: true) { server in
      let wares = try await server.wares(codes: 1)
      let ticket = try await server.ticket(wares.codes[0])
      let code: JSON = ["code": .text(wares.codes[0].text)]
      #expect(try await server.post("/v1/redemptions/retirements", code, as: "counter").json == ["state": "voided"])
      expectProblem(try await server.file(ticket), .refused, 422)
      expectProblem(try await server.redeem(wares.codes[0].text), .refused, 422)
      expectProblem(try await server.post("/v1/redemptions/retirements", code, as: "auditor"), .forbidden, 403)
    }
  }

  @Test func P10_copiesAreCountedAndOneMoreIsRefused() async throws {
    try await TestServer.run(keepsAnswers: true) { server in
      let wares = try await server.wares(codes: 1)
      let rule = "/v1/copy-rights/\(wares.title.softwareID)"
      let permit = try await server.ask(
        ClientRequest(
          method: "PUT", target: rule, token: TestServer.tokens["counter"], key: TestServer.key(),
          body: #"{"copies":2}"#))
      #expect(permit.json == ["copies": 2], "\(permit.text)")
      let ticket = try await server.ticket(wares.codes[0])
      func set(_ copies: Int64, key: String = TestServer.key()) async throws -> RawAnswer {
        try await server.ask("POST", "/v1/copy-rights", ticket: ticket, body: ["copies": .integer(copies)], key: key)
      }
      expectProblem(try await set(2), .conflict, 409)
      #expect(try await server.finish(ticket, wares.title) == wares.content)
      expectProblem(try await set(3), .limitReached, 409)
      let key = TestServer.key()
      let right = try await set(2, key: key)
      #expect(right.status == 201 && right.json?["taken"] == 0, "\(right.text)")
      #expect(try await set(2, key: key).body == right.body)
      let code = try #require(right.string("code"))
      for _ in 0..<2 {
        let copy = try #require(try await server.redeem(code).string("ticket"))
        #expect(try await server.finish(copy, wares.title) == wares.content)
      }
      expectProblem(try await server.redeem(code), .refused, 422)
    }
  }

  @Test func P9_theCounterHandsATitleOverOffLine() async throws {
    try await TestServer.run(keepsAnswers: true) { server in
      let wares = try await server.wares(codes: 2, octets: 100_000)
      let code: JSON = ["code": .text(wares.codes[0].text)]
      expectProblem(try await server.post("/v1/redemptions/off-line", code, as: "holder"), .forbidden, 403)
      let key = TestServer.key()
      let provided = try await server.post("/v1/redemptions/off-line", code, as: "counter", key: key)
      #expect(provided.status == 201, "\(provided.text)")
      #expect(try await server.post("/v1/redemptions/off-line", code, as: "counter", key: key).body == provided.body)
      expectProblem(try await server.post("/v1/redemptions/off-line", code, as: "counter"), .refused, 422)
      #expect(try await server.state(of: wares.codes[0]) == .used)
      let number = try #require(provided.integer("publication"))
      // A newer publication takes nothing away from what is being handed over.
      let path = server.folder.appending(path: "plain").path
      _ = try await server.center.titleStore.publish(wares.title.softwareID, from: path)
      try await server.center.titleStore.removeOutdated()
      let sealed = try await server.get("/v1/publications/\(number)/file", as: "counter")
      expectProblem(try await server.get("/v1/publications/99/file", as: "counter"), .notFound, 404)
      let file = try #require(provided.octets("head")) + sealed.body
      let (provision, start) = try OfflineProvision.open(fileHead: file, under: try server.center.facts.licenseKey)
      let content = try DownloadContent.unwrap(
        provision.wrappedContentKey, for: wares.codes[0], wares.title.softwareID)
      let opened = try DownloadContent.parameters.open(
        Array(file[start...]), key: content, associatedData: DownloadContent.associatedData(wares.title.softwareID))
      #expect(opened.withBytes { $0.octets } == wares.content)
    }
  }

  @Test func publishedTitlesAreEverybodysToKnow() async throws {
    try await TestServer.run { server in
      let wares = try await server.wares(codes: 1)
      let target = "/v1/titles/\(wares.title.softwareID)/publication"
      let published = try await server.get(target)
      #expect(published.status == 200 && published.json?["publishedAt"] == .integer(Int64(StandingClock().now())))
      let other = try await server.title()
      expectProblem(try await server.get("/v1/titles/\(other.softwareID)/publication"), .notFound, 404)
    }
  }

  /// A neighbour with the same address fills the bucket, and a right code is redeemed all the same.
  @Test func whoeverTriesTooManyCodesWaitsAndNobodyElse() async throws {
    try await TestServer.run(keepsAnswers: true) { server in
      let wares = try await server.wares(codes: 1)
      var statuses: [Int] = []
      for _ in 0..<32 { statuses.append(try await server.redeem(RetrievalCode(from: server.random).text).status) }
      #expect(statuses == [Int](repeating: 422, count: 30) + [429, 429])
      let waiting = try await server.redeem(RetrievalCode(from: server.random).text)
      #expect(waiting.headers["retry-after"].flatMap { Int($0) }.map((1...20).contains) == true)
      #expect(try await server.redeem(wares.codes[0].text).status == 201)
    }
  }

  /// What is streamed is asked for piece by piece: somebody who takes nothing costs little memory, and not for long.
  @Test func nobodyMakesTheServerHoldAWholeFile() async throws {
    let pieces = Mutex(0)
    let huge = Endpoint(
      .get, "/huge", "getHuge", "Much.", access: .anyone, answer: .octets("application/octet-stream", "Much.")
    ) { _ in
      let stream = ReplyStream(length: 1 << 28) { _ in
        pieces.withLock { $0 += 1 }
        return [UInt8](repeating: 7, count: 64 << 10)
      }
      return .stream(stream, type: "application/octet-stream")
    }
    let buffers = try String(contentsOfFile: "/proc/sys/net/ipv4/tcp_wmem", encoding: .utf8).split(separator: "\t")
    let systemPieces = try #require(buffers.last.flatMap { Int($0.trimmingCharacters(in: .newlines)) }) >> 16
    var options = ServingOptions.patient
    options.limits.stallTime = .milliseconds(500)
    try await TestServer.run(options, further: [huge]) { server in
      let (isDropped, asked) = try await onThread { [port = server.port] in
        var asked: [Int] = []
        let isDropped = try RawConnection.isGivenUp(ClientRequest(target: "/huge"), port: port) {
          asked.append(pieces.withLock { $0 })
        }
        return (isDropped, asked[0])
      }
      #expect(isDropped)
      // What the system itself takes in for a connection, and what waits to be written.
      #expect(asked < systemPieces + 8)
    }
  }
}
