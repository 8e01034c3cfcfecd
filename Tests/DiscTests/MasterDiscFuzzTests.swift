import DiscDriver
import Foundation
import Testing

/// Whatever an image holds, opening it ends soon, with files inside the image or with one sentence.
@Suite struct MasterDiscFuzzTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func pressed() throws -> [UInt8] {
    let image = folder.file("good.iso")
    let writer = try MasterDiscWriter(creating: image, volumeName: "GOOD", modificationTime: 0)
    for index in 0..<30 { try writer.add("folder\(index % 3)/a rather long name \(index).text", bytes: [1, 2, 3]) }
    try writer.finish()
    return Array(try #require(FileManager.default.contents(atPath: image)))
  }

  /// Opens an image of these octets and reads every file in it.
  private func outcome(_ octets: [UInt8]) throws -> Result<MasterDisc, MasterDiscError> {
    let image = folder.file("bad.iso")
    try Data(octets).write(to: URL(fileURLWithPath: image))
    do {
      let disc = try MasterDisc(opening: image)
      for file in disc.files {
        #expect(!file.path.split(separator: "/").contains("..") && !file.path.hasPrefix("/"))
        if file.length < 1 << 20 { _ = try disc.contents(of: file.path, limit: 1 << 20) }
      }
      return .success(disc)
    } catch {
      #expect(!error.operation.isEmpty && !error.remedy.isEmpty)
      return .failure(error)
    }
  }

  private func code(_ octets: [UInt8]) throws -> MasterDiscError.Code? {
    switch try outcome(octets) {
    case .success: nil
    case .failure(let error): error.code
    }
  }

  @Test func noImageAtAll() throws {
    var random = SplitMix(seed: 10)
    #expect(try code([]) == .notAMasterDisc)
    #expect(try code(random.octets(100_000)) == .notAMasterDisc)
    #expect(try code([UInt8](repeating: 0, count: 100_000)) == .notAMasterDisc)
    do {
      _ = try MasterDisc(opening: folder.path)
      Issue.record("a folder is no master disc")
    } catch {
      #expect(error.code == .invalidArgument)
    }
  }

  @Test func truncatedImagesAreRefused() throws {
    let good = try pressed()
    #expect(try code(good) == nil)
    for length in stride(from: 0, to: good.count, by: 4093) {
      let code = try code(Array(good.prefix(length)))
      #expect(code == .truncated || code == .notAMasterDisc || code == .damaged, "\(length)")
    }
  }

  @Test func flippedImagesNeverTrap() throws {
    let good = try pressed()
    let seed: UInt64 = 11
    var random = SplitMix(seed: seed)
    // Descriptors and directories lie in front; the rest is content and padding.
    let metadata = try #require(good.lastRange(of: "rather".utf8)).upperBound
    for _ in 0..<(isSoak ? 100_000 : 1000) {
      var bad = good
      for _ in 0..<Int.random(in: 1...8, using: &random) {
        bad[Int.random(in: 32768..<metadata, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      _ = try outcome(bad)
    }
  }

  @Test func hostileDirectoriesAreRefused() throws {
    let good = try pressed()
    // The primary volume's root record lies at 156 of sector 16: its extent at 158, its length at 166.
    let root = Int(good[32768 + 158]) | Int(good[32768 + 159]) << 8
    let first = try #require(good.firstRange(of: Array("folder0".utf8)))
    let name = first.lowerBound

    var huge = good
    huge.replaceSubrange((32768 + 166)..<(32768 + 170), with: [0xFF, 0xFF, 0xFF, 0x7F])
    #expect(try code(huge) == .unsupported || code(huge) == .truncated)

    // A folder that is the root again: the walk must end.
    var loop = good
    var record = root * 2048
    while loop[record + 25] & 2 == 0 || loop[record + 33] <= 1 { record += Int(loop[record]) }
    loop[record + 2] = UInt8(root & 255)
    loop[record + 3] = UInt8(root >> 8)
    #expect(try code(loop) == .damaged)

    var outside = good
    outside.replaceSubrange((record + 2)..<(record + 6), with: [0xFF, 0xFF, 0xFF, 0x7F])
    #expect(try code(outside) == .truncated)

    var upwards = good
    upwards.replaceSubrange(name..<(name + 7), with: Array("../../x".utf8))
    #expect(try code(upwards) == .damaged)
  }
}

extension Collection where Element == UInt8 {
  fileprivate func firstRange(of needle: [UInt8]) -> Range<Index>? {
    var start = startIndex
    while start != endIndex {
      if self[start...].starts(with: needle) { return start..<index(start, offsetBy: needle.count) }
      start = index(after: start)
    }
    return nil
  }
}

extension [UInt8] {
  fileprivate func lastRange(of needle: some Sequence<UInt8>) -> Range<Int>? {
    let needle = Array(needle)
    for start in stride(from: count - needle.count, through: 0, by: -1) where self[start...].starts(with: needle) {
      return start..<(start + needle.count)
    }
    return nil
  }
}
