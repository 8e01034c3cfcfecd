import DriveFirmware
import ISCSI
import Octets
import SCSI

/// A whole iSCSI target, fed with octets as a connection brings them, in pieces of any size: whatever comes is answered
/// with well-formed PDUs or ends the connection, memory stays within what was granted, and the factory record is as it
/// was.
enum ISCSIConnectionTarget {
  /// Full feature phase: a session that is logged in already, then the input.
  static func runPDUs(_ input: [UInt8]) throws {
    guard let choice = input.first else { return }
    let bench = try FuzzBench(authority: nil)
    let first = try bench.connect()
    try first.logIn(digests: choice & 0x01 != 0, unasked: choice & 0x02 != 0)
    let second = try bench.connect()
    // Two connections of two sessions, so that one's resets reach the other.
    if choice & 0x04 != 0 { try second.logIn(digests: false, unasked: false, isid: 2) }
    try bench.feed(input.dropFirst(), to: [first, second], piece: choice >> 3)
    try bench.finish()
  }

  /// From the first octet of a login on, with CHAP and without.
  static func runLogin(_ input: [UInt8]) throws {
    guard let choice = input.first else { return }
    let bench = try FuzzBench(authority: choice & 0x01 != 0 ? FuzzAuthority() : nil)
    let connection = try bench.connect()
    if choice & 0x02 != 0 {
      // Text alone: the headers around it are made here, so that chance spends itself on keys and values.
      try connection.logIn(withTexts: input.dropFirst().split(separator: 0xFF, omittingEmptySubsequences: false))
    } else {
      try bench.feed(input.dropFirst(), to: [connection], piece: choice >> 3)
    }
    try bench.finish()
  }
}

/// A target with a small drive behind it.
private final class FuzzBench {
  let device: FuzzDevice
  let node: TargetNode
  private var links: [FuzzLink] = []

  init(authority: (any CHAPAuthority)?) throws {
    var limits = TargetLimits()
    limits.transferOctets = 65_536
    limits.waitingOctets = 131_072
    limits.connections = 4
    limits.commands = 8
    limits.textOctets = 2_048
    device = try FuzzDevice()
    node = TargetNode(name: FuzzLink.targetName, device: device, limits: limits, authority: authority)
  }

  func connect() throws -> FuzzLink {
    let link = FuzzLink()
    guard let connection = node.accept(link, now: 0) else { throw FuzzFinding(description: "there is room for two") }
    link.connection = connection
    links.append(link)
    return link
  }

  /// Gives the input to the connections: an octet 0 at a piece's start changes to the other one.
  func feed(_ input: ArraySlice<UInt8>, to targets: [FuzzLink], piece: UInt8) throws {
    let size = piece == 0 ? input.count : Int(piece) * 7
    var rest = input
    var index = 0
    var time: UInt64 = 0
    while !rest.isEmpty {
      let part = Array(rest.prefix(size))
      rest = rest.dropFirst(size)
      if size < input.count, part.first == 0xFF { index = (index + 1) % targets.count }
      try targets[index].give(part)
      time += 1
      node.tick(time)
    }
  }

  /// Nothing is left over, neither octets nor memory (LeakSanitizer sees to that).
  func finish() throws {
    node.stop()
    try promise(node.connections.isEmpty, "when a target has stopped, nobody is connected")
    for link in links {
      try link.check()
      try promise(link.isClosed, "when a target has stopped, all connections end")
      FuzzCount.add(link.connection?.receivedCount ?? 0)
      link.connection = nil
    }
    try device.check()
  }
}

/// One connection, and what came out of it.
private final class FuzzLink: ConnectionOutlet {
  static let targetName = "iqn.2026-01.org.example:fuzz"

  let localAddress = "192.0.2.1:3260"
  let peerAddress = "192.0.2.2:50000"
  let isCongested = false
  var connection: TargetConnection?
  private var sent: [UInt8] = []
  /// What the target agreed to in login so far, and what holds since its end.
  private var agreed: [UInt8] = []
  private var headerDigest = 0
  private var dataDigest = 0
  private(set) var isClosed = false
  private var largestMemory = 0

  func makeMemory(octets: Int) -> any TransferMemory {
    largestMemory = max(largestMemory, octets)
    return FuzzMemory(octets)
  }

  func send(_ bytes: RawSpan) { sent += bytes.octets }

  func send(_ memory: any TransferMemory, _ range: Range<Int>) {
    memory.withBytes { sent += $0.extracting(range).octets }
  }

  func close() { isClosed = true }

  func give(_ octets: [UInt8]) throws {
    guard let connection, !connection.hasEnded else { return }
    let taken = connection.receive(octets.span.bytes)
    try promise(taken == octets.count, "who reads what is sent is listened to")
    try check()
  }

  /// Everything sent is whole PDUs of a target, with their digests.
  func check() throws {
    let octets = sent
    sent = []
    var position = 0
    while position < octets.count {
      try promise(octets.count - position >= 48, "a PDU begins with 48 octets")
      let bytes = Array(octets[position..<(position + 48)])
      let header = try BasicHeaderSegment(parsing: bytes.span.bytes)
      try promise(header.opcode.map { !$0.isFromInitiator } ?? false, "a target sends what targets send")
      position += 48 + headerDigest
      let end = position + header.dataSegmentOctets
      if header.dataSegmentOctets > 0 { position = end + header.paddingOctets + dataDigest }
      try promise(position <= octets.count, "a PDU has the data that it announces")
      if header.opcode == .loginResponse { note(header, Array(octets[(end - header.dataSegmentOctets)..<end])) }
    }
    try promise(position == octets.count, "nothing stands between PDUs")
    try promise(largestMemory <= 65_536, "no command has more memory than granted")
  }

