import DiscEmulator
import DriveFirmware
import Glibc
import Identifiers
import Octets
import SCSI
import TestSupport
import Testing

/// Images that are none, or no longer whole: a typed error, one sentence, and the file as it was.
@Suite struct DiscImageTests {
  struct Damage: Sendable, CustomTestStringConvertible {
    var what: String
    /// `nil` if the image must still open.
    var code: DiscImageError.Code?
    var inflict: @Sendable (Workbench, String) throws -> Void
    var testDescription: String { what }
  }

  static let imageOctets = 131_072 * 16 + 127_401_984 + 1_024 * 512

  static let damages: [Damage] = [
    Damage(what: "nothing wrong", code: nil) { _, _ in },
    Damage(what: "no file", code: .notFound) { _, path in unlink(path) },
    Damage(what: "no folder", code: .notFound) { bench, path in
      unlink(path); rmdir(bench.folder)
    },
    Damage(what: "a pipe", code: .notAnImage) { _, path in
      unlink(path); mkfifo(path, 0o600)
    },
    Damage(what: "empty", code: .notAnImage) { _, path in truncate(path, 0) },
    Damage(what: "two octets", code: .notAnImage) { _, path in truncate(path, 2) },
    Damage(what: "random octets", code: .notAnImage) { bench, path in
      truncate(path, 0)
      var random = Randomness("an image of chance")
      bench.put(random.octets(count: 3_000_000), into: path)
    },
    Damage(what: "zeros of the right size", code: .notAnImage) { _, path in
      truncate(path, 0); truncate(path, imageOctets)
    },
    Damage(what: "text", code: .notAnImage) { bench, path in
      truncate(path, 0)
      bench.put(Array(String(repeating: "This is no disc. ", count: 1000).utf8), into: path)
    },
    Damage(what: "one header page left", code: .wrongSize) { _, path in truncate(path, 4096) },
    Damage(what: "cut in the metadata", code: .wrongSize) { _, path in truncate(path, 1_000_000) },
    Damage(what: "cut by one octet", code: .wrongSize) { _, path in truncate(path, imageOctets - 1) },
    Damage(what: "one octet too many", code: .wrongSize) { _, path in truncate(path, imageOctets + 1) },
    Damage(what: "header A damaged", code: nil) { bench, path in bench.put([0xFF], into: path, at: 20) },
    Damage(what: "header B damaged", code: nil) { bench, path in bench.put([0xFF], into: path, at: 4096 + 4000) },
    Damage(what: "header A gone", code: nil) { bench, path in bench.put(.init(repeating: 0, count: 4096), into: path) },
    Damage(what: "both headers damaged", code: .damagedHeader) { bench, path in
      for copy in [0, 4096] { bench.put([0xFF], into: path, at: copy + 20) }
    },
    Damage(what: "a later version", code: .unsupportedVersion) { bench, path in
      for copy in [0, 4096] { try bench.patch(path, page: copy, at: 8, [0, 3]) }
    },
    Damage(what: "an impossible geometry", code: .damagedHeader) { bench, path in
      for copy in [0, 4096] { try bench.patch(path, page: copy, at: 28, [0xFF, 0xFF, 0xFF, 0xFF]) }
    },
    Damage(what: "another size stated", code: .damagedHeader) { bench, path in
      for copy in [0, 4096] { try bench.patch(path, page: copy, at: 48, [0xFF]) }
    },
    Damage(what: "too many protected ranges", code: .damagedHeader) { bench, path in
      for copy in [0, 4096] { try bench.patch(path, page: copy, at: 56, [0xFF, 0xFF]) }
    },
    Damage(what: "factory record A damaged", code: nil) { bench, path in bench.put([0xFF], into: path, at: 8200) },
    Damage(what: "factory record B damaged", code: nil) { bench, path in bench.put([0xFF], into: path, at: 12300) },
    Damage(what: "both factory records damaged", code: .damagedFactoryRecord) { bench, path in
      for copy in [8192, 12288] { bench.put([0xFF], into: path, at: copy + 20) }
    },
    Damage(what: "a medium id of no octets", code: .damagedFactoryRecord) { bench, path in
      for copy in [8192, 12288] { try bench.patch(path, page: copy, at: 18, [0, 0]) }
    },
    Damage(what: "a medium id longer than the page", code: .damagedFactoryRecord) { bench, path in
      for copy in [8192, 12288] { try bench.patch(path, page: copy, at: 18, [0xFF, 0xFF]) }
    },
    Damage(what: "an impossible sector state", code: .damagedSectorStates) { bench, path in
      bench.put([0x77], into: path, at: 540_672 + 1000)
    },
  ]

