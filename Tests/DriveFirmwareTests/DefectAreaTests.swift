import DiscEmulator
import DriveFirmware
import Glibc
import Octets
import SCSI
import TestSupport
import Testing

/// The four copies of the defect lists in an image.
@Suite struct DefectAreaTests {
  static let offsets = (0..<4).map { 16_384 + $0 * 131_072 }

  static func reassigned(_ bench: Workbench, _ blocks: [UInt64]) throws {
    let disc = try EmulatedDisc(openingAt: bench.path())
    for block in blocks { try disc.reassign(block) }
  }

  static func grown(_ bench: Workbench) throws -> [UInt64?] {
    try EmulatedDisc(openingAt: bench.path()).defects.grown.map(\.block)
  }

  static func copies(_ bench: Workbench) -> [[UInt8]] {
    offsets.map { bench.contents(of: bench.path(), from: $0, count: 4096) }
  }

  @Test func listsOutliveClosing() throws {
    let bench = try Workbench()
    let lists: DefectLists
    do {
      let disc = try manufacture(on: bench, .mb640)
      #expect(disc.defects == DefectLists(freeSpares: 2_244, generation: 1))
      try disc.format(FormatRequest(defectiveBlocks: [7, 100_000, 310_351]))
      for block in [UInt64(8), 9, 200_000, 8] { try disc.reassign(block) }
      try disc.erase(BlockRange(first: 9, count: 1))
      lists = disc.defects
    }
    let disc = try EmulatedDisc(openingAt: bench.path())
    #expect(disc.defects == lists)
    #expect(lists.primary.count == 3 && lists.grown.count == 4)
    #expect(disc.state(of: 9) == .erased && disc.state(of: 8) == .good)
    #expect(disc.sectors(of: BlockRange(first: 7, count: 4)).count == 3, "8 and 9 lie on neighbours again")
  }

  /// Any one copy is enough, and the next change heals the others.
  @Test(arguments: 0..<4) func anyCopyIsEnough(_ whole: Int) throws {
    let bench = try Workbench()
    _ = try manufacture(on: bench)
    try DefectAreaTests.reassigned(bench, [30])
    for copy in 0..<4 where copy != whole {
      // Its magic, its generation, an entry, its checksum.
      let offset = [0, 15, 28, 39][(copy + whole) % 4]
      bench.put([0xFF], into: bench.path(), at: DefectAreaTests.offsets[copy] + offset)
    }
    let before = bench.fingerprint(of: bench.path())
    #expect(try DefectAreaTests.grown(bench) == [30])
    #expect(bench.fingerprint(of: bench.path()) == before, "reading heals nothing")
    try DefectAreaTests.reassigned(bench, [40])
    let copies = DefectAreaTests.copies(bench)
    #expect(copies.allSatisfy { $0 == copies[0] })
    for copy in 0..<4 where copy != whole {
      bench.put([UInt8](repeating: 0xFF, count: 64), into: bench.path(), at: DefectAreaTests.offsets[copy])
    }
    #expect(try DefectAreaTests.grown(bench) == [30, 40])
  }

