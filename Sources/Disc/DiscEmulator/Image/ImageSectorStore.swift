import DriveFirmware
import Synchronization

/// Where an image keeps the states and the defects of its sectors.
final class ImageSectorStore: SectorStore {
  private let states: FileWindow
  private let areas: Mutex<DefectAreas>
  private let headers: HeaderPair

  private init(states: FileWindow, areas: DefectAreas, headers: HeaderPair) {
    self.states = states
    self.areas = Mutex(areas)
    self.headers = headers
  }

  func write(states octets: [UInt8], at index: Int) throws(SyscallFailure) {
    try states.write(at: UInt64(index), octets)
  }

  func write(_ map: SectorMap, isFormatting: Bool) throws(SyscallFailure) {
    try areas.withLock { (areas) throws(SyscallFailure) in try areas.update(map, isFormatting: isFormatting) }
    if headers.current.version < ImageHeader.version { try headers.update { $0.version = ImageHeader.version } }
  }

  /// Reads the table of an image.
  static func table(
    of file: ImageFile, _ headers: HeaderPair, _ path: String
  ) throws(DiscImageError) -> SectorTable {
    let header = headers.current
    let areas = try DefectAreas(reading: file, header.geometry, mayBeAbsent: header.version == 1, path)
    let count = Int(header.geometry.sectorCount)
    let window = FileWindow(file, start: ImageLayout.stateOffset, length: UInt64(count))
    let octets: [UInt8]
    do throws(SyscallFailure) { octets = try window.read(at: 0, count: count) } catch { throw .syscall(error, path) }
    guard let abnormal = abnormalCount(octets) else {
      throw DiscImageError(
        .damagedSectorStates, path, "the image's table of sector states is damaged",
        remedy: "restore the image from a copy")
    }
    return SectorTable(
      SectorTableContent(
        areas.current.map, isFormatting: areas.current.isFormatting, generation: areas.current.generation,
        states: octets, abnormalCount: abnormal,
        in: ImageSectorStore(states: window, areas: areas, headers: headers)))
  }

  /// How many states are other than good; `nil` if there are such as no sector has.
  private static func abnormalCount(_ states: [UInt8]) -> Int? {
    var count = 0
    let isPossible = states.withUnsafeBytes { bytes in
      var offset = 0
      while offset < bytes.count {
        // Nearly all are good: eight at a time.
        if offset + 8 <= bytes.count, bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) == 0 {
          offset += 8
          continue
        }
        if bytes[offset] != 0 {
          guard SectorState(rawValue: bytes[offset]) != nil else { return false }
          count += 1
        }
        offset += 1
      }
      return true
    }
    return isPossible ? count : nil
  }
}
