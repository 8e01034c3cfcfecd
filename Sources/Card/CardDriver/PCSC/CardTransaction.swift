import ISO7816

/// A card while nobody else can reach it: lent by ``ReaderTransport/withTransaction(endingWith:_:)``.
public struct CardTransaction: ~Copyable {
  private let lent: LentTransport

  init(_ transport: ReaderTransport) { lent = LentTransport(transport) }

  /// Sends one command APDU.
  public mutating func transmit(_ command: [UInt8]) throws(CardTransportError) -> [UInt8] {
    try lent.transmit(command)
  }

  /// Resets the card within the transaction; answers its answer to reset.
  public mutating func reset() throws(CardTransportError) -> [UInt8] { try lent.reset() }

  /// The card for whoever wants a transport, such as ``CardConnection``. Dead once the transaction ends.
  public var transport: any APDUTransport { lent }

  func end() { lent.transport = nil }
}

/// A transport that ends with its transaction, whoever kept it.
private final class LentTransport: APDUTransport {
  var transport: ReaderTransport?
  let limits: CardTransportLimits

  init(_ transport: ReaderTransport) {
    self.transport = transport
    limits = transport.limits
  }

  func reset() throws(CardTransportError) -> [UInt8] { try current("reset the card").reset() }

  func transmit(_ command: [UInt8]) throws(CardTransportError) -> [UInt8] {
    try current("send a command to the card").transmit(command)
  }

  private func current(_ operation: String) throws(CardTransportError) -> ReaderTransport {
    guard let transport else {
      throw CardTransportError(
        .cardWasReset, operation: operation, cardMayHaveChanged: false,
        remedy: "The transaction with the card is over; begin another.")
    }
    return transport
  }
}

extension LentTransport: PINPad {
  var pinPadAbilities: PINPadAbilities { transport?.pinPadAbilities ?? [] }

  func enter(_ entry: PINEntry) throws(CardTransportError) -> [UInt8] {
    try current("have the PIN entered on the reader").enter(entry)
  }
}
