import Cryptography
import SCSI

extension LicensedVolume {
  /// Octets for general use if nothing is said: a quarter of the medium, in whole mebibytes, at least one.
  public static func defaultGeneralUse(of capacity: Capacity) -> UInt64 {
    let quarter = capacity.blockCount.multipliedReportingOverflow(by: UInt64(capacity.blockSize)).partialValue / 4
    return max(quarter - quarter % VolumeLayout.alignment, VolumeLayout.alignment)
  }

  /// Makes a licensed volume on the medium in the drive: two partitions, the first for general use (M17), of which only
  /// the entry is written (the user formats it), the second the volume. Then opens it.
  ///
  /// A power cut leaves what was there before, a medium without a volume, or the finished volume. An earlier volume is
  /// first taken out of the partition table, so that no half of it is ever seen.
  ///
  /// - Parameters:
  ///   - generalUse: octets of the first partition, rounded up to whole mebibytes; without it
  ///     ``defaultGeneralUse(of:)``. A partition that keeps its size keeps its content.
  ///   - replacing: whether to give up what is on the medium. Without it a medium whose first mebibyte is not blank, or
  ///     that has a licensed volume, is refused with ``DiscError/Code/notEmpty``.
  ///   - random: where the volume's id, and the partition table's signature, come from.
  public static func format(
    _ session: DriveSession, generalUse: UInt64? = nil, replacing: Bool = false, random: any RandomSource
  ) throws(DiscError) -> LicensedVolume {
    let operation = "cannot make a licensed volume"
    let identity = try session.mediumIdentity()
    let header = try plan(
      session, generalUse: generalUse ?? defaultGeneralUse(of: session.capacity), random: random, operation)
    guard let layout = VolumePlace.layout(of: header.volume, on: session) else { throw tooSmall(operation) }

    if replacing {
      try dissolve(on: session)
    } else if try !isBlank(session) {
      throw DiscError(
        .notEmpty, operation, remedy: "there is something on the disc; ask for replacing to give it up for ever")
    }

    var volumeID = [UInt8](repeating: 0, count: 16)
    volumeID.withMutableOctets { random.fill($0) }
    let store = VolumeStore(
      session: session, layout: layout, firstBlock: UInt64(header.volume.first), volumeID: volumeID,
      mediumDigest: digest(of: identity.id))
    // Copy B of the header comes last but for the table: without a table it makes the volume visible.
    try write(Catalogue().encoded, .catalogue, at: VolumeLayout.catalogueOffset, store)
    try write(header.encoded, .header, at: VolumeLayout.headerOffset, store)
    try VolumePlace.writeDurably(header.table.encoded(blockSize: session.blockSize), toBlock: 0, of: session)
    return try LicensedVolume(opening: session)
  }

  private static func plan(
    _ session: DriveSession, generalUse: UInt64, random: any RandomSource, _ operation: String
  ) throws(DiscError) -> VolumeHeader {
    guard VolumePlace.isSupported(blockSize: session.blockSize) else {
      throw DiscError(.unsupported, operation, remedy: "use a disc with blocks of 512, 1024, 2048 or 4096 octets")
    }
    let alignment = VolumeLayout.alignment
    let end = VolumePlace.end(on: session)
    let general = max(generalUse, 1).addingReportingOverflow(alignment - 1)
    var start = alignment.addingReportingOverflow(general.partialValue - general.partialValue % alignment)
    // The volume's own tables must be written: they begin behind what is embossed, if they would meet it.
    if let embossed = try EmbossedPart(on: session), !start.overflow,
      start.partialValue <= end, end - start.partialValue >= VolumeLayout.minimumLength,
      embossed.octets.overlaps(start.partialValue..<(start.partialValue + VolumeLayout.metadataLength))
    {
      start.partialValue = (embossed.octets.upperBound + alignment - 1) / alignment * alignment
    }
    guard !general.overflow, !start.overflow, start.partialValue <= end,
      end - start.partialValue >= VolumeLayout.minimumLength
    else { throw tooSmall(operation) }

    let blockSize = UInt64(session.blockSize)
    guard let total = UInt32(exactly: end / blockSize) else {
      throw DiscError(.unsupported, operation, remedy: "use a disc of at most 2^32 blocks")
    }
    let (first, volume) = (UInt32(alignment / blockSize), UInt32(start.partialValue / blockSize))
    var signature = [UInt8](repeating: 0, count: 4)
    signature.withMutableOctets { random.fill($0) }
    return VolumeHeader(
      blockSize: session.capacity.blockSize, signature: signature.reduce(0) { $0 << 8 | UInt32($1) },
      generalUse: PartitionTable.Entry(
        type: PartitionTable.generalUseType(octets: start.partialValue - alignment), first: first,
        count: volume - first),
      volume: PartitionTable.Entry(
        type: PartitionTable.licensedVolumeType, first: volume, count: total - volume))
  }

  private static func tooSmall(_ operation: String) -> DiscError {
    DiscError(
      .full, operation,
      remedy: "leave at least \((VolumeLayout.minimumLength + VolumeLayout.alignment) >> 20) MiB beside the partition "
        + "for general use, or use a larger disc")
  }

  /// Whether the first mebibyte is blank and no volume is at the end.
  private static func isBlank(_ session: DriveSession) throws(DiscError) -> Bool {
    guard try VolumePlace.findByLastCopy(session) == nil else { return false }
    var octets = [UInt8](repeating: 0, count: Int(VolumeLayout.alignment))
    do throws(DiscError) {
      try octets.withMutableOctets { (all) throws(DiscError) in try session.read(from: 0, into: all) }
    } catch {
      guard error.sense?.key == .blankCheck else { throw error }
      return true
    }
    return octets.allSatisfy { $0 == 0 } || octets.allSatisfy { $0 == 0xFF }
  }

  /// Takes a volume that is there out of the partition table, or writes an empty table where a torn one still shows it.
  private static func dissolve(on session: DriveSession) throws(DiscError) {
    let remaining: PartitionTable
    switch try VolumePlace.readFirstBlock(session) {
    case .table(var table):
      guard table.licensedVolume != nil else { return }
      table.entries = table.entries.map { $0?.type == PartitionTable.licensedVolumeType ? nil : $0 }
      remaining = table
    case .none:
      guard try VolumePlace.findByLastCopy(session) != nil else { return }
      remaining = PartitionTable(signature: 0)
    }
    try VolumePlace.writeDurably(remaining.encoded(blockSize: session.blockSize), toBlock: 0, of: session)
  }

  private static func write(
    _ payload: [UInt8], _ kind: VolumeRecord.Kind, at offset: UInt64, _ store: VolumeStore
  ) throws(DiscError) {
    var pair = VolumeStore.Pair(kind: kind, offset: offset, length: VolumeLayout.tableLength, a: .blank, b: .blank)
    try store.replace(&pair, with: payload)
  }
}
