import Octets
import SCSI

/// The target's end of one connection: a state machine that octets go into and PDUs come out of.
///
/// It never fails: whatever comes is answered, rejected, or ends the connection. What is spread over files is one
/// machine: receiving here, login, commands, data, management and sending in extensions.
public final class TargetConnection {
  /// Where it stands.
  enum Phase {
    case login
    case fullFeature
    /// All is said; what still comes is passed over.
    case ended
  }

  let node: TargetNode
  let outlet: any ConnectionOutlet
  var phase = Phase.login
  var login: LoginExchange?
  var session: TargetSession?
  var cid: UInt16 = 0
  /// What this connection agreed on; the digests hold from full feature phase on.
  var parameters = OperationalParameters()
  /// Octets of a data segment that the initiator was told it may send.
  var segmentOctets = 8192
  /// The number of the next response.
  var statSN: UInt32 = 0

  /// A text that goes on in the next request, and what is left of its answer.
  var incomingText: [UInt8] = []
  var outgoingText: [UInt8] = []
  /// The tag of a text exchange that goes on.
  var textTransferTag = BasicHeaderSegment.noTag

  // What is being received.
  private var reception = Reception()

  /// PDUs received so far, whatever became of them.
  public private(set) var receivedCount: UInt64 = 0
  private var isReceiving = false

  // When what happened, in seconds.
  let connectedAt: UInt64
  var lastHeard: UInt64
  var heardSomething = false
  var pingedAt: UInt64?
  var pingTag = BasicHeaderSegment.noTag

  init(to node: TargetNode, _ outlet: any ConnectionOutlet, now: UInt64) {
    self.node = node
    self.outlet = outlet
    connectedAt = now
    lastHeard = now
  }

  /// Whether the connection has ended: nothing more will be read or sent.
  public var hasEnded: Bool { phase == .ended }

  var isCongested: Bool { outlet.isCongested }
  var pendingChallenge: CHAPChallenge? { login?.pendingChallenge }

  /// Takes octets that came.
  ///
  /// - Returns: how many were taken. Fewer than there are means that the outlet is congested: give the rest again after
  ///   ``resume()``.
  public func receive(_ bytes: RawSpan) -> Int {
    guard !isReceiving else { return 0 }  // an outlet that calls back from within a send
    isReceiving = true
    defer { isReceiving = false }
    heardSomething = true
    var position = 0
    while position < bytes.byteCount, phase != .ended {
      if outlet.isCongested { return position }
      let rest = bytes.extracting(position..<bytes.byteCount)
      position += reception.isHeaderComplete ? receiveData(rest) : receiveHeader(rest)
    }
    return bytes.byteCount
  }

  /// The outlet is no longer congested.
  public func resume() { node.runReadyTasks() }

  /// The other side is gone.
  public func connectionLost() {
    if phase != .ended { note(.dropped(.lost)) }
    end()
  }

  // MARK: Receiving

  private func receiveHeader(_ rest: RawSpan) -> Int {
    let taken = reception.takeHeader(rest, digest: phase == .fullFeature && parameters.headerDigest, outlet)
    guard reception.isHeaderComplete else {
      if reception.additionalOctets > node.limits.additionalHeaderOctets { drop(.protocolError) }
      return taken
    }
    receivedCount &+= 1
    guard reception.isHeaderAuthentic else {
      drop(.headerDigest)
      return taken
    }
    let header = reception.header
    // Beyond what was announced nothing can be believed, nor passed over in bounded time.
    guard reception.additionalOctets <= node.limits.additionalHeaderOctets, header.dataSegmentOctets <= segmentOctets
    else {
      if phase == .login { refuse(header, .initiatorError) } else { breakOff(header) }
      return taken
    }
    reception.expectData(digest: phase == .fullFeature && parameters.dataDigest)
    if reception.dataOctets == 0 {
      reception.startOver()
      handle(header, RawSpan(), .copied, isAuthentic: true)
    }
    return taken
  }

