import Cryptography
import Foundation
import Octets

/// The file by which pcscd gets more virtual readers, and the copies of vpcd's library that it names.
///
/// Every entry has two slots, and must have a library of its own: entries that share one share its table of slots, too, so
/// that only one of them works. The file's head tells what else was written, and vouches for the rest, so that nothing is
/// ever taken away that somebody else wrote.
struct ReaderConfiguration {
  /// A file that is a copy of vpcd's library.
  struct Copy {
    let path: String
    let digest: String
  }

  /// The most slots beside vpcd's own: pcscd has 16 readers.
  static let mostSlots = 14
  /// Slots of one entry.
  static let slotsOfAnEntry = 2
  private static let headline = "# Written by 'warifu reader install'; 'warifu reader uninstall' takes it away."

  /// Where everything lies; `/` but for a pcscd of one's own.
  let root: String
  let copies: [Copy]
  /// Folders that were made for it, outermost first.
  let folders: [String]
  /// The port of vpcd's first slot.
  let firstPort: UInt16

  /// The file.
  static func path(below root: String) -> String { folder(below: root) + "/warifu" }

  /// The folder that pcscd reads.
  static func folder(below root: String) -> String { root + "/etc/reader.conf.d" }

  /// The folder for the copies.
  static func libraryFolder(below root: String) -> String { root + "/usr/local/lib/warifu/vpcd" }

  /// The copy for an entry.
  static func libraryPath(below root: String, entry: Int) -> String {
    "\(libraryFolder(below: root))/libifdvpcd-\(firstSlot(of: entry)).so"
  }

  /// The number of an entry's first slot: 0 and 1 are vpcd's own.
  static func firstSlot(of entry: Int) -> Int { slotsOfAnEntry * (entry + 1) }

  // MARK: Text

  /// The whole file.
  func text() throws -> String {
    let rest =
      copies.map { "# Copy \($0.digest) \($0.path)\n" }.joined() + folders.map { "# Folder \($0)\n" }.joined()
      + copies.indices.map(entry).joined()
    return "\(Self.headline)\n# Digest \(try Self.digest(Array(rest.utf8)))\n" + rest
  }

  private func entry(_ index: Int) -> String {
    let slot = Self.firstSlot(of: index)
    let port = "0x" + String(Int(firstPort) + slot, radix: 16, uppercase: true)
    return """

      FRIENDLYNAME "Warifu slots \(slot)-\(slot + 1)"
      DEVICENAME   /dev/null:\(port)
      LIBPATH      \(copies[index].path)
      CHANNELID    \(port)

      """
  }

  /// What was written, from the file's text; `nil` when it is not ours as it was written.
  init?(parsing text: String, root: String) throws {
    let lines = text.split(separator: "\n", maxSplits: 2, omittingEmptySubsequences: false)
    guard lines.count == 3, lines[0] == Self.headline else { return nil }
    guard lines[1] == "# Digest \(try Self.digest(Array(lines[2].utf8)))" else { return nil }
    var copies: [Copy] = []
    var folders: [String] = []
    for line in lines[2].split(separator: "\n") {
      let words = line.split(separator: " ", maxSplits: 3)
      if line.hasPrefix("# Copy "), words.count == 4 {
        copies.append(Copy(path: String(words[3]), digest: String(words[2])))
      } else if line.hasPrefix("# Folder ") {
        folders.append(String(line.dropFirst("# Folder ".count)))
      }
    }
    self.init(root: root, copies: copies, folders: folders, firstPort: 0)
  }

  init(root: String, copies: [Copy], folders: [String], firstPort: UInt16) {
    self.root = root
    self.copies = copies
    self.folders = folders
    self.firstPort = firstPort
  }

  /// SHA-256 in hexadecimal.
  static func digest(_ octets: [UInt8]) throws -> String { Hex.encode(Digest.sha256(octets)) }
}

/// vpcd as its package has set it up.
struct VirtualReaderDriver {
  private static let packaged = "/etc/reader.conf.d/vpcd"

  /// Its library.
  let library: String
  /// The port of its first slot.
  let port: UInt16

  /// Reads the package's own file, below `root` if there is one.
  static func find(below root: String) throws -> VirtualReaderDriver {
    let candidates = [root + packaged, packaged]
    guard let path = candidates.first(where: { FileManager.default.fileExists(atPath: $0) }),
      let text = try? String(contentsOfFile: path, encoding: .utf8)
    else {
      throw Failure(
        .noDevice, "there is no virtual reader to copy: \(packaged) is missing",
        remedy: "install the Debian package vsmartcard-vpcd")
    }
    guard let library = value("LIBPATH", in: text), FileManager.default.isReadableFile(atPath: library),
      let number = value("CHANNELID", in: text), number.hasPrefix("0x"),
      let port = UInt16(number.dropFirst(2), radix: 16), port < .max - 64
    else {
      throw Failure(
        .badInput, "\(path) does not tell vpcd's library and port", remedy: "install vsmartcard-vpcd again")
    }
    return VirtualReaderDriver(library: library, port: port)
  }

  private static func value(_ name: String, in text: String) -> String? {
    for line in text.split(separator: "\n") {
      let words = line.split(whereSeparator: \.isWhitespace)
      if words.count == 2, words[0] == name { return String(words[1]) }
    }
    return nil
  }
}
