import Cryptography
import DiscDriver
import DiscEmulator
import DriveFirmware
import Foundation
import Identifiers
import SCSI
import Testing

/// What a licensed volume keeps, and where.
@Suite struct LicensedVolumeTests {
  private func licence(_ number: UInt8, _ length: Int = 200) -> [UInt8] { [UInt8](repeating: number, count: length) }

  @Test(arguments: MediumGeometry.all) func everyMediumIsFormatted(_ geometry: MediumGeometry) throws {
    let disc = try VolumeBench.blank(geometry)
    let volume = try LicensedVolume.format(try VolumeBench.session(disc), random: SeededRandom(seed: 1))
    #expect(try VolumeState(of: disc) == VolumeState())
    let end = (volume.firstBlock * UInt64(geometry.blockSize)) + volume.layout.length
    #expect(volume.firstBlock * UInt64(geometry.blockSize) % (1 << 20) == 0)
    #expect(end <= geometry.userOctets && geometry.userOctets - end < 1 << 20)
    #expect(volume.generalUse.first * UInt64(geometry.blockSize) == 1 << 20)
    #expect(volume.generalUse.first + UInt64(volume.generalUse.count) == volume.firstBlock)
    #expect(try volume.freeOctets() == volume.layout.length - 2 << 20)
  }

  @Test func M17_foreignToolsSeeTwoPartitions() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("disc.img")
    let disc = try EmulatedDisc.manufacture(
      at: path, geometry: .mb128, mediumID: try #require(MediumID(octets: [1, 2, 3, 4])), manufactured: 0)
    try VolumeBench.format(disc)
    // The user's data, at the offset where sfdisk reads a partition table.
    let block = try #require(FileHandle(forReadingAtPath: path)?.tap { try $0.seek(toOffset: EmulatedDisc.dataOffset) })
    let octets = try #require(try block.read(upToCount: 512))
    let copy = folder.file("first-block")
    try octets.write(to: URL(fileURLWithPath: copy))
    let printed = try run("python3", ["-c", LicensedVolumeTests.partitionPrinter, copy])
    #expect(printed == "6 2048 4096\n218 6144 241664\n0 0 0\n0 0 0\n")
  }

  private static let partitionPrinter = """
    import struct, sys
    block = open(sys.argv[1], 'rb').read()
    assert block[510:512] == b'\\x55\\xaa'
    for i in range(4):
      _, _, kind, _, first, count = struct.unpack_from('<B3sB3sII', block, 446 + 16 * i)
      print(kind, first, count)
    """

  @Test func M6_licenceGoesToThePredeterminedRegion() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("disc.img")
    let disc = try EmulatedDisc.manufacture(
      at: path, geometry: .mb128, mediumID: try #require(MediumID(octets: [1, 2, 3, 4])), manufactured: 0)
    let volume = try VolumeBench.format(disc)
    let first = try VolumeBench.software(1)
    let second = try VolumeBench.software(2)
    try volume.install(licence: licence(0xA1), for: first)
    try volume.install(licence: licence(0xA2, 4096), for: second)

    // 128 KiB and 136 KiB into the volume, and as far into its last mebibyte, whatever else is on the disc.
    let image = try #require(FileHandle(forReadingAtPath: path))
    let start = EmulatedDisc.dataOffset + 3 << 20
    for base in [start, start + volume.layout.length - 1 << 20] {
      for (slot, software, content) in [(0, first, licence(0xA1)), (1, second, licence(0xA2, 4096))] {
        try image.seek(toOffset: base + 131_072 + UInt64(slot) * 8192)
        let record = Array(try #require(try image.read(upToCount: 8192)))
        #expect(Array(record[..<8]) == Array("WARIFULS".utf8))
        #expect(Array(record[72..<88]) == software.octets)
        #expect(Array(record[89..<(89 + content.count)]) == content)
        let end = 89 + content.count
        #expect(Array(record[end..<(end + 32)]) == Digest.sha256(Array(record[..<end])))
      }
    }
  }

  @Test func licencesAreInstalledReplacedAndRemoved() throws {
    let disc = try VolumeBench.blank()
    let volume = try VolumeBench.format(disc)
    let (first, second) = (try VolumeBench.software(1), try VolumeBench.software(2))
    try volume.install(licence: licence(1), for: first)
    try volume.install(licence: licence(2), for: second)
    try volume.install(licence: licence(3, 1), for: first)
    #expect(volume.licence(for: first)?.octets == licence(3, 1))
    #expect(try VolumeState(of: disc)?.licences == [first: licence(3, 1), second: licence(2)])
    for licence in try VolumeBench.open(disc).licences {
      #expect(licence.copyCount == 2 && licence.isForThisMedium)
    }
    try volume.removeLicence(for: first)
    #expect(volume.licence(for: first) == nil)
    #expect(try VolumeState(of: disc)?.licences == [second: licence(2)])
    #expect(VolumeBench.error { try volume.removeLicence(for: first) }?.code == .notFound)
    for length in [0, 4097] {
      #expect(
        VolumeBench.error { try volume.install(licence: licence(1, length), for: first) }?.code == .invalidArgument)
    }
  }

