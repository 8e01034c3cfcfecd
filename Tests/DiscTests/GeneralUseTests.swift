import Cryptography
import DiscDriver
import DiscEmulator
import DriveFirmware
import Foundation
import Identifiers
import SCSI
import TestSupport
import Testing

/// Ordinary tools and the licensed volume on one disc: each minds its own (M17).
@Suite struct GeneralUseTests {
  /// A fresh disc's image, with a FAT file system that mkfs.vfat made by offset.
  private struct SharedDisc {
    static let generalUse = 40 << 20
    static let start = Int(EmulatedDisc.dataOffset) + 1 << 20

    let folder: TemporaryFolder
    let path: String
    let geometry: MediumGeometry

    init(_ geometry: MediumGeometry) throws {
      folder = try TemporaryFolder()
      path = folder.file("disc.img")
      self.geometry = geometry
      let disc = try EmulatedDisc.manufacture(
        at: path, geometry: geometry, mediumID: try #require(MediumID(octets: [1, 2, 3, 4])), manufactured: 0)
      _ = try LicensedVolume.format(
        try VolumeBench.session(disc), generalUse: UInt64(SharedDisc.generalUse), random: SeededRandom(seed: 5))
    }

    /// What a user types, as docs/licensed-volume.md says it.
    func makeFileSystem() throws {
      let sector = Int(geometry.blockSize)
      _ = try run(
        "mkfs.vfat",
        [
          "-F", "16", "-S", "\(sector)", "--offset=\(SharedDisc.start / sector)", "-h", "\(1 << 20 / sector)", "-n",
          "GENERAL", path, "\(SharedDisc.generalUse >> 10)",
        ])
    }

    /// The disc in a drive, for as long as `body` takes.
    func withVolume<R>(_ body: (LicensedVolume) throws -> R) throws -> R {
      try body(try LicensedVolume(opening: try VolumeBench.session(try EmulatedDisc(openingAt: path))))
    }

    func check() throws -> VolumeReport {
      try LicensedVolume.check(
        try VolumeBench.session(try EmulatedDisc(openingAt: path, readOnly: true)), contents: true)
    }

    /// The octets of the partition for general use, in a file of their own.
    func partition(_ name: String) throws -> String {
      let copy = folder.file(name)
      _ = try run(
        "dd",
        [
          "if=\(path)", "of=\(copy)", "bs=1M", "skip=\(SharedDisc.start >> 20)",
          "count=\(SharedDisc.generalUse >> 20)", "conv=sparse", "status=none",
        ])
      return copy
    }

    /// A file as long as the disc's blocks, with their first mebibyte.
    func dataArea(_ name: String) throws -> String {
      let copy = folder.file(name)
      let image = try #require(FileHandle(forReadingAtPath: path))
      try image.seek(toOffset: EmulatedDisc.dataOffset)
      try image.read(upToCount: 1 << 20)?.write(to: URL(fileURLWithPath: copy))
      try FileHandle(forWritingTo: URL(fileURLWithPath: copy)).truncate(atOffset: geometry.userOctets)
      return copy
    }

    func mtool(_ tool: String, _ arguments: String...) throws {
      _ = try run(tool, ["-i", "\(path)@@\(SharedDisc.start >> 20)M"] + arguments)
    }

    /// Puts a file on the file system.
    func put(_ octets: [UInt8], as name: String) throws {
      let file = folder.file("in")
      try Data(octets).write(to: URL(fileURLWithPath: file))
      try mtool("mcopy", "-o", file, "::\(name)")
    }

    /// Reads a file of the file system.
    func octets(of name: String) throws -> [UInt8] {
      let file = folder.file("out")
      try mtool("mcopy", "-n", "::\(name)", file)
      return Array(try Data(contentsOf: URL(fileURLWithPath: file)))
    }
  }

