import CopyLicensing
import DriveFirmware
import Formats
import Foundation
import Testing
import WarifuTesting

/// The host's memory stays constant, whatever the size of a title (M8). Each case runs in a process of its own, because a
/// process's peak says nothing while other tests share it.
@Suite struct MemoryTests {
  /// 1 GiB in a soak run, else 256 MiB; content is a sparse file, sealed all the same.
  private static var titleOctets: UInt64 {
    ProcessInfo.processInfo.environment["WARIFU_SOAK"] == "1" ? 1 << 30 : 256 << 20
  }

  @Test func M8_copyingAndRunningTakeConstantMemory() async {
    await #expect(processExitsWith: .success) { try await MemoryTests.pressCopyAndShow(.certificate, seed: 5) }
  }

  /// Converting takes what copying takes, and pieces in several lanes hold plaintext for a moment only.
  @Test func M14_convertingAndShowingTakeConstantMemory() async {
    await #expect(processExitsWith: .success) { try await MemoryTests.pressCopyAndShow(.conversion, seed: 7) }
  }

  /// All that is done with a title that is sold under a profile, measured step by step.
  private static func pressCopyAndShow(_ profile: CopyProfile, seed: UInt64) async throws {
    let bench = try await Workbench.setUp(seed: seed)
    let source = bench.folder("big.bin")
    #expect(FileManager.default.createFile(atPath: source, contents: nil))
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: source))
    try handle.truncate(atOffset: titleOctets)
    try handle.close()

    let card = try await bench.issueCard()
    let disc = try bench.makeDisc("big.mo", geometry: .gb1_3, generalUse: 1 << 20)
    var peak = try PeakMemory()
    let pressed = try await bench.pressMaster("big.iso", [(source, .data)], profile: profile)
    #expect(try peak.growth() <= 64 << 20, "pressing")

    let session = try bench.session(card, disc)
    let master = try LicensedMaster(opening: pressed.path, anchor: session.anchor)
    switch profile {
    case .certificate: try await bench.license(pressed.titles[0], in: session)
    case .conversion: try await bench.conversionLicense(pressed.titles[0], in: session)
    }
    peak = try PeakMemory()
    // Interrupted half way, so that going on is measured too.
    #expect(throws: LicensingError.self) {
      try session.copy(pressed.titles[0], from: master) { $0.done < titleOctets / 2 }
    }
    try session.copy(pressed.titles[0], from: master)
    #expect(try peak.growth() <= 64 << 20, "copying")

    let title = try session.open(pressed.titles[0])
    let null = FileHandle(forWritingAtPath: "/dev/null")
    peak = try PeakMemory()
    try title.write(to: null?.fileDescriptor ?? -1)
    #expect(try peak.growth() <= 64 << 20, "showing")
  }
}

extension MemoryTests {
  /// Somebody leafs through a book of 96 MiB: of its plaintext, memory holds a segment at a time.
  @Test func T20_bookIsNeverInMemoryAsAWhole() async {
    await #expect(processExitsWith: .success) {
      let bench = try await Workbench.setUp(seed: 6)
      let source = bench.folder("book.txt")
      #expect(FileManager.default.createFile(atPath: source, contents: nil))
      let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: source))
      try handle.truncate(atOffset: 96 << 20)
      try handle.seek(toOffset: 70 << 20)
      try handle.write(contentsOf: Data("Chapter 7".utf8))
      try handle.close()
      let disc = try bench.makeDisc("book.mo", geometry: .mb540, generalUse: 1 << 20)
      let pressed = try await bench.pressMaster("book.iso", [(source, .text)])
      let session = try bench.session(try await bench.issueCard(), disc)
      try await bench.license(pressed.titles[0], in: session)
      try session.copy(pressed.titles[0], from: try LicensedMaster(opening: pressed.path, anchor: session.anchor))

      let title = try session.open(pressed.titles[0])
      let peak = try PeakMemory()
      var book = try title.contentReader()
      var page = [UInt8](repeating: 0, count: 4_096)
      for number in stride(from: 0, to: 24_576, by: 37) {
        let read = try page.withUnsafeMutableBytes { try book.read(at: UInt64(number * 4_096), into: $0) }
        #expect(read == 4_096)
      }
      let chapter = try page.withUnsafeMutableBytes { try book.read(at: 70 << 20, into: $0) }
      #expect(chapter == 4_096 && page.starts(with: "Chapter 7".utf8))
      #expect(try peak.growth() <= 6 << 20)
    }
  }
}

/// How far this process's resident memory has risen at most since this value was made, in octets (proc(5), VmHWM).
private struct PeakMemory {
  private let before: Int

  init() throws {
    // "5" resets the peak to what is resident now.
    try "5".write(toFile: "/proc/self/clear_refs", atomically: false, encoding: .ascii)
    before = try PeakMemory.kibibytes("VmRSS:")
  }

  func growth() throws -> Int { (try PeakMemory.kibibytes("VmHWM:") - before) * 1_024 }

  private static func kibibytes(_ name: String) throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix(name) })
    return try #require(line.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) })
  }
}