  @Test(arguments: damages) func damagedImagesAreRefusedAndLeftAsTheyAre(_ damage: Damage) throws {
    let bench = try Workbench()
    try manufacture(on: bench).synchronize()
    #expect(bench.size(of: bench.path()) == DiscImageTests.imageOctets)
    try damage.inflict(bench, bench.path())
    let before = bench.fingerprint(of: bench.path())
    do throws(DiscImageError) {
      let disc = try EmulatedDisc(openingAt: bench.path())
      #expect(damage.code == nil)
      #expect(disc.factoryRecord.mediumID == mediumID)
    } catch {
      #expect(error.code == damage.code, "\(error)")
      #expect(error.imageMayHaveChanged == false)
      #expect(error.description.hasPrefix("\(bench.path()): ") && error.description.hasSuffix("."))
      #expect(error.remedy.isEmpty == false)
    }
    #expect(bench.fingerprint(of: bench.path()) == before)
  }

  @Test func foldersAndDevicesAreNoImages() {
    for path in ["/tmp", "/dev/null", "/dev/full", "/proc/self/status"] {
      #expect { _ = try EmulatedDisc(openingAt: path) } throws: { ($0 as? DiscImageError)?.code == .notAnImage }
    }
  }

  @Test func randomDamageNeverCrashesAndNeverChangesTheFile() throws {
    let bench = try Workbench()
    let path = bench.path()
    try manufacture(on: bench).synchronize()
    let whole = bench.contents(of: path, count: 700_000)
    let seed = Randomness("randomDamageNeverCrashesAndNeverChangesTheFile").seed
    var random = SeededGenerator(seed: seed)
    for _ in 0..<soak(40, 2000) {
      var undo: [(Int, [UInt8])] = []
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let range =
          [
            0..<128, 4096..<4224, 8192..<8292, 12288..<12388, 16_384..<16_420, 147_456..<147_492, 540_672..<700_000,
          ].randomElement(using: &random) ?? 0..<1
        let offset = Int.random(in: range, using: &random)
        undo.append((offset, [whole[offset]]))
        bench.put([UInt8.random(in: 0...255, using: &random)], into: path, at: offset)
      }
      let before = bench.fingerprint(of: path)
      do throws(DiscImageError) { _ = try EmulatedDisc(openingAt: path) } catch { _ = error.description }
      #expect(bench.fingerprint(of: path) == before)
      for (offset, octets) in undo { bench.put(octets, into: path, at: offset) }
    }
  }

  // MARK: Making

  @Test(arguments: MediumGeometry.all) func freshDiscsAreSparseAlignedAndZero(_ geometry: MediumGeometry) throws {
    let bench = try Workbench()
    let disc = try manufacture(on: bench, geometry)
    #expect(bench.octetsOnDisk(bench.path()) <= 65_536)
    #expect(EmulatedDisc.dataOffset % 4096 == 0)
    #expect(UInt64(bench.size(of: bench.path())) >= EmulatedDisc.dataOffset + geometry.userOctets)
    let drive = try EmulatedDrive.ready(disc)
    let blockSize = Int(geometry.blockSize)
    let (outcome, data) = try drive.read(1, at: UInt64(geometry.blockCount) - 1, blockSize: blockSize)
    #expect(outcome.status == .good)
    #expect(data == [UInt8](repeating: 0, count: blockSize))
    #expect(bench.names == ["disc.img"])
  }

  @Test func manufacturingNeverReplacesAFile() throws {
    let bench = try Workbench()
    bench.put([1, 2, 3], into: bench.path())
    #expect { _ = try manufacture(on: bench) } throws: { ($0 as? DiscImageError)?.code == .exists }
    #expect(bench.contents(of: bench.path(), count: 10) == [1, 2, 3])
    #expect(bench.names == ["disc.img"])
  }

  /// Of many that make the same disc at once, one wins, and its disc stays.
  @Test func onlyOneOfManyMakersWins() async throws {
    let bench = try Workbench()
    let path = bench.path()
    let winners = await withTaskGroup(of: UInt8?.self) { group in
      for maker in UInt8(1)...16 {
        group.addTask {
          do throws(DiscImageError) {
            let disc = try EmulatedDisc.manufacture(at: path, geometry: .mb128, manufactured: 0) { buffer in
              for index in buffer.indices { buffer[index] = maker }
            }
            return disc.factoryRecord.mediumID[0]
          } catch {
            return error.code == .exists ? nil : 0
          }
        }
      }
      return await group.reduce(into: [UInt8]()) { winners, winner in if let winner { winners.append(winner) } }
    }
    #expect(winners.count == 1)
    #expect(try EmulatedDisc(openingAt: path).factoryRecord.mediumID.first == winners.first)
    #expect(bench.names == ["disc.img"])
  }

  @Test func impossibleDiscsAreNotMade() throws {
    let bench = try Workbench()
    func code(_ id: Int, _ signature: Int = 0, _ ranges: [BlockRange] = []) throws -> DiscImageError.Code? {
      let mediumID = try #require(MediumID(octets: [UInt8](repeating: 1, count: id)))
      do throws(DiscImageError) {
        try EmulatedDisc.manufacture(
          at: bench.path(), geometry: .mb128, mediumID: mediumID, manufactured: 0,
          signature: [UInt8](repeating: 1, count: signature), protection: WriteProtection(ranges: ranges))
        return nil
      } catch {
        return error.code
      }
    }
    #expect(try code(5) == .invalidParameter)
    #expect(try code(3) == .invalidParameter)
    #expect(try code(16, 257) == .invalidParameter)
    #expect(try code(16, 0, [BlockRange(first: 248_826, count: 1)]) == .invalidParameter)
    #expect(try code(16, 0, [BlockRange(first: 1, count: 0)]) == .invalidParameter)
    #expect(try code(16, 0, .init(repeating: BlockRange(first: 1, count: 1), count: 65)) == .invalidParameter)
    #expect(bench.names.isEmpty)
    #expect(try code(64, 256, .init(repeating: BlockRange(first: 1, count: 1), count: 64)) == nil)
    let id = try #require(MediumID(octets: [1, 2, 3, 4]))
    #expect {
      try EmulatedDisc.manufacture(at: "\(bench.folder)/no/disc.img", geometry: .mb128, mediumID: id, manufactured: 0)
    } throws: { ($0 as? DiscImageError)?.code == .notFound }
  }

  @Test func theFactoryRecordOutlivesClosing() throws {
    let bench = try Workbench()
    let record = try manufacture(on: bench).factoryRecord
    #expect(try EmulatedDisc(openingAt: bench.path()).factoryRecord == record)
    #expect(record == FactoryRecord(mediumID: mediumID, manufactured: 1_000_000_000, signature: [1, 2, 3]))
  }
}

extension Workbench {
  /// Changes octets of a page and makes its checksum right again.
  func patch(_ path: String, page: Int, at offset: Int, _ octets: [UInt8]) throws {
    var content = contents(of: path, from: page, count: 4096)
    content.replaceSubrange(offset..<(offset + octets.count), with: octets)
    let sum = CRC32C.checksum(content.span.bytes.extracting(0..<4092))
    for index in 0..<4 { content[4092 + index] = UInt8(truncatingIfNeeded: sum >> UInt32(24 - 8 * index)) }
    put(content, into: path, at: page)
  }

  /// Size, time of change, and the octets in front of the blocks; empty if there is no file to read.
  func fingerprint(of path: String) -> [Int] {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return [] }
    var hasher = Hasher()
    contents(of: path, count: 700_000).withUnsafeBytes { hasher.combine(bytes: $0) }
    return [Int(status.st_size), Int(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec), hasher.finalize()]
  }
}
