import Octets
import SCSI

/// A PDU while its octets come: header, additional headers, header digest, data, padding, data digest.
struct Reception {
  /// Where parts of a data segment go.
  enum Sink {
    /// Into an array.
    case collected([UInt8])
    /// Into a task's memory from an offset on, as far as it reaches.
    case memory(any TransferMemory, Int, TargetTask)
    /// Nowhere.
    case nowhere
  }

  private(set) var header = BasicHeaderSegment(.nopOut)
  private(set) var isHeaderComplete = false
  private(set) var isHeaderAuthentic = true
  var sink = Sink.nowhere

  /// What came of the header so far, if it did not come in one piece.
  private var partialHeader: [UInt8] = []
  private var hasDataDigest = false
  private(set) var dataFilled = 0
  private var tail: [UInt8] = []
  private var checksum = CRC32C()

  /// Octets of additional header segments.
  var additionalOctets: Int { header.additionalHeaderOctets }

  /// Octets of data segment, padding and data digest.
  var dataOctets: Int {
    let octets = header.dataSegmentOctets
    return octets == 0 ? 0 : octets + header.paddingOctets + (hasDataDigest ? 4 : 0)
  }

  var isDataComplete: Bool { dataFilled == dataOctets }

  /// Gets ready for the next PDU.
  mutating func startOver() {
    isHeaderComplete = false
    dataFilled = 0
    sink = .nowhere
    if !partialHeader.isEmpty { partialHeader.removeAll(keepingCapacity: true) }
    if !tail.isEmpty { tail.removeAll(keepingCapacity: true) }
  }

  /// Takes header octets and returns how many.
  mutating func takeHeader(_ rest: RawSpan, digest: Bool, _ outlet: any ConnectionOutlet) -> Int {
    if partialHeader.isEmpty, rest.byteCount >= BasicHeaderSegment.octetCount,
      let first = try? BasicHeaderSegment(parsing: rest)
    {
      let whole = Reception.headerOctets(first, digest)
      if rest.byteCount >= whole {
        complete(first, rest.extracting(0..<whole), digest, outlet)
        return whole
      }
    }
    var taken = 0
    // First the basic segment, then what it says there is.
    for _ in 0..<2 {
      var wanted = BasicHeaderSegment.octetCount
      if partialHeader.count >= wanted, let first = try? BasicHeaderSegment(parsing: partialHeader.span.bytes) {
        header = first
        wanted = Reception.headerOctets(first, digest)
      }
      let part = min(wanted - partialHeader.count, rest.byteCount - taken)
      for index in taken..<(taken + part) { partialHeader.append(rest[octet: index]) }
      taken += part
      guard partialHeader.count == wanted else { return taken }
      if let first = try? BasicHeaderSegment(parsing: partialHeader.span.bytes),
        partialHeader.count == Reception.headerOctets(first, digest)
      {
        let octets = partialHeader
        complete(first, octets.span.bytes, digest, outlet)
        return taken
      }
    }
    return taken
  }

  private static func headerOctets(_ header: BasicHeaderSegment, _ digest: Bool) -> Int {
    BasicHeaderSegment.octetCount + header.additionalHeaderOctets + (digest ? 4 : 0)
  }

  private mutating func complete(
    _ first: BasicHeaderSegment, _ octets: RawSpan, _ digest: Bool, _ outlet: any ConnectionOutlet
  ) {
    header = first
    isHeaderComplete = true
    isHeaderAuthentic = !digest || Reception.endsWithDigest(octets, outlet)
  }

  /// Gets ready for the data segment.
  mutating func expectData(digest: Bool) {
    hasDataDigest = digest
    dataFilled = 0
    checksum = CRC32C()
  }

  /// Whether data that came in one piece, with padding and digest, are what was sent.
  func checkWhole(_ octets: RawSpan, _ outlet: any ConnectionOutlet) -> Bool {
    !hasDataDigest || Reception.endsWithDigest(octets, outlet)
  }

  /// Takes data octets and returns how many.
  mutating func takeData(_ rest: RawSpan, _ outlet: any ConnectionOutlet) -> Int {
    var taken = 0
    let segment = header.dataSegmentOctets
    if dataFilled < segment {
      taken = min(segment - dataFilled, rest.byteCount)
      let part = rest.extracting(0..<taken)
      put(part)
      if hasDataDigest { outlet.update(&checksum, with: part) }
      dataFilled += taken
    }
    guard dataFilled >= segment else { return taken }
    let more = min(dataOctets - dataFilled, rest.byteCount - taken)
    for index in taken..<(taken + more) { tail.append(rest[octet: index]) }
    dataFilled += more
    return taken + more
  }

  private mutating func put(_ part: RawSpan) {
    switch sink {
    case .nowhere: return
    case .memory(let memory, let start, _):
      memory.copy(part, to: start + dataFilled)
    case .collected(var octets):
      sink = .nowhere  // one owner, so that growing it copies nothing
      part.withUnsafeBytes { octets.append(contentsOf: $0) }
      sink = .collected(octets)
    }
  }

  /// Whether data that came in parts are what was sent.
  var isDataAuthentic: Bool {
    guard hasDataDigest else { return true }
    var whole = checksum
    let padding = header.paddingOctets
    guard tail.count == padding + 4 else { return false }
    for index in 0..<padding { whole.update(tail[index]) }
    return whole.value == Reception.digest(tail.span.bytes.extracting(padding..<(padding + 4)))
  }

  private static func endsWithDigest(_ octets: RawSpan, _ outlet: any ConnectionOutlet) -> Bool {
    let end = octets.byteCount - 4
    return outlet.digest(of: octets.extracting(0..<end)) == digest(octets.extracting(end..<octets.byteCount))
  }

  /// Digests travel with their least significant octet first (RFC 7143, 13.1).
  private static func digest(_ octets: RawSpan) -> UInt32 {
    UInt32(littleEndian: octets.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt32.self))
  }
}

extension TransferMemory {
  /// Copies octets to an offset, as far as there is room.
  func copy(_ bytes: RawSpan, to offset: Int) {
    guard offset >= 0, offset < count else { return }
    let octets = min(bytes.byteCount, count - offset)
    withMutableBytes { target in
      target.withUnsafeMutableBytes { target in
        bytes.withUnsafeBytes { source in
          UnsafeMutableRawBufferPointer(rebasing: target[offset..<(offset + octets)])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[0..<octets]))
        }
      }
    }
  }
}
