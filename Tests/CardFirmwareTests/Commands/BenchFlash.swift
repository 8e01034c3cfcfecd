import CardFirmware
import Octets

/// Flash in memory that never fails: what the command tests run on.
class BenchFlash: FlashMemory {
  let geometry: FlashGeometry
  private let memory: UnsafeMutableRawBufferPointer
  let base: UnsafeRawPointer

  /// Erased flash.
  init(geometry: FlashGeometry) {
    self.geometry = geometry
    let start = UnsafeMutableRawPointer.allocate(byteCount: geometry.octets, alignment: 16)
    memory = UnsafeMutableRawBufferPointer(start: start, count: geometry.octets)
    base = UnsafeRawPointer(start)
    memory.initializeMemory(as: UInt8.self, repeating: 0xFF)
  }

  /// A copy of what another flash held.
  init(geometry: FlashGeometry, content: [UInt8]) {
    self.geometry = geometry
    let start = UnsafeMutableRawPointer.allocate(byteCount: geometry.octets, alignment: 16)
    memory = UnsafeMutableRawBufferPointer(start: start, count: geometry.octets)
    base = UnsafeRawPointer(start)
    memory.copyBytes(from: content)
  }

  deinit { memory.deallocate() }

  /// Program and erase operations so far.
  private(set) var changes = 0

  /// All octets as they are now.
  var content: [UInt8] { [UInt8](memory) }

  func program(at offset: Int, _ words: RawSpan) throws(FlashError) {
    guard offset >= 0, words.byteCount <= memory.count - offset else { throw .outOfRange }
    changes += 1
    for index in 0..<words.byteCount { memory[offset + index] &= words[octet: index] }
  }

  func erase(page: Int) throws(FlashError) {
    guard (0..<geometry.pageCount).contains(page) else { throw .outOfRange }
    let start = page * geometry.pageSize
    changes += 1
    for index in start..<(start + geometry.pageSize) { memory[index] = 0xFF }
  }

  func sync() throws(FlashError) {}
}

/// Flash that keeps what it held at every sync: what a power cut right after it would leave.
final class RecordingFlash: BenchFlash {
  var snapshots: [[UInt8]] = []

  /// A copy of another flash.
  init(_ other: BenchFlash) { super.init(geometry: other.geometry, content: other.content) }

  override func sync() throws(FlashError) { snapshots.append(content) }
}