  /// Whoever is about to pay for a licence hears first that the disc does not take it.
  @Test func M6_discTellsBeforehandWhetherItTakesALicence() throws {
    let folder = try TemporaryFolder()
    let disc = try EmulatedDisc.manufacture(
      at: folder.file("disc.img"), geometry: .mb128,
      mediumID: try #require(MediumID(octets: [UInt8](repeating: 1, count: 16))), manufactured: 0)
    try VolumeBench.format(disc)
    let title = try VolumeBench.software(1)
    try VolumeBench.open(disc).prepare(forLicenceFor: title)
    try disc.setProtection(WriteProtection(isWhole: true))
    let failure = VolumeBench.error { try VolumeBench.open(disc).prepare(forLicenceFor: title) }
    #expect(failure?.code == .writeProtected && failure?.discMayHaveChanged == false)
    try disc.setProtection(WriteProtection())
    try VolumeBench.open(disc).prepare(forLicenceFor: title)
  }

  /// A slot that no replacement can go into is no place for a licence.
  @Test(arguments: [false, true]) func M6_slotThatCannotBeWrittenIsToldBeforehand(isNewer: Bool) throws {
    let disc = try VolumeBench.blank()
    let title = try VolumeBench.software(1)
    let volume = try VolumeBench.format(disc)
    try volume.install(licence: licence(1), for: title)
    let offset = volume.layout.offset(ofLicenceSlot: 0, copy: .b)
    try disc.replaceRecord(at: offset) { record in
      if isNewer {
        record[9] = 9
      } else {
        record.replaceSubrange(16..<24, with: [0x40] + [UInt8](repeating: 0, count: 7))
      }
    }
    let changed = try VolumeBench.open(disc)
    let failure = VolumeBench.error { try changed.prepare(forLicenceFor: title) }
    #expect(failure?.code == (isNewer ? .unsupported : .damaged), "\(String(describing: failure))")
    #expect(VolumeBench.error { try changed.install(licence: licence(2), for: title) }?.code == failure?.code)
    try changed.prepare(forLicenceFor: try VolumeBench.software(2))
  }

  @Test func licenceSlotsRunOutWithoutLoss() throws {
    let disc = try VolumeBench.blank()
    let volume = try VolumeBench.format(disc)
    for number in 0..<UInt8(VolumeLayout.licenceSlotCount) {
      try volume.install(licence: licence(number), for: try VolumeBench.software(number))
    }
    let other = try VolumeBench.software(200)
    let failure = VolumeBench.error { try volume.install(licence: licence(200), for: other) }
    #expect(failure?.code == .full && failure?.discMayHaveChanged == false)
    #expect(VolumeBench.error { try volume.prepare(forLicenceFor: other) }?.code == .full)
    try volume.prepare(forLicenceFor: try VolumeBench.software(5))
    // A licence that is there can still be renewed, and a removed one makes room.
    try volume.install(licence: licence(99), for: try VolumeBench.software(5))
    try volume.removeLicence(for: try VolumeBench.software(6))
    try volume.install(licence: licence(200), for: other)
    let state = try #require(try VolumeState(of: disc))
    #expect(state.licences.count == VolumeLayout.licenceSlotCount)
    #expect(state.licences[try VolumeBench.software(5)] == licence(99))
    #expect(state.licences[other] == licence(200))
  }

  @Test func M10_aCopiedVolumeIsForeign() throws {
    let disc = try VolumeBench.blank(id: 1)
    let volume = try VolumeBench.format(disc)
    let title = try VolumeBench.software(1)
    try volume.install(licence: licence(1), for: title)
    try VolumeBench.install([1, 2, 3], as: title, on: volume)

    let other = try VolumeBench.blank(id: 2)
    try copyBits(from: disc, to: other)
    let copy = try VolumeBench.open(other)
    #expect(!volume.isForeign && copy.isForeign)
    #expect(copy.licence(for: title)?.octets == licence(1))
    #expect(copy.licence(for: title)?.isForThisMedium == false)
    #expect(try VolumeBench.software(of: try #require(try copy.titles().first), on: copy) == [1, 2, 3])
    for change in [
      { try copy.install(licence: [1], for: title) }, { try copy.removeLicence(for: title) },
      { try copy.delete(title: title) }, { try VolumeBench.install([1], as: title, on: copy) },
    ] {
      let failure = VolumeBench.error(change)
      #expect(failure?.code == .foreign && failure?.discMayHaveChanged == false)
    }
    #expect(VolumeBench.error { try VolumeBench.format(other) }?.code == .notEmpty)
    #expect(try !VolumeBench.format(other, replacing: true).isForeign)
    #expect(try VolumeState(of: other) == VolumeState())
  }

  private func copyBits(from source: MemoryDisc, to target: MemoryDisc) throws {
    let (reader, writer) = (try VolumeBench.session(source), try VolumeBench.session(target))
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 512 * 2048, alignment: 16)
    defer { buffer.deallocate() }
    // Everything that is not zeros.
    for first in [0, 6144, 8192, 248_826 / 2048 * 2048 - 2048] as [UInt64] {
      try reader.read(from: first, into: buffer)
      try writer.write(to: first, from: UnsafeRawBufferPointer(buffer))
    }
  }

