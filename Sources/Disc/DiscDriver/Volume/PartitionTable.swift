import Octets

/// The master boot record of a medium with a licensed volume: an ordinary partition for general use (M17), then the
/// volume. Addresses count the medium's own blocks.
///
/// The first 512 octets of block 0: disk signature at 440, four entries of 16 octets from 446 on, 55 AA at 510.
struct PartitionTable: Hashable {
  /// An entry's run of blocks, and what it holds.
  struct Entry: Hashable {
    var type: UInt8
    var first: UInt32
    var count: UInt32
  }

  /// What a licensed volume's entry says: DAh, "Non-FS data", which no operating system mounts or offers to format.
  static let licensedVolumeType: UInt8 = 0xDA
  /// The octets of a table; the block may be longer.
  static let octetCount = 512

  /// Tells media apart for operating systems; no secret, no identity.
  var signature: UInt32
  /// Four entries; `nil` for an unused one.
  var entries: [Entry?]

  /// The table with these two partitions.
  init(signature: UInt32, generalUse: Entry, licensedVolume: Entry) {
    self.signature = signature
    entries = [generalUse, licensedVolume, nil, nil]
  }

  /// A table of nothing.
  init(signature: UInt32) {
    self.signature = signature
    entries = [nil, nil, nil, nil]
  }

  /// Reads block 0; `nil` if there is no table in it.
  init?(parsing block: [UInt8]) {
    guard block.count >= PartitionTable.octetCount, block[510] == 0x55, block[511] == 0xAA else { return nil }
    func u32(_ offset: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(block[offset + $1]) << UInt32(8 * $1) } }
    signature = u32(440)
    entries = (0..<4).map { index in
      let start = 446 + 16 * index
      guard block[start + 4] != 0 else { return nil }
      return Entry(type: block[start + 4], first: u32(start + 8), count: u32(start + 12))
    }
  }

  /// The entry of the licensed volume.
  var licensedVolume: Entry? { entries.compactMap { $0 }.first { $0.type == PartitionTable.licensedVolumeType } }

  /// The type of an ordinary FAT partition: FAT16 as `mkfs.fat` chooses it up to 512 MiB, else FAT32 with LBA.
  static func generalUseType(octets: UInt64) -> UInt8 { octets <= 512 << 20 ? 0x06 : 0x0C }

  /// Block 0, `blockSize` octets.
  func encoded(blockSize: Int) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: max(blockSize, PartitionTable.octetCount))
    func put(_ value: UInt32, at offset: Int) {
      for index in 0..<4 { block[offset + index] = UInt8(truncatingIfNeeded: value >> UInt32(8 * index)) }
    }
    put(signature, at: 440)
    for (index, entry) in entries.prefix(4).enumerated() {
      guard let entry else { continue }
      let start = 446 + 16 * index
      // Cylinders, heads and sectors are beyond use: FE FF FF says so.
      for field in [start + 1, start + 5] { block.replaceSubrange(field..<(field + 3), with: [0xFE, 0xFF, 0xFF]) }
      block[start + 4] = entry.type
      put(entry.first, at: start + 8)
      put(entry.count, at: start + 12)
    }
    block[510] = 0x55
    block[511] = 0xAA
    return block
  }
}
