import ISO7816
import Octets
import Sockets

/// The way to an emulated card that listens at a Unix socket or a TCP port: this end plays the reader.
///
/// One thread at a time. The card serves one caller at a time, others wait in ``reset()``.
public final class SocketTransport: APDUTransport {
  private let address: SocketAddress
  private let reach: SocketReach
  private let timeout: Duration?
  /// The connection; `nil` once it can no longer be told which response belongs to which command.
  private var line: FrameStream?
  private let cancellation: Cancellation

  /// Connects.
  ///
  /// - Parameters:
  ///   - address: where the card listens.
  ///   - timeout: how long the card may take for an answer; `nil` for as long as it wants.
  ///   - reach: nothing on the line is encrypted, so cards on other hosts are refused by default.
  ///   - cancellation: what stops the work from another thread. An exchange that is under way comes to its end, since
  ///     nobody could tell what the card did.
  /// - Throws: ``CardTransportError/Code/unavailable`` when nobody listens there, or that may not be called.
  public init(
    connectingTo address: SocketAddress, timeout: Duration? = .seconds(30), reach: SocketReach = .loopback,
    cancellation: Cancellation = Cancellation()
  ) throws(CardTransportError) {
    self.address = address
    self.timeout = timeout
    self.reach = reach
    self.cancellation = cancellation
    line = try connect()
  }

  /// What a frame carries.
  public var limits: CardTransportLimits { .wide }

  /// Switches the card off and on; answers its ATR. A line that broke is connected anew, to a card inserted again too.
  public func reset() throws(CardTransportError) -> [UInt8] {
    try checkCancelled("reset")
    let line: FrameStream
    if let open = self.line { line = open } else { line = try connect() }
    self.line = line
    let answer = try exchange("reset", cardMayHaveChanged: false) { () throws(SocketError) in
      for control in [ReaderFrame.Control.powerOff, .powerOn, .answerToResetRequest] {
        let octet = InlineArray<1, UInt8>(repeating: control.rawValue)
        try line.send(octet.span.bytes)
      }
    }
    guard !answer.isEmpty else {
      throw CardTransportError(
        .noCard, operation: "reset", cardMayHaveChanged: false, remedy: "There is no card; insert one.")
    }
    return answer
  }

  /// Sends one command APDU and answers the response.
  ///
  /// - Throws: ``CardTransportError``: `protocolViolation` for a command that no frame carries (1 octet, or more than
  ///   65,535), before anything is sent; `unresponsive` for a response shorter than a status word, which is what a card
  ///   without power gives; `cardRemoved` when the card went; `timeout`; `cancelled`; `unavailable` when the line was lost before. After a failure in mid-exchange
  ///   the line wants a ``reset()``.
  public func transmit(_ command: [UInt8]) throws(CardTransportError) -> [UInt8] {
    try checkCancelled("transmit")
    guard command.count != 1, command.count <= limits.commandOctets else {
      throw CardTransportError(
        .protocolViolation, operation: "transmit", cardMayHaveChanged: false,
        remedy: "A command has 4 to 65,535 octets; shorten it, or send it in parts.")
    }
    guard let line else {
      throw CardTransportError(
        .unavailable, operation: "transmit", cardMayHaveChanged: false, remedy: "The line was lost; reset the card.")
    }
    let response = try exchange("transmit", cardMayHaveChanged: true) { () throws(SocketError) in
      try line.send(command.span.bytes)
    }
    guard response.count >= 2 else {
      throw CardTransportError(
        .unresponsive, operation: "transmit", cardMayHaveChanged: true,
        remedy:
          "The card did not answer, for want of power perhaps; reset it, and ask it what it knows before repeating.")
    }
    return response
  }

  private func connect() throws(CardTransportError) -> FrameStream {
    do throws(SocketError) {
      return FrameStream(try StreamSocket.connect(to: address, reach: reach, timeout: timeout))
    } catch {
      throw CardTransportError(
        .unavailable, operation: "connect to the card", cardMayHaveChanged: false, remedy: error.description)
    }
  }

  /// Sends something and receives the answer. Whatever fails leaves the line unusable: an answer that comes late must not be
  /// taken for the next one.
  private func exchange(
    _ operation: String, cardMayHaveChanged: Bool, _ send: () throws(SocketError) -> Void
  ) throws(CardTransportError) -> [UInt8] {
    do throws(SocketError) {
      try send()
      guard let line, try line.receive(until: timeout.map { ContinuousClock.now + $0 }) else {
        throw SocketError(.ended, address)
      }
      return line.withBody { $0.octets }
    } catch {
      line = nil
      throw CardTransportError(
        error.code == .timeout ? .timeout : .cardRemoved, operation: operation, cardMayHaveChanged: cardMayHaveChanged,
        remedy: error.description
          + (cardMayHaveChanged ? " Reset the card, and ask it what it knows before repeating the command." : ""))
    }
  }

  private func checkCancelled(_ operation: String) throws(CardTransportError) {
    guard !cancellation.isCancelled else {
      throw CardTransportError(
        .cancelled, operation: operation, cardMayHaveChanged: false, remedy: "You stopped it; nothing was sent.")
    }
  }
}
