import DiscEmulator
import DriveFirmware
import SCSI

/// The disc's blocks.
///
/// Whole blocks go between the client's request and the image without a copy. Of a block that a request has only part
/// of, the rest is kept: it is read, changed and written back, which no other write can come between.
final class BlockExport: Export {
  /// The most of one request that clients are told: what nbdkit takes, and NBD advises.
  private static let maximum: UInt32 = 32 << 20
  private static let preferred: UInt32 = 65_536
  /// Octets of zeros that are written at once; whole blocks of every disc.
  private static let zeros = 262_144

  private let served: ServedDisc
  private let blockSize: Int
  let size: UInt64

  /// Exports the blocks of `served`.
  init(of served: ServedDisc) {
    self.served = served
    blockSize = Int(served.disc.geometry.blockSize)
    size = served.disc.geometry.userOctets
  }

  var description: String {
    let geometry = served.disc.geometry
    return
      "\(geometry.nominalMegabytes) MB magneto-optical disc: \(geometry.blockCount) blocks of \(blockSize) octets"
  }

  var isWritable: Bool { !served.disc.isWriteProtected }

  var blockSizes: ExportBlockSizes? {
    ExportBlockSizes(minimum: UInt32(blockSize), preferred: BlockExport.preferred, maximum: BlockExport.maximum)
  }

  // MARK: Requests

  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ExportError) {
    for piece in try pieces(offset, buffer.count) {
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[piece.octets])
      if piece.isWhole(blockSize) {
        try readBlocks(piece.range, into: part)
      } else {
        try withBlock(piece.range) { (block) throws(ExportError) in
          part.copyMemory(from: UnsafeRawBufferPointer(rebasing: block[piece.octetsOfBlock]))
        }
      }
    }
  }

  func write(at offset: UInt64, _ data: UnsafeRawBufferPointer) throws(ExportError) {
    let pieces = try pieces(offset, data.count)
    try requireWritable(offset, UInt64(data.count))
    for piece in pieces {
      let part = UnsafeRawBufferPointer(rebasing: data[piece.octets])
      if piece.isWhole(blockSize) {
        try served.blockGate.shared { () throws(ExportError) in try writeBlocks(piece.range, part) }
      } else {
        try served.blockGate.alone { () throws(ExportError) in
          try withBlock(piece.range) { (block) throws(ExportError) in
            UnsafeMutableRawBufferPointer(rebasing: block[piece.octetsOfBlock]).copyMemory(from: part)
            try writeBlocks(piece.range, UnsafeRawBufferPointer(block))
          }
        }
      }
    }
  }

  func zero(at offset: UInt64, count: UInt64) throws(ExportError) {
    guard offset <= size, count <= size - offset else { throw .outside(offset, Int(clamping: count), of: size) }
    try requireWritable(offset, count)
    let zeros = UnsafeMutableRawBufferPointer.allocate(byteCount: BlockExport.zeros, alignment: 16)
    defer { zeros.deallocate() }
    zeros.initializeMemory(as: UInt8.self, repeating: 0)
    var done: UInt64 = 0
    while done < count {
      // Up to a boundary first, so that only the first and the last block can be parts.
      let toBoundary = UInt64(zeros.count) - (offset + done) % UInt64(zeros.count)
      let part = Int(min(count - done, toBoundary))
      try write(at: offset + done, UnsafeRawBufferPointer(rebasing: zeros[..<part]))
      done += UInt64(part)
    }
  }

  func flush() throws(ExportError) {
    do throws(MediumError) {
      try served.disc.synchronize()
    } catch {
      throw ExportError(error, on: served.disc)
    }
  }

  // MARK: Blocks

  /// Reads one block and lends it out.
  private func withBlock(
    _ range: BlockRange, _ body: (UnsafeMutableRawBufferPointer) throws(ExportError) -> Void
  ) throws(ExportError) {
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: blockSize, alignment: 16)
    defer { block.deallocate() }
    block.initializeMemory(as: UInt8.self, repeating: 0)
    try readBlocks(range, into: block)
    try body(block)
  }

  private func readBlocks(_ range: BlockRange, into buffer: UnsafeMutableRawBufferPointer) throws(ExportError) {
    var span = MutableRawSpan(_unsafeBytes: buffer)
    do throws(MediumError) {
      try served.disc.read(range, into: &span)
    } catch {
      throw ExportError(error, on: served.disc)
    }
  }

  private func writeBlocks(_ range: BlockRange, _ data: UnsafeRawBufferPointer) throws(ExportError) {
    do throws(MediumError) {
      try served.disc.write(range, from: data.bytes)
    } catch {
      throw ExportError(error, on: served.disc)
    }
  }

  /// Refuses a write of which any part is protected, before any of it is done.
  private func requireWritable(_ offset: UInt64, _ count: UInt64) throws(ExportError) {
    guard count > 0 else { return }
    let first = offset / UInt64(blockSize)
    let last = (offset + count - 1) / UInt64(blockSize)
    let range = BlockRange(first: first, count: UInt32(clamping: last - first + 1))
    if let block = served.disc.firstProtectedBlock(in: range) { throw .protected(block) }
  }

  private func pieces(_ offset: UInt64, _ count: Int) throws(ExportError) -> BlockPieces {
    guard offset <= size, UInt64(count) <= size - offset else { throw .outside(offset, count, of: size) }
    return BlockPieces(offset: offset, count: count, blockSize: blockSize)
  }
}
