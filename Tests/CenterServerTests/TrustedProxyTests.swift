import Formats
import Foundation
import HTTPTypes
import Testing

@testable import CenterServer
@testable import LicenseCenter

/// Behind a proxy, limits are counted for those whom it passes requests on for; nobody makes up where he comes from.
@Suite struct TrustedProxyTests {
  private static let proxies = TrustedProxies(
    ["10.0.0.0/8", "2001:db8:1::/48", "192.0.2.7"].compactMap { IPNetwork($0) })

  @Test(arguments: [
    ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"), ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
    ("192.0.2.7/32", "192.0.2.7", "192.0.2.6"), ("128.0.0.0/1", "255.1.2.3", "127.0.0.1"),
    ("172.16.0.0/12", "172.31.255.255", "172.32.0.0"), ("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"),
    ("::1", "::1", "::2"), ("::ffff:10.0.0.0/104", "10.9.9.9", "11.0.0.1"),
    ("10.0.0.0/8", "::ffff:10.1.1.1", "::10.1.1.1"),
    ("fe80::/10", "fe80::1%eth0", "fec0::1"),
  ])
  func aNetworkHasTheAddressesThatBeginAlike(text: String, inside: String, outside: String) throws {
    let network = try #require(IPNetwork(text))
    #expect(network.contains(try #require(IPAddress(inside))))
    #expect(!network.contains(try #require(IPAddress(outside))))
  }

