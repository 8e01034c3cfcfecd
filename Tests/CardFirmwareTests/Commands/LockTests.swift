import CardProtocol
import ISO7816
import Testing

/// Whoever locks a card may not be the one who unlocks it.
@Suite struct LockTests {
  @Test func verifiedPINIsGoneAfterLockingAndUnlocking() throws {
    let bench = try Bench.issued()
    try bench.verifyPIN()
    #expect(try bench.status(.handOverCode(index: 0)) == .ok)
    for state in [LifeCycle.cardLocked, .secured] {
      let session = try bench.open()
      try #require(try session.status(.setStatus(state, serial: try bench.serial)) == .ok)
    }
    #expect(try bench.status(.select(applicationID: CardProtocol.applicationID)) == .ok)
    #expect(try bench.status(.handOverCode(index: 0)) == .securityStatusNotSatisfied)
  }
}
