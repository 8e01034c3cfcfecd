import ISCSI
import NIOCore

/// Memory that NIO sends from as it is. When the last owner lets go of it, its pool takes it back.
final class BufferMemory: TransferMemory {
  private var buffer: ByteBuffer
  private let pool: BufferPool
  /// What it counts for, whatever NIO makes of the buffer.
  private let octets: Int

  fileprivate init(_ buffer: ByteBuffer, from pool: BufferPool) {
    self.buffer = buffer
    self.pool = pool
    octets = buffer.capacity
  }

  deinit { pool.takeBack(buffer, countedAs: octets) }

  var count: Int { buffer.readableBytes }

  func withBytes(_ body: (RawSpan) -> Void) {
    buffer.withUnsafeReadableBytes { body(RawSpan(_unsafeBytes: $0)) }
  }

  func withMutableBytes(_ body: (inout MutableRawSpan) -> Void) {
    buffer.withUnsafeMutableReadableBytes {
      var span = MutableRawSpan(_unsafeBytes: $0)
      body(&span)
    }
  }

  /// Part of the memory, which is not copied.
  func slice(_ range: Range<Int>) -> ByteBuffer? { buffer.getSlice(at: range.lowerBound, length: range.count) }
}

/// Memory that was used before: fresh pages cost the system as much as it costs us to fill them.
///
/// Belongs to one event loop.
final class BufferPool {
  /// Smaller pieces are left to the allocator, which is good at them.
  private static let smallest = 16_384
  /// Octets that are kept at most.
  private static let most = 8 << 20

  /// Octets of the pieces that somebody has.
  private(set) var octetsInUse = 0

  private var free: [ByteBuffer] = []
  private var octets = 0

  /// Memory with whatever is in it.
  func make(octets count: Int, _ allocator: ByteBufferAllocator) -> BufferMemory {
    var buffer = take(count) ?? allocator.buffer(capacity: count)
    buffer.moveWriterIndex(to: count)
    octetsInUse += buffer.capacity
    return BufferMemory(buffer, from: self)
  }

  /// The piece given back last that is large enough, and not much too large.
  private func take(_ count: Int) -> ByteBuffer? {
    guard count >= BufferPool.smallest,
      let index = free.lastIndex(where: { $0.capacity >= count && $0.capacity / 4 <= count })
    else { return nil }
    let buffer = free.remove(at: index)
    octets -= buffer.capacity
    return buffer
  }

  fileprivate func takeBack(_ buffer: ByteBuffer, countedAs counted: Int) {
    octetsInUse -= counted
    guard buffer.capacity >= BufferPool.smallest, octets + buffer.capacity <= BufferPool.most else { return }
    var empty = buffer
    empty.moveReaderIndex(to: 0)
    empty.moveWriterIndex(to: 0)
    octets += empty.capacity
    free.append(empty)
  }
}
