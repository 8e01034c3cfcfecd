import Foundation
import Testing

/// `warifu reader install` and `uninstall` below a folder of the test's own.
@Suite(.noHang) struct ReaderInstallTests {
  private func withRoot<R>(_ body: (String) throws -> R) throws -> R {
    let root = FileManager.default.temporaryDirectory.appendingPathComponent("warifu-root-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: root) }
    return try body(root)
  }

  @discardableResult
  private func reader(_ verb: String, _ root: String, _ more: [String] = []) throws -> Ending {
    try Program(try warifuPath(), ["reader", verb, "--root", root] + more).finish()
  }

  /// Everything below a folder, with what files hold.
  private func tree(_ root: String) throws -> [String: Data] {
    var found: [String: Data] = [:]
    for path in try FileManager.default.subpathsOfDirectory(atPath: root) {
      found[path] = FileManager.default.contents(atPath: root + "/" + path) ?? Data()
    }
    return found
  }

  @Test func writesAnEntryAndALibraryForEveryTwoSlots() throws {
    try withRoot { (root: String) throws in
      #expect(try reader("install", root, ["--slots", "3"]).status == 0)
      let text = try String(contentsOfFile: root + "/etc/reader.conf.d/warifu", encoding: .utf8)
      var libraries: Set<String> = []
      for line in text.split(separator: "\n") where line.hasPrefix("LIBPATH") {
        libraries.insert(String(line.split(separator: " ")[1]))
      }
      // Entries that share one library collide.
      #expect(libraries.count == 2)
      let original = FileManager.default.contents(atPath: "/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
      for library in libraries { #expect(FileManager.default.contents(atPath: library) == original) }
      #expect(text.contains("CHANNELID    0x8C7D") && text.contains("CHANNELID    0x8C7F"))
      #expect(text.contains("DEVICENAME   /dev/null:0x8C7D"))
    }
  }

  @Test func uninstallLeavesWhatWasThereBefore() throws {
    try withRoot { (root: String) throws in
      let foreign = root + "/etc/reader.conf.d"
      try FileManager.default.createDirectory(atPath: foreign, withIntermediateDirectories: true)
      try Data("theirs".utf8).write(to: URL(fileURLWithPath: foreign + "/other"))
      let before = try tree(root)
      #expect(try reader("install", root, ["--slots", "14"]).status == 0)
      #expect(try tree(root).count > before.count)
      #expect(try reader("uninstall", root, ["--dry-run"]).status == 0)
      #expect(try tree(root).count > before.count)
      #expect(try reader("uninstall", root).status == 0)
      #expect(try tree(root) == before)
      #expect(try reader("uninstall", root).status == 66)
    }
  }

  @Test func dryRunWritesNothing() throws {
    try withRoot { (root: String) throws in
      let ending = try reader("install", root, ["--slots", "2", "--dry-run", "--json"])
      #expect(ending.status == 0 && ending.output.contains("\"isDryRun\" : true"))
      #expect(try tree(root).isEmpty)
    }
  }

  @Test func nothingIsOverwritten() throws {
    for taken in ["etc/reader.conf.d/warifu", "usr/local/lib/warifu/vpcd/libifdvpcd-2.so"] {
      try withRoot { (root: String) throws in
        let path = root + "/" + taken
        try FileManager.default.createDirectory(
          atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data("theirs".utf8).write(to: URL(fileURLWithPath: path))
        let before = try tree(root)
        #expect(try reader("install", root, ["--slots", "2"]).status == 1)
        #expect(try tree(root) == before, "\(taken)")
      }
    }
    try withRoot { (root: String) throws in
      #expect(try reader("install", root, ["--slots", "2"]).status == 0)
      #expect(try reader("install", root, ["--slots", "4"]).status == 1)
    }
  }

  @Test(arguments: ["etc/reader.conf.d/warifu", "usr/local/lib/warifu/vpcd/libifdvpcd-2.so"])
  func whatWasChangedStays(_ name: String) throws {
    try withRoot { (root: String) throws in
      try reader("install", root, ["--slots", "2"])
      let file = try #require(FileHandle(forWritingAtPath: root + "/" + name))
      try file.seekToEnd()
      try file.write(contentsOf: Data("# mine\n".utf8))
      try file.close()
      let before = try tree(root)
      #expect(try reader("uninstall", root).status == 1)
      #expect(try tree(root) == before)
    }
  }

  @Test(arguments: ["0", "15", "-1", "x"])
  func impossibleNumbersOfSlots(_ slots: String) throws {
    try withRoot { (root: String) throws in
      #expect(try reader("install", root, ["--slots=\(slots)"]).status == 64)
      #expect(try tree(root).isEmpty)
    }
  }
}
