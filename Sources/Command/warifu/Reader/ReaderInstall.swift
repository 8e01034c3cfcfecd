import ArgumentParser
import CLinux
import Foundation
import Glibc

/// `reader install`.
struct ReaderInstall: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "install", abstract: "Give pcscd more virtual readers for emulated cards.",
    discussion: """
      vsmartcard-vpcd brings slots 0 and 1. This adds slots from 2 on, two by two, up to pcscd's 16 readers: one file \
      in /etc/reader.conf.d, and a copy of vpcd's library for each two. 'warifu reader uninstall' takes them away.

      Like vpcd's own, the new slots listen on every network interface: whoever reaches their ports can put a card in. \
      Close TCP ports 35963 and on to other hosts. Writing there takes root: sudo.

      Example:
        warifu reader install --slots 14
        warifu reader install --slots 2 --root $HOME/pcsc --dry-run
      """)

  @Option(help: ArgumentHelp("How many slots to add, 1 to 14; odd numbers are rounded up.", valueName: "number"))
  var slots: Int

  @OptionGroup var place: ReaderPlace
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard (1...ReaderConfiguration.mostSlots).contains(slots) else {
      throw ValidationError(
        "--slots takes 1 to \(ReaderConfiguration.mostSlots): pcscd has 16 readers, of which vpcd's own are two")
    }
  }

  func run() async throws {
    let root = try place.path()
    let driver = try VirtualReaderDriver.find(below: root)
    guard let library = FileManager.default.contents(atPath: driver.library) else {
      throw Failure(.noDevice, "cannot read \(driver.library)", remedy: "check its permissions")
    }
    let entries = (slots + 1) / ReaderConfiguration.slotsOfAnEntry
    let digest = try ReaderConfiguration.digest([UInt8](library))
    let copies = (0..<entries).map { entry in
      ReaderConfiguration.Copy(
        path: ReaderConfiguration.libraryPath(below: root, entry: entry), digest: digest)
    }
    try refuseTaken(root, copies)
    let configuration = ReaderConfiguration(
      root: root, copies: copies, folders: missingFolders(root), firstPort: driver.port)
    if !place.dryRun { try write(configuration, library) }
    try output.write(ReaderInstallReport(configuration, entries: entries, isDryRun: place.dryRun))
  }

  /// Nothing that is there is overwritten, whoever wrote it.
  private func refuseTaken(_ root: String, _ copies: [ReaderConfiguration.Copy]) throws {
    let path = ReaderConfiguration.path(below: root)
    if let text = try? String(contentsOfFile: path, encoding: .utf8) {
      guard try ReaderConfiguration(parsing: text, root: root) != nil else {
        throw Failure(.failed, "\(path) is not this command's, or was changed", remedy: "move it away first")
      }
      throw Failure(
        .failed, "slots are installed already", remedy: "take them away with 'warifu reader uninstall' first")
    }
    for taken in [path] + copies.map(\.path) where access(taken, F_OK) == 0 {
      throw Failure(.failed, "there is a \(taken) already", remedy: "move it away first")
    }
  }

  /// The folders to be made, outermost first.
  private func missingFolders(_ root: String) -> [String] {
    var missing: [String] = []
    for folder in [ReaderConfiguration.folder(below: root), ReaderConfiguration.libraryFolder(below: root)] {
      var names: [String] = []
      var path = folder
      while !path.isEmpty, path != "/", access(path, F_OK) != 0, !missing.contains(path) {
        names.append(path)
        path = (path as NSString).deletingLastPathComponent
      }
      missing += names.reversed()
    }
    return missing
  }

  /// The copies first: pcscd must not find a file that names what is not there. What was begun is taken back on failure.
  private func write(_ configuration: ReaderConfiguration, _ library: Data) throws {
    var written: [String] = []
    do {
      for folder in configuration.folders {
        guard mkdir(folder, 0o755) == 0 else { throw ReaderPlace.failure("make the folder \(folder)") }
        written.append(folder)
      }
      for copy in configuration.copies {
        try ReaderInstall.create(copy.path, [UInt8](library))
        written.append(copy.path)
      }
      let path = ReaderConfiguration.path(below: configuration.root)
      // pcscd passes over names with a dot in front.
      let scratch = ReaderConfiguration.folder(below: configuration.root) + "/.warifu.\(getpid())"
      try ReaderInstall.create(scratch, Array(try configuration.text().utf8))
      written.append(scratch)
      guard warifu_rename_new(scratch, path) == 0 else { throw ReaderPlace.failure("write \(path)") }
    } catch {
      for path in written.reversed() { remove(path) }
      throw error
    }
  }

  /// Writes a new file, complete or not at all.
  private static func create(_ path: String, _ octets: [UInt8]) throws {
    let descriptor = warifu_open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o644)
    guard descriptor >= 0 else { throw ReaderPlace.failure("write \(path)") }
    defer { close(descriptor) }
    guard Glibc.write(descriptor, octets, octets.count) == octets.count, fchmod(descriptor, 0o644) == 0 else {
      let failure = ReaderPlace.failure("write \(path)")
      unlink(path)
      throw failure
    }
  }
}

/// Where readers are installed.
struct ReaderPlace: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Install below this folder, for a pcscd of your own: 'pcscd --config FOLDER/etc/reader.conf.d'.",
      valueName: "folder"))
  var root: String?

  @Flag(help: "Only tell what would be done.")
  var dryRun = false

  /// The folder without a slash at its end; empty for the machine's own.
  func path() throws -> String {
    guard let root else { return "" }
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: root, isDirectory: &isFolder), isFolder.boolValue else {
      throw Failure(.noDevice, "there is no folder \(root)", remedy: "make it first")
    }
    let path = URL(fileURLWithPath: root).standardizedFileURL.path
    // pcscd's files know no quotes, so a path there has no white space.
    guard !path.contains(where: \.isWhitespace) else {
      throw Failure(
        .usage, "pcscd cannot be told of '\(path)'", remedy: "take a folder without white space in its path")
    }
    return path == "/" ? "" : path
  }

  /// What `errno` says.
  static func failure(_ action: String) -> Failure {
    let reason = String(cString: strerror(errno))
    let remedy =
      errno == EACCES || errno == EPERM ? "run it with sudo, or with --root below a folder of yours" : "check the place"
    return Failure(.failed, "cannot \(action): \(reason)", remedy: remedy)
  }
}

private struct ReaderInstallReport: Report {
  let configuration: String
  let libraries: [String]
  let firstSlot: Int
  let lastSlot: Int
  let isDryRun: Bool

  init(_ written: ReaderConfiguration, entries: Int, isDryRun: Bool) {
    configuration = ReaderConfiguration.path(below: written.root)
    libraries = written.copies.map(\.path)
    firstSlot = ReaderConfiguration.firstSlot(of: 0)
    lastSlot = ReaderConfiguration.firstSlot(of: entries - 1) + 1
    self.isDryRun = isDryRun
  }

  var text: String {
    let files = ([configuration] + libraries).map { "  \($0)\n" }.joined()
    let verb = isDryRun ? "Would write" : "Wrote"
    let next = isDryRun ? "" : "Restart pcscd to have them: sudo systemctl restart pcscd\n"
    return "\(verb) slots \(firstSlot) to \(lastSlot):\n\(files)\(next)"
  }
}
