import CardDriver
import CardEmulator
import CardFirmware
import CardProtocol
import Formats
import ISO7816
import Testing

@testable import LicenseCenter

/// Locking, unlocking and ending a card over a line that somebody else holds.
@Suite(.onEveryEngine) struct CustodyTests {
  /// Says in the card's name, in clear, that it is at its end.
  private final class LyingRelay: CardRelay {
    let connection: CardConnection
    var lies = false

    init(_ card: EmulatedCard) throws { connection = try CardConnection(card) }

    func exchange(_ command: CommandAPDU) async throws -> ResponseAPDU {
      var response = try connection.exchange(command, operation: "relay")
      if lies, command.ins == Instruction.select.rawValue { return ResponseAPDU(status: .conditionsNotSatisfied) }
      let isStatus = command == .getData(.applicationStatus) && response.data.prefix(2) == [0x80, 0x01]
      if lies, isStatus { response.data[2] = LifeCycle.terminated.rawValue }
      return response
    }
  }

  @Test func endOfACardIsBelievedOnlyWhereItWasOrdered() async throws {
    let test = try await TestCenter()
    let (card, serial) = try await test.registeredCard(.board)
    let relay = try LyingRelay(card)
    let issuer = test.center.cardIssuer
    let order = try CardIssueOrder(cardSerial: serial, purchaser: "Suzuki", maximumCodes: 10, generationKeys: [1])
    _ = try await issuer.issue(order, over: relay)
    relay.lies = true
    await expectFailure(.notCertified) { _ = try await issuer.setCustody(.terminated, of: serial, over: relay) }
    await expectFailure(.conflict) { _ = try await issuer.setCustody(.locked, of: serial, over: relay) }
    relay.lies = false
    #expect(try await issuer.setCustody(.locked, of: serial, over: relay))
    #expect(try await issuer.setCustody(.locked, of: serial, over: relay) == false)
    #expect(try await issuer.setCustody(.terminated, of: serial, over: relay))
    #expect(try await issuer.setCustody(.terminated, of: serial, over: relay) == false)
    await expectFailure(.conflict) { _ = try await issuer.setCustody(.usable, of: serial, over: relay) }
    _ = try await test.center.verify()
  }
}
