/// The room of one title as one run of octets: its software from 0 on, its manifest from the next cluster on.
struct TitleSpace {
  let store: VolumeStore
  let extents: [Extent]

  /// Where the manifest begins.
  static func manifestOffset(length: UInt64) -> UInt64 {
    (length + VolumeLayout.clusterLength - 1) / VolumeLayout.clusterLength * VolumeLayout.clusterLength
  }

  /// Whole blocks for `count` octets.
  func roundedUp(_ count: Int) -> Int {
    let blockSize = store.session.blockSize
    return (count + blockSize - 1) / blockSize * blockSize
  }

  /// Fills `buffer`, whole blocks, from `offset` on, a multiple of the block size.
  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(DiscError) {
    var done = 0
    while done < buffer.count {
      let run = try run(at: offset + UInt64(done))
      let count = Int(min(run.count, UInt64(buffer.count - done)))
      try store.read(at: run.offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[done..<(done + count)]))
      done += count
    }
  }

  /// Writes whole blocks at `offset`, a multiple of the block size.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(DiscError) {
    var done = 0
    while done < bytes.count {
      let run = try run(at: offset + UInt64(done))
      let count = Int(min(run.count, UInt64(bytes.count - done)))
      try store.write(UnsafeRawBufferPointer(rebasing: bytes[done..<(done + count)]), at: run.offset)
      done += count
    }
  }

  /// Where `offset` lies on the volume, and how far the run goes on from there.
  private func run(at offset: UInt64) throws(DiscError) -> (offset: UInt64, count: UInt64) {
    var rest = offset
    for extent in extents {
      let length = extent.count * VolumeLayout.clusterLength
      if rest < length { return (extent.first * VolumeLayout.clusterLength + rest, length - rest) }
      rest -= length
    }
    throw DiscError(
      .damaged, "cannot find a part of a title",
      remedy: "the catalogue is damaged; delete the title and install it again")
  }
}

extension TitleSpace {
  /// The digest of a segment as the medium gives it; `nil` if it cannot.
  ///
  /// - Parameter segment: room for a whole one.
  func digest(
    _ digest: SegmentDigest, ofSegment number: Int, length: UInt64, in segment: UnsafeMutableRawBufferPointer
  ) throws(DiscError) -> [UInt8]? {
    let offset = UInt64(number) * UInt64(segment.count)
    let count = Int(min(UInt64(segment.count), length - offset))
    let blocks = UnsafeMutableRawBufferPointer(rebasing: segment[..<roundedUp(count)])
    do throws(DiscError) {
      try read(at: offset, into: blocks)
    } catch {
      guard error.code == .mediumFailure else { throw error }
      return nil
    }
    return digest.digest(of: UnsafeRawBufferPointer(rebasing: blocks[..<count]))
  }
}
