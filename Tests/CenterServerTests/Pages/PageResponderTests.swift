import Cryptography
import Foundation
import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOPosix
import Testing

@testable import CenterServer
@testable import LicenseCenter

/// A form's answer is kept where it is the same whenever it is sent, and not where it may be better next time.
@Suite struct PageResponderTests {
  private static let path = "/try"
  private static let token = TestServer.tokens["counter"] ?? ""

  /// One form that does `outcomes` one after another, and how often it was asked.
  private final class Bench: Sendable {
    let responder: PageResponder
    let key: String
    private let count: Mutexed<Int>
    var calls: Int { count.value ?? 0 }

    init(_ outcomes: [Result<String, CenterError>]) throws {
      let asked = Mutexed<Int>()
      let random = SeededRandom(seed: 5)
      let page = Page.form(
        PageResponderTests.path, "try", access: .roles([.counter]), fields: [.optional("word")]
      ) { _ in
        let count = asked.value ?? 0
        asked.set(count + 1)
        return .seeOther(try outcomes[min(count, outcomes.count - 1)].get())
      }
      responder = PageResponder(
        table: PageTable([page]), templates: try PageTemplates(), centerName: "Test", bodyLimit: 1000, isSecure: false,
        authenticator: TestTokens(card: OwnedCard()), answers: MemoryAnswers(), random: random)
      key = FormBinding(PageResponderTests.token, random).newKey(for: PageResponderTests.path)
      count = asked
    }

    func send(_ fields: String = "") async -> (status: Int, location: String?) {
      let request = Request(
        head: HTTPRequest(
          method: .post, scheme: "http", authority: "localhost", path: PageResponderTests.path,
          headerFields: [
            .cookie: "session=\(PageResponderTests.token)", .contentType: "application/x-www-form-urlencoded",
          ]), body: RequestBody(buffer: ByteBuffer(string: "key=\(key)\(fields)")))
      let answer = await responder.respond(
        to: request, from: ClientAddress(nil), on: MultiThreadedEventLoopGroup.singleton.any(), nil, id: "0")
      return (answer.response.status.code, answer.response.headers[.location])
    }
  }

  private static let refused = CenterError(.conflict, "Trying", remedy: "Leave it.")
  private static let failed = CenterError(.storage, "Trying", remedy: "Try again.")

  @Test func whatWasDoneIsNotAskedForAgain() async throws {
    let bench = try Bench([.success("/first"), .success("/second")])
    for _ in 0..<3 { #expect(await bench.send() == (303, "/first")) }
    #expect(await bench.send("&word=other") == (422, nil))
    #expect(bench.calls == 1)
  }

  @Test func whatWasRefusedStaysRefused() async throws {
    let bench = try Bench([.failure(PageResponderTests.refused), .success("/first")])
    for _ in 0..<3 { #expect(await bench.send() == (409, nil)) }
    #expect(bench.calls == 1)
  }

  @Test func whatFailedIsTriedAgain() async throws {
    let bench = try Bench([
      .failure(PageResponderTests.failed), .failure(PageResponderTests.failed), .success("/first"), .success("/second"),
    ])
    #expect(await bench.send() == (503, nil))
    #expect(await bench.send() == (503, nil))
    for _ in 0..<2 { #expect(await bench.send() == (303, "/first")) }
    #expect(bench.calls == 3)
  }
}
