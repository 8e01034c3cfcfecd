import CardDriver
import Foundation
import Glibc
import ISO7816
import TestSupport
import Testing

/// Several processes share one reader and reset its card among them: nobody sees what another opened.
@Suite(.noHang) struct SharingTests {
  @Test(arguments: lines) func fourProcessesKeepTheirStateToThemselves(line: TransmissionProtocol) throws {
    var random = Randomness("sharing with \(line)")
    let seconds = random.soak(5, full: 60)
    let part = 5 * seconds / 2 + 1
    let card = try Cards.issued(line).card
    let folder = FileManager.default.temporaryDirectory.appending(path: "warifu-sharing-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Slots.withCard(card) { slot in
      let programs = try (0..<4).map { number in
        let seed = UInt64.random(in: 0...UInt64.max, using: &random.generator)
        let arguments = [slot.name, folder, "\(seconds)", "\(part)", "\(seed)"]
        return number % 2 == 0
          ? try Program(rigPath(), ["share"] + arguments, seconds: 2 * seconds + 300)
          : try Program(
            "/usr/bin/python3", [client("pyscard_client.py"), "share"] + arguments, seconds: 2 * seconds + 300)
      }
      for program in programs {
        let ending = try program.finish()
        try #require(ending.status == 0, "\(ending)")
        let counts = ending.output.split { !$0.isNumber }.compactMap { Int($0) }
        try #require(counts.count == 4, "\(ending)")
        print("transactions, resets, sights of others' state, losses of its own:", counts)
        #expect(counts[2] == 0, "\(ending)")
        #expect(counts[3] <= 2 + counts[0] / 20, "\(ending)")
      }
      // pcscd promises nobody a turn, but none stood still: they stayed until each had had its part.
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == programs.count)
    }
    #expect(try WarifuCard(CardConnection(card)).status().pinTries == 3)
  }

  /// pcscd resets the card of a client that dies in a transaction, as every command of ours does its work, and leaves any
  /// other card as it is. Whoever comes to a card with our driver resets it before anything else.
  @Test(arguments: ["transaction", "connection"], lines)
  func aHolderThatIsKilledLeavesNothingToTheNext(_ way: String, line: TransmissionProtocol) throws {
    let card = try Cards.issued(line).card
    try Slots.withCard(card) { slot in
      for pause: UInt32 in [0, 0, 500_000] {
        let holder = try Program(rigPath(), ["hold", slot.name, way])
        #expect(holder.readLine() == "held")
        holder.kill()
        usleep(pause)
        if way == "transaction", pause > 0 {
          // Not even a program that resets nothing.
          let next = try ReaderContext().connect(to: slot.name, timeout: .seconds(120))
          #expect(try next.transmit([0x80, 0x10, 0x00, 0x00]) == [0x69, 0x82])
        }
        let code = try refusal(of: slot)
        #expect(code == .refused(.securityStatusNotSatisfied), "\(String(describing: code))")
      }
    }
  }

  /// What a newcomer is told who wants a code without the PIN. pcscd may still be about to reset the card of the dead:
  /// whoever is told of a reset begins again.
  private func refusal(of slot: Slot) throws -> CardError.Code? {
    for _ in 0..<10 {
      do {
        let connection = try CardConnection(ReaderContext().connect(to: slot.name, timeout: .seconds(120)))
        _ = try WarifuCard(connection).handOver(index: 0)
        return nil
      } catch let error as CardError where error.code == .transport(.cardWasReset) {
        continue
      } catch let error as CardError {
        return error.code
      }
    }
    return .transport(.cardWasReset)
  }
}
