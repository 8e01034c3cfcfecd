import DiscDriver
import Foundation
import Testing

/// M2: a master disc is a real ISO 9660 image that any operating system reads.
@Suite struct MasterDiscTests {
  private let folder: TemporaryFolder
  private var image: String { folder.file("master.iso") }

  init() throws { folder = try TemporaryFolder() }

  /// A master such as a distributor presses: a program that starts, a catalogue, titles of awkward lengths and names.
  private static func content() -> [(path: String, octets: [UInt8], isExecutable: Bool)] {
    var random = SplitMix(seed: 2)
    return [
      ("warifu", random.octets(70_001), true),
      ("CATALOG", random.octets(300), false),
      ("titles/S-00112233445566778899AABBCCDDEEFF.sealed", random.octets(3 << 20), false),
      ("titles/second", random.octets(2048), false),
      ("titles/empty", [], false),
      ("titles/a/deep/er/fold/er/one.octet", [7], false),
      ("docs/読んでください.txt", random.octets(4097), false),
      ("docs/" + String(repeating: "n", count: 64), random.octets(1), false),
    ]
  }

  private func press(_ content: [(path: String, octets: [UInt8], isExecutable: Bool)]) throws {
    let writer = try MasterDiscWriter(creating: image, volumeName: "MASTER_1", modificationTime: 1_000_000_000)
    for file in content { try writer.add(file.path, bytes: file.octets, isExecutable: file.isExecutable) }
    try writer.finish()
  }

  private func error(_ body: () throws -> Void) -> MasterDiscError? {
    do {
      try body()
      return nil
    } catch {
      return error as? MasterDiscError
    }
  }

  @Test func M2_whatIsPressedIsRead() throws {
    let content = MasterDiscTests.content()
    try press(content)
    let disc = try MasterDisc(opening: image)
    #expect(disc.volumeName == "MASTER_1")
    #expect(disc.files.map(\.path) == content.map(\.path).sorted())
    for file in content {
      #expect(try disc.contents(of: file.path, limit: 4 << 20) == file.octets, "\(file.path)")
      #expect(disc.file(at: file.path)?.isExecutable == file.isExecutable, "\(file.path)")
    }
    #expect(disc.file(at: "no such file") == nil)
    #expect(folder.names == ["master.iso"])
  }

  @Test func M2_foreignToolsSeeTheSame() throws {
    let content = MasterDiscTests.content()
    try press(content)
    let listed = try run("bsdtar", ["-tf", image]).split(separator: "\n").map(String.init)
    #expect(Set(listed).isSuperset(of: content.map(\.path)))
    let found = try run("xorriso", ["-indev", "stdio:\(image)", "-find", "/", "-type", "f"])
    #expect(
      Set(found.split(separator: "\n").map(String.init)) == Set(content.map { "'/\($0.path)'" }))

