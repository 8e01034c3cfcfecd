import SCSI

/// The part of a medium that is embossed, in octets of the medium: it can be read and never written.
struct EmbossedPart {
  /// Which octets.
  let octets: Range<UInt64>

  /// What is embossed on the medium in the drive; `nil` if nothing is.
  ///
  /// No command tells how long it is. It is taken for the one logical track that shows the medium id: 25 blocks of 512
  /// octets, or 17 of 2048.
  init?(on session: DriveSession) throws(DiscError) {
    guard let first = try session.embossedBlock() else { return nil }
    let blockSize = UInt64(session.blockSize)
    let track: UInt64 = blockSize == 512 ? 25 : 17
    octets = (first * blockSize)..<((first + track) * blockSize)
  }

  /// The clusters that it reaches into, of a volume that begins at this block.
  func clusters(of layout: VolumeLayout, from firstBlock: UInt64, blockSize: UInt64) -> Extent? {
    let start = firstBlock * blockSize
    let software = (start + VolumeLayout.metadataLength)..<(start + layout.length - VolumeLayout.metadataLength)
    let part = octets.clamped(to: software)
    guard !part.isEmpty else { return nil }
    let first = (part.lowerBound - start) / VolumeLayout.clusterLength
    let end = (part.upperBound - start + VolumeLayout.clusterLength - 1) / VolumeLayout.clusterLength
    return Extent(first: first, count: end - first)
  }
}
