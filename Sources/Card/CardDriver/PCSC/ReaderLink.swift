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
    let (connected, card, activeProtocol) = library.connect(
      context, reader: reader, sharing: sharing, protocols: sharing == .direct ? [] : .any)
    guard connected == .success else {
      _ = library.releaseContext(context)
      throw CardTransportError(.connect, connected)
    }
    self.caller = caller
    self.library = library
    self.context = context
    self.card = card
    self.activeProtocol = activeProtocol
  }

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
