import Glibc
import ISO7816

/// A card in a reader of this machine, over the smart card service.
///
/// Blocking; one thread at a time. What it sent may have left security state in the card, so it ends with a reset of
/// the card. Nothing that could change the card is ever sent twice by itself.
///
/// A process that is killed cannot reset anything. In a transaction pcscd (1.9.9) does it; outside of one it leaves the
/// card to whoever comes next, until it takes its power a second after the last connection. So a PIN belongs into a
/// transaction, and ``CardConnection`` resets a card before it does anything else with it.
public final class ReaderTransport: APDUTransport {
  /// The reader's whole name.
  public let reader: String
  /// How long to wait for a card that somebody else has, and for each command; `nil` for as long as the reader does.
  ///
  /// A command that takes longer cannot be stopped: its connection is left behind, and the next ``reset()`` or
  /// transaction makes a new one.
  public var timeout: Duration?

  private let library: any SmartCardLibrary
  private let sharing: ShareMode
  private let cancellation: Cancellation
  /// The connection; `nil` when the last one was lost or left behind.
  private var link: ReaderLink?
  /// Whether the card may be in a state that our commands made, and that its owner counts on.
  private var holdsState = false
  private var isInTransaction = false
  /// Why there is no connection, for whoever goes on as if there were one.
  private var loss: CardTransportError?
  /// What the reader can do.
  private(set) var description = ReaderDescription()

  /// Connects; waits for a card that somebody else has for up to `timeout`.
  package init(
    _ library: any SmartCardLibrary, reader: String, sharing: ShareMode, timeout: Duration? = nil,
    cancellation: Cancellation = Cancellation()
  ) throws(CardTransportError) {
    self.library = library
    self.reader = reader
    self.sharing = sharing
    self.timeout = timeout
    self.cancellation = cancellation
    _ = try connected()
  }

  deinit { link?.close(holdsState ? .reset : .leave, within: timeout) }

  /// What the way to this card can carry: by what the reader says and the protocol that was negotiated.
  public var limits: CardTransportLimits {
    description.limits(reader: reader, activeProtocol: link?.activeProtocol ?? .t1)
  }

  // MARK: Commands

  /// Resets the card, or connects anew where the connection was lost; answers its answer to reset.
  ///
  /// In a turn of our own: the service asks whether a reset is allowed, and only then waits for the reader, so without one
  /// it could come into a transaction that somebody has begun meanwhile.
  public func reset() throws(CardTransportError) -> [UInt8] {
    try checkCancellation(.reconnect)
    let hasTurn = isInTransaction || sharing != .shared
    if !hasTurn { try takeTurn(withoutState: true) }
    do throws(CardTransportError) {
      try reconnect(try connected(), .reset)
      let answer = try answerToReset()
      if !hasTurn { try giveBack() }
      return answer
    } catch {
      if !hasTurn { try? giveBack() }
      throw error
    }
  }

  /// Sends one command APDU.
  ///
  /// - Throws: ``CardTransportError``: ``CardTransportError/Code/cardWasReset`` when another program reset the card
  ///   since our last command, again and again until ``reset()`` or a new transaction.
  public func transmit(_ command: [UInt8]) throws(CardTransportError) -> [UInt8] {
    try checkCancellation(.transmit)
    let link = try existing(.transmit)
    let hadState = holdsState
    var (function, code, answer) = try send(command, link)
    if code == .protocolMismatch && !hadState || code == .resetCard && !hadState && !isInTransaction {
      // Nothing was sent, and nothing of ours was in the card: this is the card that we wanted.
      try reconnect(link, .leave)
      (function, code, answer) = try send(command, try existing(.transmit))
    }
    if code == .protocolMismatch { throw forgotten(by: function) }
    guard code == .success else { throw lost(function, code) }
    // vpcd gives nothing, and no error, for a card that was pulled in mid-command.
    guard answer.count >= 2 else {
      throw CardTransportError(
        .unresponsive, operation: "transmit", cardMayHaveChanged: true,
        remedy: "The card did not answer; reset it, and ask it what it knows before repeating the command.")
    }
    return answer
  }

  private func send(
    _ command: [UInt8], _ link: ReaderLink
  ) throws(CardTransportError) -> (SmartCardFunction, ReturnCode, [UInt8]) {
    let claimed = try claim(link)
    guard claimed == .success else { return (.beginTransaction, claimed, []) }
    holdsState = true
    let (code, answer) = try call(.transmit, link) { link in
      link.library.transmit(link.card, activeProtocol: link.activeProtocol, command, limit: Self.answerLimit)
    }
    // The answer stands, whatever becomes of the connection now.
    if claimsEachCall { try? giveBack() }
    return (.transmit, code, answer)
  }

  /// Room for the longest response, whatever was asked for: `MAX_BUFFER_SIZE_EXTENDED` of pcsc-lite, less a command.
  private static let answerLimit = 65_538

