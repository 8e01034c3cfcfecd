import DiscEmulator
import DriveFirmware
import ISCSI
import ISCSITarget
import Octets
import SCSI
import Testing

/// A drive with a disc in memory, as the protocol meets it.
final class TestDevice: TargetDevice {
  let drive: SharedDrive

  init() throws {
    let record = try #require(FactoryRecord(mediumID: Array("ISCSI-UNIT-TESTS".utf8), manufactured: 0))
    drive = SharedDrive(
      configuration: DriveConfiguration(peripheralType: .directAccess),
      medium: MemoryDisc(geometry: .mb128, factoryRecord: record))
  }

  func connect(_ identity: InitiatorIdentity) -> any TargetPort { drive.connect(identity, reportsResiduals: true) }
}

/// A PDU as it was received.
struct PDU {
  let header: BasicHeaderSegment
  let data: [UInt8]

  var pairs: [TextPair] { (try? TextPair.parse(data)) ?? [] }

  func value(_ key: String) -> String? { pairs.first { $0.key == key }?.value }
}

/// One connection of an initiator that does what a test tells it, right or wrong.
final class Initiator {
  let outlet = MemoryOutlet()
  let connection: TargetConnection
  var cmdSN: UInt32 = 100
  var tag: UInt32 = 1
  var expStatSN: UInt32 = 7
  var isid = ISID(rawValue: 0x0200_0000_0001)
  var tsih: UInt16 = 0
  var cid: UInt16 = 1
  var headerDigest = false
  var dataDigest = false

