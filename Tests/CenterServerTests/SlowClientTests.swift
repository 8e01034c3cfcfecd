import CenterServer
import Foundation
import HTTPTypes
import NIOCore
import ServiceLifecycle
import Testing

@testable import LicenseCenter

/// Slow and many: nobody waits longer than the limits say, and nobody else notices.
@Suite struct SlowClientTests {
  private func options(_ change: (inout ServerLimits) -> Void) -> ServingOptions {
    var options = ServingOptions.patient
    change(&options.limits)
    return options
  }

  @Test func slowHeaderAndSlowBodyAre408AndChangeNothing() async throws {
    // Far more than a machine needs that is busy with something else, and less than the client takes.
    let options = options {
      $0.headerTime = .seconds(3)
      $0.requestTime = .seconds(3)
    }
    try await TestServer.run(options) { server in
      let state = try await server.state()
      let head = "POST /v1/licenses HTTP/1.1\r\nHost: a\r\nIdempotency-Key: \(TestServer.key())\r\n"
      let header = try await converse(with: server.port) { connection in
        for octet in head.utf8 {
          guard connection.send([octet]) else { break }
          usleep(60_000)
        }
        return try connection.answer()
      }
      expectProblem(header, .tooSlow, 408)
      let counter = TestServer.tokens["counter"] ?? ""
      let body = try await converse(with: server.port) { connection in
        connection.send(
          head + "Authorization: Bearer \(counter)\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n")
        for _ in 0..<30 {
          guard connection.send("{") else { break }
          usleep(200_000)
        }
        return try connection.answer()
      }
      expectProblem(body, .tooSlow, 408)
      #expect(try await server.state() == state)
    }
  }

  @Test func silentAndIdleConnectionsAreClosed() async throws {
    try await TestServer.run(options { $0.headerTime = .milliseconds(300) }) { server in
      let isSilentClosed = try await converse(with: server.port) { $0.isClosed(patience: 5) }
      #expect(isSilentClosed)
    }
    try await TestServer.run(options { $0.idleTime = .milliseconds(400) }) { server in
      let isIdleClosed = try await converse(with: server.port) { connection in
        connection.send(ClientRequest(target: "/health").text)
        _ = try connection.answer()
        return connection.isClosed(patience: 5)
      }
      #expect(isIdleClosed)
    }
  }

  /// Whoever takes nothing of an answer loses the connection, and the server the memory that it took.
  @Test func answerThatNobodyTakesIsDropped() async throws {
    let large = Endpoint(
      .get, "/large", "getLarge", "Much.", access: .anyone, answer: .octets("application/octet-stream", "Much.")
    ) { _ in .octets([UInt8](repeating: 7, count: 64 << 20), type: "application/octet-stream") }
    try await TestServer.run(options { $0.stallTime = .milliseconds(500) }, further: [large]) { server in
      let port = server.port
      let isDropped = try await onThread {
        try RawConnection.isGivenUp(ClientRequest(target: "/large"), port: port)
      }
      #expect(isDropped)
    }
  }

  @Test func tooManyConnectionsOfOneAddressAreRefusedAndTheOthersServed() async throws {
    try await TestServer.run(options { $0.connectionsPerAddress = 3 }) { server in
      let port = server.port
      let refused = try await onThread {
        let held = try (0..<3).map { _ in try RawConnection(port: port) }
        for connection in held {
          connection.send(ClientRequest(target: "/health").text)
          guard try connection.answer().status == 200 else { throw RawConnection.Failure(description: "not served") }
        }
        return try withExtendedLifetime(held) { try RawConnection(port: port).answer() }
      }
      expectProblem(refused, .tooMany, 429)
      #expect(refused.headers["retry-after"] == "1")
      // Their places are free again as soon as the server has seen them go.
      var status = 429
      for _ in 0..<3000 where status == 429 {
        status = try await server.get("/health").status
        try await Task.sleep(for: .milliseconds(20))
      }
      #expect(status == 200)
    }
  }

  @Test func tooManyRequestsOfOneAddressAre429() async throws {
    let options = options {
      $0.requestsPerSecond = 0.001
      $0.burst = 4
    }
    try await TestServer.run(options) { server in
      let begin = ContinuousClock.now
      let answers = try await converse(with: server.port) { connection in
        try (0..<6).map { _ in
          connection.send(ClientRequest(target: "/health").text)
          return try connection.answer()
        }
      }
      #expect(answers.map(\.status) == [200, 200, 200, 200, 429, 429])
      let wait = try #require(answers.last?.headers["retry-after"].flatMap { Int($0) })
      // A thousand seconds to the next one, less what has passed since: no more than the whole conversation took.
      let passed = Int((ContinuousClock.now - begin).components.seconds) + 1
      #expect((1000 - passed...1000).contains(wait))
    }
  }

  /// What is being served is answered, and the server is gone then.
  @Test(.timeLimit(.minutes(5))) func stoppingDrains() async throws {
    let isServing = Mutexed<Bool>()
    let slow = Endpoint(.get, "/slow", "getSlow", "Late.", access: .anyone, answer: .octets("text/plain", "Late.")) {
      _ in
      // Begun before the server is told to stop, and answered after.
      isServing.set(true)
      while !Task.isShuttingDownGracefully { try await Task.sleep(for: .milliseconds(10)) }
      return .octets(Array("late".utf8), type: "text/plain")
    }
    let answer = Mutexed<Task<RawAnswer, any Error>>()
    let port = Mutexed<Int>()
    try await TestServer.run(further: [slow]) { server in
      port.set(server.port)
      // It may be told to stop late on a busy machine.
      answer.set(Task { try await server.ask(ClientRequest(target: "/slow"), patience: 120) })
      while isServing.value != true { try await Task.sleep(for: .milliseconds(10)) }
    }
    let late = try #require(try await answer.value?.value)
    #expect(late.text == "late" && late.headers["connection"] == "close")
    let number = try #require(port.value)
    await #expect(throws: RawConnection.Failure.self) { try await converse(with: number) { _ in () } }
  }
}
