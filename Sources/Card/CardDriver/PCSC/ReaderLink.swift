import Glibc
import ISO7816

/// One connection to the card in one reader, in a context of its own.
///
/// The service serves one request of a context at a time, so cards in one context would wait for each other.
struct ReaderLink: Sendable {
  let library: any SmartCardLibrary
  let context: ContextHandle
  let card: CardHandle
  var activeProtocol: ProtocolSet
  /// Makes this connection's calls; a call that is left behind holds up no other connection.
  let caller: PatientCaller

  /// Connects.
  init(
    _ library: any SmartCardLibrary, reader: String, sharing: ShareMode, caller: PatientCaller
  ) throws(CardTransportError) {
    let (established, context) = library.establishContext()
    guard established == .success else { throw CardTransportError(.establishContext, established) }
    func attempt() -> (ReturnCode, CardHandle, ProtocolSet) {
      library.connect(context, reader: reader, sharing: sharing, protocols: sharing == .direct ? [] : .any)
    }
    var (connected, card, activeProtocol) = attempt()
    for _ in 0..<ReaderLink.patience where connected == .protocolMismatch {
      usleep(ReaderLink.pause)
      (connected, card, activeProtocol) = attempt()
    }
    guard connected == .success else {
      _ = library.releaseContext(context)
      throw CardTransportError(.connect, connected)
    }
    self.caller = caller
    self.library = library
    self.context = context
    self.card = card
    self.activeProtocol = activeProtocol
    guard sharing != .direct, !activeProtocol.isSettled else { return }
    let (settled, agreed) = reconnect(sharing: sharing, .leave)
    guard settled == .success else {
      close(.leave)
      throw CardTransportError(.connect, settled)
    }
    self.activeProtocol = agreed
  }

  /// `SCardReconnect`: the code, and the protocol that commands go by from now on.
  ///
  /// While somebody else's reset is under way the card has no protocol. pcscd then agrees to none, or says that what is
  /// wanted does not match, and a moment later all is well.
  func reconnect(sharing: ShareMode, _ initialization: Disposition) -> (ReturnCode, ProtocolSet) {
    func attempt(_ initialization: Disposition) -> (ReturnCode, ProtocolSet) {
      let (code, agreed) = library.reconnect(card, sharing: sharing, protocols: .any, initialization: initialization)
      return code == .success && sharing != .direct && !agreed.isSettled ? (.protocolMismatch, []) : (code, agreed)
    }
    var outcome = attempt(initialization)
    for _ in 0..<ReaderLink.patience where outcome.0 == .protocolMismatch {
      usleep(ReaderLink.pause)
      outcome = attempt(.leave)
    }
    return outcome
  }

  /// How often to ask again for a protocol, and after how many microseconds each time: half a second altogether.
  private static let patience = 50
  private static let pause: UInt32 = 10_000

  /// Gives it all back. Nobody can do anything about what fails here.
  func close(_ disposition: Disposition) {
    _ = library.disconnect(card, disposition)
    _ = library.releaseContext(context)
  }

  /// The same, waiting no longer than `limit` for somebody else's transaction; then it happens when that is over.
  func close(_ disposition: Disposition, within limit: Duration?) {
    _ = caller.call(within: limit) {
      close(disposition)
    } late: { _ in
    }
  }
}

extension ProtocolSet {
  /// Whether it is the one that commands go by.
  fileprivate var isSettled: Bool { self == .t0 || self == .t1 }
}
