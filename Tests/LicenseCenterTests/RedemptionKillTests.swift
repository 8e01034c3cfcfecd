import Cryptography
import Formats
import Foundation
import Identifiers
import Octets
import TestSupport
import Testing

@testable import LicenseCenter

/// A server that is killed in front of each of its writes, one after another: no code is lost or had twice.
@Suite(.serialized) struct RedemptionKillTests {
  /// How far apart the writes are at which it is killed: every one in a soak run.
  private static func stride(_ purpose: String) -> Int { Randomness(purpose).soak(3, full: 1) }

  private func input(_ code: RetrievalCode) -> String {
    String(decoding: TestCenter.passphrase, as: UTF8.self) + "\n" + code.text + "\n"
  }

  @Test func P17_killedAtEveryWriteACodeIsUnusedInUseOrUsed() async throws {
    let bench = try await RedemptionBench(codes: 300)
    let step = Self.stride("kills while codes are redeemed")
    var states: [CodeSaleState: Int] = [:]
    var (index, write) = (0, 0)
    while true {
      let (code, key) = (bench.codes[index], bench.key())
      let outcome = try CenterRigProgram.run(
        ["redeem", bench.test.path, Hex.encode(key.octets)], input: input(code), killAt: write)
      #expect(outcome.wasKilled || outcome.status == 0, "\(outcome.complaint)")
      let state = try #require(try await bench.state(code))
      states[state, default: 0] += 1
      try await check(bench, code, key, state, outcome)
      guard outcome.wasKilled, index + 1 < bench.codes.count else { break }
      (index, write) = (index + 1, write + step)
    }
    print("killed at \(index) writes, \(step) apart: \(states.map { "\($0.value) \($0.key)" }.sorted())")
    #expect(write > 20 && states.keys.count == 3)
    _ = try await bench.center.verify()
    #expect(try await bench.test.count("SELECT 1 FROM codes WHERE state NOT IN ('unused', 'used')") == 0)
  }

