/// A byte buffer of fixed capacity, allocated once and reused: what firmware has instead of a growing array.
///
/// Appending past the capacity throws ``OctetError/full``; nothing reallocates.
public final class OctetBuffer {
  @usableFromInline let storage: UnsafeMutableRawBufferPointer
  /// ``count``, and the most it was since the last wipe, behind a pointer: each access to a variable of an object is checked for exclusivity at run time, which
  /// would cost more than most of what is done here.
  @usableFromInline let used: UnsafeMutablePointer<Int>

  /// Octets in use.
  @inlinable public var count: Int { used.pointee }

  /// Octets it can hold.
  @inlinable public var capacity: Int { storage.count }

  /// An empty buffer for `capacity` octets. Pages are touched only when written.
  public init(capacity: Int) {
    storage = .allocate(byteCount: capacity, alignment: 16)
    used = .allocate(capacity: 2)
    used.initialize(repeating: 0, count: 2)
  }

  deinit {
    wipe()
    used.deallocate()
    storage.deallocate()
  }

  /// Forgets the content; the octets stay until overwritten. Use ``wipe()`` for secrets.
  @inlinable
  public func removeAll() {
    if used[0] > used[1] { used[1] = used[0] }
    used[0] = 0
  }

  /// Keeps the first `newCount` octets.
  @inlinable
  public func truncate(to newCount: Int) {
    guard newCount >= 0, newCount < count else { return }
    if used[0] > used[1] { used[1] = used[0] }
    used[0] = newCount
  }

  /// Keeps the octets of `range`, within the used part, and moves them to the front.
  public func keep(_ range: Range<Int>) {
    guard range.lowerBound >= 0, range.upperBound <= count else { return }
    if used[0] > used[1] { used[1] = used[0] }
    UnsafeMutableRawBufferPointer(rebasing: storage[..<range.count])
      .copyMemory(from: UnsafeRawBufferPointer(rebasing: storage[range]))
    used[0] = range.count
  }

  /// Overwrites every octet used since the last wipe with zeros, those behind a shortened end too, and forgets them.
  public func wipe() {
    for index in 0..<max(used[0], used[1]) { storage[index] = 0 }
    used[0] = 0
    used[1] = 0
  }

  /// The octet at `index`, or `nil` outside the used part.
  @inlinable
  public subscript(index: Int) -> UInt8? {
    index >= 0 && index < count ? storage[index] : nil
  }

  /// Appends one octet.
  @inlinable
  public func append(_ octet: UInt8) throws(OctetError) {
    let start = count
    guard start < storage.count else { throw .full }
    storage[start] = octet
    used.pointee = start + 1
  }

  /// Appends a big-endian 16-bit integer, or nothing.
  @inlinable
  public func append(_ value: UInt16) throws(OctetError) { try append(bigEndian: value) }

  /// Appends a big-endian 32-bit integer, or nothing.
  @inlinable
  public func append(_ value: UInt32) throws(OctetError) { try append(bigEndian: value) }

  /// Appends a big-endian 64-bit integer, or nothing.
  @inlinable
  public func append(_ value: UInt64) throws(OctetError) { try append(bigEndian: value) }

  @inlinable
  func append<Value: FixedWidthInteger & BitwiseCopyable>(bigEndian value: Value) throws(OctetError) {
    let start = count
    guard storage.count - start >= MemoryLayout<Value>.size else { throw .full }
    storage.storeBytes(of: value.bigEndian, toByteOffset: start, as: Value.self)
    used.pointee = start + MemoryLayout<Value>.size
  }

  /// Appends all of `bytes`, or nothing.
  @inlinable
  public func append(_ bytes: RawSpan) throws(OctetError) {
    let start = count
    guard bytes.byteCount <= storage.count - start else { throw .full }
    copy(bytes, to: start)
    used.pointee = start + bytes.byteCount
  }

  /// Appends `length` octets of value `octet`.
  public func append(repeating octet: UInt8, count length: Int) throws(OctetError) {
    let start = count
    guard length >= 0, length <= storage.count - start else { throw .full }
    UnsafeMutableRawBufferPointer(rebasing: storage[start..<(start + length)])
      .initializeMemory(as: UInt8.self, repeating: octet)
    used.pointee = start + length
  }

  /// Overwrites octets from `offset` on, within the used part.
  public func replace(at offset: Int, with bytes: RawSpan) throws(OctetError) {
    guard offset >= 0, offset <= count, bytes.byteCount <= count - offset else { throw .truncated }
    copy(bytes, to: offset)
  }

  /// The caller has checked that there is room.
  @inlinable
  func copy(_ bytes: RawSpan, to offset: Int) {
    bytes.withUnsafeBytes { source in
      UnsafeMutableRawBufferPointer(rebasing: storage[offset..<(offset + source.count)]).copyMemory(from: source)
    }
  }

  /// Lends the used part.
  @inlinable
  public func withBytes<R: ~Copyable, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    try body(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: storage[0..<count])))
  }

  /// Lends the used part from `offset` on for changes in place.
  @inlinable
  public func withMutableBytes<R: ~Copyable, E: Error>(
    from offset: Int = 0, _ body: (inout MutableRawSpan) throws(E) -> R
  ) throws(E) -> R {
    let start = min(max(offset, 0), count)
    var span = MutableRawSpan(_unsafeBytes: UnsafeMutableRawBufferPointer(rebasing: storage[start..<count]))
    return try body(&span)
  }
}