  /// Asks something of the reader that may reach the card, such as to send it a PIN. Waits as long as the reader does for
  /// its user.
  func control(_ code: UInt32, _ input: [UInt8]) throws(CardTransportError) -> [UInt8] {
    try checkCancellation(.control)
    let link = try existing(.control)
    holdsState = true
    let (result, answer) = link.library.control(link.card, code: code, input, limit: 264)
    guard result == .success else { throw lost(.control, result) }
    return answer
  }

  // MARK: Transactions

  /// Keeps every other program away from the card while `body` runs.
  ///
  /// - Parameters:
  ///   - disposition: what becomes of the card afterwards; a reset takes away all security state. Without any command
  ///     the card is left alone.
  ///   - body: gets the card for this time; what it keeps of it is dead afterwards.
  /// - Throws: ``CardTransportError``, before `body` begins: ``CardTransportError/Code/busy``, or
  ///   ``CardTransportError/Code/cardWasReset`` when state from before is gone. What `body` throws.
  public func withTransaction<Value>(
    endingWith disposition: Disposition = .reset, _ body: (inout CardTransaction) throws -> Value
  ) throws -> Value {
    guard !isInTransaction else {
      throw CardTransportError(
        .busy, operation: SmartCardFunction.beginTransaction.purpose, cardMayHaveChanged: false,
        remedy: "This connection is in a transaction already; use that, or end it.")
    }
    try beginTransaction()
    var transaction = CardTransaction(self)
    let value: Value
    do {
      value = try body(&transaction)
    } catch {
      transaction.end()
      // What `body` says is the cause; the end only tidies up.
      try? endTransaction(disposition)
      throw error
    }
    transaction.end()
    // The work is done, and its value stands: an end that fails gives the connection up, which frees and resets the card.
    try? endTransaction(disposition)
    return value
  }

  /// Begins a transaction that lasts until ``endTransaction(_:)``, or until this object goes.
  public func beginTransaction() throws(CardTransportError) {
    guard !isInTransaction else { return }
    try checkCancellation(.beginTransaction)
    try takeTurn(withoutState: false)
    isInTransaction = true
  }

  /// Waits until nobody else has the card.
  ///
  /// - Parameter withoutState: whether it makes no difference that what we left in the card is gone.
  private func takeTurn(withoutState: Bool) throws(CardTransportError) {
    // Others may reset the card again between our reconnecting and our turn.
    for _ in 0..<ReaderTransport.beginLimit {
      let link = try connected()
      let code = try call(.beginTransaction, link) { $0.library.beginTransaction($0.card) }
      switch code {
      case .success: return
      case .resetCard, .removedCard:
        let hadState = holdsState
        try reconnect(link, .leave)
        if hadState, !withoutState { throw CardTransportError(.beginTransaction, code) }
      default: throw lost(.beginTransaction, code)
      }
    }
    throw CardTransportError(.beginTransaction, .sharingViolation)
  }

  private static let beginLimit = 100

  /// Ends the transaction.
  public func endTransaction(_ disposition: Disposition = .reset) throws(CardTransportError) {
    guard isInTransaction else { return }
    isInTransaction = false
    guard let link else { return }
    let needed = holdsState ? disposition : .leave
    let code = try call(.endTransaction, link) { $0.library.endTransaction($0.card, needed) }
    if code == .success {
      if needed != .leave { holdsState = false }
      return
    }
    // The service may believe that we still hold the card: closing the connection frees it in any case.
    giveUp(CardTransportError(.endTransaction, code))
    if code != .resetCard, code != .removedCard { throw CardTransportError(.endTransaction, code) }
  }

  /// Whether each call that reaches the card needs a transaction of its own. A call with a timeout does: if it waited in the
  /// service for somebody else's transaction, nobody could take it back, and it would reach the card long after we gave up.
  private var claimsEachCall: Bool { timeout != nil && !isInTransaction && sharing == .shared }

  /// Takes the card for one call, where that is needed; a card that is not as it was is told by its code.
  private func claim(_ link: ReaderLink) throws(CardTransportError) -> ReturnCode {
    guard claimsEachCall else { return .success }
    let code = try call(.beginTransaction, link) { $0.library.beginTransaction($0.card) }
    switch code {
    case .success, .resetCard, .removedCard: return code
    default: throw lost(.beginTransaction, code)
    }
  }

  /// Gives the card back after one call, as it is.
  private func giveBack() throws(CardTransportError) {
    guard let link else { return }
    let code = try call(.endTransaction, link) { $0.library.endTransaction($0.card, .leave) }
    // The service may believe that we still hold the card: closing the connection frees it in any case.
    if code != .success { giveUp(CardTransportError(.endTransaction, code)) }
  }

  // MARK: The connection

