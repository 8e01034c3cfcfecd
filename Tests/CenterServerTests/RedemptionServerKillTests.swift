import AsyncHTTPClient
import CenterServer
import Cryptography
import Formats
import Foundation
import NIOCore
import NIOHTTP1
import Octets
import Synchronization
import TestSupport
import Testing

@testable import LicenseCenter

/// Servers that are killed while clients redeem codes over HTTP: nothing is lost, and nothing is had twice.
@Suite(.serialized) struct RedemptionServerKillTests {
  /// What clients had to the end: by code, whose it is.
  private final class Winners: Sendable {
    private let all: Mutex<[Set<Int>]>
    init(codes: Int) { all = Mutex([Set<Int>](repeating: [], count: codes)) }
    func add(_ client: Int, code: Int) { all.withLock { _ = $0[code].insert(client) } }
    var byCode: [Set<Int>] { all.withLock { $0 } }
  }

  private func withClient<R>(connections: Int, _ body: (HTTPClient) async throws -> R) async throws -> R {
    let http = HTTPClient(
      eventLoopGroupProvider: .singleton, configuration: RetryingClient.configuration(connections: connections))
    do {
      let result = try await body(http)
      try await http.shutdown()
      return result
    } catch {
      try? await http.shutdown()
      throw error
    }
  }

  /// The key of one client for one code: after a crash it is the same.
  private func key(_ client: Int, _ code: RetrievalCode, _ purpose: String = "redeem") -> String {
    Hex.encode(Array(Digest.sha256(Array("\(purpose) \(client) ".utf8) + code.octets).prefix(16)))
  }

