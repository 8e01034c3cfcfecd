import Cryptography
import DiscDriver
import DiscEmulator
import DriveFirmware
import Identifiers
import SCSI
import TestSupport
import Testing

/// Whatever a medium holds, a check ends with a report, and a repair makes nothing worse.
@Suite struct VolumeFuzzTests {
  /// A volume with three licences and two titles, as it is made once.
  private static func disc(_ geometry: MediumGeometry) throws -> MemoryDisc {
    let disc = try VolumeBench.blank(geometry)
    let volume = try VolumeBench.format(disc)
    for number in 1...3 as ClosedRange<UInt8> {
      let id = try VolumeBench.software(number)
      try volume.install(licence: SplitMix.octets(300 * Int(number), seed: 1), for: id)
      if number < 3 {
        try VolumeBench.install(SplitMix.octets(900_000 * Int(number), seed: UInt64(number)), as: id, on: volume)
      }
    }
    return disc
  }

  /// What can be had from a disc.
  private struct Yield {
    var licences: [SoftwareID: [UInt8]] = [:]
    var titles: Set<SoftwareID> = []

    init(_ disc: MemoryDisc) throws {
      guard let volume = try? VolumeBench.open(disc) else { return }
      for licence in volume.licences { licences[licence.softwareID] = licence.octets }
      for title in (try? volume.titles()) ?? [] {
        if (try? volume.open(title: title.softwareID).verify()) != nil { titles.insert(title.softwareID) }
      }
    }
  }