  /// What is on record after a kill, and that the client can go on from there, whoever comes in between.
  private func check(
    _ bench: RedemptionBench, _ code: RetrievalCode, _ key: IdempotencyKey, _ state: CodeSaleState,
    _ outcome: CenterRigProgram.Outcome
  ) async throws {
    #expect([.unused, .inUse, .used].contains(state))
    if outcome.lines.count == 2 { #expect(state == .used, "what was answered is durable") }
    if outcome.lines.count == 1 { #expect(state != .unused, "what was answered is durable") }
    if state != .unused { #expect(try await bench.begin(code) == nil, "somebody else") }
    // The same request again: the answer of the first time, where that was given or kept.
    let redemption = bench.center.redemption
    let answer = try await bench.center.idempotency.run(
      scope: "rig", key: key, digest: Digest.sha256(code.octets)
    ) { transaction in
      let request = try redemption.prepare(RedemptionRequest(code: code, key: key))
      guard case .granted(let grant) = try redemption.begin(request, in: transaction) else { return (404, []) }
      return (201, grant.ticket.octets + [UInt8](String(grant.octets).utf8))
    }
    #expect(answer.status == 201 && answer.isRepeated == (state != .unused))
    if let line = outcome.lines.first { #expect(line == "201 \(Hex.encode(answer.body))") }
    let grant = try #require(try await bench.begin(code, key))
    #expect(grant.ticket.octets == Array(answer.body.prefix(32)))
    if state == .used {
      let progress = try await redemption.acknowledge(grant.ticket, upTo: grant.octets)
      let wrapped = try #require(progress.wrappedContentKey)
      if outcome.lines.count == 2 { #expect(outcome.lines[1] == "done \(Hex.encode(wrapped))") }
    } else {
      let sealed = try await bench.download(grant)
      #expect(try await bench.finish(grant, sealed) == bench.plaintext)
    }
    #expect(try await bench.state(code) == .used)
  }

  /// Many clients for many codes at once, and the centre killed again and again while they are at it. Each code is had to
  /// the end by one client, and by that one always.
  @Test func P4_stormOfClientsWithKillsHasOneWinnerForEachCode() async throws {
    var random = Randomness("kills in a storm of clients")
    let rounds = random.soak(3, full: 200)
    let clients = random.soak(25, full: 100)
    for round in 0..<rounds {
      let bench = try await RedemptionBench(codes: UInt16(clients))
      let input =
        ([String(decoding: TestCenter.passphrase, as: UTF8.self)] + bench.codes.map(\.text))
        .joined(separator: "\n") + "\n"
      var winners = [Set<String>](repeating: [], count: clients)
      var kills = 0
      // Nobody else has the database open, so that each start recovers it from its log.
      try bench.center.close()
      while true {
        let write = kills < 4 ? Int.random(in: 0..<(12 * clients), using: &random.generator) : nil
        let outcome = try CenterRigProgram.run(
          ["storm", bench.test.path, String(clients)], input: input, killAt: write)
        try #require(outcome.wasKilled || outcome.status == 0, "\(outcome.complaint)")
        for line in outcome.lines {
          let words = line.split(separator: " ").map(String.init)
          guard words.count == 2, let code = Int(words[0]) else { continue }
          winners[code].insert(words[1])
        }
        guard outcome.wasKilled else { break }
        kills += 1
      }
      #expect(winners.allSatisfy { $0.count == 1 }, "round \(round), seed \(random.seed)")
      let center = try await CenterFolder(bench.test.path).open(
        passphrase: Secret(copying: TestCenter.passphrase), database: bench.test.room.location,
        random: bench.test.random, clock: bench.clock)
      let balance = try #require(try await center.codeBooks.balances(of: bench.test.serial).first)
      #expect(balance.counts == [.used: clients])
      let holder = try await center.ledger.balance(of: .holder(bench.test.serial), in: .yen)
      #expect(holder.minorUnits == Int64(-300 * clients))
      for code in bench.codes {
        #expect(try await center.seatRecovery.seats(of: code).map(\.isDone) == [true])
      }
      _ = try await center.verify()
      try center.close()
      print("round \(round): \(kills) kills, \(clients) clients for as many codes")
    }
  }

  @Test func P9_counterKilledAtEveryWriteProvidesOnce() async throws {
    let bench = try await RedemptionBench(codes: 300)
    let step = Self.stride("kills while titles are provided off-line")
    var (index, write) = (0, 0)
    while true {
      let (code, operation) = (bench.codes[index], try bench.test.operationID())
      let path = bench.test.folder.appending(path: "provision-\(index)").path
      let outcome = try CenterRigProgram.run(
        ["provide", bench.test.path, Hex.encode(operation.octets), path], input: input(code), killAt: write)
      #expect(outcome.wasKilled || outcome.status == 0, "\(outcome.complaint)")
      let isUsed = try await bench.state(code) == .used
      if isUsed { #expect(FileManager.default.fileExists(atPath: path), "used, and nothing handed over") }
      _ = try await bench.center.offlineCounter.provide(code, operation: operation, to: path)
      #expect(try await bench.state(code) == .used)
      let file = Array(try Data(contentsOf: URL(filePath: path)))
      let (provision, start) = try OfflineProvision.open(fileHead: file, under: try bench.center.facts.licenseKey)
      #expect(UInt64(file.count - start) == provision.octets)
      guard outcome.wasKilled, index + 1 < bench.codes.count else { break }
      (index, write) = (index + 1, write + step)
    }
    #expect(write > 10)
    _ = try await bench.center.verify()
  }

  /// A title is published whole or not at all, and what a kill left is cleared away.
  @Test func killedPublishingLeavesTheOldFileOrTheNewOne() async throws {
    let bench = try await RedemptionBench(codes: 1)
    let newer = [UInt8](repeating: 0x4E, count: 2_100_000)
    let path = bench.test.folder.appending(path: "newer").path
    try Data(newer).write(to: URL(filePath: path))
    let passphrase = String(decoding: TestCenter.passphrase, as: UTF8.self) + "\n"
    let step = Self.stride("kills while a title is published")
    let before = try await bench.center.titleStore.published(bench.title.softwareID)
    var write = 0
    while true {
      let arguments = ["publish", bench.test.path, bench.title.softwareID.description, path]
      let outcome = try CenterRigProgram.run(arguments, input: passphrase, killAt: write)
      #expect(outcome.wasKilled || outcome.status == 0, "\(outcome.complaint)")
      let after = try #require(try await bench.center.titleStore.published(bench.title.softwareID))
      if !outcome.lines.isEmpty { #expect(outcome.lines == ["published \(Hex.encode(after.digest))"]) }
      #expect(after.octets == before?.octets || after.octets > 2_100_000)
      guard outcome.wasKilled else { break }
      write += step
    }
    #expect(write > 10)
    _ = try await bench.center.titleStore.removeOutdated()
    #expect(try FileManager.default.contentsOfDirectory(atPath: bench.test.path + "/titles").count == 1)
    let grant = try await bench.begun(bench.codes[0])
    #expect(try await bench.finish(grant, try await bench.download(grant, step: 900_000)) == newer)
  }
}
