import CardDriver
import CardEmulator
import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets
import TestSupport
import Testing
import card_rig

/// A host that stops writing: the card says 6581 to every change, and after a reset it is what its file says, no more.
@Suite struct MemoryFailureTests {
  /// A card in a file, and another look at that file through a copy.
  private struct Witnessed {
    let path: String
    let copy: String
    let card: EmulatedCard
    let connection: CardConnection

    init(_ folder: String, name: String = "card", profile: CardProfile = Specimen.profile) throws {
      (path, copy) = (folder + "/" + name, folder + "/copy")
      try Specimen.make(at: path, profile: profile)
      card = try Specimen.open(path)
      connection = try CardConnection(card)
    }

    /// What the card says after a reset, which must be what any other process would find in the file.
    func counters(_ comment: Comment) throws -> ApplicationStatus {
      try connection.reset()
      let mine = try WarifuCard(connection)
      try write(try content(of: path), to: copy)
      let other = try WarifuCard(CardConnection(try Specimen.open(copy)))
      let status = try mine.status()
      #expect(try other.status() == status, comment)
      #expect(try other.codes() == mine.codes(), comment)
      #expect(try other.lastReceipt() == mine.lastReceipt(), comment)
      return status
    }

    /// Charges a batch of this number; answers the receipt, or `nil` when memory or power failed.
    func charge(_ number: UInt32, count: Int) throws -> ChargeReceipt? {
      var session = try Specimen.administration(connection)
      do {
        let answer = try session.storeData(try Specimen.charge(number, count: count))
        return try ChargeReceipt(answer.span.bytes)
      } catch let error as CardError {
        let wasCut = error.code == .transport(.cardRemoved)
        try #require(wasCut || error.status == .memoryFailure && error.cardMayHaveChanged, "\(error)")
        return nil
      }
    }
  }

  /// The disk is full from each write of a charge on.
  @Test func aRefusedWriteIsNeverAReceipt() throws {
    try withTemporaryFolder { folder in
      let witnessed = try Witnessed(folder)
      var number: UInt32 = 2
      var refusedAt = 0
      while true {
        witnessed.card.plan(StorageFaults(refuseAfter: refusedAt))
        let receipt = try witnessed.charge(number, count: 3)
        if receipt == nil {
          // Until it is started anew, it changes nothing more, and still answers.
          #expect(try witnessed.charge(number, count: 3) == nil)
          #expect(try WarifuCard(witnessed.connection).status().lifeCycle == .secured)
        }
        witnessed.card.plan(StorageFaults())
        let after = try witnessed.counters("refused after \(refusedAt) writes")
        #expect(after.chargeCounter == number || receipt == nil && after.chargeCounter == number - 1)
        // The same batch again: it is done now, if it was not.
        let again = try #require(try witnessed.charge(number, count: 3))
        #expect(again.number == number && again.total == 2 + 3 * (number - 1))
        if let receipt {
          #expect(again == receipt)
          break
        }
        #expect(try witnessed.counters("resumed after \(refusedAt) writes").chargeCounter == number)
        number += 1
        refusedAt += 1
      }
      #expect(refusedAt > 5, "a charge has so many writes")
    }
  }

  /// The disk is full while the card makes room: pages are erased in its memory that are not in its file.
  @Test func aRefusedErasureIsForgotten() throws {
    try withTemporaryFolder { folder in
      let witnessed = try Witnessed(folder, profile: Specimen.smallest)
      let pin = Secret(copying: Array(Specimen.pin.utf8))
      // Each time the PIN is counted down and up again, until that has filled the flash, which a soak does many times.
      for round in 0..<Soak.count(640, full: 6_400) {
        let card = try WarifuCard(witnessed.connection)
        let isRefused = round % 16 == 0
        if isRefused { witnessed.card.plan(StorageFaults(refuseAfter: round / 16 % 8)) }
        do {
          try card.verify(pin: pin)
        } catch let error as CardError {
          try #require(error.status == .memoryFailure)
        }
        guard isRefused else { continue }
        witnessed.card.plan(StorageFaults())
        let status = try witnessed.counters("round \(round)")
        #expect(status.pinTries > 0)
        try WarifuCard(witnessed.connection).verify(pin: pin)
      }
    }
  }

  /// Failures of the disk and of the power, restarts of card and process, in any order.
  @Test func anyFailuresAndRestarts() throws {
    try withTemporaryFolder { folder in
      var random = Randomness("failures of a card's memory")
      var witnessed = try Witnessed(folder)
      var number: UInt32 = 1
      for round in 0..<random.soak(40, full: 1_000) {
        let limit = Int.random(in: 0..<40, using: &random.generator)
        let torn = Int.random(in: 0..<16, using: &random.generator)
        let cutsPower = Bool.random(using: &random.generator)
        witnessed.card.plan(
          cutsPower ? StorageFaults(cutAfter: limit, tornOctets: torn) : StorageFaults(refuseAfter: limit))
        let comment: Comment = "round \(round): \(cutsPower ? "power" : "disk") fails after \(limit)"
        let receipt = try witnessed.charge(number + 1, count: 2)
        witnessed.card.plan(StorageFaults())
        let status = try witnessed.counters(comment)
        #expect(status.chargeCounter == number + 1 || receipt == nil && status.chargeCounter == number, comment)
        number = status.chargeCounter
        #expect(status.codesEverCharged == 2 * number, comment)
        // Before this card is full, another one.
        if status.codeCount > 240 { (witnessed, number) = (try Witnessed(folder, name: "card-\(round)"), 1) }
      }
    }
  }
}