  @Test func withoutAnyCopyTheImageIsRefused() throws {
    let bench = try Workbench()
    _ = try manufacture(on: bench)
    for damage in [[UInt8](repeating: 0, count: 4096), [0xFF]] {
      for offset in DefectAreaTests.offsets { bench.put(damage, into: bench.path(), at: offset) }
      #expect { _ = try EmulatedDisc(openingAt: bench.path()) } throws: {
        let error = $0 as? DiscImageError
        return error?.code == .damagedDefectLists && error?.description.contains("four copies") == true
      }
    }
  }

  /// Lists with a right checksum that no such medium can have.
  struct Lists: Sendable {
    var primary: [UInt32] = []
    var grown: [[UInt32]] = []
  }

  static let impossible: [Lists] = [
    Lists(primary: [300_000]), Lists(primary: [5, 5]), Lists(primary: [6, 5]), Lists(grown: [[1, 2]]),
    Lists(grown: [[1, 300_000]]), Lists(grown: [[1, 249_849], [2, 249_849]]), Lists(grown: [[249_849, 249_848]]),
    Lists(primary: [7], grown: [[7, 249_849]]), Lists(grown: [[1, 249_849], [1, 249_848]]),
    Lists(primary: [249_849], grown: [[1, 249_849]]), Lists(grown: [[300_000, 249_849]]),
  ]

  @Test(arguments: impossible) func impossibleListsAreDamaged(_ lists: Lists) throws {
    let bench = try Workbench()
    _ = try manufacture(on: bench)
    let buffer = OctetBuffer(capacity: 4096)
    try buffer.append(Array("WARIFUDM".utf8).span.bytes)
    try buffer.append(UInt32(0x0001_0000))
    try buffer.append(UInt64(9))
    try buffer.append(UInt32(lists.primary.count))
    try buffer.append(UInt32(lists.grown.count))
    for sector in lists.primary { try buffer.append(sector) }
    for sector in lists.grown.joined() { try buffer.append(sector) }
    try buffer.append(buffer.withBytes { CRC32C.checksum($0) })
    for offset in DefectAreaTests.offsets {
      bench.put(buffer.withBytes { $0.octets }, into: bench.path(), at: offset)
    }
    #expect { _ = try EmulatedDisc(openingAt: bench.path()) } throws: {
      ($0 as? DiscImageError)?.code == .damagedDefectLists
    }
  }

  /// The host dies at any octet of any copy: the old lists or the new ones, never neither.
  @Test func anUpdateIsAllOrNothing() throws {
    let bench = try Workbench()
    _ = try manufacture(on: bench)
    try DefectAreaTests.reassigned(bench, [30])
    let old = DefectAreaTests.copies(bench)
    try DefectAreaTests.reassigned(bench, [40])
    let new = DefectAreaTests.copies(bench)
    for first in 0..<4 {
      // Copy `first` is written and made lasting before the others; those are then written in any order.
      for torn in [nil, 0, 20, 41] as [Int?] {
        for (copy, offset) in DefectAreaTests.offsets.enumerated() {
          let isFirst = copy == first
          let octets = isFirst ? torn.map { Array(new[copy][..<$0] + old[copy][$0...]) } ?? new[copy] : old[copy]
          bench.put(octets, into: bench.path(), at: offset)
        }
        #expect(try DefectAreaTests.grown(bench) == (torn == nil ? [30, 40] : [30]))
      }
    }
  }

  @Test func formattingCutOffLeavesNoBlockUsable() throws {
    let bench = try Workbench()
    do {
      let disc = try manufacture(on: bench)
      try disc.write(BlockRange(first: 0, count: 1), from: pattern(512).span.bytes)
      try disc.beginFormatting(FormatRequest())
    }
    let disc = try EmulatedDisc(openingAt: bench.path())
    let drive = try EmulatedDrive.ready(disc)
    #expect(try drive.read(1, at: 0).outcome.senseData == SenseData(.mediumFormatCorrupted))
    #expect(try drive.write(pattern(512), at: 0).senseData == SenseData(.mediumFormatCorrupted))
    #expect(try drive.code(try #require(.verify(BlockRange(first: 0, count: 1), .none))) == .mediumFormatCorrupted)
    #expect(throws: MediumError.formatCorrupted) { try disc.erase(BlockRange(first: 0, count: 1)) }
    #expect(throws: MediumError.formatCorrupted) { try disc.reassign(0) }
    try disc.format(FormatRequest())
    #expect(try drive.read(1, at: 0).data == [UInt8](repeating: 0, count: 512))
  }

  // MARK: Images of version 1

  /// The parts of an image of version 1 that are not zeros, as Warifu made them before there were defect lists.
  static let versionOne: [(Int, String)] = [
    (0, "5741524946554d4f0001000000000000" + "0000000200000080000002000003cbfa"),
    (32, "00000001000004000000000000200000" + "0000000007c000000001000000000000" + "0003000000050000"),
    (4092, "74a32fb2"),
    (4096, "5741524946554d4f0001000000000000" + "0000000200000080000002000003cbfa"),
    (4128, "00000001000004000000000000200000" + "0000000007c000000001000000000000" + "0003000000050000"),
    (8188, "74a32fb2"),
    (8192, "57415249465549440001000000003b9aca000010a0a1a2a3a4a5a6a7a8a9aaabacadaeaf0003010203"),
    (12_284, "be5bbee0"),
    (12_288, "57415249465549440001000000003b9aca000010a0a1a2a3a4a5a6a7a8a9aaabacadaeaf0003010203"),
    (16_380, "be5bbee0"), (540_703, "02"), (2_112_512, "0708090a0b0c0d0e0f"),
  ]

  static func versionOne(_ bench: Workbench) throws {
    for (offset, text) in versionOne { bench.put(try #require(Hex.decode(text)), into: bench.path(), at: offset) }
    truncate(bench.path(), 130_023_424)
  }

  @Test func imagesOfVersionOneOpen() throws {
    let bench = try Workbench()
    try DefectAreaTests.versionOne(bench)
    let before = bench.fingerprint(of: bench.path())
    do {
      let disc = try EmulatedDisc(openingAt: bench.path())
      #expect(
        disc.factoryRecord == FactoryRecord(mediumID: mediumID, manufactured: 1_000_000_000, signature: [1, 2, 3]))
      #expect(disc.protection == WriteProtection(ranges: [BlockRange(first: 3, count: 5)]))
      #expect(disc.profile == .rewritable)
      #expect(disc.defects == DefectLists(freeSpares: 1_024))
      #expect(disc.state(of: 31) == .halfWritten)
      #expect(try EmulatedDrive.ready(disc).read(1, at: 30).data.prefix(9) == [7, 8, 9, 10, 11, 12, 13, 14, 15])
    }
    #expect(bench.fingerprint(of: bench.path()) == before)
    // What an image of version 1 can say, it says as such; the first defect makes it one of version 2.
    do { try EmulatedDisc(openingAt: bench.path()).setProtection(WriteProtection()) }
    #expect(bench.contents(of: bench.path(), from: 8, count: 2) == [0, 1])
    try DefectAreaTests.reassigned(bench, [31])
    #expect(bench.contents(of: bench.path(), from: 8, count: 2) == [0, 2])
    #expect(try DefectAreaTests.grown(bench) == [31])
    let disc = try EmulatedDisc(openingAt: bench.path())
    #expect(disc.state(of: 31) == .good && !disc.isWriteProtected)
  }
}
