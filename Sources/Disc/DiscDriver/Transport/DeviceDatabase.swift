import Glibc
import Identifiers

/// What udev keeps of a drive's medium, for hosts that may not ask for it.
///
/// The kernel lets only privileged programs send READ MEDIA SERIAL NUMBER. The device rules in udev/ send it whenever a
/// medium comes, and keep the answer where everyone can read it. It is as host-asserted as if the host had asked itself.
struct DeviceDatabase: Sendable {
  /// Where sysfs is mounted.
  var system = "/sys"
  /// Where udev keeps its data.
  var data = "/run/udev/data"

  /// The id of the medium in a drive; `nil` if udev keeps none.
  ///
  /// - Parameter device: the number of the drive's block device, or of the sg or bsg device beside it.
  func mediumID(inDriveOf device: dev_t, kind: DeviceKind) -> MediumID? {
    let number = "\(DeviceNumber.major(device)):\(DeviceNumber.minor(device))"
    let block: String? =
      switch kind {
      case .block: number
      case .sg, .bsg: blockDevice(beside: "\(system)/dev/char/\(number)")
      }
    guard let block else { return nil }
    let property = "E:WARIFU_MEDIUM_ID="
    let line = SmallFile.lines("\(data)/b\(block)").first { $0.hasPrefix(property) }
    return line.flatMap { MediumID($0.dropFirst(property.count)) }
  }

  /// The number of the block device that belongs to the same logical unit.
  private func blockDevice(beside device: String) -> String? {
    let folder = "\(device)/device/block"
    guard let entries = opendir(folder) else { return nil }
    defer { closedir(entries) }
    while let entry = readdir(entries) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { start in
        start.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if !name.hasPrefix(".") { return SmallFile.lines("\(folder)/\(name)/dev").first }
    }
    return nil
  }
}

/// Files of a few lines, as the kernel and udev make them.
enum SmallFile {
  /// The lines of a file, each cut at 4,095 octets; none if it cannot be read.
  static func lines(_ path: String) -> [String] {
    guard let file = fopen(path, "re") else { return [] }
    defer { fclose(file) }
    var lines: [String] = []
    var line = [CChar](repeating: 0, count: 4096)
    while lines.count < 1000, fgets(&line, Int32(line.count), file) != nil {
      let octets = line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }
      lines.append(String(decoding: octets, as: UTF8.self))
    }
    return lines
  }
}