  /// The connection, made anew if there is none.
  private func connected() throws(CardTransportError) -> ReaderLink {
    if let link { return link }
    let clock = ContinuousClock()
    let deadline = timeout.map { clock.now + $0 }
    var pause: UInt32 = 5_000
    while true {
      do {
        let link = try connect(within: deadline.map { clock.now.duration(to: $0) })
        self.link = link
        return link
      } catch {
        guard error.code == .busy, let deadline, clock.now < deadline else { throw error }
      }
      // The service tells no event when a program closes its connection, so there is nothing to wait for but time.
      try checkCancellation(.connect)
      usleep(pause)
      pause = min(pause * 2, 100_000)
    }
  }

  /// Connects, and asks what the reader can do. Both wait in the service for somebody else's transaction.
  private func connect(within limit: Duration?) throws(CardTransportError) -> ReaderLink {
    let (library, reader, sharing) = (library, reader, sharing)
    let caller = PatientCaller(label: reader)
    let outcome = caller.call(within: limit) { () -> Result<(ReaderLink, ReaderDescription), CardTransportError> in
      do throws(CardTransportError) {
        let link = try ReaderLink(library, reader: reader, sharing: sharing, caller: caller)
        return .success((link, ReaderDescription(link)))
      } catch {
        return .failure(error)
      }
    } late: { outcome in
      if case .success((let link, _)) = outcome { link.close(.leave) }
    }
    guard let outcome else { throw CardTransportError(.connect, .sharingViolation) }
    let link: ReaderLink
    (link, description) = try outcome.get()
    return link
  }

  /// The connection, for what makes sense only in the one that there was.
  private func existing(_ function: SmartCardFunction) throws(CardTransportError) -> ReaderLink {
    if let link { return link }
    var error = loss ?? CardTransportError(function, .resetCard)
    // The first error said what may have happened; this time nothing was sent.
    error.operation = function.purpose
    error.cardMayHaveChanged = false
    throw error
  }

  /// Takes note of a reset by somebody else, or resets the card: from now on nothing of ours is in it.
  private func reconnect(_ link: ReaderLink, _ initialization: Disposition) throws(CardTransportError) {
    let sharing = sharing
    let (code, activeProtocol) = try call(.reconnect, link) { link in
      link.reconnect(sharing: sharing, initialization)
    }
    guard code == .success else {
      let error = CardTransportError(.reconnect, code)
      giveUp(error)
      throw error
    }
    holdsState = false
    self.link?.activeProtocol = activeProtocol
  }

  private func answerToReset() throws(CardTransportError) -> [UInt8] {
    for _ in 0..<ReaderTransport.beginLimit {
      let link = try connected()
      let (code, answer) = try call(.status, link) { $0.library.status($0.card) }
      if code == .success { return answer }
      // Somebody else was quicker; that reset is as good as ours.
      guard code == .resetCard else { throw lost(.status, code) }
      try reconnect(link, .leave)
    }
    throw CardTransportError(.status, .resetCard)
  }

  /// Makes one call within the timeout; a call that is late loses its connection.
  func call<Outcome: Sendable>(
    _ function: SmartCardFunction, _ link: ReaderLink, _ body: @escaping @Sendable (ReaderLink) -> Outcome
  ) throws(CardTransportError) -> Outcome {
    let disposition: Disposition = holdsState ? .reset : .leave
    let outcome = link.caller.call(within: timeout) {
      body(link)
    } late: { _ in
      link.close(disposition)
    }
    if let outcome { return outcome }
    // Only somebody else's transaction keeps ours from beginning.
    let error = CardTransportError(function, function == .beginTransaction ? .sharingViolation : .timeout)
    self.link = nil
    loss = error
    isInTransaction = false
    holdsState = false
    throw error
  }

  /// What a code means; when it says that the service is gone, so is the connection.
  private func lost(_ function: SmartCardFunction, _ code: ReturnCode) -> CardTransportError {
    var error = CardTransportError(function, code)
    if code.isServiceLoss {
      giveUp(error)
    } else if code == .notTransacted, let link,
      [.removedCard, .noSmartCard, .readerUnavailable].contains(library.status(link.card).0)
    {
      error = CardTransportError(function, .removedCard)
    }
    return error
  }

  /// The card has no protocol, or another one: somebody reset it, and the service told us too early, when we could still
  /// reconnect to the card from before. As the service would never tell again, the connection remembers it by its end.
  private func forgotten(by function: SmartCardFunction) -> CardTransportError {
    let error = CardTransportError(function, .resetCard)
    giveUp(error)
    return error
  }

  private func giveUp(_ error: CardTransportError) {
    link?.close(.reset, within: timeout)
    link = nil
    loss = error
    isInTransaction = false
    holdsState = false
  }

  private func checkCancellation(_ function: SmartCardFunction) throws(CardTransportError) {
    guard !cancellation.isCancelled else {
      throw CardTransportError(
        .cancelled, operation: function.purpose, cardMayHaveChanged: false, remedy: "It was stopped before it was sent."
      )
    }
  }
}