  init(_ node: TargetNode) throws { connection = try #require(node.accept(outlet, now: 0)) }

  /// Sends octets, `piece` at a time.
  func give(_ octets: [UInt8], piece: Int = Int.max) {
    var start = 0
    while start < octets.count {
      let end = piece < octets.count - start ? start + piece : octets.count
      let part = Array(octets[start..<end])
      _ = connection.receive(part.span.bytes)
      start = end
    }
  }

  /// A PDU as it travels.
  func encode(_ header: BasicHeaderSegment, _ data: [UInt8] = []) -> [UInt8] {
    var header = header
    header.dataSegmentOctets = data.count
    var octets = header.withBytes { $0.octets }
    if headerDigest { octets += Initiator.digest(octets) }
    guard !data.isEmpty else { return octets }
    let padded = data + [UInt8](repeating: 0, count: header.paddingOctets)
    return octets + padded + (dataDigest ? Initiator.digest(padded) : [])
  }

  /// Sends a PDU and reads what comes.
  func send(_ header: BasicHeaderSegment, _ data: [UInt8] = [], piece: Int = Int.max) throws -> [PDU] {
    give(encode(header, data), piece: piece)
    return try received()
  }

  static func digest(_ octets: [UInt8]) -> [UInt8] {
    let value = CRC32C.checksum(octets.span.bytes)
    return (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * $0)) }
  }

  /// The PDUs that came since the last time, with right digests and padding.
  func received() throws -> [PDU] {
    let octets = outlet.take()
    var pdus: [PDU] = []
    var position = 0
    func take(_ count: Int) throws -> [UInt8] {
      try #require(octets.count - position >= count, "a PDU is cut")
      defer { position += count }
      return Array(octets[position..<(position + count)])
    }
    while position < octets.count {
      let start = try take(48)
      let header = try BasicHeaderSegment(parsing: start.span.bytes)
      // Digests begin behind the login.
      let hasDigests = header.opcode != .loginResponse
      if headerDigest, hasDigests { #expect(try take(4) == Initiator.digest(start)) }
      let data = try take(header.dataSegmentOctets)
      let padding = try take(header.paddingOctets)
      #expect(padding.allSatisfy { $0 == 0 })
      if dataDigest, hasDigests, !data.isEmpty { #expect(try take(4) == Initiator.digest(data + padding)) }
      pdus.append(PDU(header: header, data: data))
    }
    return pdus
  }

  // MARK: Requests

  func loginRequest(
    _ current: LoginStage, to next: LoginStage? = nil
  ) -> BasicHeaderSegment {
    var header = BasicHeaderSegment(.loginRequest)
    header.isImmediate = true
    header.isTransit = next != nil
    header.currentStage = current
    header.nextStage = next ?? .security
    header.isid = isid
    header.tsih = tsih
    header.cid = cid
    header.initiatorTaskTag = 0
    header.cmdSN = cmdSN
    header.expStatSN = expStatSN
    return header
  }

  static func text(_ pairs: [(String, String)]) -> [UInt8] { pairs.flatMap { TextPair($0.0, $0.1).octets } }

  static let names = [
    ("InitiatorName", "iqn.2026-01.org.example:unit"), ("SessionType", "Normal"), ("TargetName", unitTargetName),
  ]

  /// Logs in without authentication, with these keys in the operational stage.
  @discardableResult
  func logIn(_ keys: [(String, String)] = [], discovery: Bool = false) throws -> PDU {
    let names =
      discovery
      ? [("InitiatorName", "iqn.2026-01.org.example:unit"), ("SessionType", "Discovery")] : Initiator.names
    let answers = try send(loginRequest(.operational, to: .fullFeature), Initiator.text(names + keys))
    let answer = try #require(answers.first)
    #expect(answers.count == 1)
    if answer.header.loginStatus == .success, answer.header.isTransit {
      tsih = answer.header.tsih
      headerDigest = answer.value("HeaderDigest") == "CRC32C"
      dataDigest = answer.value("DataDigest") == "CRC32C"
    }
    return answer
  }

  func nextTag() -> UInt32 {
    tag += 1
    return tag
  }

  /// A command with the next number; reads `read` octets or writes `write`.
  func command(_ cdb: [UInt8], read: Int = 0, write: Int = 0, isFinal: Bool = true) -> BasicHeaderSegment {
    var header = BasicHeaderSegment(.scsiCommand)
    header.isFinal = isFinal
    header.isRead = read > 0
    header.isWrite = write > 0
    header.taskAttribute = .simple
    header.initiatorTaskTag = nextTag()
    header.expectedDataTransferLength = UInt32(max(read, write))
    header.cmdSN = cmdSN
    cmdSN &+= 1
    var block = InlineArray<16, UInt8>(repeating: 0)
    for (index, octet) in cdb.enumerated() { block[index] = octet }
    header.cdb = block
    return header
  }

  /// Data for a command, as an answer to a Ready To Transfer or, without one, unasked for.
  func dataOut(
    for command: BasicHeaderSegment, at offset: Int, number: UInt32, asked: BasicHeaderSegment? = nil,
    isFinal: Bool = true
  ) -> BasicHeaderSegment {
    var header = BasicHeaderSegment(.dataOut)
    header.isFinal = isFinal
    header.initiatorTaskTag = command.initiatorTaskTag
    header.targetTransferTag = asked?.targetTransferTag ?? BasicHeaderSegment.noTag
    header.dataSN = number
    header.bufferOffset = UInt32(offset)
    return header
  }

  func request(_ opcode: Opcode, isImmediate: Bool = false) -> BasicHeaderSegment {
    var header = BasicHeaderSegment(opcode)
    header.isImmediate = isImmediate
    header.initiatorTaskTag = nextTag()
    header.targetTransferTag = BasicHeaderSegment.noTag
    header.cmdSN = cmdSN
    if !isImmediate { cmdSN &+= 1 }
    return header
  }

  /// Takes the unit attention of a new session away.
  func settle() throws {
    for _ in 0..<3 {
      let answers = try send(command([0, 0, 0, 0, 0, 0]))
      if answers.first?.header.status == 0 { return }
    }
  }
}

let unitTargetName = "iqn.2026-01.org.example.warifu:unit"

/// CDBs of six kinds.
enum Blocks {
  static func read10(_ block: UInt32, _ count: UInt16) -> [UInt8] { ten(0x28, block, count) }
  static func write10(_ block: UInt32, _ count: UInt16) -> [UInt8] { ten(0x2A, block, count) }

  private static func ten(_ operation: UInt8, _ block: UInt32, _ count: UInt16) -> [UInt8] {
    [operation, 0] + (0..<4).map { UInt8(truncatingIfNeeded: block >> UInt32(24 - 8 * $0)) } + [0]
      + [UInt8(count >> 8), UInt8(count & 0xFF), 0]
  }
}