  @Test(arguments: [
    "", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/0", "::/0", "10.0.0.1/8", "2001:db8::1/32", "10.0.0.0/+8",
    "10.0.0.0/8/8",
    "localhost", "10.0.0/8", "fe80::%eth0/10", "::ffff:10.0.0.0/8", "10.0.0.0/99999999999999999999", "10.0.0.0/-1",
    "2001::/129",
  ])
  func whatNamesNoNetworkIsNone(text: String) { #expect(IPNetwork(text) == nil) }

  /// What a proxy at 10.0.0.1 passes on, and whom that counts for.
  @Test(arguments: [
    ("203.0.113.9", "203.0.113.9"), ("203.0.113.9:4711", "203.0.113.9"), ("  203.0.113.9\t", "203.0.113.9"),
    ("2001:db8:9::1", "2001:db8:9::1"), ("[2001:db8:9::1]", "2001:db8:9::1"), ("[2001:db8:9::1]:80", "2001:db8:9::1"),
    // What a client says itself stands in front of what the proxy says.
    ("198.51.100.1, 203.0.113.9", "203.0.113.9"), ("10.0.0.2, 203.0.113.9", "203.0.113.9"),
    // Proxies behind proxies.
    ("198.51.100.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
    ("203.0.113.9, 10.0.0.3, 192.0.2.7,2001:db8:1::5", "203.0.113.9"),
    ("::ffff:203.0.113.9, ::ffff:10.0.0.3", "203.0.113.9"),
    // Somebody of the proxies' own network.
    ("10.0.0.9", "10.0.0.9"), ("10.0.0.9, 10.0.0.3", "10.0.0.9"),
    // Whoever is not named is counted as the proxy that was last.
    ("unknown", "10.0.0.1"), ("", "10.0.0.1"), ("203.0.113.9, unknown", "10.0.0.1"), ("203.0.113.9,", "10.0.0.1"),
    ("203.0.113.9, , 10.0.0.3", "10.0.0.3"), ("203.0.113.9, nonsense, 10.0.0.3", "10.0.0.3"),
    ("203.0.113.9:", "10.0.0.1"), ("[203.0.113.9]", "10.0.0.1"), ("[::1", "10.0.0.1"), ("[::1]80", "10.0.0.1"),
    ("203.0.113.999", "10.0.0.1"), ("203.0.113.9\u{600}, 203.0.113.8", "10.0.0.1"), ("example.org", "10.0.0.1"),
  ])
  func theRightmostAddressThatIsNoProxysCounts(chain: String, client: String) {
    expect(client, [.init(name: .xForwardedFor, value: chain)])
  }

  @Test(arguments: [
    ("for=203.0.113.9", "203.0.113.9"), ("For=\"203.0.113.9:4711\";proto=https;by=10.0.0.1", "203.0.113.9"),
    ("for=\"[2001:db8:9::1]:80\"", "2001:db8:9::1"), ("proto=http;FOR=203.0.113.9", "203.0.113.9"),
    ("for=198.51.100.1, for=203.0.113.9", "203.0.113.9"),
    ("for=203.0.113.9;x=\"a,b;c=\\\"d\", for=10.0.0.2", "203.0.113.9"),
    ("for=\"203.0.113\\.9\"", "203.0.113.9"), ("for=203.0.113.9 ; proto=http , for=10.0.0.2", "203.0.113.9"),
    ("for=_hidden", "10.0.0.1"), ("for=unknown, for=10.0.0.2", "10.0.0.2"), ("proto=https", "10.0.0.1"),
    // A quotation that a client leaves open swallows nothing of what the proxy says: nobody is named.
    ("for=198.51.100.1, for=\", for=203.0.113.9", "10.0.0.1"),
    ("for=198.51.100.1;x=\", for=\"[2001:db8:9::1]\"", "10.0.0.1"),
    ("for=198.51.100.1;for=198.51.100.2", "10.0.0.1"), ("for", "10.0.0.1"), ("for=", "10.0.0.1"), ("", "10.0.0.1"),
    ("for=203.0.113.9,", "10.0.0.1"), ("for=203.0.113.9;", "10.0.0.1"), ("for=2001:db8::1", "10.0.0.1"),
    ("for = 203.0.113.9", "10.0.0.1"), ("for=\"203.0.113.9\\", "10.0.0.1"), ("for=203.0.113.9 x", "10.0.0.1"),
  ])
  func forwardedIsReadAsItsGrammarHasIt(value: String, client: String) {
    expect(client, [.init(name: .forwarded, value: value)])
  }

  @Test func fieldsFollowOneAnotherAndBothKindsHaveToAgree() {
    func field(_ name: HTTPField.Name, _ value: String) -> HTTPField { HTTPField(name: name, value: value) }
    expect("10.0.0.1", [])
    expect("203.0.113.9", [field(.xForwardedFor, "198.51.100.1"), field(.xForwardedFor, "203.0.113.9")])
    expect("203.0.113.9", [field(.forwarded, "for=\""), field(.forwarded, "for=203.0.113.9")])
    expect("203.0.113.9", [field(.forwarded, "for=203.0.113.9"), field(.xForwardedFor, "203.0.113.9, 10.0.0.2")])
    // The proxy says one of them, and the client the other: which is which nobody knows.
    expect("10.0.0.1", [field(.forwarded, "for=198.51.100.1"), field(.xForwardedFor, "203.0.113.9")])
    // Who is no proxy is not asked.
    expect("203.0.113.1", [field(.xForwardedFor, "198.51.100.1")], from: "203.0.113.1")
    expect("203.0.113.1", [field(.forwarded, "for=198.51.100.1")], from: "203.0.113.1")
    #expect(TrustedProxyTests.proxies.client(of: nil, [.xForwardedFor: "203.0.113.9"]) == nil)
  }

  private func expect(
    _ client: String, _ fields: [HTTPField], from peer: String = "10.0.0.1",
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    var headers = HTTPFields()
    for field in fields { headers.append(field) }
    let found = TrustedProxyTests.proxies.client(of: IPAddress(peer), headers)
    #expect(found == IPAddress(client), "\(fields)", sourceLocation: sourceLocation)
  }

  // MARK: Served

  private func options(trusting networks: String...) -> ServingOptions {
    var options = ServingOptions.patient
    options.trustedProxies = networks.compactMap { IPNetwork($0) }
    return options
  }

  @Test func eachClientOfAProxyHasItsOwnLimits() async throws {
    var options = options(trusting: "127.0.0.0/8")
    options.limits.burst = 3
    options.limits.requestsPerSecond = 0.001
    options.limits.connectionsPerAddress = 2
    try await TestServer.run(options) { server in
      func statuses(_ client: String) async throws -> [Int] {
        var statuses: [Int] = []
        for _ in 0..<4 {
          let request = ClientRequest(target: "/health", headers: ["X-Forwarded-For": "198.51.100.1, \(client)"])
          statuses.append(try await server.ask(request).status)
        }
        return statuses
      }
      #expect(try await statuses("203.0.113.1") == [200, 200, 200, 429])
      #expect(try await statuses("203.0.113.2") == [200, 200, 200, 429])
      // One customer's network of IPv6.
      #expect(try await statuses("2001:db8:9::1") == [200, 200, 200, 429])
      #expect(try await statuses("2001:db8:9::2") == [429, 429, 429, 429])
      // A proxy has as many connections as its clients need.
      let open = try await onThread { [port = server.port] in
        let connections = try (0..<5).map { _ in try RawConnection(port: port) }
        return try connections.enumerated().map { index, connection in
          connection.send(
            ClientRequest(target: "/health", headers: ["Forwarded": "for=203.0.113.\(100 + index)"]).text)
          return try connection.answer().status
        }
      }
      #expect(open == [200, 200, 200, 200, 200])
    }
  }

  @Test func whoeverIsNoTrustedProxyIsCountedAsWhatItIs() async throws {
    for var options in [options(), options(trusting: "10.0.0.0/8", "::1")] {
      options.limits.burst = 3
      options.limits.requestsPerSecond = 0.001
      options.limits.connectionsPerAddress = 2
      try await TestServer.run(options) { server in
        let (statuses, refused) = try await onThread { [port = server.port] in
          // Connections that are held, since the server hears late of one that is closed.
          let held = try (0..<2).map { _ in try RawConnection(port: port) }
          let statuses = try (0..<6).map { number in
            let headers = ["X-Forwarded-For": "203.0.113.\(number)", "Forwarded": "for=203.0.113.\(number)"]
            held[number % 2].send(ClientRequest(target: "/health", headers: headers).text)
            return try held[number % 2].answer().status
          }
          return try withExtendedLifetime(held) { (statuses, try RawConnection(port: port).answer().status) }
        }
        #expect(statuses == [200, 200, 200, 429, 429, 429])
        #expect(refused == 429)
      }
    }
  }

  /// Failures with codes are counted for the client, in the interface for programs and on the pages.
  @Test func attemptsAreCountedForTheClientOfAProxy() async throws {
    try await TestServer.run(options(trusting: "127.0.0.1"), keepsAnswers: true) { server in
      func redeem(from client: String) async throws -> Int {
        let body: JSON = ["code": .text(RetrievalCode(from: server.random).text)]
        return try await server.ask(
          ClientRequest(
            method: "POST", target: "/v1/redemptions", key: TestServer.key(),
            body: String(decoding: body.encoded, as: UTF8.self), headers: ["X-Forwarded-For": client])
        ).status
      }
      var statuses: [Int] = []
      for _ in 0..<31 { statuses.append(try await redeem(from: "203.0.113.1")) }
      #expect(statuses == [Int](repeating: 422, count: 30) + [429])
      #expect(try await redeem(from: "203.0.113.2") == 422)
      // The same bucket counts for the pages.
      func sent(from client: String) async throws -> Int {
        let page = try await server.ask(ClientRequest(target: "/redeem"))
        let cookie = try #require(page.headers["set-cookie"]).prefix { $0 != ";" }
        let code = RetrievalCode(from: server.random).encoded
        func send(_ path: String, _ key: String) async throws -> RawAnswer {
          let body = "key=\(key)&code=\(code)"
          let lines = [
            "POST \(path) HTTP/1.1", "Host: localhost", "Cookie: \(cookie)", "X-Forwarded-For: \(client)",
            "Content-Type: application/x-www-form-urlencoded", "Content-Length: \(body.utf8.count)",
          ]
          return try await converse(with: server.port) { connection in
            connection.send(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
            return try connection.answer()
          }
        }
        let confirm = try await send("/redeem", try #require(page.hiddenKey))
        return try await send("/redeem/begin", try #require(confirm.hiddenKey)).status
      }
      #expect(try await sent(from: "203.0.113.1") == 429)
      #expect(try await sent(from: "203.0.113.2") == 422)
    }
  }
}
