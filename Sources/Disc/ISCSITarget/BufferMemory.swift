import ISCSI
import NIOCore

/// Memory that NIO sends from as it is.
final class BufferMemory: TransferMemory {
  private var buffer: ByteBuffer

  /// Memory whose content nobody has set.
  init(octets: Int, _ allocator: ByteBufferAllocator) {
    buffer = allocator.buffer(capacity: octets)
    buffer.moveWriterIndex(to: octets)
  }

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
