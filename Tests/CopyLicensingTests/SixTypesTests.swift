import CardDriver
import CopyLicensing
import DiscDriver
import Formats
import Foundation
import Testing
import WarifuTesting

/// Programs, data, text, images, sound, video (C2): whatever a title is, what comes out is what went in, by every way.
@Suite struct SixTypesTests {
  /// A title of each type, of lengths around the borders of segments.
  private static let lengths = [0, 1, 1_048_520, 1_048_521, 2_097_080, 3_000_001]

  private static func content(_ type: TitleType, _ length: Int) -> [UInt8] {
    let seed = TitleType.allCases.firstIndex(of: type) ?? 0
    return (0..<length).map { UInt8(truncatingIfNeeded: ($0 &+ seed) &* 2_654_435_761 >> 13) }
  }

  private func read(
    _ content: inout ContentReader, at offset: UInt64, count: Int
  ) throws(LicensingError) -> [UInt8] {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
    defer { buffer.deallocate() }
    let done = try content.read(at: offset, into: buffer)
    return Array(buffer[..<done])
  }

  @Test func C2_sixTypesAreServedAsTheyWere() async throws {
    let bench = try await Workbench.setUp(seed: 31)
    let card = try await bench.issueCard()
    let disc = try bench.makeDisc("six.mo")
    var files: [(path: String, type: TitleType)] = []
    for (type, length) in zip(TitleType.allCases, SixTypesTests.lengths) {
      let path = bench.folder("\(type).bin")
      try Data(SixTypesTests.content(type, length)).write(to: URL(fileURLWithPath: path))
      files.append((path, type))
    }
    let pressed = try await bench.pressMaster("six.iso", files)
    let session = try bench.session(card, disc)
    let master = try LicensedMaster(opening: pressed.path, anchor: session.anchor)
    for (index, type) in TitleType.allCases.enumerated() {
      let softwareID = pressed.titles[index]
      let expected = SixTypesTests.content(type, SixTypesTests.lengths[index])
      try await bench.license(softwareID, in: session)
      try session.copy(softwareID, from: master, verifying: true)
      try expect(expected, from: try session.open(softwareID), type)
    }
  }

  private func expect(_ expected: [UInt8], from title: consuming CertifiedTitle, _ type: TitleType) throws {
    #expect(title.title.type == type)
    let memory = try title.sealedMemory()
    #expect(try Data(contentsOf: URL(fileURLWithPath: memory.path)) == Data(expected), "\(type), memory")
    let pipe = try PipedContent()
    let result = pipe.collect { descriptor in try title.write(to: descriptor) }
    #expect(try result.get() == Data(expected), "\(type), descriptor")
    var content = try title.contentReader()
    #expect(content.length == UInt64(expected.count), "\(type)")
    for (offset, count) in [(0, 10), (1_048_500, 100), (2_097_000, 4_000), (2_999_990, 100), (5_000_000, 1)] {
      let range = min(offset, expected.count)..<min(offset + count, expected.count)
      #expect(
        try read(&content, at: UInt64(offset), count: count) == Array(expected[range]), "\(type), \(offset)")
    }
  }
}

/// A pipe that somebody empties while it is filled.
private struct PipedContent {
  private let pipe = Pipe()

  init() throws {}

  func collect(_ fill: (Int32) throws -> Void) -> Result<Data, any Error> {
    let reading = pipe.fileHandleForReading
    let collected = Collected()
    let ended = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      collected.data = reading.readDataToEndOfFile()
      ended.signal()
    }
    let result = Result { try fill(pipe.fileHandleForWriting.fileDescriptor) }
    try? pipe.fileHandleForWriting.close()
    ended.wait()
    return result.map { collected.data }
  }

  /// Written by the reading thread before it signals, read behind that.
  private final class Collected: @unchecked Sendable {
    var data = Data()
  }
}
