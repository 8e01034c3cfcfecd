import DriveFirmware
import SCSI

/// One octet for each sector of an image, read once and written where it changes.
final class SectorStates {
  private var octets: [UInt8]
  /// Sectors that are anything but good. While there are none, reads and writes need not look.
  private var abnormalCount = 0
  private let window: FileWindow

  /// Reads the states of all sectors.
  init(reading file: ImageFile, _ geometry: MediumGeometry, _ path: String) throws(DiscImageError) {
    let count = Int(geometry.sectorCount)
    let window = FileWindow(file, start: ImageLayout.stateOffset, length: UInt64(count))
    self.window = window
    var failure: SyscallFailure?
    octets = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      buffer.initialize(repeating: 0)
      initialized = count
      do throws(SyscallFailure) {
        try window.read(at: 0, into: UnsafeMutableRawBufferPointer(buffer))
      } catch {
        failure = error
      }
    }
    if let failure { throw .syscall(failure, path) }
    for octet in octets where octet != 0 {
      guard SectorState(rawValue: octet) != nil else {
        throw DiscImageError(
          .damagedSectorStates, path, "the image's table of sector states is damaged",
          remedy: "restore the image from a copy")
      }
      abnormalCount += 1
    }
  }

  /// The state of one sector.
  func state(of block: UInt64) -> SectorState {
    guard block < UInt64(octets.count) else { return .good }
    return SectorState(rawValue: octets[Int(block)]) ?? .good
  }

  /// What reading `range` fails with, if any of its sectors cannot be read.
  func firstFailure(in range: BlockRange) -> MediumError? {
    guard abnormalCount > 0 else { return nil }
    for block in range.first..<(range.first + UInt64(range.count)) {
      if let failure = state(of: block).failure(at: block) { return failure }
    }
    return nil
  }

  /// Gives all sectors of `range` a state, in the file first.
  func mark(_ range: BlockRange, as state: SectorState) throws(SyscallFailure) {
    if state == .good, abnormalCount == 0 { return }
    let indices = Int(range.first)..<(Int(range.first) + Int(range.count))
    guard octets[indices].contains(where: { $0 != state.rawValue }) else { return }
    try window.write(at: range.first, [UInt8](repeating: state.rawValue, count: indices.count))
    for index in indices {
      abnormalCount += (state == .good ? 0 : 1) - (octets[index] == 0 ? 0 : 1)
      octets[index] = state.rawValue
    }
  }
}
