import Cryptography
import DiscDriver
import DiscEmulator
import DriveFirmware
import Foundation
import Identifiers
import Testing

/// Software on a licensed volume.
@Suite struct TitleTests {
  @Test func M8_whatIsInstalledIsRead() throws {
    let disc = try VolumeBench.blank()
    let volume = try VolumeBench.format(disc)
    var random = SplitMix(seed: 20)
    var contents: [SoftwareID: [UInt8]] = [:]
    let lengths = [0, 1, 511, 512, 513, 65_536, 1 << 20, 1 << 20 + 1, 3_456_789]
    for (number, length) in lengths.enumerated() {
      let id = try VolumeBench.software(UInt8(number))
      contents[id] = random.octets(length)
      try VolumeBench.install(
        contents[id] ?? [], as: id, on: volume, piece: [1 << 20, 65_536, 1000, 2_500_000][number % 4],
        information: [UInt8](repeating: UInt8(number), count: number * 100))
    }
    #expect(try VolumeState(of: disc)?.titles == contents)
    let reopened = try VolumeBench.open(disc)
    for (number, length) in lengths.enumerated() {
      let reader = try reopened.open(title: try VolumeBench.software(UInt8(number)))
      #expect(reader.length == UInt64(length))
      #expect(reader.information == [UInt8](repeating: UInt8(number), count: number * 100))
      #expect(reader.segmentCount == (length + (1 << 20) - 1) >> 20)
    }
  }

