import ISCSI
import Octets

/// A connection's way out that ends in an array.
final class MemoryOutlet: ConnectionOutlet {
  let localAddress = "192.0.2.1:3260"
  let peerAddress = "192.0.2.2:50000"
  var isCongested = false
  /// Octets that others have in use.
  var octetsInUse = 0
  private(set) var isClosed = false
  private(set) var sent: [UInt8] = []
  /// The most octets of memory asked for in one piece.
  private(set) var largestMemory = 0

  func makeMemory(octets: Int) -> any TransferMemory {
    largestMemory = max(largestMemory, octets)
    return ArrayMemory(octets)
  }

  func send(_ bytes: RawSpan) { sent += bytes.octets }

  func send(_ memory: any TransferMemory, _ range: Range<Int>) {
    memory.withBytes { sent += $0.extracting(range).octets }
  }

  func close() { isClosed = true }

  /// What was sent since the last time.
  func take() -> [UInt8] {
    defer { sent = [] }
    return sent
  }
}

final class ArrayMemory: TransferMemory {
  private var octets: [UInt8]

  init(_ count: Int) { octets = [UInt8](repeating: 0xEE, count: count) }

  var count: Int { octets.count }

  func withBytes(_ body: (RawSpan) -> Void) { octets.withUnsafeBytes { body(RawSpan(_unsafeBytes: $0)) } }

  func withMutableBytes(_ body: (inout MutableRawSpan) -> Void) {
    octets.withUnsafeMutableBytes {
      var span = MutableRawSpan(_unsafeBytes: $0)
      body(&span)
    }
  }
}
