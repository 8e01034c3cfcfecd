import DriveFirmware
import SCSI

// Defective sectors, and formatting.
extension EmulatedDisc {
  /// The sectors that are not used, and how many spares are left.
  public var defects: DefectLists { sectors.look { $0.lists } }

  /// Lets sectors go bad by plan, from now on; what an earlier plan said is forgotten.
  ///
  /// A plan is no part of the image. What comes of it is: defect lists, and sectors that lost their content.
  public func plan(_ faults: MediumFaults) { sectors.change { $0.plan(faults) } }

  /// Moves a block to a spare sector. It is lasting when this returns.
  public func reassign(_ block: UInt64) throws(MediumError) {
    let range = BlockRange(first: block, count: 1)
    if !sectors.look({ $0.canKeep(block) }) {
      try put(range, [UInt8](repeating: 0, count: Int(geometry.blockSize)).span.bytes)
    }
    try change { (content) throws(SectorFailure) in try content.reassign(block) }
    try synchronize()
  }

  /// Formats the disc. It is lasting when this returns; until then no block can be used.
  public func format(_ request: FormatRequest) throws(MediumError) {
    let whole = BlockRange(first: 0, count: geometry.blockCount)
    guard firstProtectedBlock(in: whole) == nil else { throw .failure }
    let formatted = try change { (content) throws(SectorFailure) in
      let formatted = try content.formatted(request)
      try content.beginFormatting()
      try content.clear()
      return formatted
    }
    try fill(request.pattern)
    try synchronize()
    try change { (content) throws(SectorFailure) in try content.endFormatting(as: formatted) }
  }

  /// The first step of formatting, after which no block can be used until ``format(_:)`` has made the others.
  public func beginFormatting(_ request: FormatRequest) throws(MediumError) {
    try change { (content) throws(SectorFailure) in
      _ = try content.formatted(request)
      try content.beginFormatting()
    }
  }

  /// Fills all blocks with a pattern, or with zeros.
  private func fill(_ pattern: [UInt8]) throws(MediumError) {
    guard !pattern.isEmpty else {
      do throws(SyscallFailure) { try blocks.clear(at: 0, geometry.userOctets) } catch { throw failure(error) }
      return
    }
    let blockSize = Int(geometry.blockSize)
    let most = 65_536 / blockSize
    let octets = (0..<(most * blockSize)).map { pattern[$0 % blockSize % pattern.count] }
    var next: UInt64 = 0
    while next < UInt64(geometry.blockCount) {
      let part = BlockRange(first: next, count: UInt32(min(UInt64(most), UInt64(geometry.blockCount) - next)))
      try put(part, octets.span.bytes.extracting(0..<(Int(part.count) * blockSize)))
      next += UInt64(part.count)
    }
  }
}