  @Test func anyRangeIsRead() throws {
    let disc = try VolumeBench.blank()
    let volume = try VolumeBench.format(disc)
    var random = SplitMix(seed: 21)
    let content = random.octets(2_000_003)
    let id = try VolumeBench.software(1)
    try VolumeBench.install(content, as: id, on: volume)
    let reader = try volume.open(title: id)
    for _ in 0..<200 {
      let offset = Int.random(in: 0...content.count, using: &random)
      let count = Int.random(in: 0...5000, using: &random)
      #expect(
        try VolumeBench.read(reader, at: UInt64(offset), count: count) == Array(content.dropFirst(offset).prefix(count))
      )
    }
    #expect(try VolumeBench.read(reader, at: .max, count: 5) == [])
    var segment = [UInt8](repeating: 0, count: 1 << 20)
    #expect(try segment.withUnsafeMutableBytes { try reader.readSegment(1, into: $0) } == 2_000_003 - 1 << 20)
    for index in [-1, 2, Int.max] {
      #expect(
        VolumeBench.error { _ = try segment.withUnsafeMutableBytes { try reader.readSegment(index, into: $0) } }?.code
          == .invalidArgument)
    }
  }

  @Test func titlesAreReplacedAndDeleted() throws {
    let disc = try VolumeBench.blank()
    let volume = try VolumeBench.format(disc)
    let (first, second) = (try VolumeBench.software(1), try VolumeBench.software(2))
    let free = try volume.freeOctets()
    try VolumeBench.install([1], as: first, on: volume)
    try VolumeBench.install([2], as: second, on: volume)
    let old = try volume.open(title: first)
    try VolumeBench.install([3, 3], as: first, on: volume)
    #expect(VolumeBench.error { _ = try VolumeBench.read(old, at: 0, count: 1) }?.code == .notFound)
    #expect(try VolumeState(of: disc)?.titles == [first: [3, 3], second: [2]])
    try volume.delete(title: second)
    try volume.delete(title: first)
    #expect(try VolumeState(of: disc)?.titles == [:])
    #expect(try volume.freeOctets() == free)
    #expect(VolumeBench.error { try volume.delete(title: first) }?.code == .notFound)
    #expect(VolumeBench.error { _ = try volume.open(title: first) }?.code == .notFound)
  }

  @Test func aDroppedWriterLeavesNothing() throws {
    let disc = try VolumeBench.blank()
    let volume = try VolumeBench.format(disc)
    let (first, second) = (try VolumeBench.software(1), try VolumeBench.software(2))
    try VolumeBench.install([1], as: first, on: volume)
    let free = try volume.freeOctets()
    do {
      var writer = try volume.install(title: first, length: 2000)
      try [UInt8](repeating: 9, count: 1500).withUnsafeBytes { try writer.write($0) }
      #expect(writer.remaining == 500)
      #expect(VolumeBench.error { _ = try volume.install(title: second, length: 1) }?.code == .writing)
      #expect(VolumeBench.error { try volume.delete(title: first) }?.code == .writing)
      do {
        try [UInt8](repeating: 9, count: 501).withUnsafeBytes { try writer.write($0) }
        Issue.record("more than announced")
      } catch {
        #expect((error as? DiscError)?.code == .invalidArgument)
      }
      do {
        try writer.commit()
        Issue.record("less than announced")
      } catch {
        #expect(error.code == .invalidArgument)
      }
    }
    #expect(try volume.freeOctets() == free)
    #expect(try VolumeState(of: disc)?.titles == [first: [1]])
    try VolumeBench.install([2], as: second, on: volume)
  }

  @Test func aFullDiscLosesNothingAndFreeRunsAreJoined() throws {
    let disc = try VolumeBench.blank()
    let volume = try VolumeBench.format(disc)
    var random = SplitMix(seed: 22)
    // Nine titles of 12 MiB nearly fill 115 MiB; every second one goes, and one of 30 MiB comes into the gaps.
    let content = random.octets(12 << 20)
    for number in 0..<9 as Range<UInt8> {
      try VolumeBench.install(content, as: try VolumeBench.software(number), on: volume)
    }
    let big = try VolumeBench.software(100)
    let failure = VolumeBench.error { _ = try volume.install(title: big, length: 30 << 20) }
    #expect(failure?.code == .full && failure?.discMayHaveChanged == false)
    #expect(failure?.remedy.contains("KiB are free") == true)
    #expect(VolumeBench.error { _ = try volume.install(title: big, length: .max) }?.code == .invalidArgument)
    for number in stride(from: 1, to: 9, by: 2) as StrideTo<UInt8> {
      try volume.delete(title: try VolumeBench.software(number))
    }
    let scattered = random.octets(30 << 20)
    try VolumeBench.install(scattered, as: big, on: volume)
    let reopened = try VolumeBench.open(disc)
    let title = try #require(try reopened.titles().first { $0.softwareID == big })
    #expect(try VolumeBench.software(of: title, on: reopened) == scattered)
    #expect(try VolumeBench.software(of: try #require(try reopened.titles().first), on: reopened) == content)
  }

  @Test func damagedSoftwareIsToldFromGood() throws {
    let disc = try VolumeBench.blank()
    let volume = try VolumeBench.format(disc)
    let id = try VolumeBench.software(1)
    try VolumeBench.install([UInt8](repeating: 5, count: 2 << 20), as: id, on: volume)
    // The first title lies at the start of the software area; its manifest two mebibytes on.
    let software = volume.firstBlock + 2048
    let session = try VolumeBench.session(disc)
    var block = [UInt8](repeating: 0, count: 512)
    for (number, code) in [(UInt64(2048 + 7), DiscError.Code.damaged), (4096, .damaged)] {
      try block.withUnsafeMutableBytes { try session.read(from: software + number, into: $0) }
      block[100] ^= 1
      try block.withUnsafeBytes { try session.write(to: software + number, from: $0) }
      let failure = VolumeBench.error { try VolumeBench.open(disc).open(title: id).verify() }
      #expect(failure?.code == code)
      if number < 4096 { #expect(failure?.operation.contains("segment 1 of 2") == true) }
      block[100] ^= 1
      try block.withUnsafeBytes { try session.write(to: software + number, from: $0) }
      try VolumeBench.open(disc).open(title: id).verify()
    }
  }

  @Test func M8_copyingTakesConstantMemory() async {
    await #expect(processExitsWith: .success) { try TitleTests.copyAtConstantMemory() }
  }

  /// Runs in a process of its own, whose memory no other test uses.
  private static func copyAtConstantMemory() throws {
    let folder = try TemporaryFolder()
    let disc = try EmulatedDisc.manufacture(
      at: folder.file("disc.img"), geometry: .gb1_3, mediumID: try #require(MediumID(octets: [1, 2, 3, 4])),
      manufactured: 0)
    let volume = try LicensedVolume.format(
      try VolumeBench.session(disc), generalUse: 2 << 20, random: SeededRandom(seed: 1))
    let mebibytes = isSoak ? 1024 : 256
    var random = SplitMix(seed: 23)
    let chunk = random.octets(1 << 20)
    let before = try residentOctets()
    let id = try VolumeBench.software(1)
    var writer = try volume.install(title: id, length: UInt64(mebibytes) << 20)
    for _ in 0..<mebibytes { try chunk.withUnsafeBytes { try writer.write($0) } }
    try writer.commit()
    let reader = try volume.open(title: id)
    try reader.verify()
    #expect(try VolumeBench.read(reader, at: UInt64(mebibytes - 1) << 20, count: 1 << 20) == chunk)
    #expect(try residentOctets() - before <= 64 << 20)
  }
}