  /// Spoils a disc again and again, and looks at what check and repair make of it.
  private func fuzz(_ purpose: String, _ spoil: (MemoryDisc, inout Randomness.Generator) throws -> Void) throws {
    var random = Randomness(purpose)
    let good = try [MediumGeometry.mb128, .mb640].map(VolumeFuzzTests.disc)
    for round in 0..<random.soak(60, full: 20_000) {
      let disc = good[round % good.count].copy()
      let seed = random.generator.next()
      var lot = Randomness(seed: seed).generator
      for _ in 0..<Int.random(in: 1...6, using: &lot) { try spoil(disc, &lot) }
      let report = try LicensedVolume.check(try VolumeBench.session(disc), contents: true)
      for finding in report.findings { #expect(!finding.description.isEmpty && !finding.remedy.isEmpty) }
      let before = try Yield(disc)
      for removing in [false, true] {
        do {
          let repair = try LicensedVolume.repair(try VolumeBench.session(disc), removingDamaged: removing)
          let left = Set(repair.after.findings.map(\.severity))
          #expect(!left.contains(.repairable), "seed \(seed): \(repair.after.findings)")
          let isRemoved = left.isSubset(of: [.note]) || repair.after.findings.contains { $0.part == .partitionTable }
          #expect(!removing || isRemoved, "seed \(seed): \(repair.after.findings)")
        } catch {
          let isTold = [.foreign, .unsupported, .unformatted, .damaged].contains(error.code)
          #expect(isTold, "seed \(seed): \(error)")
        }
        let after = try Yield(disc)
        #expect(after.titles.isSuperset(of: before.titles), "seed \(seed)")
        for (id, licence) in before.licences where !removing { #expect(after.licences[id] == licence, "seed \(seed)") }
      }
    }
  }

  @Test func flippedBitsAreFoundAndRepaired() throws {
    try fuzz("flipped bits") { disc, random in
      let length = disc.geometry.userOctets - 3 << 20
      // Mostly where the records are.
      let places: [ClosedRange<UInt64>] = [0...0x20000, (length - 2 << 20)...(length - 1 << 20), 1 << 20...5 << 20]
      let place = try #require(places.randomElement(using: &random))
      try disc.flip(
        UInt64.random(in: place, using: &random) / 8 % (length - 8192),
        with: 1 << UInt8.random(in: 0...7, using: &random))
      try disc.flip(
        try #require(VolumeFuzzTests.offsets(disc).randomElement(using: &random))
          + UInt64.random(in: 0...1100, using: &random))
    }
  }

  @Test func sectorsOfAnyContentAreFoundAndRepaired() throws {
    try fuzz("random sectors") { disc, random in
      let blockSize = UInt64(disc.geometry.blockSize)
      let offset = try #require(VolumeFuzzTests.offsets(disc).randomElement(using: &random))
      switch Int.random(in: 0..<6, using: &random) {
      case 0: try disc.mark(offset, as: .halfWritten)
      case 1: try disc.mark(offset, as: .erased)
      case 2: try disc.put([UInt8](repeating: 0xFF, count: Int(blockSize)), at: offset)
      case 3: try disc.put(SplitMix.octets(Int(blockSize), seed: random.next()), at: offset)
      case 4:
        // One record in another's place.
        let other = try #require(VolumeFuzzTests.offsets(disc).randomElement(using: &random))
        if let octets = try? disc.octets(at: other, count: 8192) { try disc.put(octets, at: offset) }
      default:
        let block = SplitMix.octets(Int(blockSize), seed: random.next())
        try disc.write(BlockRange(first: 0, count: 1), from: block.span.bytes)
      }
    }
  }

  @Test func hostileRecordsWithRightDigestsAreFoundAndRepaired() throws {
    try fuzz("hostile records") { disc, random in
      let records = try VolumeFuzzTests.offsets(disc).filter { try VolumeFuzzTests.isRecord(at: $0, on: disc) }
      guard let offset = records.randomElement(using: &random) else { return }
      var lot = random
      try disc.replaceRecord(at: offset) { VolumeFuzzTests.distort(&$0, &lot) }
      random = lot
    }
  }

  /// Partition tables that no honest program makes.
  @Test func partitionTablesOfAnyContentAreTold() throws {
    try fuzz("partition tables") { disc, random in
      var block = [UInt8](repeating: 0, count: Int(disc.geometry.blockSize))
      var span = block.mutableSpan
      var bytes = span.mutableBytes
      try disc.read(BlockRange(first: 0, count: 1), into: &bytes)
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        block[Int.random(in: 440..<512, using: &random)] = [0, 1, 0x7F, 0xDA, 0xFF].randomElement(using: &random) ?? 0
      }
      try disc.write(BlockRange(first: 0, count: 1), from: block.span.bytes)
    }
  }

  // MARK: Places and contents

  /// Where the records of ``disc(_:)`` lie: both copies of all, and the manifests.
  private static func offsets(_ disc: MemoryDisc) throws -> [UInt64] {
    let end = disc.geometry.userOctets - disc.geometry.userOctets % (1 << 20)
    let layout = try #require(VolumeLayout(length: end - 3 << 20))
    let pairs: [UInt64] =
      [VolumeLayout.headerOffset, VolumeLayout.catalogueOffset]
      + (0..<3).map { layout.offset(ofLicenceSlot: $0, copy: .a) }
    let clusters: UInt64 = (900_000 + 65_535) / 65_536 * 65_536
    let manifests = [1 << 20 + clusters, 1 << 20 + clusters + 65_536 + (1_800_000 + 65_535) / 65_536 * 65_536]
    return pairs.flatMap { offset in VolumeLayout.Copy.allCases.map { layout.offset(of: offset, copy: $0) } }
      + manifests
  }

  private static func isRecord(at offset: UInt64, on disc: MemoryDisc) throws -> Bool {
    guard let octets = try? disc.octets(at: offset, count: 8192) else { return false }
    return octets.starts(with: "WARIFU".utf8) && octets[12] == 0 && octets[13] == 0 && octets[14] < 16
  }

  /// Changes a record in one of the ways in which its content can lie.
  private static func distort(_ record: inout [UInt8], _ random: inout Randomness.Generator) {
    let numbers: [UInt64] = [0, 1, 2, 9, 1 << 20, 1 << 32 - 1, 1 << 62, 1 << 62 + 1, .max - 1, .max]
    let number = numbers.randomElement(using: &random) ?? 0
    func octets(_ value: UInt64, _ count: Int) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { $0.suffix(count) } }
    switch Int.random(in: 0..<9, using: &random) {
    case 0: record.replaceSubrange(16..<24, with: octets(number, 8))
    case 1: record[9] = UInt8(truncatingIfNeeded: number)
    case 2: record[Int.random(in: 24..<40, using: &random)] ^= 1
    case 3: record[Int.random(in: 40..<72, using: &random)] ^= 1
    case 4: record.removeLast(Int.random(in: 0...(record.count - 72), using: &random))
    case 5: record += SplitMix.octets(Int.random(in: 1...3000, using: &random), seed: number)
    case 6 where record.count > 80:
      let start = Int.random(in: 72..<(record.count - 4), using: &random)
      record.replaceSubrange(start..<(start + 4), with: octets(number, 4))
    case 7 where record.count > 80:
      record[Int.random(in: 72..<record.count, using: &random)] = UInt8(truncatingIfNeeded: number)
    default:
      let titles = (0..<Int.random(in: 0...5, using: &random)).map { index in
        (
          UInt8(truncatingIfNeeded: index % 3), length: numbers.randomElement(using: &random) ?? 0,
          manifest: UInt32.random(in: 0...300, using: &random),
          extents: (0..<Int.random(in: 0...3, using: &random)).map { _ in
            (UInt32.random(in: 0...60, using: &random), UInt32.random(in: 0...20, using: &random))
          }
        )
      }
      record.replaceSubrange(72..., with: HostileCatalogue.payload(titles))
    }
  }
}