  /// One client goes for one code, and has it to the end if it wins.
  private func redeem(
    _ served: ServedFolder, code number: Int, client: Int, _ retrying: RetryingClient, _ winners: Winners
  ) async throws {
    let code = served.codes[number]
    let answer = try await retrying.ask(
      .POST, "/v1/redemptions", [("Idempotency-Key", key(client, code))], body: #"{"code":"\#(code.text)"}"#)
    guard answer.status == 201 else {
      #expect([422, 429].contains(answer.status), "\(answer.text)")
      return
    }
    let ticket = try #require(answer.string("ticket"))
    let sealed = try await retrying.download(ticket)
    let octets = try #require(answer.integer("octets"))
    let done = try await retrying.ask(
      .POST, "/v1/redemptions/ticket/acknowledgements",
      [("Authorization", "Ticket \(ticket)"), ("Idempotency-Key", key(client, code, "acknowledge"))],
      body: #"{"octets":\#(octets)}"#)
    #expect(done.status == 200, "\(done.text)")
    if Int64(sealed.count) == octets {
      let opened = try served.open(sealed, done, ticket)
      #expect(opened == served.content)
    }
    winners.add(client, code: number)
  }

  /// Every client goes for every code, each beginning elsewhere.
  private func storm(
    _ served: ServedFolder, clients: Int, _ http: HTTPClient, _ instances: Instances, _ winners: Winners
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for client in 0..<clients {
        let retrying = RetryingClient(http: http, instances: instances, number: client)
        group.addTask {
          for step in 0..<served.codes.count {
            let number = (client * 7 + step) % served.codes.count
            try await redeem(served, code: number, client: client, retrying, winners)
          }
        }
      }
      try await group.waitForAll()
    }
  }

  @Test(arguments: Engine.allCases)
  func P17_killedUnderAStormOverHTTPEachCodeIsHadOnceToTheEnd(engine: Engine) async throws {
    var random = Randomness("kills of a server in a storm of clients")
    let rounds = random.soak(1, full: 200)
    let clients = random.soak(12, full: 100)
    var kills = 0
    for round in 0..<rounds {
      let served = try await ServedFolder(engine, codes: UInt16(clients), seed: UInt64(round) + 1)
      let winners = Winners(codes: clients)
      let instances = Instances()
      let isOver = Mutexed<Bool>()
      let moments = (0..<4).map { _ in Int.random(in: 0..<(8 * clients), using: &random.generator) }
      try await withClient(connections: 64) { http in
        let keeper = Task {
          var number = 0
          while true {
            let server = try await served.start(killAt: number < moments.count ? moments[number] : nil)
            number += 1
            if let port = server.port { instances.set([port]) }
            while isOver.value != true, !server.hasEnded {
              try await Task.sleep(for: .milliseconds(10))
            }
            if !server.hasEnded {
              try await server.stop()
              return number - 1
            }
            instances.set([])
            // What a crash left: each code stands somewhere, and the books are whole.
            let wasKilled = try await server.end()
            #expect(wasKilled)
            _ = try await served.audit()
          }
        }
        do {
          try await storm(served, clients: clients, http, instances, winners)
        } catch {
          isOver.set(true)
          _ = try? await keeper.value
          throw error
        }
        isOver.set(true)
        kills += try await keeper.value
      }
      #expect(winners.byCode.allSatisfy { $0.count == 1 }, "round \(round), seed \(random.seed): \(winners.byCode)")
      let counts = try await served.audit()
      #expect(counts == [.used: clients])
      try await served.look { center in
        for code in served.codes {
          let seats = try await center.seatRecovery.seats(of: code)
          #expect(seats.map(\.isDone) == [true])
        }
      }
    }
    print("\(engine.rawValue): \(rounds) rounds of \(clients) clients for as many codes over HTTP, \(kills) kills")
    #expect(kills > 0)
  }

  /// In front of each write of one redemption, one after another: the same key gets the answer that was given, or the first
  /// one if none was; with another request it is refused.
  @Test(arguments: Engine.allCases)
  func P17_aKeyRepeatedAfterACrashGetsTheSameStatusAndBody(engine: Engine) async throws {
    let random = Randomness("kills of a server within one redemption")
    let step = random.soak(4, full: 1)
    let served = try await ServedFolder(engine, codes: 120)
    try await withClient(connections: 4) { http in
      var (write, index, answered) = (0, 0, 0)
      while index + 1 < served.codes.count {
        let code = served.codes[index]
        let headers = [("Idempotency-Key", key(index, code))]
        let body = #"{"code":"\#(code.text)"}"#
        let server = try await served.start(killAt: write)
        var first: RawAnswer?
        if let port = server.port {
          let hasty = RetryingClient(http: http, instances: Instances([port]), attempts: 1)
          first = try? await hasty.ask(.POST, "/v1/redemptions", headers, body: body)
        }
        if first != nil {
          answered += 1
          // Something may be written after the answer, too.
          try await Task.sleep(for: .milliseconds(300))
        }
        let wasKilled = first == nil || server.hasEnded
        try await server.crash()
        let again = try await served.start()
        let retrying = RetryingClient(http: http, instances: Instances([try #require(again.port)]))
        let second = try await retrying.ask(.POST, "/v1/redemptions", headers, body: body)
        #expect(second.status == 201, "\(second.text)")
        if let first { #expect(first.status == second.status && first.body == second.body) }
        let third = try await retrying.ask(.POST, "/v1/redemptions", headers, body: body)
        #expect(third.status == second.status && third.body == second.body)
        let other = try await retrying.ask(
          .POST, "/v1/redemptions", headers, body: #"{"code":"\#(served.codes[index + 1].text)"}"#)
        #expect(other.status == 422 && other.json?["type"] == "urn:warifu:problem:key-reused", "\(other.text)")
        let strange = ClientRequest(method: "POST", target: "/v1/redemptions", key: key(-1, code), body: body)
        let stranger = try await converse(
          with: try #require(again.port), from: address(ofStranger: index)
        ) { connection in
          connection.send(strange.text)
          return try connection.answer()
        }
        #expect(
          stranger.status == 422 && stranger.json?["type"] == "urn:warifu:problem:refused", "\(stranger.text)")
        try await again.stop()
        (write, index) = (write + step, index + 1)
        guard wasKilled else { break }
      }
      print("\(engine.rawValue): killed in front of \(index) writes, \(step) apart; \(answered) were answered before")
      #expect(index > 2 && answered > 0)
    }
    _ = try await served.audit()
  }

  @Test(arguments: Engine.allCases)
  func P4_manyConnectionsForOneCodeHaveOneWinner(engine: Engine) async throws {
    let served = try await ServedFolder(engine, codes: 1)
    let server = try await served.start()
    let (workers, each) = (100, Randomness("requests for one code").soak(10, full: 100))
    let requests = workers * each
    let (won, lost) = try await withClient(connections: workers) { http in
      let retrying = RetryingClient(http: http, instances: Instances([try #require(server.port)]))
      return try await withThrowingTaskGroup(of: [Int].self) { group in
        for worker in 0..<workers {
          group.addTask {
            var statuses: [Int] = []
            for client in worker * each..<(worker + 1) * each {
              let answer = try await retrying.ask(
                .POST, "/v1/redemptions", [("Idempotency-Key", key(client, served.codes[0]))],
                body: #"{"code":"\#(served.codes[0].text)"}"#)
              statuses.append(answer.status)
            }
            return statuses
          }
        }
        var (won, lost) = (0, 0)
        for try await statuses in group {
          won += statuses.count { $0 == 201 }
          lost += statuses.count { [422, 429].contains($0) }
        }
        return (won, lost)
      }
    }
    #expect(won == 1 && lost == requests - 1)
    try await server.stop()
    #expect(try await served.audit() == [.inUse: 1])
  }

  /// Two instances on one database, one of which is killed under load: a client that tries again at the other sees nothing
  /// of it.
  @Test func P17_twoInstancesOneKilledAndNoErrorReachesAClient() async throws {
    let random = Randomness("one of two instances is killed")
    let clients = random.soak(40, full: 400)
    let served = try await ServedFolder(.postgreSQL, codes: UInt16(clients), octets: 100_000)
    let (one, two) = (try await served.start(), try await served.start())
    let winners = Winners(codes: clients)
    let instances = Instances([try #require(one.port), try #require(two.port)])
    try await withClient(connections: 64) { http in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for client in 0..<clients {
          let retrying = RetryingClient(http: http, instances: instances, number: client)
          group.addTask { try await redeem(served, code: client, client: client, retrying, winners) }
        }
        group.addTask {
          // In the middle of it; the clients are not told.
          while winners.byCode.count(where: { !$0.isEmpty }) < clients / 4 {
            try await Task.sleep(for: .milliseconds(2))
          }
          try await one.crash()
        }
        try await group.waitForAll()
      }
    }
    #expect(winners.byCode.allSatisfy { $0.count == 1 })
    try await two.stop()
    #expect(try await served.audit() == [.used: clients])
  }
}
