import CArchive
import CLinux
import Glibc

/// Presses a master disc (M2): a real ISO 9660 image, with Rock Ridge and Joliet names, that every operating system mounts.
///
/// Files are streamed one after another at constant memory. The image is written beside its final name and moved there by
/// ``finish()``, complete and flushed; a writer that is dropped before that removes what it wrote. Nothing that exists is
/// ever overwritten. After an error the writer is of no more use.
///
/// libarchive must know every size before it writes the first sector, so it spools all content into an unnamed scratch
/// file in the folder that the environment variable `TMPDIR` names (`/tmp` without one). **The scratch folder needs
/// as much free space as the image.** A program that presses large discs sets `TMPDIR` to the image's folder before it
/// starts threads, since `/tmp` often lies in memory; the environment belongs to the whole process, so this type never
/// changes it.
public final class MasterDiscWriter {
  private let archive: OpaquePointer?
  private let image: OpenFile
  private let finalPath: String
  private let modificationTime: UInt64
  private var names: Set<String> = []
  private var openFile: (path: String, remaining: UInt64)?
  private var isFinished = false

  /// The largest image that ISO 9660 can address: 2^32 sectors of 2048 octets.
  private static let maximumFileLength = UInt64(UInt32.max) * 2048

  /// Starts an image that will be `path`.
  ///
  /// - Parameters:
  ///   - path: the image's final name; nothing may exist there.
  ///   - volumeName: what operating systems show as the disc's name: 1 to 32 of `A-Z`, `0-9` and `_`.
  ///   - modificationTime: of every file, in seconds since 1970.
  public init(creating path: String, volumeName: String, modificationTime: UInt64) throws(MasterDiscError) {
    image = try MasterDiscWriter.createTemporary(for: path, volumeName: volumeName)
    finalPath = path
    self.modificationTime = modificationTime
    archive = archive_write_new()
    try configure(volumeName: volumeName)
  }

  deinit {
    if !isFinished {
      archive_write_fail(archive)
      unlink(image.path)
    }
    archive_write_free(archive)
  }

  /// Adds a small file that is in memory.
  public func add(
    _ path: String, bytes: [UInt8], isExecutable: Bool = false
  ) throws(MasterDiscError) {
    try begin(path, length: UInt64(bytes.count), isExecutable: isExecutable)
    try bytes.withOctets { (all) throws(MasterDiscError) in try append(all) }
    try end()
  }

  /// Adds a copy of the file `source` of this machine, at constant memory.
  public func add(
    _ path: String, contentsOf source: String, isExecutable: Bool = false
  ) throws(MasterDiscError) {
    let file = try OpenFile(reading: source)
    let length = try file.size()
    try begin(path, length: length, isExecutable: isExecutable)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    var offset: UInt64 = 0
    while true {
      let count = try file.read(at: offset, into: buffer)
      if count == 0 { break }
      try append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      offset += UInt64(count)
    }
    try end()
  }

  /// Begins a file of exactly `length` octets, whose content follows in ``append(_:)`` and is closed by ``end()``.
  ///
  /// - Parameters:
  ///   - path: relative, `/` between its parts, unique without regard to case.
  ///   - isExecutable: whether the file may be started from the disc, as the manager program is (M2).
  public func begin(
    _ path: String, length: UInt64, isExecutable: Bool = false
  ) throws(MasterDiscError) {
    let operation = "cannot add '\(path.prefix(100))' to the master disc"
    guard openFile == nil, !isFinished else {
      throw MasterDiscError(.invalidArgument, operation, remedy: "end the file before it, and finish the disc last")
    }
    let key = try MasterDiscPath.clashKey(checking: path)
    guard length <= MasterDiscWriter.maximumFileLength else {
      throw MasterDiscError(.tooLarge, operation, remedy: "it is larger than ISO 9660 can hold; split it")
    }
    try checkScratchSpace(for: length, operation)
    guard names.insert(key).inserted else {
      throw MasterDiscError(.invalidArgument, operation, remedy: "there is such a file already; choose another name")
    }
    try writeHeader(path, length: length, permissions: isExecutable ? 0o555 : 0o444)
    openFile = (path, length)
  }