  /// Digests hold from the end of the login on.
  private func note(_ response: BasicHeaderSegment, _ text: [UInt8]) {
    agreed += text
    guard response.isTransit, response.nextStage == .fullFeature else { return }
    let pairs = (try? TextPair.parse(agreed)) ?? []
    headerDigest = pairs.contains(TextPair("HeaderDigest", "CRC32C")) ? 4 : 0
    dataDigest = pairs.contains(TextPair("DataDigest", "CRC32C")) ? 4 : 0
  }

  func logIn(digests: Bool, unasked: Bool, isid: UInt64 = 1) throws {
    var text: [UInt8] = []
    for (key, value) in [
      ("InitiatorName", "iqn.2026-01.org.example:fuzzer"), ("TargetName", FuzzLink.targetName),
      ("HeaderDigest", digests ? "CRC32C" : "None"), ("DataDigest", digests ? "CRC32C" : "None"),
      ("InitialR2T", unasked ? "No" : "Yes"), ("MaxConnections", "2"),
    ] { text += TextPair(key, value).octets }
    try logIn(withTexts: [text[...]], stage: .operational, isid: isid)
    try promise(connection?.hasEnded == false, "a right login is accepted")
  }

  /// A request for each text.
  func logIn(withTexts texts: [ArraySlice<UInt8>], stage: LoginStage = .security, isid: UInt64 = 1) throws {
    for text in texts.prefix(16) {
      var header = BasicHeaderSegment(.loginRequest)
      header.isImmediate = true
      header.isTransit = true
      header.currentStage = stage
      header.nextStage = .fullFeature
      header.isid = ISID(rawValue: isid)
      header.cmdSN = 1
      header.dataSegmentOctets = min(text.count, 8192)
      var octets = header.withBytes { $0.octets } + text.prefix(8192)
      octets += [UInt8](repeating: 0, count: header.paddingOctets)
      try give(octets)
    }
  }
}

private final class FuzzMemory: TransferMemory {
  private let octets: UnsafeMutableRawBufferPointer

  init(_ count: Int) { octets = .allocate(byteCount: count, alignment: 16) }

  deinit { octets.deallocate() }

  var count: Int { octets.count }

  func withBytes(_ body: (RawSpan) -> Void) { body(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(octets))) }

  func withMutableBytes(_ body: (inout MutableRawSpan) -> Void) {
    var span = MutableRawSpan(_unsafeBytes: octets)
    body(&span)
  }
}

/// A secret that everybody knows.
private final class FuzzAuthority: CHAPAuthority {
  func makeChallenge() -> CHAPChallenge { CHAPChallenge(identifier: 1, octets: Array(0..<16)) }

  func verify(name: [UInt8], response: [UInt8], to challenge: CHAPChallenge, with algorithm: CHAPAlgorithm) -> Bool {
    name == [0x61] && response == [UInt8](repeating: 0x62, count: algorithm.responseOctets)
  }

  func answer(to challenge: CHAPChallenge, with algorithm: CHAPAlgorithm) -> (name: String, response: [UInt8])? {
    ("t", [UInt8](repeating: 0x63, count: algorithm.responseOctets))
  }
}

/// The drive's firmware with a medium that keeps nothing.
private final class FuzzDevice: TargetDevice {
  private let controller = DriveController(
    configuration: DriveConfiguration(peripheralType: .directAccess, scratchOctets: 4096))
  private let medium: HollowMedium
  private let record: FactoryRecord

  init() throws {
    guard let record = FactoryRecord(mediumID: Array("FUZZ".utf8), manufactured: 0) else {
      throw FuzzFinding(description: "an id has four octets")
    }
    self.record = record
    medium = HollowMedium(record)
    try controller.insert(medium)
  }

  func check() throws {
    try promise(medium.violation == nil, "a drive asks of its medium what it may: \(medium.violation ?? "")")
    try promise(medium.factoryRecord == record, "no command changes the factory record")
  }

  func connect(_ identity: InitiatorIdentity) -> any TargetPort {
    FuzzPort(controller, controller.connect(identity, reportsResiduals: true))
  }
}

private final class FuzzPort: TargetPort {
  private let controller: DriveController
  private let nexus: Nexus

  init(_ controller: DriveController, _ nexus: Nexus) {
    self.controller = controller
    self.nexus = nexus
  }

  deinit { controller.disconnect(nexus) }

  var taskSetGeneration: UInt32 { nexus.taskSetGeneration }

  func transfer(of cdb: RawSpan) -> DataTransfer {
    (try? DriveCommand(parsing: cdb))?.transfer(blockSize: 512) ?? .none
  }

  func execute(
    cdb: RawSpan, dataOut: RawSpan, dataIn: inout MutableRawSpan
  ) throws(DriveTransportError) -> CDBOutcome {
    do throws(PowerLoss) {
      return try controller.execute(cdb: cdb, dataOut: dataOut, dataIn: &dataIn, from: nexus)
    } catch {
      throw DriveTransportError(.powerLost, operation: "fuzzing", discMayHaveChanged: true, remedy: "")
    }
  }

  func resetLogicalUnit() { controller.reset(.logicalUnit) }
  func resetTarget() { controller.reset(.target) }
  func abortTaskSet() { controller.abortTaskSet(of: nexus) }

  func clearTaskSet(losers: [any TargetPort]) {
    controller.clearTaskSet(by: nexus, losers: losers.compactMap { ($0 as? FuzzPort)?.nexus })
  }
}