  @Test(arguments: MediumGeometry.all) func M17_filesAndLicencesLiveSideBySide(_ geometry: MediumGeometry) throws {
    var random = Randomness("files beside licences")
    let disc = try SharedDisc(geometry)
    try disc.makeFileSystem()
    #expect(try disc.check().state == .whole)
    try disc.mtool("mmd", "::folder")
    var files: [String: [UInt8]] = [:]
    var expected = VolumeState()
    for round in 0..<random.soak(3, full: 40) {
      // Somebody saves files, of which one is empty and one takes several clusters of the volume's size.
      for name in ["empty", "folder/letter.txt", "folder/a long name \(round % 3).bin"] {
        let count =
          name == "empty" ? 0 : Int.random(in: 1...(name.hasSuffix("txt") ? 3000 : 700_000), using: &random.generator)
        files[name] = SplitMix.octets(count, seed: random.generator.next())
        try disc.put(files[name] ?? [], as: name)
      }
      let report = try disc.check()
      #expect(report.findings.isEmpty && report.titleCount == expected.titles.count)
      // Licences and titles come and go.
      let before = try Data(contentsOf: URL(fileURLWithPath: disc.partition("before")))
      let id = try VolumeBench.software(UInt8(round % 4))
      let (licence, title) = (
        SplitMix.octets(Int.random(in: 1...4096, using: &random.generator), seed: 1),
        SplitMix.octets(Int.random(in: 0...1_500_000, using: &random.generator), seed: 2)
      )
      try disc.withVolume { volume in
        try volume.install(licence: licence, for: id)
        try VolumeBench.install(title, as: id, on: volume)
        (expected.licences[id], expected.titles[id]) = (licence, title)
        if round % 2 == 1 {
          let old = try VolumeBench.software(UInt8((round - 1) % 4))
          try volume.delete(title: old)
          try volume.removeLicence(for: old)
          (expected.licences[old], expected.titles[old]) = (nil, nil)
        }
      }
      #expect(try Data(contentsOf: URL(fileURLWithPath: disc.partition("after"))) == before)
      for (name, octets) in files { #expect(try disc.octets(of: name) == octets, "\(name)") }
      #expect(try VolumeState(of: try EmulatedDisc(openingAt: disc.path, readOnly: true)) == expected)
      #expect(try disc.check().findings.isEmpty)
    }
    // A file system without a flaw: anything else makes fsck.vfat fail.
    _ = try run("fsck.vfat", ["-n", try disc.partition("checked")])
  }

  @Test func M17_aFullFileSystemStaysInItsPartition() throws {
    let disc = try SharedDisc(.mb128)
    try disc.makeFileSystem()
    let id = try VolumeBench.software(1)
    let title = SplitMix.octets(100_000, seed: 1)
    try disc.withVolume { volume in
      try volume.install(licence: [1, 2, 3], for: id)
      try VolumeBench.install(title, as: id, on: volume)
    }
    #expect(throws: ForeignProgramFailed.self) {
      for number in 0..<5 { try disc.put(SplitMix.octets(10 << 20, seed: UInt64(number)), as: "file\(number)") }
    }
    #expect(try disc.check().findings.isEmpty)
    #expect(try VolumeState(of: try EmulatedDisc(openingAt: disc.path))?.titles == [id: title])
    _ = try run("fsck.vfat", ["-n", try disc.partition("full")])
  }

  /// Formatting a disc again leaves a partition for general use that keeps its size as it is.
  @Test func M17_filesOutliveALicensedVolume() throws {
    let disc = try SharedDisc(.mb640)
    try disc.makeFileSystem()
    let letter = SplitMix.octets(70_000, seed: 3)
    try disc.put(letter, as: "letter")
    _ = try LicensedVolume.format(
      try VolumeBench.session(try EmulatedDisc(openingAt: disc.path)), generalUse: UInt64(SharedDisc.generalUse),
      replacing: true, random: SeededRandom(seed: 6))
    #expect(try disc.octets(of: "letter") == letter)
    #expect(try disc.check().findings.isEmpty)
  }

  /// sfdisk takes the sectors of a file for 512 octets long; fdisk can be told.
  @Test(arguments: MediumGeometry.all) func M17_foreignToolsReadThePartitionTable(_ geometry: MediumGeometry) throws {
    let disc = try SharedDisc(geometry)
    let data = try disc.dataArea("data.img")
    let sector = Int(geometry.blockSize)
    let volume = try disc.withVolume { ($0.firstBlock, $0.layout.length / UInt64(sector)) }
    let partitions = [(1 << 20 / sector, SharedDisc.generalUse / sector, "6"), (Int(volume.0), Int(volume.1), "da")]
    if sector == 512 {
      struct Answer: Decodable {
        struct Table: Decodable {
          struct Partition: Decodable { var start: Int, size: Int, type: String }
          var label: String, partitions: [Partition]
        }
        var partitiontable: Table
      }
      let table = try JSONDecoder().decode(Answer.self, from: Data(try run("sfdisk", ["--json", data]).utf8))
        .partitiontable
      #expect(table.label == "dos" && table.partitions.map(\.start) == partitions.map(\.0))
      #expect(table.partitions.map(\.size) == partitions.map(\.1))
      #expect(table.partitions.map(\.type) == partitions.map(\.2))
      #expect(try run("sfdisk", ["--verify", data]).contains("No errors detected."))
    }
    let listed = try run("fdisk", ["-b", "\(sector)", "-l", "-o", "Start,Sectors,Id", data])
      .split(separator: "\n").suffix(2).map { $0.split(separator: " ").map(String.init) }
    #expect(listed == partitions.map { ["\($0.0)", "\($0.1)", $0.2] })
  }
}

extension SplitMix {
  /// Octets from a seed of their own.
  static func octets(_ count: Int, seed: UInt64) -> [UInt8] {
    var random = SplitMix(seed: seed)
    return random.octets(count)
  }
}
