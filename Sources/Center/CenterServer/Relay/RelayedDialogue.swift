import ISO7816
import LicenseCenter

/// One conversation of the centre with a card, a step for each request of the host that relays it.
///
/// The centre leads: each of its commands is a step, numbered from 0, and the conversation stands until the card's
/// response to that very step comes in. The host may repeat the step that it sent last, for its answer may have been
/// lost; it hears the same again. Everything else is refused, and the conversation stands where it stood. What comes in
/// is believed by nobody here: the service that leads checks it, inside the card's secure channel.
actor RelayedDialogue: CardRelay {
  /// What comes next.
  enum Turn: Sendable {
    /// The card must answer this command.
    case command(step: Int, octets: [UInt8])
    /// The service is done.
    case done(Result<JSON, CenterError>)
    /// The conversation ended before its service was done: nobody went on with it in time, or another took its place.
    case dropped
  }

  /// The step is not the one that the conversation stands at, or is and was sent before with other octets.
  struct OutOfStep: Error {}

  /// Why the service hears no more of its card.
  private struct LineBroke: Error {}

  private let limits: RelayLimits
  /// What comes next; `nil` while the service is at work.
  private var turn: Turn?
  private var listeners: [CheckedContinuation<Turn, Never>] = []
  /// Where the service waits for the card.
  private var response: CheckedContinuation<ResponseAPDU, any Error>?
  /// The step that was taken last, and what came with it.
  private var taken: (step: Int, octets: [UInt8])?
  private var nextStep = 0
  private var isDropped = false
  /// When the host must have gone on.
  private var deadline: ContinuousClock.Instant
  private let end: ContinuousClock.Instant
  private var service: Task<Void, Never>?
  private var watch: Task<Void, Never>?

  init(_ limits: RelayLimits) {
    self.limits = limits
    let now = ContinuousClock.now
    end = now + limits.dialogueTime
    deadline = now + limits.stepTime
  }

  /// Has a service lead the conversation, and answers what comes first.
  ///
  /// - Parameter onEnd: is called once, when nothing more will come.
  func begin(
    _ work: @escaping @Sendable (any CardRelay) async throws(CenterError) -> JSON,
    onEnd: @escaping @Sendable () async -> Void
  ) async -> Turn {
    service = Task {
      do throws(CenterError) {
        say(.done(.success(try await work(self))))
      } catch {
        say(isDropped ? .dropped : .done(.failure(error)))
      }
      await onEnd()
    }
    watch = Task { await self.watchTime() }
    return await next()
  }

  /// Whether the host has not answered the first step yet.
  var isNew: Bool { taken == nil }

  /// Whether nothing more will come.
  private var isOver: Bool {
    switch turn {
    case .done, .dropped: true
    case .command, nil: false
    }
  }

  /// What comes next, as soon as it is known.
  func next() async -> Turn {
    if let turn { return turn }
    return await withCheckedContinuation { listeners.append($0) }
  }

  /// Takes the card's response to a step, and answers what comes next.
  func take(_ octets: [UInt8], step: Int) async throws(OutOfStep) -> Turn {
    if let taken, taken.step == step {
      guard taken.octets == octets else { throw OutOfStep() }
      return await next()
    }
    guard case .command(step, _)? = turn, let response, let answer = try? ResponseAPDU(parsing: octets.span.bytes) else {
      if case .dropped? = turn { return .dropped }
      throw OutOfStep()
    }
    (self.response, turn, taken) = (nil, nil, (step, octets))
    response.resume(returning: answer)
    return await next()
  }

  /// Ends the conversation, and returns when its service has let go of it. What is being written is written.
  func drop() async {
    breakLine()
    await service?.value
  }

  // MARK: The service's side

  /// Passes a command on to the host and waits for the card's response.
  func exchange(_ command: CommandAPDU) async throws -> ResponseAPDU {
    let octets = try command.encoded()
    guard !isDropped, nextStep < limits.steps else { throw LineBroke() }
    let step = nextStep
    nextStep += 1
    deadline = min(ContinuousClock.now + limits.stepTime, end)
    return try await withCheckedThrowingContinuation { continuation in
      response = continuation
      say(.command(step: step, octets: octets))
    }
  }

  private func say(_ turn: Turn) {
    self.turn = turn
    if isOver { watch?.cancel() }
    for listener in listeners { listener.resume(returning: turn) }
    listeners = []
  }

  private func breakLine() {
    guard !isOver else { return }
    isDropped = true
    guard let response else { return }
    self.response = nil
    // Whoever asks meanwhile waits for the service, which may yet have something to say.
    turn = nil
    response.resume(throwing: LineBroke())
  }

  private func watchTime() async {
    while !isOver, !isDropped {
      // The deadline moves on with each step; once the one that was known here is over, the next one is looked at.
      let isAtWork = response == nil && ContinuousClock.now >= deadline
      let moment = isAtWork ? ContinuousClock.now + limits.stepTime : deadline
      guard (try? await Task.sleep(until: moment, clock: .continuous)) != nil else { return }
      if response != nil, ContinuousClock.now >= deadline { breakLine() }
    }
  }
}