  /// Takes octets of the data segment, its padding and its digest.
  private func receiveData(_ rest: RawSpan) -> Int {
    let header = reception.header
    if reception.dataFilled == 0 {
      let whole = reception.dataOctets
      if rest.byteCount >= whole {
        // All is there in one piece: no need to copy it together.
        let segment = rest.extracting(0..<header.dataSegmentOctets)
        let isAuthentic = reception.checkWhole(rest.extracting(0..<whole), outlet)
        reception.startOver()
        handle(header, segment, .lent, isAuthentic: isAuthentic)
        return whole
      }
      reception.sink = sink(for: header)
    }
    let taken = reception.takeData(rest, outlet)
    guard reception.isDataComplete else { return taken }
    let isAuthentic = reception.isDataAuthentic
    let sink = reception.sink
    reception.startOver()
    switch sink {
    case .collected(let octets): handle(header, octets.span.bytes, .copied, isAuthentic: isAuthentic)
    case .memory(let memory, _, let task): handle(header, RawSpan(), .placed(memory, task), isAuthentic: isAuthentic)
    case .nowhere: handle(header, RawSpan(), .passedOver, isAuthentic: isAuthentic)
    }
    return taken
  }

  /// Where the parts of a data segment go that does not come in one piece.
  private func sink(for header: BasicHeaderSegment) -> Reception.Sink {
    guard phase == .fullFeature, let session else { return .collected([]) }
    switch header.opcode {
    case .scsiCommand:
      // The task is made with its memory now; it begins when the data are there.
      let task = TargetTask(header, on: self, of: session, limits: node.limits)
      guard task.wantedOctets > 0 else { return .nowhere }
      let memory = outlet.makeMemory(octets: task.wantedOctets)
      task.memory = memory
      return .memory(memory, 0, task)
    case .dataOut:
      guard let task = session.task(header.initiatorTaskTag), task.connection === self,
        task.expects(header, parameters), let offset = task.place(of: header, parameters), task.wantedOctets > 0
      else { return .nowhere }
      return .memory(memory(of: task), offset, task)
    default: return .collected([])
    }
  }

  /// How the octets of a data segment are there.
  enum Delivery {
    /// In memory that is somebody else's, for the time of the call.
    case lent
    /// In a copy.
    case copied
    /// Where they belong, as far as they are wanted.
    case placed(any TransferMemory, TargetTask)
    /// Not at all.
    case passedOver
  }

  private func handle(_ header: BasicHeaderSegment, _ data: RawSpan, _ delivery: Delivery, isAuthentic: Bool) {
    switch phase {
    case .login: handleLogin(header, data)
    case .fullFeature: handleRequest(header, data, delivery, isAuthentic: isAuthentic)
    case .ended: break
    }
  }
}

// The end, and what leads to it.
extension TargetConnection {
  func note(_ kind: TargetEvent.Kind) {
    let name = session?.initiatorName ?? login?.initiatorName ?? ""
    node.report(TargetEvent(kind, peerAddress: outlet.peerAddress, initiatorName: name.isEmpty ? nil : name))
  }

  /// Ends the connection for a reason.
  func drop(_ reason: TargetEvent.DropReason) {
    guard phase != .ended else { return }
    note(.dropped(reason))
    end()
  }

  /// Says that a PDU cannot be, and ends the connection.
  func breakOff(_ header: BasicHeaderSegment) {
    reject(header, .protocolError)
    drop(.protocolError)
  }

  /// Ends the connection when what was sent has left.
  func end() {
    guard phase != .ended else { return }
    phase = .ended
    node.forget(self)
    if let session { node.remove(self, from: session) }
    session = nil
    login = nil
    reception = Reception()
    outlet.close()
  }

  /// What depends on time: an endless login, a silent initiator.
  func tick(_ now: UInt64) {
    if heardSomething {
      heardSomething = false
      lastHeard = now
      pingedAt = nil
    }
    switch phase {
    case .login:
      if now &- connectedAt >= node.limits.loginSeconds { drop(.loginTimeout) }
    case .fullFeature:
      if owesData(now) { return drop(.noAnswer) }
      if let pingedAt {
        if now &- pingedAt >= node.limits.pingSeconds { drop(.noAnswer) }
      } else if now &- lastHeard >= node.limits.silenceSeconds {
        pingedAt = now
        ping()
      }
    case .ended: break
    }
  }

  /// Whether a command has been waiting for its data for too long: others may have to wait for it.
  private func owesData(_ now: UInt64) -> Bool {
    guard let session else { return false }
    return session.tasks.values.contains {
      $0.connection === self && $0.secondsWithoutData(now) >= node.limits.dataSeconds
    }
  }
}
