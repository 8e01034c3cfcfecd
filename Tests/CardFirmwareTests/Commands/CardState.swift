import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import SecureChannel
import Testing

/// A state of a card that its answers depend on, by the name that `docs/status-words.md` gives it.
enum CardState: String, CaseIterable, Sendable {
  case blank, initialized = "init", secured = "bare", issued = "ready", pinVerified = "PIN", chaining = "chain"
  case applicationLocked = "off", locked, terminated = "ended"
  case blankSession = "blank 33", securedSession = "bare 33", maced = "01", full = "33", delegate = "set 2"
  case lockedSession = "locked 33"

  private static let delegateKeys = SeededRandom(seed: 190).octets(48)

  /// A card in this state and the session that is open on it.
  func card() throws -> (bench: Bench, session: BenchSession?) {
    let bench = try Bench(flash: BenchFlash(geometry: Bench.geometry, content: try content()), seed: 3)
    switch self {
    case .blank, .initialized, .secured, .issued, .applicationLocked, .locked, .terminated: return (bench, nil)
    case .pinVerified:
      try bench.verifyPIN()
      return (bench, nil)
    case .chaining:
      let first = CommandAPDU(cla: 0x90, ins: 0xFE, data: [0])
      try #require(try bench.status(first) == .ok)
      return (bench, nil)
    case .blankSession: return (bench, try bench.open(version: KeyVersion.transportSet))
    case .maced: return (bench, try bench.open(level: .commandMAC))
    case .securedSession, .full, .lockedSession: return (bench, try bench.open())
    case .delegate: return (bench, try bench.open(version: 0x02, keys: CardState.delegateKeys))
    }
  }

  /// The flash of such a card before it gets power.
  private func content() throws -> [UInt8] {
    switch self {
    case .blank, .blankSession: try CardState.blankContent.get()
    case .initialized: try CardState.initializedContent.get()
    case .secured, .securedSession: try CardState.securedContent.get()
    case .issued, .pinVerified, .chaining, .maced, .full: try CardState.issuedContent.get()
    case .applicationLocked: try CardState.applicationLockedContent.get()
    case .locked, .lockedSession: try CardState.lockedContent.get()
    case .terminated: try CardState.terminatedContent.get()
    case .delegate: try CardState.delegateContent.get()
    }
  }

  private static let blankContent = Result { try Bench.blank().flash.content }
  private static let initializedContent = Result { try Bench.inState(.initialized).flash.content }
  private static let securedContent = Result { try Bench.secured().flash.content }
  private static let issuedContent = Result { try Bench.issued().flash.content }
  private static let lockedContent = Result { try Bench.inState(.cardLocked).flash.content }
  private static let terminatedContent = Result { try Bench.inState(.terminated).flash.content }

  private static let applicationLockedContent = Result {
    let bench = try Bench.issued()
    try #require(try bench.open().status(.setApplicationLock(true)) == .ok)
    return bench.flash.content
  }

  private static let delegateContent = Result {
    let bench = try Bench.issued()
    let session = try bench.open()
    try #require(try session.status(try session.putKey(0x02, delegateKeys, count: 3)) == .ok)
    return bench.flash.content
  }
}
