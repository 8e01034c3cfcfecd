/// A context of the smart card service (`SCARDCONTEXT`).
package typealias ContextHandle = Int
/// A connection to a card (`SCARDHANDLE`).
package typealias CardHandle = Int

/// The functions of PC/SC that this driver calls, one method each: plain values in, the return code and values out.
///
/// The seam where ``PCSCLite`` stands for the C library and a test for a reader, a card and a service that misbehave.
/// Nothing above it knows a pointer. Every method may block.
package protocol SmartCardLibrary: Sendable {
  /// `SCardEstablishContext`, in system scope.
  func establishContext() -> (ReturnCode, ContextHandle)
  /// `SCardReleaseContext`.
  func releaseContext(_ context: ContextHandle) -> ReturnCode
  /// `SCardListReaders`, of all groups.
  func listReaders(_ context: ContextHandle) -> (ReturnCode, [String])
  /// `SCardGetStatusChange`; `timeout` in milliseconds, `nil` for ever.
  func getStatusChange(_ context: ContextHandle, timeout: UInt32?, _ states: inout [ReaderState]) -> ReturnCode
  /// `SCardCancel`: ends a wait of ``getStatusChange(_:timeout:_:)`` in this context.
  func cancel(_ context: ContextHandle) -> ReturnCode
  /// `SCardConnect`.
  func connect(
    _ context: ContextHandle, reader: String, sharing: ShareMode, protocols: ProtocolSet
  ) -> (ReturnCode, CardHandle, ProtocolSet)
  /// `SCardReconnect`.
  func reconnect(
    _ card: CardHandle, sharing: ShareMode, protocols: ProtocolSet, initialization: Disposition
  ) -> (ReturnCode, ProtocolSet)
  /// `SCardDisconnect`.
  func disconnect(_ card: CardHandle, _ disposition: Disposition) -> ReturnCode
  /// `SCardBeginTransaction`: waits for as long as somebody else's lasts.
  func beginTransaction(_ card: CardHandle) -> ReturnCode
  /// `SCardEndTransaction`.
  func endTransaction(_ card: CardHandle, _ disposition: Disposition) -> ReturnCode
  /// `SCardStatus`: its answer to reset.
  func status(_ card: CardHandle) -> (ReturnCode, answerToReset: [UInt8])
  /// `SCardTransmit` with the protocol control information of `activeProtocol`; `limit` octets of answer at most.
  func transmit(
    _ card: CardHandle, activeProtocol: ProtocolSet, _ command: [UInt8], limit: Int
  ) -> (ReturnCode, [UInt8])
  /// `SCardControl`; `limit` octets of answer at most.
  func control(_ card: CardHandle, code: UInt32, _ input: [UInt8], limit: Int) -> (ReturnCode, [UInt8])
  /// `SCardGetAttrib`.
  func attribute(_ card: CardHandle, _ identifier: UInt32) -> (ReturnCode, [UInt8])
}

/// How a connection to a reader is shared: `SCARD_SHARE_…`.
package enum ShareMode: UInt32, Sendable {
  case exclusive = 1
  case shared = 2
  case direct = 3
}

/// What becomes of the card: at the end of a transaction or connection, or when reconnecting (`SCARD_…_CARD`).
public enum Disposition: UInt32, Sendable, Hashable {
  /// It stays as it is: whoever comes next finds it with its security state.
  case leave = 0
  /// Warm reset: its security state is gone.
  case reset = 1
  /// Power off: the next to connect powers it up.
  case unpower = 2
}

/// Transmission protocols: `SCARD_PROTOCOL_…`.
package struct ProtocolSet: OptionSet, Hashable, Sendable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static let t0 = ProtocolSet(rawValue: 1)
  package static let t1 = ProtocolSet(rawValue: 2)
  package static let any: ProtocolSet = [.t0, .t1]
}

/// What a context knows, and learns, of one reader: `SCARD_READERSTATE`.
package struct ReaderState: Sendable, Hashable {
  /// The reader's name, or ``notificationName``.
  package var name: String
  /// What the caller believes (`dwCurrentState`), the event counter in the upper word.
  package var current: ReaderFlags
  /// What is so (`dwEventState`).
  package var event: ReaderFlags
  /// The answer to reset of the card; empty without one.
  package var answerToReset: [UInt8]

  package init(
    name: String, current: ReaderFlags = .unaware, event: ReaderFlags = .unaware, answerToReset: [UInt8] = []
  ) {
    self.name = name
    self.current = current
    self.event = event
    self.answerToReset = answerToReset
  }

  /// The reader whose state changes when a reader comes or goes.
  package static let notificationName = #"\\?PnP?\Notification"#
}

/// Bits of a reader's state (`SCARD_STATE_…`), and a counter of its events above them.
package struct ReaderFlags: OptionSet, Hashable, Sendable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Nothing is known: asks for the state as it is.
  package static let unaware: ReaderFlags = []
  package static let ignore = ReaderFlags(rawValue: 0x0001)
  package static let changed = ReaderFlags(rawValue: 0x0002)
  package static let unknown = ReaderFlags(rawValue: 0x0004)
  package static let unavailable = ReaderFlags(rawValue: 0x0008)
  package static let empty = ReaderFlags(rawValue: 0x0010)
  package static let present = ReaderFlags(rawValue: 0x0020)
  package static let exclusive = ReaderFlags(rawValue: 0x0080)
  package static let inUse = ReaderFlags(rawValue: 0x0100)
  package static let mute = ReaderFlags(rawValue: 0x0200)

  /// Insertions and removals so far, modulo 65,536.
  package var eventCounter: UInt16 { UInt16(truncatingIfNeeded: rawValue >> 16) }

  /// The same bits with another counter.
  package func counting(_ events: UInt16) -> ReaderFlags {
    ReaderFlags(rawValue: rawValue & 0xFFFF | UInt32(events) << 16)
  }
}
