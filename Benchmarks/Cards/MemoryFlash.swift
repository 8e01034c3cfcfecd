import CardFirmware

/// Flash in memory and nothing more, so that a figure tells what the firmware costs.
final class MemoryFlash: FlashMemory {
  let geometry: FlashGeometry
  private let memory: UnsafeMutableRawBufferPointer

  var base: UnsafeRawPointer { UnsafeRawPointer(start) }

  private let start: UnsafeMutableRawPointer

  /// Erased flash.
  init(geometry: FlashGeometry = FlashGeometry(pageSize: 4_096, pageCount: 128, wordSize: 16)) {
    self.geometry = geometry
    start = .allocate(byteCount: geometry.octets, alignment: 16)
    memory = UnsafeMutableRawBufferPointer(start: start, count: geometry.octets)
    memory.initializeMemory(as: UInt8.self, repeating: 0xFF)
  }

  deinit { start.deallocate() }

  func program(at offset: Int, _ words: RawSpan) throws(FlashError) {
    guard offset >= 0, words.byteCount <= memory.count - offset else { throw .outOfRange }
    words.withUnsafeBytes { source in
      for index in 0..<source.count { memory[offset + index] &= source[index] }
    }
  }

  func erase(page: Int) throws(FlashError) {
    guard (0..<geometry.pageCount).contains(page) else { throw .outOfRange }
    let first = page * geometry.pageSize
    UnsafeMutableRawBufferPointer(rebasing: memory[first..<(first + geometry.pageSize)])
      .initializeMemory(as: UInt8.self, repeating: 0xFF)
  }

  func sync() {}
}
