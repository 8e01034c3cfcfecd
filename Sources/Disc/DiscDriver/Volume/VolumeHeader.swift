import Octets
import SCSI

/// The payload of a volume header: where the volume and its neighbours lie, so that a torn partition table can be
/// written again.
///
/// Block size (4), disk signature (4), then first block (4) and block count (4) of the general-use partition and its
/// type (1), then first block (4) and block count (4) of the volume. Big-endian.
struct VolumeHeader: Hashable {
  var blockSize: UInt32
  var table: PartitionTable
  var volume: PartitionTable.Entry

  /// A new volume's header.
  init(blockSize: UInt32, signature: UInt32, generalUse: PartitionTable.Entry, volume: PartitionTable.Entry) {
    self.blockSize = blockSize
    self.volume = volume
    table = PartitionTable(signature: signature, generalUse: generalUse, licensedVolume: volume)
  }

  /// Reads a payload.
  init(parsing payload: [UInt8]) throws(OctetError) {
    var reader = OctetReader(payload.span.bytes)
    let blockSize = try reader.u32()
    let signature = try reader.u32()
    let (first, count) = (try reader.u32(), try reader.u32())
    let generalUse = PartitionTable.Entry(type: try reader.u8(), first: first, count: count)
    let volume = PartitionTable.Entry(
      type: PartitionTable.licensedVolumeType, first: try reader.u32(), count: try reader.u32())
    try reader.expectEnd()
    self.init(blockSize: blockSize, signature: signature, generalUse: generalUse, volume: volume)
  }

  /// The header in a record, if it is one of a volume at this place.
  init?(parsing record: VolumeRecord, at place: VolumePlace, on session: DriveSession) {
    guard let header = try? VolumeHeader(parsing: record.payload), header.volume == place.volume,
      header.blockSize == session.capacity.blockSize
    else { return nil }
    self = header
  }

  /// The payload.
  var encoded: [UInt8] {
    var octets: [UInt8] = []
    octets.append(bigEndian: blockSize)
    octets.append(bigEndian: table.signature)
    let generalUse = table.entries[0] ?? PartitionTable.Entry(type: 0, first: 0, count: 0)
    octets.append(bigEndian: generalUse.first)
    octets.append(bigEndian: generalUse.count)
    octets.append(generalUse.type)
    octets.append(bigEndian: volume.first)
    octets.append(bigEndian: volume.count)
    return octets
  }
}
