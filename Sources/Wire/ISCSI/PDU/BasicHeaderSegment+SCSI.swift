// SCSI Command and Response, Data-Out, Data-In, Ready To Transfer (RFC 7143, 11.3, 11.4, 11.7, 11.8).
extension BasicHeaderSegment {
  /// SCSI Command: whether data go to the initiator.
  public var isRead: Bool {
    get { flag(0x40) }
    set { setFlag(0x40, newValue) }
  }

  /// SCSI Command: whether data come from the initiator.
  public var isWrite: Bool {
    get { flag(0x20) }
    set { setFlag(0x20, newValue) }
  }

  /// SCSI Command: how the task stands in the order of tasks.
  public var taskAttribute: TaskAttribute {
    get { TaskAttribute(rawValue: octets[1] & 0x07) ?? .untagged }
    set { self[octet: 1] = octets[1] & ~0x07 | newValue.rawValue }
  }

  /// SCSI Command: octets that the initiator expects to move.
  public var expectedDataTransferLength: UInt32 {
    get { u32(20) }
    set { put(newValue, at: 20) }
  }

  /// SCSI Command: the command descriptor block, 16 octets whatever its length.
  public var cdb: InlineArray<16, UInt8> {
    get {
      var cdb = InlineArray<16, UInt8>(repeating: 0)
      for index in 0..<16 { cdb[index] = octets[32 + index] }
      return cdb
    }
    set {
      for index in 0..<16 { self[octet: 32 + index] = newValue[index] }
    }
  }

  /// SCSI Response: what became of the command on its way.
  public var response: UInt8 {
    get { octets[2] }
    set { self[octet: 2] = newValue }
  }

  /// SCSI Response and Data-In with status: the SCSI status octet.
  public var status: UInt8 {
    get { octets[3] }
    set { self[octet: 3] = newValue }
  }

  /// SCSI Response and Data-In with status: how far what was moved differs from what was expected.
  public var residual: Residual {
    get {
      switch octets[1] & 0x06 {
      case 0x04: .overflow(u32(44))
      case 0x02: .underflow(u32(44))
      default: .none
      }
    }
    set {
      self[octet: 1] = octets[1] & ~0x06
      switch newValue {
      case .none: put(0 as UInt32, at: 44)
      case .overflow(let count):
        setFlag(0x04, true)
        put(count, at: 44)
      case .underflow(let count):
        setFlag(0x02, true)
        put(count, at: 44)
      }
    }
  }

  /// Data-In: whether it carries the status too (the S bit).
  public var hasStatus: Bool {
    get { flag(0x01) }
    set { setFlag(0x01, newValue) }
  }

  /// Data-Out, Data-In and Reject: the PDU's number in its sequence or command; of a Ready To Transfer, R2TSN; of a SCSI
  /// Response, the number of Data-In and Ready To Transfer PDUs before it.
  public var dataSN: UInt32 {
    get { u32(36) }
    set { put(newValue, at: 36) }
  }

  /// Data-Out, Data-In and Ready To Transfer: where in the command's data these stand.
  public var bufferOffset: UInt32 {
    get { u32(40) }
    set { put(newValue, at: 40) }
  }

  /// Ready To Transfer: octets wanted.
  public var desiredDataTransferLength: UInt32 {
    get { u32(44) }
    set { put(newValue, at: 44) }
  }
}

/// How a task stands in the order of tasks (RFC 7143, 11.3.1; SAM-5, 8.6).
public enum TaskAttribute: UInt8, Hashable, Sendable {
  /// As the target likes.
  case untagged = 0
  /// In any order with others of its kind.
  case simple = 1
  /// After all before it, before all after it.
  case ordered = 2
  /// At once.
  case headOfQueue = 3
  /// For clearing an auto contingent allegiance.
  case aca = 4
}

/// How far what a command moved differs from what the initiator expected (RFC 7143, 11.4.5).
public enum Residual: Hashable, Sendable {
  /// Not at all.
  case none
  /// So many octets more would have been moved.
  case overflow(UInt32)
  /// So many octets fewer were moved.
  case underflow(UInt32)

  /// The residual of `moved` octets against `expected` ones.
  public init(moved: UInt64, expected: UInt64) {
    if moved > expected {
      self = .overflow(UInt32(clamping: moved - expected))
    } else if moved < expected {
      self = .underflow(UInt32(clamping: expected - moved))
    } else {
      self = .none
    }
  }
}
