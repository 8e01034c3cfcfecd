import Foundation
import Testing

@testable import LicenseCenter

/// Files that have their names whole or not at all.
@Suite struct ScratchFileTests {
  /// A folder of its own, which goes with the value.
  private final class Room {
    let path = FileManager.default.temporaryDirectory.appending(path: "warifu-scratch-\(UUID().uuidString)").path
    var file: String { path + "/file" }
    var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func content() throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: file))) }
  }

  @Test func fileIsItsWritersAloneUntilTheWriterIsGone() async throws {
    let room = try Room()
    var first = try ScratchFile(room.file, suffix: ".new", "test")
    try first.write([1, 2])
    await expectFailure(.conflict) { _ = try ScratchFile(room.file, suffix: ".new", "test") }
    #expect(try room.names == ["file.new"])
    #expect(ScratchFile.isBeingWritten(room.file + ".new"))
    try first.write([3])
    try first.finish(replacing: false)
    #expect(try room.names == ["file"])
    #expect(ScratchFile.isBeingWritten(room.file), "whoever wrote it is still there")
    // The next one begins before the first is gone, and loses nothing by its going.
    var second = try ScratchFile(room.file, suffix: ".new", "test")
    _ = consume first
    #expect(!ScratchFile.isBeingWritten(room.file))
    try second.write([4])
    await expectFailure(.storage) { try second.finish(replacing: false) }
    #expect(try room.content() == [1, 2, 3])
    try second.finish(replacing: true)
    #expect(try room.content() == [4] && room.names == ["file"])
  }

  @Test func whatAKilledWriterLeftIsWrittenOver() throws {
    let room = try Room()
    try Data(repeating: 7, count: 100).write(to: URL(filePath: room.file + ".new"))
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: room.file + ".new")
    var file = try ScratchFile(room.file, suffix: ".new", "test")
    try file.write([1])
    try file.finish(replacing: true)
    #expect(try room.content() == [1])
    let mode = try FileManager.default.attributesOfItem(atPath: room.file)[.posixPermissions] as? Int
    #expect(mode == 0o600)
  }

  @Test func whatIsNotFinishedLeavesNothing() throws {
    let room = try Room()
    let file = try ScratchFile(room.file, suffix: ".new", "test")
    try file.write([1])
    _ = consume file
    #expect(try room.names.isEmpty)
    #expect(!ScratchFile.isBeingWritten(room.file))
  }
}