  @Test func formattingRefusesWhatItWouldDestroy() throws {
    let disc = try VolumeBench.blank()
    let session = try VolumeBench.session(disc)
    #expect(VolumeBench.error { _ = try LicensedVolume(opening: session) }?.code == .unformatted)
    let block = [UInt8](repeating: 0, count: 2048 * 9) + [0x43] + [UInt8](repeating: 0, count: 511)
    try block.withUnsafeBytes { try session.write(to: 28, from: UnsafeRawBufferPointer(rebasing: $0[(2048 * 9)...])) }
    #expect(VolumeBench.error { try VolumeBench.format(disc) }?.code == .notEmpty)
    try VolumeBench.format(disc, replacing: true)
    #expect(VolumeBench.error { try VolumeBench.format(disc) }?.code == .notEmpty)

    for size in [UInt64.max, UInt64.max - 5, 128 << 20, 117 << 20] {
      let failure = VolumeBench.error {
        _ = try LicensedVolume.format(session, generalUse: size, replacing: true, random: SeededRandom(seed: 1))
      }
      #expect(failure?.code == .full && failure?.discMayHaveChanged == false, "\(size)")
    }
    #expect(try VolumeState(of: disc) == VolumeState())
  }

  @Test func reformattingForgetsEverything() throws {
    let disc = try VolumeBench.blank()
    let volume = try VolumeBench.format(disc)
    try volume.install(licence: licence(1), for: try VolumeBench.software(1))
    try VolumeBench.install([1], as: try VolumeBench.software(1), on: volume)
    _ = try LicensedVolume.format(
      try VolumeBench.session(disc), generalUse: 2 << 20, replacing: true, random: SeededRandom(seed: 8))
    #expect(try VolumeState(of: disc) == VolumeState())
    #expect(try VolumeBench.open(disc).damagedLicenceCount == 0)
  }

  @Test func M17_theGeneralUsePartitionIsNeverTouched() throws {
    let disc = try VolumeBench.blank()
    let volume = try VolumeBench.format(disc)
    var random = SplitMix(seed: 17)
    let content = random.octets(2 << 20)
    let session = try VolumeBench.session(disc)
    try content.withUnsafeBytes { try session.write(to: 2048, from: $0) }

    let title = try VolumeBench.software(1)
    try volume.install(licence: licence(1), for: title)
    try VolumeBench.install(random.octets(3_000_000), as: title, on: volume)
    try VolumeBench.install(random.octets(100), as: title, on: volume)
    try volume.delete(title: title)
    try volume.removeLicence(for: title)
    try VolumeBench.format(disc, replacing: true)

    var found = [UInt8](repeating: 0, count: content.count)
    try found.withUnsafeMutableBytes { try VolumeBench.session(disc).read(from: 2048, into: $0) }
    #expect(found == content)
  }
}

extension FileHandle {
  fileprivate func tap(_ body: (FileHandle) throws -> Void) rethrows -> FileHandle {
    try body(self)
    return self
  }
}
