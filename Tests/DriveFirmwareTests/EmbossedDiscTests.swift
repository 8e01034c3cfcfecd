import DiscEmulator
import DriveFirmware
import Identifiers
import Octets
import SCSI
import TestSupport
import Testing

/// Discs of which a part is embossed: it shows the medium id and can only be read.
@Suite struct EmbossedDiscTests {
  static func manufacture(
    on bench: Workbench, _ geometry: MediumGeometry = .mb640, embossing: [UInt8] = []
  ) throws -> EmulatedDisc {
    try EmulatedDisc.manufacture(
      at: bench.path(), geometry: geometry, mediumID: try #require(MediumID(octets: mediumID)),
      manufactured: 1_000_000_000, signature: [1, 2, 3], profile: .partlyEmbossed, embossing: embossing)
  }

  @Test(arguments: MediumGeometry.all) func M3_theIDIsABlockThatNoWriteChanges(_ geometry: MediumGeometry) throws {
    let bench = try Workbench()
    let blockSize = Int(geometry.blockSize)
    let address = MediumIDSector.address(blockCount: UInt64(geometry.blockCount), blockSize: geometry.blockSize)
    do {
      let disc = try EmbossedDiscTests.manufacture(on: bench, geometry)
      #expect(disc.profile == .partlyEmbossed)
      #expect(disc.embossed == BlockRange(first: address, count: geometry.sectorsPerTrack))
    }
    let disc = try EmulatedDisc(openingAt: bench.path())
    let drive = try EmulatedDrive.ready(disc)
    #expect(address >= 256 && address + UInt64(geometry.sectorsPerTrack) + 256 <= UInt64(geometry.blockCount))
    let before = try drive.read(1, at: address, blockSize: blockSize).data
    let sector = try MediumIDSector(parsing: before.span.bytes)
    #expect(sector == MediumIDSector(mediumID: mediumID, manufactured: 1_000_000_000, signature: [1, 2, 3]))

    let track = UInt64(geometry.sectorsPerTrack)
    for (first, count, bad) in [
      (address, 1, address), (address - 1, 2, address), (address + track - 1, 3, address + track - 1),
    ] {
      let data = [UInt8](repeating: 0xEE, count: count * blockSize)
      #expect(
        try drive.write(data, at: first, blockSize: blockSize).senseData == SenseData(.writeProtected, information: bad)
      )
    }
    #expect(try drive.read(1, at: address - 1, blockSize: blockSize).data == [UInt8](repeating: 0, count: blockSize))
    #expect(try drive.write(before, at: address - 1, blockSize: blockSize).status == .good)
    #expect(try drive.write(before, at: address + track, blockSize: blockSize).status == .good)
    #expect(throws: MediumError.failure) { try disc.format(FormatRequest()) }
    try disc.setProtection(WriteProtection())
    #expect(disc.firstProtectedBlock(in: BlockRange(first: 0, count: geometry.blockCount)) == address)
    #expect(try drive.read(1, at: address, blockSize: blockSize).data == before)
  }

  @Test func whatTheFactoryEmbossesLiesBehindTheID() throws {
    let bench = try Workbench()
    let content = pattern(100_000)
    let disc = try EmbossedDiscTests.manufacture(on: bench, embossing: content)
    let zone = try #require(disc.embossed)
    #expect(zone.count == 51, "49 blocks and the id, in whole tracks of 17")
    let (outcome, data) = try EmulatedDrive.ready(disc).read(49, at: zone.first + 1, blockSize: 2048)
    #expect(outcome.status == .good)
    #expect(same(Array(data[..<100_000]), content))
  }

  @Test func impossibleEmbossingsAreRefused() throws {
    let bench = try Workbench()
    let tooLong = [UInt8](repeating: 1, count: 128 << 20)
    #expect { _ = try EmbossedDiscTests.manufacture(on: bench, .mb128, embossing: tooLong) } throws: {
      ($0 as? DiscImageError)?.code == .invalidParameter
    }
    #expect {
      _ = try EmulatedDisc.manufacture(
        at: bench.path(), geometry: .mb128, mediumID: try #require(MediumID(octets: mediumID)), manufactured: 0,
        embossing: [1])
    } throws: { ($0 as? DiscImageError)?.code == .invalidParameter }
    #expect(bench.names.isEmpty)
  }

  @Test func discsInMemoryAreEmbossedAlike() throws {
    let record = try #require(FactoryRecord(mediumID: mediumID, manufactured: 5))
    let disc = MemoryDisc(geometry: .mb128, factoryRecord: record, profile: .partlyEmbossed)
    let address = try #require(disc.embossed?.first)
    let drive = try EmulatedDrive.ready(disc.copy())
    let block = try drive.read(1, at: address).data
    let sector = try MediumIDSector(parsing: block.span.bytes)
    #expect(sector.mediumID == mediumID && sector.manufactured == 5)
    #expect(try drive.write(pattern(512), at: address).senseData?.code == .writeProtected)
  }

  // MARK: The block

  static func block(_ blockSize: Int = 512) throws -> [UInt8] {
    let buffer = OctetBuffer(capacity: 4096)
    try #require(MediumIDSector(mediumID: mediumID, manufactured: 7)).append(to: buffer, blockSize: blockSize)
    return buffer.withBytes { $0.octets }
  }

  @Test func blocksOfAnySizeAreRead() throws {
    for size in [512, 2048, 4096] {
      let block = try EmbossedDiscTests.block(size)
      #expect(block.count == size)
      #expect(try MediumIDSector(parsing: block.span.bytes).mediumID == mediumID)
    }
    #expect(throws: OctetError.full) { _ = try EmbossedDiscTests.block(32) }
    let longest = try #require(
      MediumIDSector(
        mediumID: [UInt8](repeating: 1, count: 64), manufactured: 0, signature: [UInt8](repeating: 2, count: 256)))
    let buffer = OctetBuffer(capacity: 512)
    try longest.append(to: buffer, blockSize: 512)
    let block = buffer.withBytes { $0.octets }
    #expect(try MediumIDSector(parsing: block.span.bytes) == longest)
  }

  @Test func anyChangeOfABlockIsFound() throws {
    let block = try EmbossedDiscTests.block()
    for index in block.indices {
      var changed = block
      changed[index] ^= 0x40
      #expect(throws: OctetError.self) { _ = try MediumIDSector(parsing: changed.span.bytes) }
    }
    for count in [0, 3, 511] {
      let short = Array(block[..<count])
      #expect(throws: OctetError.truncated) { _ = try MediumIDSector(parsing: short.span.bytes) }
    }
    // Lengths that lead out of the block, with a right checksum.
    for (offset, value) in [(10, UInt8(0xFF)), (20, 0xFF), (11, 5), (9, 2)] {
      var changed = block
      changed[offset] = value
      let sum = CRC32C.checksum(changed.span.bytes.extracting(0..<508))
      for index in 0..<4 { changed[508 + index] = UInt8(truncatingIfNeeded: sum >> UInt32(24 - 8 * index)) }
      #expect(throws: OctetError.self) { _ = try MediumIDSector(parsing: changed.span.bytes) }
    }
  }
}