    let extracted = folder.file("bsdtar")
    try FileManager.default.createDirectory(atPath: extracted, withIntermediateDirectories: true)
    _ = try run("bsdtar", ["-xf", image, "-C", extracted])
    let restored = folder.file("xorriso")
    _ = try run("xorriso", ["-osirrox", "on", "-indev", "stdio:\(image)", "-extract", "/", restored])
    for file in content {
      for tree in [extracted, restored] {
        #expect(FileManager.default.contents(atPath: "\(tree)/\(file.path)").map(Array.init) == file.octets)
        #expect(FileManager.default.isExecutableFile(atPath: "\(tree)/\(file.path)") || !file.isExecutable)
      }
    }
    // The folders are read-only, as on the disc: let them be removed.
    _ = try run("chmod", ["-R", "u+w", extracted, restored])
  }

  @Test(arguments: [["-R", "-J"], ["-R"], ["-J"], []]) func M2_imagesOfForeignToolsAreRead(_ options: [String]) throws {
    var random = SplitMix(seed: 3)
    let tree = folder.file("tree")
    try FileManager.default.createDirectory(atPath: tree + "/SUB", withIntermediateDirectories: true)
    let content = ["ONE.TXT": random.octets(5000), "SUB/TWO.DAT": random.octets(100_000)]
    for (path, octets) in content { try Data(octets).write(to: URL(fileURLWithPath: "\(tree)/\(path)")) }
    let name = String(repeating: "long", count: 50)
    if options.contains("-R") {
      try Data([1, 2]).write(to: URL(fileURLWithPath: "\(tree)/\(name)"))
      try FileManager.default.createSymbolicLink(atPath: tree + "/link", withDestinationPath: "/etc/passwd")
    }
    _ = try run("xorriso", ["-as", "mkisofs"] + options + ["-V", "FOREIGN", "-o", image, tree])
    let disc = try MasterDisc(opening: image)
    #expect(disc.volumeName == "FOREIGN")
    #expect(disc.files.count == content.count + (options.contains("-R") ? 1 : 0))
    for (path, octets) in content { #expect(try disc.contents(of: path, limit: 1 << 20) == octets) }
    if options.contains("-R") { #expect(try disc.contents(of: name, limit: 2) == [1, 2]) }
  }

  @Test func M2_anyRangeIsRead() throws {
    var random = SplitMix(seed: 4)
    let octets = random.octets(100_000)
    try press([("file", octets, false), ("next", random.octets(5), false)])
    let disc = try MasterDisc(opening: image)
    let file = try #require(disc.file(at: "file"))
    for (offset, count) in [(0, 1), (1, 4096), (99_999, 1), (99_990, 100), (100_000, 9), (200_000, 9), (2047, 2050)] {
      var buffer = [UInt8](repeating: 0xEE, count: count)
      let read = try buffer.withUnsafeMutableBytes { try disc.read(file, at: UInt64(offset), into: $0) }
      #expect(buffer.prefix(read).elementsEqual(octets.dropFirst(offset).prefix(count)))
      #expect(read == max(0, min(count, octets.count - offset)))
    }
    var buffer: [UInt8] = [0]
    #expect(try buffer.withUnsafeMutableBytes { try disc.read(file, at: .max, into: $0) } == 0)
    #expect(error { _ = try disc.contents(of: "file", limit: 99_999) }?.code == .tooLarge)
    #expect(error { _ = try disc.contents(of: "fil", limit: 9) }?.code == .notFound)
  }

  @Test func nothingIsOverwrittenAndNothingIsLeft() throws {
    try Data("precious".utf8).write(to: URL(fileURLWithPath: image))
    #expect(error { try press([]) }?.code == .exists)
    try FileManager.default.removeItem(atPath: image)

    // A file that appears while the disc is pressed is not overwritten either.
    do {
      let writer = try MasterDiscWriter(creating: image, volumeName: "M", modificationTime: 0)
      try writer.add("a", bytes: [1])
      try Data("precious".utf8).write(to: URL(fileURLWithPath: image))
      #expect(error { try writer.finish() }?.code == .exists)
    }
    #expect(FileManager.default.contents(atPath: image) == Data("precious".utf8))
    #expect(folder.names == ["master.iso"])
    try FileManager.default.removeItem(atPath: image)

    // A writer that is dropped half-way leaves nothing.
    do {
      let writer = try MasterDiscWriter(creating: image, volumeName: "M", modificationTime: 0)
      try writer.begin("a", length: 10)
    }
    #expect(folder.names.isEmpty)
    #expect(
      error { _ = try MasterDiscWriter(creating: "/no/such/folder/x.iso", volumeName: "M", modificationTime: 0) }?.code
        == .notFound)
  }

  @Test(arguments: ["", "/a", "a//b", "a/", "../a", "a/./b", "a\\b", "a:b", "a\u{1}", "a*", "1/2/3/4/5/6/7/8/9"])
  func unsafePathsAreRefused(_ path: String) throws {
    let writer = try MasterDiscWriter(creating: image, volumeName: "M", modificationTime: 0)
    #expect(error { try writer.add(path, bytes: []) }?.code == .invalidArgument)
  }

  @Test func wrongLengthsAndClashesAreRefused() throws {
    let writer = try MasterDiscWriter(creating: image, volumeName: "M", modificationTime: 0)
    try writer.add("Name", bytes: [])
    #expect(error { try writer.add("name", bytes: []) }?.code == .invalidArgument)
    #expect(error { try writer.begin("x", length: .max) }?.code == .tooLarge)
    try writer.begin("short", length: 3)
    #expect(error { try writer.begin("other", length: 3) }?.code == .invalidArgument)
    #expect(error { try writer.end() }?.code == .lengthMismatch)
    #expect(error { try [1, 2, 3, 4].withUnsafeBytes { try writer.append($0) } }?.code == .lengthMismatch)
    #expect(error { try writer.finish() }?.code == .lengthMismatch)
    for name in ["", "lower", "A B", String(repeating: "A", count: 33)] {
      #expect(
        error { _ = try MasterDiscWriter(creating: image, volumeName: name, modificationTime: 0) }?.code
          == .invalidArgument)
    }
  }

  @Test func aFileOfTheMachineIsStreamed() throws {
    var random = SplitMix(seed: 5)
    let octets = random.octets((2 << 20) + 17)
    let source = folder.file("source")
    try Data(octets).write(to: URL(fileURLWithPath: source))
    let writer = try MasterDiscWriter(creating: image, volumeName: "M", modificationTime: 0)
    try writer.add("copy", contentsOf: source, isExecutable: true)
    #expect(error { try writer.add("folder", contentsOf: folder.path) }?.code == .invalidArgument)
    #expect(error { try writer.add("none", contentsOf: folder.file("none")) }?.code == .notFound)
    try writer.finish()
    #expect(try MasterDisc(opening: image).contents(of: "copy", limit: 4 << 20) == octets)
  }

  @Test func M2_pressingAndReadingTakeConstantMemory() async {
    await #expect(processExitsWith: .success) { try MasterDiscTests.pressAndReadAtConstantMemory() }
  }

  /// Runs in a process of its own, whose memory no other test uses.
  private static func pressAndReadAtConstantMemory() throws {
    let folder = try TemporaryFolder()
    let mebibytes = isSoak ? 1024 : 256
    let chunk = [UInt8](repeating: 0x5A, count: 1 << 20)
    let before = try residentOctets()
    let writer = try MasterDiscWriter(creating: folder.file("big.iso"), volumeName: "BIG", modificationTime: 0)
    try writer.begin("big", length: UInt64(mebibytes) << 20)
    for _ in 0..<mebibytes { try chunk.withUnsafeBytes { try writer.append($0) } }
    try writer.end()
    try writer.finish()
    let disc = try MasterDisc(opening: folder.file("big.iso"))
    let file = try #require(disc.file(at: "big"))
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    for index in 0..<mebibytes {
      #expect(try buffer.withUnsafeMutableBytes { try disc.read(file, at: UInt64(index) << 20, into: $0) } == 1 << 20)
      #expect(buffer == chunk)
    }
    #expect(try residentOctets() - before <= 64 << 20)
  }
}
