import SCSI

/// Where the licensed volume lies on a medium, by the partition table, or without it by copy B of the header.
struct VolumePlace {
  var volume: PartitionTable.Entry
  var layout: VolumeLayout
  /// Whether block 0 must be written again: a power cut tore it.
  var needsPartitionTable: Bool

  /// What block 0 holds.
  enum FirstBlock {
    /// A partition table.
    case table(PartitionTable)
    /// Nothing that is a table, or nothing that can be read.
    case none(isReadable: Bool)
  }

  /// Finds the volume.
  static func find(on session: DriveSession, _ operation: String) throws(DiscError) -> VolumePlace {
    switch try readFirstBlock(session) {
    case .table(let table):
      guard let entry = table.licensedVolume else { throw LicensedVolume.unformatted(operation) }
      guard let layout = layout(of: entry, on: session) else {
        throw DiscError(
          .damaged, operation, remedy: "the partition table does not fit the disc; use the disc it was made on")
      }
      return VolumePlace(volume: entry, layout: layout, needsPartitionTable: false)
    case .none(let isReadable):
      if let place = try findByLastCopy(session) { return place }
      guard !isReadable else { throw LicensedVolume.unformatted(operation) }
      throw DiscError(
        .damaged, operation, remedy: "the partition table cannot be read; save what else is on the disc, then format it"
      )
    }
  }

  /// Reads block 0.
  static func readFirstBlock(_ session: DriveSession) throws(DiscError) -> FirstBlock {
    var block = [UInt8](repeating: 0, count: session.blockSize)
    do throws(DiscError) {
      try block.withMutableOctets { (all) throws(DiscError) in try session.read(from: 0, into: all) }
    } catch {
      guard error.code == .mediumFailure else { throw error }
      return .none(isReadable: error.sense?.key == .blankCheck)
    }
    guard let table = PartitionTable(parsing: block) else { return .none(isReadable: true) }
    return .table(table)
  }

  /// The volume whose header's copy B lies where any volume on this medium has it.
  static func findByLastCopy(_ session: DriveSession) throws(DiscError) -> VolumePlace? {
    let end = end(on: session)
    guard end >= VolumeLayout.minimumLength, isSupported(blockSize: session.blockSize) else { return nil }
    // A scout whose volume is the whole medium: only the end counts.
    guard let whole = VolumeLayout(length: end) else { return nil }
    let scout = VolumeStore(session: session, layout: whole, firstBlock: 0, volumeID: [], mediumDigest: [])
    guard case .valid(let record) = try findHeader(scout, .b), let header = try? VolumeHeader(parsing: record.payload),
      header.blockSize == session.capacity.blockSize, let layout = layout(of: header.volume, on: session)
    else { return nil }
    return VolumePlace(volume: header.volume, layout: layout, needsPartitionTable: true)
  }

  /// One copy of a header, of any volume.
  static func findHeader(
    _ store: VolumeStore, _ copy: VolumeLayout.Copy
  ) throws(DiscError) -> VolumeRecord.Found {
    try store.find(
      .header, at: store.layout.offset(of: VolumeLayout.headerOffset, copy: copy), VolumeLayout.tableLength)
  }

  /// The layout of a volume in this entry; `nil` unless it lies on the medium as volumes do.
  static func layout(of entry: PartitionTable.Entry, on session: DriveSession) -> VolumeLayout? {
    let blockSize = UInt64(session.blockSize)
    let start = UInt64(entry.first) * blockSize
    let length = UInt64(entry.count) * blockSize
    guard isSupported(blockSize: session.blockSize), start > 0, start % VolumeLayout.alignment == 0,
      start + length == end(on: session)
    else { return nil }
    return VolumeLayout(length: length)
  }

  /// Where every volume on this medium ends: at the last whole mebibyte, in octets.
  static func end(on session: DriveSession) -> UInt64 {
    let octets = session.capacity.blockCount * UInt64(session.blockSize)
    return octets - octets % VolumeLayout.alignment
  }

  /// Block sizes of which every offset is a multiple.
  static func isSupported(blockSize: Int) -> Bool { [512, 1024, 2048, 4096].contains(blockSize) }

  /// Writes blocks outside the volume, and returns when they are on the medium and were read back as written.
  static func writeDurably(_ octets: [UInt8], toBlock block: UInt64, of session: DriveSession) throws(DiscError) {
    guard let medium = VolumeLayout(length: end(on: session)) else { return }
    let store = VolumeStore(session: session, layout: medium, firstBlock: block, volumeID: [], mediumDigest: [])
    try store.writeDurably(octets, at: 0)
  }
}
