/// A byte buffer of fixed capacity, allocated once and reused: what firmware has instead of a growing array.
///
/// Appending past the capacity throws ``OctetError/full``; nothing reallocates.
public final class OctetBuffer {
  private let storage: UnsafeMutableRawBufferPointer

  /// Octets in use.
  public private(set) var count: Int = 0

  /// Octets it can hold.
  public var capacity: Int { storage.count }

  /// An empty buffer for `capacity` octets. Pages are touched only when written.
  public init(capacity: Int) {
    storage = .allocate(byteCount: capacity, alignment: 16)
  }

  deinit {
    wipe()
    storage.deallocate()
  }

  /// Forgets the content; the octets stay until overwritten. Use ``wipe()`` for secrets.
  public func removeAll() { count = 0 }

  /// Keeps the first `newCount` octets.
  public func truncate(to newCount: Int) {
    if newCount >= 0, newCount < count { count = newCount }
  }

  /// Overwrites the used octets with zeros and forgets them.
  public func wipe() {
    for index in 0..<count { storage[index] = 0 }
    count = 0
  }

  /// The octet at `index`, or `nil` outside the used part.
  public subscript(index: Int) -> UInt8? {
    index >= 0 && index < count ? storage[index] : nil
  }

  /// Appends one octet.
  public func append(_ octet: UInt8) throws(OctetError) {
    guard count < storage.count else { throw .full }
    storage[count] = octet
    count += 1
  }

  /// Appends a big-endian 16-bit integer.
  public func append(_ value: UInt16) throws(OctetError) {
    try append(UInt8(truncatingIfNeeded: value >> 8))
    try append(UInt8(truncatingIfNeeded: value))
  }

  /// Appends a big-endian 32-bit integer.
  public func append(_ value: UInt32) throws(OctetError) {
    try append(UInt16(truncatingIfNeeded: value >> 16))
    try append(UInt16(truncatingIfNeeded: value))
  }

  /// Appends a big-endian 64-bit integer.
  public func append(_ value: UInt64) throws(OctetError) {
    try append(UInt32(truncatingIfNeeded: value >> 32))
    try append(UInt32(truncatingIfNeeded: value))
  }

  /// Appends all of `bytes`, or nothing.
  public func append(_ bytes: RawSpan) throws(OctetError) {
    guard bytes.byteCount <= storage.count - count else { throw .full }
    let start = count
    bytes.withUnsafeBytes { source in
      UnsafeMutableRawBufferPointer(rebasing: storage[start..<(start + source.count)]).copyMemory(from: source)
    }
    count += bytes.byteCount
  }

  /// Appends `length` octets of value `octet`.
  public func append(repeating octet: UInt8, count length: Int) throws(OctetError) {
    guard length >= 0, length <= storage.count - count else { throw .full }
    for index in count..<(count + length) { storage[index] = octet }
    count += length
  }

  /// Overwrites octets from `offset` on, within the used part.
  public func replace(at offset: Int, with bytes: RawSpan) throws(OctetError) {
    guard offset >= 0, offset <= count, bytes.byteCount <= count - offset else { throw .truncated }
    bytes.withUnsafeBytes { source in
      UnsafeMutableRawBufferPointer(rebasing: storage[offset..<(offset + source.count)]).copyMemory(from: source)
    }
  }

  /// Lends the used part.
  public func withBytes<R: ~Copyable, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    try body(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: storage[0..<count])))
  }

  /// Lends the used part from `offset` on for changes in place.
  public func withMutableBytes<R: ~Copyable, E: Error>(
    from offset: Int = 0, _ body: (inout MutableRawSpan) throws(E) -> R
  ) throws(E) -> R {
    let start = min(max(offset, 0), count)
    var span = MutableRawSpan(_unsafeBytes: UnsafeMutableRawBufferPointer(rebasing: storage[start..<count]))
    return try body(&span)
  }
}
