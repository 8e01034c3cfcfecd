import SCSI

/// An iSCSI target as all its connections see it (RFC 7143): one drive at LUN 0, the sessions and their tasks.
///
/// Octets in, octets out: it opens no socket, starts no thread and reads no clock. Everything about a target happens on
/// one thread at a time.
public final class TargetNode {
  /// The portal group of all its addresses.
  static let portalGroupTag: UInt16 = 1

  /// Its name, `iqn.…`.
  public let name: String
  /// What it grants to strangers.
  public let limits: TargetLimits

  let device: any TargetDevice
  let authority: (any CHAPAuthority)?
  let report: (TargetEvent) -> Void

  /// Connections that have not ended, logged in or not.
  public private(set) var connections: [TargetConnection] = []
  private(set) var sessions: [TargetSession] = []
  /// The tasks of all sessions, in the order in which they came to the drive.
  let taskSet = TaskSet()
  private var isRunningReadyTasks = false
  private var lastTSIH: UInt16 = 0
  private var lastTransferTag: UInt32 = 0

  /// A target that nobody has connected to.
  ///
  /// - Parameters:
  ///   - authority: who knows the secrets of CHAP; `nil` lets everybody in.
  ///   - report: told of what happens.
  public init(
    name: String, device: any TargetDevice, limits: TargetLimits = TargetLimits(),
    authority: (any CHAPAuthority)? = nil, report: @escaping (TargetEvent) -> Void = { _ in }
  ) {
    self.name = name
    self.device = device
    self.limits = limits
    self.authority = authority
    self.report = report
  }

  /// Somebody connected; `nil` if as many are there as may.
  ///
  /// The one that has been logging in for the longest time makes room: else a few strangers who say nothing would keep
  /// everybody else out.
  ///
  /// - Parameter now: a clock in seconds, as for ``TargetConnection/tick(_:)``.
  public func accept(_ outlet: any ConnectionOutlet, now: UInt64) -> TargetConnection? {
    if connections.count >= limits.connections { connections.first { $0.phase == .login }?.drop(.loginTimeout) }
    guard connections.count < limits.connections else { return nil }
    let connection = TargetConnection(to: self, outlet, now: now)
    connections.append(connection)
    return connection
  }

  /// Tells all initiators that their connections end now, and ends them.
  public func stop() {
    for connection in connections { connection.sayGoodbye() }
  }

  /// The next thing on every connection that depends on time.
  public func tick(_ now: UInt64) {
    for connection in connections { connection.tick(now) }
  }

  /// Octets of write data that all sessions have waiting.
  var waitingOctets: Int { sessions.reduce(0) { $0 + $1.waitingOctets } }

  func forget(_ connection: TargetConnection) {
    connections.removeAll { $0 === connection }
  }

  /// Challenges that initiators are being asked now.
  var pendingChallenges: [CHAPChallenge] { connections.compactMap { $0.pendingChallenge } }

  /// A tag that was not given for a long time.
  func makeTransferTag() -> UInt32 {
    lastTransferTag &+= 1
    if lastTransferTag == BasicHeaderSegment.noTag { lastTransferTag = 1 }
    return lastTransferTag
  }

  /// Whether a tag may have been given: then its transfer ended already.
  func hasMade(_ transferTag: UInt32) -> Bool { transferTag.precedes(lastTransferTag &+ 1) }
}

// Sessions.
extension TargetNode {
  func session(_ tsih: UInt16) -> TargetSession? { sessions.first { $0.tsih == tsih } }

  /// A new session in the place of the same initiator port's old one, if it has one (RFC 7143, 6.3.5).
  ///
  /// `nil` if there are as many sessions as may be.
  func open(_ login: LoginExchange, by connection: TargetConnection, expCmdSN: UInt32) -> TargetSession? {
    let name = login.initiatorName
    if !login.isDiscovery,
      let old = sessions.first(where: { !$0.isDiscovery && $0.isid == login.isid && $0.initiatorName == name })
    {
      connection.note(.reinstated)
      end(old)
    }
    guard sessions.count < limits.sessions, let tsih = freeTSIH() else { return nil }
    var port: (any TargetPort)?
    if !login.isDiscovery {
      guard let identity = InitiatorIdentity(iSCSIName: Array(name.utf8), isid: login.isid.octets) else { return nil }
      port = device.connect(identity)
    }
    let session = TargetSession(
      tsih: tsih, login, port: port, expCmdSN: expCmdSN, commands: limits.commands)
    sessions.append(session)
    return session
  }

  /// Ends a session with all its connections and tasks.
  func end(_ session: TargetSession) {
    guard let index = sessions.firstIndex(where: { $0 === session }) else { return }
    sessions.remove(at: index)
    taskSet.removeAll { $0.session === session }
    session.end()
    runReadyTasks()
  }

  /// A connection is gone: its tasks are, and with the last one its session (error recovery level 0).
  func remove(_ connection: TargetConnection, from session: TargetSession) {
    taskSet.removeAll { $0.connection === connection }
    session.remove(connection)
    if session.connections.isEmpty { end(session) } else { runReadyTasks() }
  }

  /// Executes what could not be executed before, because of other tasks or a congested connection.
  ///
  /// What is executed calls this again when it is done. That leads no deeper: thousands of tasks may become ready at once,
  /// and the stack must not grow with them.
  func runReadyTasks() {
    guard !isRunningReadyTasks else { return }
    isRunningReadyTasks = true
    defer { isRunningReadyTasks = false }
    while let task = taskSet.nextReady() { task.connection.execute(task) }
  }

  private func freeTSIH() -> UInt16? {
    for _ in 0...sessions.count + 1 {
      lastTSIH &+= 1
      if lastTSIH == 0 { lastTSIH = 1 }
      if session(lastTSIH) == nil { return lastTSIH }
    }
    return nil
  }
}
