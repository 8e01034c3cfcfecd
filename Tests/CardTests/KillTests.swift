import CardDriver
import CardEmulator
import CardProtocol
import Cryptography
import Identifiers
import Octets
import Testing
import card_rig

/// `kill -9` of a real process that charges a card in a state file: `strace` ends it at its n-th write.
@Suite struct KillTests {
  private static let codes = 200

  /// The codes on a card, by the titles they buy.
  private func titles(_ card: WarifuCard) throws -> [SoftwareID] { try card.codes().map(\.softwareID) }

  @Test func killedChargingIsWholeOrNotAtAll() throws {
    try withTemporaryFolder { folder in
      let original = folder + "/card"
      try Specimen.make(at: original)
      let image = try content(of: original)
      let path = folder + "/charged"
      try write(image, to: path)
      let charging = ["charge", path, "2", "\(Self.codes)"]
      let calls = try systemCalls(["pwrite64", "fdatasync"], of: charging, log: folder + "/trace")
      let first = try #require(calls.firstIndex { $0.name == "pwrite64" })
      let last = try #require(calls.lastIndex { $0.name == "pwrite64" })
      let wanted = Soak.count(40, full: 200)
      try #require(calls.count >= 200)
      let moments = (0..<wanted).map { $0 * (calls.count - 1) / (wanted - 1) }
      let inside = moments.filter { $0 > first && $0 <= last }.count
      #expect(4 * inside >= 3 * moments.count, "\(inside) of \(moments.count) kills between first and last write")

      let before = try Specimen.batch(1, count: 2).records.map(\.softwareID)
      let after = before + (try Specimen.batch(2, count: Self.codes).records.map(\.softwareID))
      var outcomes: Set<UInt32> = []
      for moment in moments {
        try write(image, to: path)
        let ending = try runKilled(at: calls[moment], charging)
        #expect(ending.wasKilled && ending.output.isEmpty, "\(calls[moment])")
        outcomes.insert(try expectWhole(path, before, after, "killed at \(calls[moment])"))
      }
      // The last call is the sync of the commit: what is killed as it enters has everything written.
      #expect(outcomes == [1, 2])
    }
  }

  /// A disk that fails once, at whatever call: the card says so, and never answers with a receipt for what is not there.
  @Test func failingDiskGivesNoReceipt() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/card"
      try Specimen.make(at: path)
      let image = try content(of: path)
      let charging = ["charge", path, "2", "\(Self.codes)"]
      let calls = try systemCalls(["pwrite64", "fdatasync"], of: charging, log: folder + "/trace")
      let before = try Specimen.batch(1, count: 2).records.map(\.softwareID)
      let after = before + (try Specimen.batch(2, count: Self.codes).records.map(\.softwareID))
      let wanted = Soak.count(8, full: 60)
      for moment in (0..<wanted).map({ $0 * (calls.count - 1) / (wanted - 1) }) {
        try write(image, to: path)
        let ending = try runDisturbed(at: calls[moment], by: "error=ENOSPC", charging)
        #expect(!ending.wasKilled && ending.status == 1 && ending.output.isEmpty, "\(calls[moment])")
        _ = try expectWhole(path, before, after, "no space at \(calls[moment])")
      }
    }
  }

  /// Looks at a card whose charging was killed, and repeats the charging.
  ///
  /// - Returns: the charge counter as it was found.
  private func expectWhole(
    _ path: String, _ before: [SoftwareID], _ after: [SoftwareID], _ comment: Comment
  ) throws -> UInt32 {
    let connection = try CardConnection(try Specimen.open(path))
    let card = try WarifuCard(connection)
    let counter = try card.status().chargeCounter
    #expect(counter == 1 || counter == 2, comment)
    #expect(try titles(card) == (counter == 1 ? before : after), comment)
    for _ in 0..<2 {
      let receipt = try repeatCharge(connection)
      #expect(receipt.number == 2 && receipt.total == 2 + UInt32(Self.codes), comment)
      try connection.reset()
    }
    #expect(try titles(card) == after, comment)
    try card.verify(pin: Secret(copying: Array(Specimen.pin.utf8)))
    let last = try card.handOver(index: UInt16(after.count - 1))
    #expect(last.code.withBytes { $0.octets } == (try Specimen.batch(2, count: Self.codes)).records.last?.code, comment)
    return counter
  }

  private func repeatCharge(_ connection: CardConnection) throws -> ChargeReceipt {
    var session = try Specimen.administration(connection)
    let octets = try session.storeData(try Specimen.charge(2, count: Self.codes))
    return try ChargeReceipt(octets.span.bytes)
  }

  @Test func answerFollowsItsSync() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/card"
      try Specimen.make(at: path)
      let charging = ["charge", path, "2", "\(Self.codes)"]
      let calls = try systemCalls(["pwrite64", "fdatasync", "write"], of: charging, log: folder + "/trace")
      let answer = try #require(calls.lastIndex { $0.line.hasPrefix("write(1, ") })
      let lastWrite = try #require(calls[..<answer].lastIndex { $0.name == "pwrite64" })
      let lastSync = try #require(calls[..<answer].lastIndex { $0.name == "fdatasync" && $0.line.hasSuffix("= 0") })
      #expect(lastWrite < lastSync && lastSync < answer)
      #expect(!calls[answer...].contains { $0.name == "pwrite64" })
    }
  }
}
