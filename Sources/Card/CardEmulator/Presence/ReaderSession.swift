import ISO7816
import Octets
import Sockets

/// One reader's time with a card, from its first frame until it goes.
///
/// The card begins without power: no reader inherits what another one opened. Without a planned fault no exchange
/// allocates.
struct ReaderSession {
  /// How it ended.
  enum Ending {
    /// The reader closed the line, or the owner took the card out.
    case closed
    /// A fault took the card out.
    case pulled(PresenceEvent.Cause)
    /// The card cannot go on.
    case broken(CardTransportError)
  }

  private let card: EmulatedCard
  private let line: FrameStream
  private let alarm: Alarm
  private let log: (PresenceEvent) -> Void
  private var isPowered = false
  /// Whether the reader has to show that it noticed the card.
  private var isSuspicious: Bool
  /// How often, and since when, it only asked whether the card is there.
  private var glances = (count: 0, first: ContinuousClock.now)
  /// Whether a reader was heard at all.
  private(set) var wasHeard = false
  /// Whether the last frame was one that has no answer.
  private var isAnswerless = false

  /// How long a reader may be silent before the card looks whether it waits for something. vpcd is heard every 400 ms.
  private static let silence = Duration.seconds(5)
  /// So many glances over so long a time are pcscd's for a card that it knows. It powers a card that it has just noticed
  /// after three, at once.
  private static let overlooking = (glances: 5, time: Duration.milliseconds(1_200))

  /// - Parameter isSuspicious: whether the card goes when the reader takes it for the one before it.
  init(
    _ card: EmulatedCard, _ socket: StreamSocket, _ address: PresenceAddress, _ alarm: Alarm, isSuspicious: Bool,
    log: @escaping (PresenceEvent) -> Void
  ) {
    self.isSuspicious = isSuspicious && !address.isListening
    self.card = card
    self.alarm = alarm
    self.log = log
    line = FrameStream(socket)
    if !address.isListening { socket.limitSilence(to: ReaderSession.silence) }
  }

  /// Serves the reader until it goes.
  mutating func run(_ faults: inout FaultSchedule) -> Ending {
    card.powerOff()
    defer { card.powerOff() }
    do throws(SocketError) {
      while try nextFrame() {
        if let ending = try answer(&faults) { return ending }
      }
    } catch {
      // A line that fails is a reader that has gone; why makes no difference to the card.
    }
    return .closed
  }

  /// Waits for a frame; `false` when the reader has gone.
  private mutating func nextFrame() throws(SocketError) -> Bool {
    while true {
      do throws(SocketError) {
        guard try line.receive() else { return false }
        if !wasHeard { log(.inserted) }
        wasHeard = true
        return true
      } catch {
        guard error.code == .timeout else { throw error }
        if !wasHeard { log(.slotTaken) }
        // A program sent a command of one octet, which became a control octet, and now waits for an answer. With it waits
        // the reader, for ever; a card that goes and comes again frees both.
        if isAnswerless { return false }
      }
    }
  }

  private mutating func answer(_ faults: inout FaultSchedule) throws(SocketError) -> Ending? {
    let (count, first) = line.withBody { ($0.byteCount, $0.byteCount > 0 ? $0[octet: 0] : 0) }
    isAnswerless = false
    guard count == 1 else { return try execute(&faults) }
    switch ReaderFrame.Control(rawValue: first) {
    case .powerOff:
      isAnswerless = true
      isPowered = false
      card.powerOff()
    case .reset where isSuspicious:
      // Nobody resets a card that was never on, but for one who takes it for another.
      return .pulled(.overlooked)
    case .powerOn, .reset:
      isAnswerless = true
      isSuspicious = false
      do throws(CardTransportError) { _ = try card.reset() } catch { return .broken(error) }
      isPowered = true
    case .answerToResetRequest:
      let answerToReset = card.answerToReset.octets
      try line.send(answerToReset.span.bytes)
      if isSuspicious, isOverlooked() { return .pulled(.overlooked) }
    case nil:
      // A command of one octet: the card says what it says to any that is too short.
      return try execute(&faults)
    }
    return nil
  }

  /// Whether the reader has been looking at this card for so long without switching it on that it must take it for the one
  /// that was here before: pcscd looks every 400 ms, and misses it when one card goes and another comes in between. It would
  /// then never tell anybody of this one.
  private mutating func isOverlooked() -> Bool {
    if glances.count == 0 { glances.first = .now }
    glances.count += 1
    return glances.count >= ReaderSession.overlooking.glances && .now - glances.first >= ReaderSession.overlooking.time
  }

  /// Passes the command at hand to the card, and its response to the reader.
  private mutating func execute(_ faults: inout FaultSchedule) throws(SocketError) -> Ending? {
    // Without power there is no answer. The reader gets a frame that is none, or it would wait for ever.
    guard isPowered else {
      let silence = InlineArray<1, UInt8>(repeating: 0)
      try line.send(silence.span.bytes)
      return nil
    }
    do throws(CardTransportError) {
      try line.withBody { (command) throws(CardTransportError) in try card.execute(command) }
    } catch {
      return error.code == .cardRemoved ? .pulled(.powerCut) : .broken(error)
    }
    guard faults.isEmpty else { return try deliver(faults.disturb(card.withResponse { $0.octets })) }
    try card.withResponse { (response) throws(SocketError) in try line.send(response) }
    return nil
  }

  private func deliver(_ outcome: FaultSchedule.Outcome) throws(SocketError) -> Ending? {
    if outcome.delay > .zero { alarm.sleep(outcome.delay) }
    switch outcome.ending {
    case .deliver:
      try line.send(outcome.response.span.bytes)
      return nil
    case .hang:
      log(.hanging)
      alarm.sleep(whileQuiet: line.socket)
      return nil
    case .pull: return .pulled(.pull)
    }
  }
}
