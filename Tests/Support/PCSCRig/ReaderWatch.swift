import CPCSC
import Glibc

extension PrivateDaemon {
  /// SCARD_E_TIMEOUT, whose macro Swift does not take.
  private static let timedOut: UInt32 = 0x8010_000A

  /// Returns when pcscd has taken notice that there is, or is no longer, a card in a reader. It looks every 0.4 s.
  ///
  /// Only after ``adopt()``: this process's own library does the waiting.
  ///
  /// - Parameter changes: how many insertions and removals pcscd must have counted by then, see ``changes(in:)``.
  public static func waitForCard(_ isPresent: Bool, in reader: String, after changes: UInt = 0) throws {
    let wanted = DWORD(isPresent ? SCARD_STATE_PRESENT : SCARD_STATE_EMPTY)
    try watch(reader) { state in state & wanted != 0 && state >> 16 & 0xFFFF >= changes }
  }

  /// How many insertions and removals pcscd has counted in a reader.
  public static func changes(in reader: String) throws -> UInt {
    var count: UInt = 0
    try watch(reader) { state in
      count = state >> 16 & 0xFFFF
      return true
    }
    return count
  }

  /// Looks at the state of a reader whenever it changes, until it is as wanted.
  private static func watch(_ reader: String, until isWanted: (DWORD) -> Bool) throws {
    var context = SCARDCONTEXT()
    guard SCardEstablishContext(DWORD(SCARD_SCOPE_SYSTEM), nil, nil, &context) == 0 else {
      throw PrivateDaemonError("pcscd is not there.")
    }
    defer { SCardReleaseContext(context) }
    try reader.withCString { name in
      var state = SCARD_READERSTATE()
      state.szReader = name
      // A second at a time: pcscd may tell of a change before it has noted that somebody waits for it.
      let deadline = ContinuousClock.now + .seconds(60)
      while true {
        let result = SCardGetStatusChange(context, 1_000, &state, 1)
        if UInt32(truncatingIfNeeded: result) == PrivateDaemon.timedOut, .now < deadline { continue }
        guard result == 0 else {
          throw PrivateDaemonError(
            "\(reader) did not change in 60 s: \(String(cString: pcsc_stringify_error(result))).")
        }
        if isWanted(state.dwEventState) { return }
        state.dwCurrentState = state.dwEventState
      }
    }
  }
}
