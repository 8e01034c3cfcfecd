import Cryptography
import Formats
import Foundation
import Identifiers
import Testing

@testable import CenterClient

/// What answers in a centre's place gets nothing onto a terminal, a disk or into memory that does not belong there.
@Suite struct UnbelievedAnswerTests {
  private static let title = "S-" + String(repeating: "0", count: 31) + "1"

  private static func ok(_ body: String, _ status: String = "200 OK", _ headers: String = "") -> String {
    "HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)"
  }

  private func use<R>(
    _ impostor: Impostor, for retryTime: Duration = .milliseconds(1500), _ body: (CenterClient) async throws -> R
  ) async throws -> R {
    var patience = Patience.ofTests
    patience.retryTime = retryTime
    return try await CenterClient.use(
      CenterAddress("http://127.0.0.1:\(impostor.port)"), patience: patience, body)
  }

  /// A code that is shown on a terminal is made of what codes are made of.
  @Test(arguments: [
    ("4BJQ-BH7B-ACSN-VQ0D-K", true), (#"\u001b[2J4BJQ"#, false), (#"4BJQ\nBH7B"#, false), (#"4BJQ é"#, false),
    (String(repeating: "4", count: 33), false),
  ])
  func aSignInCodeIsACode(code: String, isGood: Bool) async throws {
    let impostor = try Impostor(UnbelievedAnswerTests.ok(#"{"code": "\#(code)", "expiresAt": 1}"#, "201 Created"))
    defer { impostor.stop() }
    let token = try #require(CenterToken(String(repeating: "t", count: 16)))
    let answer = await Result { try await use(impostor) { try await $0.signInCode(as: token) } }
    switch answer {
    case .success(let found): #expect(isGood && found.text == code)
    case .failure(let error): #expect(!isGood && (error as? CenterClientError)?.code == .answerInvalid, "\(error)")
    }
  }

  @Test func namesAreALineThatNoTerminalActsOn() async throws {
    let body = #"""
      {"titles": [{"softwareID": "\#(UnbelievedAnswerTests.title)", "name": "a\u001b[31m\n\u202eb", "version": "1\r2"}]}
      """#
    let impostor = try Impostor(UnbelievedAnswerTests.ok(body))
    defer { impostor.stop() }
    let titles = try await use(impostor) { try await $0.titles() }
    #expect(titles.map(\.name) == ["a [31m  b"] && titles.map(\.version) == ["1 2"])
    // Nor does what it says of itself.
    let problem = #"{"type": "urn:warifu:problem:failed", "detail": "a\u001b[31m\nb", "request": "r\n"}"#
    let failing = try Impostor(UnbelievedAnswerTests.ok(problem, "500 No"))
    defer { failing.stop() }
    let error = await failure { _ = try await use(failing) { try await $0.titles() } }
    #expect(error?.remedy == "a [31m b" && error?.requestID == "r ")
  }

  /// Pages that lead back to themselves, and answers without an end.
  @Test func nothingIsReadWithoutEnd() async throws {
    let title = UnbelievedAnswerTests.title
    let circle = try Impostor(UnbelievedAnswerTests.ok(#"{"titles": [], "next": "\#(title)"}"#))
    defer { circle.stop() }
    let endless = await failure { _ = try await use(circle) { try await $0.titles() } }
    #expect(endless?.code == .answerInvalid && circle.requests == 2)
    let chunk = "20000\r\n" + String(repeating: " ", count: 0x20000) + "\r\n"
    let huge = try Impostor("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + chunk + "0\r\n\r\n")
    defer { huge.stop() }
    let error = await failure { _ = try await use(huge) { try await $0.titles() } }
    #expect(error?.code == .answerInvalid && huge.requests == 1)
  }

  /// A token that cannot be given back holds nobody up.
  @Test func loggingOutIsTriedOnce() async throws {
    let busy = try Impostor(UnbelievedAnswerTests.ok("{}", "503 Busy", "Retry-After: 1\r\n"))
    defer { busy.stop() }
    let token = try #require(CenterToken(String(repeating: "t", count: 16)))
    let error = await failure { try await use(busy) { try await $0.logOut(token) } }
    #expect(error != nil && busy.requests == 1)
    let others = await failure { _ = try await use(busy, for: .seconds(12)) { try await $0.titles() } }
    #expect(others != nil && busy.requests > 2, "whatever else is asked is asked again")
  }

  /// A server that says when to come again is not asked before.
  @Test func whoIsBusyIsLeftAlone() async throws {
    let problem = #"{"type": "urn:warifu:problem:unavailable", "detail": "Not now.", "request": "r"}"#
    let busy = try Impostor(UnbelievedAnswerTests.ok(problem, "503 No", "Retry-After: 1\r\n"))
    defer { busy.stop() }
    let error = await failure { _ = try await use(busy) { try await $0.titles() } }
    #expect(error?.code == .problem("unavailable") && (1...2).contains(busy.requests), "\(busy.requests)")
  }

  private enum Lie: CaseIterable, Sendable { case octetsOfProgress, rangeOfOthers, tooManyOctets, wholeFileInTheMiddle }

  /// Of a download no octet is kept that the centre did not announce, or that belongs elsewhere.
  @Test(arguments: Lie.allCases) private func aDownloadIsWhatWasAnnounced(lie: Lie) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "warifu-lie-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appending(path: "out").path
    let digest = Data(repeating: 0, count: 32).base64EncodedString()
    let grant = """
      {"ticket": "\(String(repeating: "0", count: 64))", "softwareID": "\(UnbelievedAnswerTests.title)", "name": "n", \
      "version": "1", "type": "data", "octets": 100, "digest": "\(digest)"}
      """
    if lie == .wholeFileInTheMiddle {
      // Ten of them the centre knows nothing of.
      try Data(repeating: 7, count: 20).write(to: URL(filePath: path + ".part"))
    }
    let impostor = try Impostor { request in
      if request.hasPrefix("POST /v1/redemptions ") { return UnbelievedAnswerTests.ok(grant, "201 Created") }
      guard request.hasPrefix("GET /v1/redemptions/ticket/file") else {
        let octets = lie == .octetsOfProgress ? 99 : 100
        return UnbelievedAnswerTests.ok(#"{"octets": \#(octets), "delivered": 10}"#)
      }
      let counts: [Lie: Int] = [.tooManyOctets: 101, .octetsOfProgress: 99]
      let octets = String(repeating: "x", count: counts[lie] ?? 100)
      return lie == .rangeOfOthers
        ? UnbelievedAnswerTests.ok(octets, "206 Partial Content", "Content-Range: bytes 1-100/101\r\n")
        : UnbelievedAnswerTests.ok(octets)
    }
    defer { impostor.stop() }
    let error = await failure {
      _ = try await use(impostor) { try await $0.redeem(RetrievalCode(from: SystemRandom()), into: path) }
    }
    #expect(
      error.map { [.answerInvalid, .problem("status-200")].contains($0.code) } == true, "\(String(describing: error))")
    let part = FileManager.default.contents(atPath: path + ".part") ?? Data()
    #expect(part == (lie == .wholeFileInTheMiddle ? Data(repeating: 7, count: 10) : Data()), "\(part.count)")
    #expect(!FileManager.default.fileExists(atPath: path))
  }
}
