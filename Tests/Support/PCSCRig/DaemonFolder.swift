import Foundation
import Glibc

/// What a private daemon has on the disk: its socket, its configuration, its log, and a copy of vpcd for every entry.
struct DaemonFolder {
  /// Debian's package `vsmartcard-vpcd` puts it there on every architecture.
  private static let library = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"

  let path: String
  /// Names of all slots, two of an entry, in the order of their ports.
  let readers: [String]

  /// The folder that lies over `/run/pcscd`.
  var run: String { path + "/run" }
  var socket: String { run + "/pcscd.comm" }
  var configuration: String { path + "/reader.conf.d" }
  /// What pcscd and its supervisor say.
  var log: String { path + "/log" }

  /// Makes a folder with an entry for every two ports.
  init(ports: [UInt16]) throws {
    // Not TMPDIR: the path of a socket has at most 107 octets.
    var template = Array("/tmp/warifu-pcscd-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw PrivateDaemonError("There is no room for a folder in /tmp: \(String(cString: strerror(errno))).")
    }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    readers = ports.indices.map { "Warifu \($0 / 2) 00 0\($0 % 2)" }
    do {
      try fill(ports)
    } catch {
      remove()
      throw error
    }
  }

  private func fill(_ ports: [UInt16]) throws {
    let files = FileManager.default
    guard files.isReadableFile(atPath: DaemonFolder.library) else {
      throw PrivateDaemonError("\(DaemonFolder.library) is missing: install the Debian package vsmartcard-vpcd.")
    }
    for folder in [run, configuration] { try files.createDirectory(atPath: folder, withIntermediateDirectories: true) }
    for (entry, port) in stride(from: 0, to: ports.count, by: 2).map({ ports[$0] }).enumerated() {
      // Entries that share one library share its table of slots, too, and collide.
      let copy = path + "/vpcd-\(entry).so"
      try files.copyItem(
        atPath: URL(fileURLWithPath: DaemonFolder.library).resolvingSymlinksInPath().path, toPath: copy)
      let text = """
        FRIENDLYNAME "Warifu \(entry)"
        DEVICENAME /dev/null:0x\(String(port, radix: 16))
        LIBPATH \(copy)
        CHANNELID 0x\(String(port, radix: 16))

        """
      try text.write(toFile: configuration + "/\(entry)", atomically: false, encoding: .utf8)
    }
  }

  /// Clears away what a daemon that was killed has left, for the next one.
  func clear() throws {
    let files = FileManager.default
    for name in try files.contentsOfDirectory(atPath: run) { try files.removeItem(atPath: run + "/" + name) }
    if hasEnded { try files.removeItem(atPath: path + "/ended") }
  }

  /// Whether pcscd has ended, by itself or not.
  var hasEnded: Bool { FileManager.default.fileExists(atPath: path + "/ended") }

  /// What the log says so far.
  var logText: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

  func remove() { try? FileManager.default.removeItem(atPath: path) }
}
