import Octets

/// The head of a page: `WFST` (4) ‖ version 0001 (2) ‖ 0000 (2) ‖ sequence (8) ‖ erasures (4) ‖ CRC-32C of all that (4).
struct PageHead: Equatable {
  static let octetCount = 24
  static let magic: UInt32 = 0x5746_5354
  static let version: UInt16 = 1
  /// More than any flash lives to see; above it no head is sound.
  static let sequenceLimit: UInt64 = 1 << 56

  /// Position of the page in the log; the first is 1.
  var sequence: UInt64
  /// How often the page was erased, as far as known.
  var erasures: UInt32

  init(sequence: UInt64, erasures: UInt32) {
    self.sequence = sequence
    self.erasures = erasures
  }

  /// The head of a page, or `nil` if it has none.
  init?(_ octets: RawSpan) {
    guard octets.byteCount >= PageHead.octetCount else { return nil }
    var reader = OctetReader(octets)
    guard (try? reader.u32()) == PageHead.magic, (try? reader.u16()) == PageHead.version, (try? reader.u16()) == 0,
      let sequence = try? reader.u64(), let erasures = try? reader.u32(), let checksum = try? reader.u32()
    else { return nil }
    guard (1...PageHead.sequenceLimit).contains(sequence), CRC32C.checksum(octets.extracting(0..<20)) == checksum else {
      return nil
    }
    self.sequence = sequence
    self.erasures = erasures
  }

  func write(into buffer: OctetBuffer) throws(OctetError) {
    try buffer.append(PageHead.magic)
    try buffer.append(PageHead.version)
    try buffer.append(UInt16(0))
    try buffer.append(sequence)
    try buffer.append(erasures)
    let checksum = buffer.withBytes { CRC32C.checksum($0) }
    try buffer.append(checksum)
  }
}

/// The head of a record: kind (1) ‖ flags (1) ‖ key (2) ‖ length (2) ‖ 0000 (2) ‖ batch (4) ‖ check (4), then the value.
///
/// The check is a CRC-32C over the page's sequence number, the first 12 octets and the value. The value of a commit record is
/// the chained checks of all records of its batch (``BatchChecksum``). So neither a stale record under a new page head nor a
/// batch with a record missing is ever taken for good.
struct RecordHead: Equatable {
  static let octetCount = 16

  enum Kind: UInt8 {
    /// A new value, good once its batch is committed.
    case put = 0xA1
    /// The end of a value, good once its batch is committed.
    case remove = 0xA2
    /// The end of a batch; `key` counts its records, the value is their ``BatchChecksum`` (4).
    case commit = 0xA3
    /// A committed value moved by compaction: good by itself.
    case copy = 0xA4
    /// All pages up to a sequence number (8 octets of value) are dead: good by itself.
    case trim = 0xA5
    /// The end of a value, written again by compaction: good by itself.
    case gone = 0xA6

    /// Whether it is good only with a seal behind it.
    var wantsSeal: Bool { self == .commit || self == .trim }
  }

  /// The first record of a batch says so.
  static let firstOfBatch: UInt8 = 0x01

  var kind: Kind
  var flags: UInt8
  var key: UInt16
  var length: UInt16
  var batch: UInt32
  var check: UInt32

  init(kind: Kind, flags: UInt8 = 0, key: UInt16 = 0, length: UInt16 = 0, batch: UInt32 = 0) {
    self.kind = kind
    self.flags = flags
    self.key = key
    self.length = length
    self.batch = batch
    check = 0
  }

  /// A head whose form is right; whether its check is, ``RecordCursor`` finds out.
  init?(_ octets: RawSpan) {
    guard octets.byteCount >= RecordHead.octetCount, let kind = Kind(rawValue: octets[octet: 0]) else { return nil }
    var reader = OctetReader(octets)
    guard (try? reader.u8()) != nil, let flags = try? reader.u8(), let key = try? reader.u16(),
      let length = try? reader.u16(), let reserved = try? reader.u16(), let batch = try? reader.u32(),
      let check = try? reader.u32()
    else { return nil }
    guard reserved == 0, flags & 0xFE == 0 else { return nil }
    self.kind = kind
    self.flags = flags
    self.key = key
    self.length = length
    self.batch = batch
    self.check = check
  }

  /// The checksum that the head must carry over `value`, in the page with this sequence number.
  func checksum(_ value: RawSpan, page: UInt64) -> UInt32 {
    var crc = CRC32C()
    crc.update(UInt32(truncatingIfNeeded: page >> 32))
    crc.update(UInt32(truncatingIfNeeded: page))
    crc.update(kind.rawValue)
    crc.update(flags)
    crc.update(key)
    crc.update(length)
    crc.update(UInt16(0))
    crc.update(batch)
    crc.update(value)
    return crc.value
  }

  func write(into buffer: OctetBuffer) throws(OctetError) {
    try buffer.append(kind.rawValue)
    try buffer.append(flags)
    try buffer.append(key)
    try buffer.append(length)
    try buffer.append(UInt16(0))
    try buffer.append(batch)
    try buffer.append(check)
  }
}

extension CRC32C {
  /// Takes in a big-endian 32-bit integer.
  fileprivate mutating func update(_ value: UInt32) {
    update(UInt16(truncatingIfNeeded: value >> 16))
    update(UInt16(truncatingIfNeeded: value))
  }

  /// Takes in a big-endian 16-bit integer.
  fileprivate mutating func update(_ value: UInt16) {
    update(UInt8(truncatingIfNeeded: value >> 8))
    update(UInt8(truncatingIfNeeded: value))
  }
}

/// The checks of a batch's records, chained: what its commit record vouches for.
struct BatchChecksum {
  private(set) var value: UInt32 = 0
  private(set) var count: UInt16 = 0

  /// Takes in the check of the next record.
  mutating func add(_ check: UInt32) {
    var crc = CRC32C()
    crc.update(value)
    crc.update(check)
    value = crc.value
    count &+= 1
  }
}
