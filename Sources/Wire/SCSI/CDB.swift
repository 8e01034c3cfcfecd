import Octets

/// A command descriptor block: 6, 10, 12 or 16 octets, as they go to a drive.
public struct CDB: Sendable {
  private var octets: InlineArray<16, UInt8>

  /// 6, 10, 12 or 16.
  public let count: Int

  /// A block of zeros behind its operation code.
  init(_ operation: OperationCode) {
    octets = InlineArray(repeating: 0)
    octets[0] = operation.rawValue
    count = operation.cdbOctets
  }

  /// SECURITY PROTOCOL IN or OUT, of 12 octets.
  init(securityProtocolCommand operation: UInt8, _ securityProtocol: UInt8, _ specific: UInt16, length: UInt32) {
    octets = InlineArray(repeating: 0)
    octets[0] = operation
    octets[1] = securityProtocol
    count = 12
    put(UInt64(specific), at: 2, width: 2)
    put(UInt64(length), at: 6, width: 4)
  }

  /// A block with these octets, for commands that have no builder here; `nil` unless there are 6, 10, 12 or 16.
  public init?(octets source: [UInt8]) {
    guard [6, 10, 12, 16].contains(source.count) else { return nil }
    octets = InlineArray(repeating: 0)
    count = source.count
    for index in 0..<source.count { octets[index] = source[index] }
  }

  /// Lends the octets.
  public func withBytes<R: ~Copyable, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    let octets = octets
    return try body(octets.span.bytes.extracting(0..<count))
  }

  /// Puts `value` at `offset`, big-endian, in `width` octets.
  mutating func put(_ value: UInt64, at offset: Int, width: Int) {
    for index in 0..<width {
      octets[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * (width - 1 - index)))
    }
  }

  /// Sets bits of the octet at `offset`.
  mutating func set(_ bits: UInt8, at offset: Int) { octets[offset] |= bits }
}

extension CDBTransport {
  /// Executes one command descriptor block.
  public func execute(
    _ cdb: CDB, dataOut: RawSpan, dataIn: inout MutableRawSpan
  ) throws(DriveTransportError) -> CDBOutcome {
    try cdb.withBytes { (bytes) throws(DriveTransportError) in
      try execute(cdb: bytes, dataOut: dataOut, dataIn: &dataIn)
    }
  }

  /// Executes a command that transfers nothing.
  public func execute(_ cdb: CDB) throws(DriveTransportError) -> CDBOutcome {
    var nothing = MutableRawSpan()
    return try execute(cdb, dataOut: RawSpan(), dataIn: &nothing)
  }

  /// Executes a command that fetches at most `count` octets; returns what came, cut to what the drive transferred.
  public func fetch(_ cdb: CDB, upTo count: Int) throws(DriveTransportError) -> (outcome: CDBOutcome, data: [UInt8]) {
    var data = [UInt8](repeating: 0, count: count)
    var room = data.mutableSpan
    var bytes = room.mutableBytes
    let outcome = try execute(cdb, dataOut: RawSpan(), dataIn: &bytes)
    data.removeLast(count - max(0, min(outcome.transferred, count)))
    return (outcome, data)
  }

  /// Executes a command that sends `data`.
  public func send(_ cdb: CDB, _ data: RawSpan) throws(DriveTransportError) -> CDBOutcome {
    var nothing = MutableRawSpan()
    return try execute(cdb, dataOut: data, dataIn: &nothing)
  }
}
