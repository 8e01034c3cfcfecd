import DriveFirmware

/// The four copies of the defect management area. Any one of them is enough; whatever the host dies in, one is whole.
struct DefectAreas: Sendable {
  /// The area that counts.
  private(set) var current: DefectArea
  /// The copies, those that do not hold it first: they are written first.
  private var order: [Int]
  private let copies: [FileWindow]
  private let file: ImageFile

  /// Reads the copies and takes the latest intact one.
  ///
  /// - Parameter mayBeAbsent: whether an area that was never written counts as one without defects, as in version 1.
  init(
    reading file: ImageFile, _ geometry: MediumGeometry, mayBeAbsent: Bool, _ path: String
  ) throws(DiscImageError) {
    self.file = file
    copies = ImageLayout.defectAreaOffsets.map {
      FileWindow(file, start: $0, length: ImageLayout.defectAreaOctets)
    }
    var areas: [DefectArea?] = []
    do throws(SyscallFailure) {
      for copy in copies { areas.append(try DefectAreas.read(copy, geometry, mayBeAbsent: mayBeAbsent)) }
    } catch {
      throw .syscall(error, path)
    }
    guard let latest = areas.compactMap({ $0 }).max(by: { $0.generation < $1.generation }) else {
      throw DiscImageError(
        .damagedDefectLists, path, "all four copies of the disc's defect lists are damaged",
        remedy: "restore the image from a copy")
    }
    current = latest
    let isCurrent = areas.map { $0?.generation == latest.generation }
    order = copies.indices.filter { !isCurrent[$0] } + copies.indices.filter { isCurrent[$0] }
  }

  private static func read(
    _ copy: FileWindow, _ geometry: MediumGeometry, mayBeAbsent: Bool
  ) throws(SyscallFailure) -> DefectArea? {
    let head = try copy.read(at: 0, count: ImageLayout.pageOctets)
    if mayBeAbsent, head.allSatisfy({ $0 == 0 }) { return DefectArea(geometry, generation: 0) }
    guard let count = DefectArea.octetCount(head: head) else { return nil }
    let octets = count <= head.count ? Array(head[..<count]) : try copy.read(at: 0, count: count)
    return DefectArea(parsing: octets, geometry)
  }

  /// Changes the area: in one copy first, and when that is lasting, in the others.
  mutating func update(_ map: SectorMap, isFormatting: Bool) throws(SyscallFailure) {
    var area = current
    area.map = map
    area.isFormatting = isFormatting
    area.generation &+= 1
    let octets = area.octets()
    try copies[order[0]].write(at: 0, octets)
    try file.synchronize()
    current = area
    order.append(order.removeFirst())
    for copy in order.dropLast() { try copies[copy].write(at: 0, octets) }
    try file.synchronize()
  }
}
