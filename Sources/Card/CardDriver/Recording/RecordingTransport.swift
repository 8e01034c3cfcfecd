import ISO7816

/// A way to a card that keeps everything that goes over it.
///
/// What it keeps may hold PINs: see ``CardRecording``.
public final class RecordingTransport: APDUTransport {
  private let transport: any APDUTransport
  /// Everything so far.
  public private(set) var recording: CardRecording

  /// Records what goes over `transport`.
  ///
  /// - Parameter seed: the seed of the emulated card behind it, if it has one.
  public init(_ transport: any APDUTransport, seed: UInt64? = nil) {
    self.transport = transport
    recording = CardRecording(seed: seed)
  }

  /// The limits of the way itself.
  public var limits: CardTransportLimits { transport.limits }

  /// Resets the card; the answer is kept.
  public func reset() throws(CardTransportError) -> [UInt8] {
    let answer = try transport.reset()
    recording.events.append(.reset(answer))
    return answer
  }

  /// Passes one command on; it and its response are kept.
  public func transmit(_ command: [UInt8]) throws(CardTransportError) -> [UInt8] {
    do {
      let response = try transport.transmit(command)
      recording.events.append(.exchange(command: command, response: response))
      return response
    } catch {
      // What was stopped before it was sent is no part of the session.
      if error.code != .cancelled || error.cardMayHaveChanged { recording.events.append(.broken(command: command)) }
      throw error
    }
  }
}

extension RecordingTransport: PINPad {
  /// Those of the reader underneath.
  public var pinPadAbilities: PINPadAbilities { (transport as? any PINPad)?.pinPadAbilities ?? [] }

  /// Has a PIN entered. Nothing of it is kept, as this computer never had what the reader sent: a session that needed
  /// the PIN cannot be repeated.
  public func enter(_ entry: PINEntry) throws(CardTransportError) -> [UInt8] {
    guard let pad = transport as? any PINPad else {
      throw CardTransportError(
        .protocolViolation, operation: "have the PIN entered on the reader", cardMayHaveChanged: false,
        remedy: "The reader has no keypad.")
    }
    return try pad.enter(entry)
  }
}
