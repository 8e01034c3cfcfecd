import SCSI

/// One initiator port's session (an I_T nexus), over one connection or several.
final class TargetSession {
  let tsih: UInt16
  let isid: ISID
  let initiatorName: String
  let isDiscovery: Bool
  /// What the first connection agreed on.
  let parameters: OperationalParameters
  /// The way to the drive; `nil` in a discovery session, and when the session has ended.
  private(set) var port: (any TargetPort)?
  private(set) var connections: [TargetConnection] = []

  /// The next command number to be delivered.
  private(set) var expCmdSN: UInt32
  /// The last one that was ever granted.
  private var grantedCmdSN: UInt32
  private let window: UInt32

  /// Commands that came before others that precede them, by their number.
  private var held: [UInt32: HeldCommand] = [:]
  /// Tasks that are not done, by their initiator task tag.
  private(set) var tasks: [UInt32: TargetTask] = [:]
  /// Octets of memory that tasks have for data to be written.
  private(set) var waitingOctets = 0

  init(tsih: UInt16, _ login: LoginExchange, port: (any TargetPort)?, expCmdSN: UInt32, commands: UInt32) {
    self.tsih = tsih
    isid = login.isid
    initiatorName = login.initiatorName
    isDiscovery = login.isDiscovery
    parameters = login.parameters
    self.port = port
    self.expCmdSN = expCmdSN
    window = max(commands, 1)
    grantedCmdSN = expCmdSN &- 1
  }

  func add(_ connection: TargetConnection) { connections.append(connection) }

  func remove(_ connection: TargetConnection) {
    connections.removeAll { $0 === connection }
    held = held.filter { $0.value.connection !== connection }
    for task in tasks.values where task.connection === connection { remove(task) }
  }

  func end() {
    let ending = connections
    connections = []
    held = [:]
    tasks = [:]
    waitingOctets = 0
    port = nil
    for connection in ending { connection.end() }
  }
}

// Command numbers (RFC 7143, 4.2.2.1).
extension TargetSession {
  /// A command that waits for those before it.
  struct HeldCommand {
    let connection: TargetConnection
    let header: BasicHeaderSegment
    let data: [UInt8]
    let task: TargetTask?
  }

  /// What to do with a command of a certain number.
  enum Turn {
    /// Deliver it.
    case now
    /// Keep it for later.
    case later
    /// Pass it over: it was there before, or is beyond what was granted.
    case never
  }

  /// The last command number that is taken now. It never goes back.
  var maxCmdSN: UInt32 {
    let busy = UInt32(clamping: tasks.count)
    let offered = expCmdSN &+ (window - min(busy, window)) &- 1
    if grantedCmdSN.precedes(offered) { grantedCmdSN = offered }
    return grantedCmdSN
  }

  /// Whose turn it is; one whose turn it is now counts as delivered.
  func turn(of header: BasicHeaderSegment) -> Turn {
    if header.isImmediate { return .now }
    if header.cmdSN == expCmdSN, !grantedCmdSN.precedes(header.cmdSN) {
      expCmdSN &+= 1
      return .now
    }
    guard expCmdSN.precedes(header.cmdSN), !grantedCmdSN.precedes(header.cmdSN), held[header.cmdSN] == nil else {
      return .never
    }
    return .later
  }

  func hold(_ command: HeldCommand) { held[command.header.cmdSN] = command }

  /// The command whose turn has come, which thereby counts as delivered.
  func takeHeld() -> HeldCommand? {
    guard !held.isEmpty, let command = held.removeValue(forKey: expCmdSN) else { return nil }
    expCmdSN &+= 1
    return command
  }

  /// Counts a command that was never received as received and aborted (RFC 7143, 11.6.1): `false` if it cannot be.
  func skip(_ cmdSN: UInt32, before limit: UInt32, on connection: TargetConnection) -> Bool {
    guard !cmdSN.precedes(expCmdSN), cmdSN.precedes(limit), !grantedCmdSN.precedes(cmdSN) else { return false }
    // Its place is taken by something without effect, should it be missing.
    var nothing = BasicHeaderSegment(.nopOut)
    nothing.initiatorTaskTag = BasicHeaderSegment.noTag
    nothing.cmdSN = cmdSN
    if held[cmdSN] == nil { hold(HeldCommand(connection: connection, header: nothing, data: [], task: nil)) }
    return true
  }
}

// Tasks.
extension TargetSession {
  func task(_ tag: UInt32) -> TargetTask? { tasks[tag] }

  func add(_ task: TargetTask) {
    tasks[task.tag] = task
    waitingOctets += task.wantedOctets
  }

  func remove(_ task: TargetTask) {
    guard tasks.removeValue(forKey: task.tag) != nil else { return }
    waitingOctets -= task.wantedOctets
  }

  /// Commands not delivered yet whose tasks are gone become commands without effect.
  func forgetHeld(_ tag: UInt32) {
    for (cmdSN, command) in held where command.task?.tag == tag {
      _ = held.removeValue(forKey: cmdSN)
      _ = skip(cmdSN, before: cmdSN &+ 1, on: command.connection)
    }
  }
}
