import CardProtocol
import Cryptography
import ISO7816
import Testing

/// How a card goes from one state of its life to another; what works in each is the table of `docs/card-protocol.md`.
@Suite struct LifeCycleTests {
  /// Which state SET STATUS leads to from which; everything else is refused and changes nothing.
  @Test func stateTransitions() throws {
    let allowed: [LifeCycle: Set<LifeCycle>] = [
      .operatingReady: [.initialized, .terminated], .initialized: [.terminated],
      .secured: [.cardLocked, .terminated], .cardLocked: [.secured, .terminated],
    ]
    for (state, targets) in allowed {
      for target in LifeCycle.allCases {
        let bench = try Bench.inState(state)
        let isBlank = state == .operatingReady || state == .initialized
        let session = try bench.open(version: isBlank ? KeyVersion.transportSet : KeyVersion.individualSet)
        let status = try session.status(.setStatus(target, serial: try bench.serial))
        #expect(status == (targets.contains(target) ? .ok : .conditionsNotSatisfied), "\(state) to \(target)")
        try bench.remount()
        let now = try bench.applicationStatus(0x80)
        #expect(now == UInt64(targets.contains(target) ? target.rawValue : state.rawValue), "\(state) to \(target)")
      }
    }
  }

  /// A further key set is for work on the card, not for undoing what the issuer locked.
  @Test func lockedCardOpensForTheIssuerAlone() throws {
    let bench = try Bench.issued()
    let keys = bench.random.octets(96)
    let session = try bench.open()
    #expect(try session.status(try session.putKey(0x02, keys, count: 3)) == .ok)
    #expect(try bench.open(version: 0x02, keys: keys).status(.getStatus(.issuerDomain)) == .ok)
    try bench.move(to: .cardLocked)
    let refused = CommandAPDU(cla: 0x80, ins: 0x50, p1: 0x02, data: Bench.puk, le: 256)
    #expect(try bench.status(refused) == .conditionsNotSatisfied)
    try bench.move(to: .secured)
    #expect(try bench.status(refused) == .ok)
  }
}