  /// Appends to the file that was begun.
  public func append(_ bytes: UnsafeRawBufferPointer) throws(MasterDiscError) {
    guard let file = openFile, UInt64(bytes.count) <= file.remaining else {
      throw lengthMismatch("more")
    }
    var rest = bytes
    while !rest.isEmpty {
      let count = archive_write_data(archive, rest.baseAddress, rest.count)
      guard count > 0 else { throw failure("write '\(file.path)' into the scratch file") }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
    openFile?.remaining -= UInt64(bytes.count)
  }

  /// Ends the file that was begun.
  public func end() throws(MasterDiscError) {
    guard let file = openFile, file.remaining == 0 else { throw lengthMismatch("fewer") }
    openFile = nil
    try check(archive_write_finish_entry(archive), "finish '\(file.path)'")
  }

  /// Writes the image, flushes it and gives it its name.
  public func finish() throws(MasterDiscError) {
    guard openFile == nil else { throw lengthMismatch("fewer") }
    try check(archive_write_close(archive), "write the image")
    try image.synchronize()
    guard warifu_rename_new(image.path, finalPath) == 0 else {
      throw MasterDiscError(errno: errno, "cannot move the image to '\(finalPath)'")
    }
    isFinished = true
    try OpenFile.synchronize(folder: MasterDiscWriter.folder(of: finalPath))
  }
}

extension MasterDiscWriter {
  private func configure(volumeName: String) throws(MasterDiscError) {
    guard archive != nil else {
      throw MasterDiscError(
        .inputOutput, "cannot press '\(finalPath)'", remedy: "there is not enough memory; try again")
    }
    archive_write_set_format_iso9660(archive)
    archive_write_set_bytes_per_block(archive, 1 << 20)
    archive_write_set_bytes_in_last_block(archive, 1)
    for (option, value) in [("volume-id", volumeName), ("iso-level", "3"), ("rockridge", "useful")] {
      try check(archive_write_set_format_option(archive, "iso9660", option, value), "set the image's \(option)")
    }
    try check(archive_write_open_fd(archive, image.descriptor), "start the image")
  }

  private func writeHeader(
    _ path: String, length: UInt64, permissions: mode_t
  ) throws(MasterDiscError) {
    let entry = archive_entry_new()
    defer { archive_entry_free(entry) }
    archive_entry_set_pathname_utf8(entry, path)
    archive_entry_set_filetype(entry, 0o100000)
    archive_entry_set_perm(entry, permissions)
    archive_entry_set_size(entry, Int64(length))
    archive_entry_set_mtime(entry, time_t(clamping: modificationTime), 0)
    // libarchive recodes names by the thread's character set: make it UTF-8, whatever the program runs in.
    let unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", nil)
    let before = uselocale(unicode)
    defer {
      uselocale(before)
      freelocale(unicode)
    }
    try check(archive_write_header(archive, entry), "add '\(path)'")
  }

  private func checkScratchSpace(for length: UInt64, _ operation: String) throws(MasterDiscError) {
    let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else {
      throw MasterDiscError(
        .noSpace, operation, remedy: "the scratch folder '\(folder)' cannot be used; let TMPDIR name a writable folder")
    }
    let (free, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
    guard overflow || length <= free else {
      throw MasterDiscError(
        .noSpace, operation,
        remedy: "it needs \(length >> 20) MiB of scratch space in '\(folder)'; let TMPDIR name a folder that has them")
    }
  }

  private func lengthMismatch(_ direction: String) -> MasterDiscError {
    MasterDiscError(
      .lengthMismatch, "cannot add '\(openFile?.path ?? "a file")' to the master disc",
      remedy: "its source gave \(direction) octets than announced; leave the source alone while the disc is pressed")
  }

  private func check(_ result: Int32, _ action: String) throws(MasterDiscError) {
    // ARCHIVE_WARN (-20) means a name or attribute could not be kept as given: a failure for a master.
    guard result >= ARCHIVE_OK else { throw failure(action) }
  }

  private func failure(_ action: String) -> MasterDiscError {
    let number = archive_errno(archive)
    let operation = "cannot \(action) of the master disc '\(finalPath)'"
    guard number != ENOSPC, number != EDQUOT else {
      return MasterDiscError(
        .noSpace, operation, remedy: "free some space beside the image and in the scratch folder that TMPDIR names")
    }
    let reason = archive_error_string(archive).map { String(cString: $0) } ?? "no reason given"
    return MasterDiscError(.inputOutput, operation, remedy: "libarchive reported '\(reason)'; mend that and try again")
  }

  private static func isVolumeName(_ name: String) -> Bool {
    (1...32).contains(name.utf8.count)
      && name.utf8.allSatisfy { (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
  }

  /// Creates the file that becomes `path`, beside it. What a crashed press left does not stand in the way.
  private static func createTemporary(for path: String, volumeName: String) throws(MasterDiscError) -> OpenFile {
    guard isVolumeName(volumeName) else {
      throw MasterDiscError(
        .invalidArgument, "the volume name '\(volumeName.prefix(40))' cannot go onto a master disc",
        remedy: "use 1 to 32 of the characters A-Z, 0-9 and _")
    }
    guard access(path, F_OK) != 0 else {
      throw MasterDiscError(errno: EEXIST, "cannot press '\(path)'")
    }
    let name = path.split(separator: "/").last.map(String.init) ?? path
    var attempt = 0
    while true {
      do {
        return try OpenFile(creating: "\(folder(of: path))/.\(name).\(attempt).partial")
      } catch {
        attempt += 1
        guard error.code == .exists, attempt < 100 else { throw error }
      }
    }
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
