import CLinux
import Glibc
import Synchronization

/// An open file with the calls an image needs: positioned, uninterrupted and complete, or a failure.
final class ImageFile: Sendable {
  /// The kernel's number for the file.
  let descriptor: Int32
  /// Whether it may be written.
  let isWritable: Bool

  /// Octets written since the system was last asked to begin writing them out.
  private let waiting = Atomic(0)
  private static let writebackLength = 8 << 20
  /// Whether the system is asked at all.
  let writesOutEarly = Atomic(true)

  private init(descriptor: Int32, isWritable: Bool) {
    self.descriptor = descriptor
    self.isWritable = isWritable
  }

  deinit {
    // A child that another thread is just starting may hold the file open for a moment longer: it must not hold the lock.
    _ = warifu_unlock(descriptor)
    close(descriptor)
  }

  /// Opens a file for reading and writing, or for reading where nothing else is allowed.
  static func open(_ path: String, readOnly: Bool) throws(SyscallFailure) -> ImageFile {
    if !readOnly {
      let descriptor = warifu_open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK, 0)
      if descriptor >= 0 { return ImageFile(descriptor: descriptor, isWritable: true) }
      guard [EACCES, EPERM, EROFS, ETXTBSY].contains(errno) else { throw .last("open") }
    }
    let descriptor = warifu_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)
    guard descriptor >= 0 else { throw .last("open") }
    return ImageFile(descriptor: descriptor, isWritable: false)
  }

  /// Makes a new file.
  static func create(_ path: String) throws(SyscallFailure) -> ImageFile {
    let descriptor = warifu_open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .last("open") }
    return ImageFile(descriptor: descriptor, isWritable: true)
  }

  /// Locks the file against every other user; if it can only be read, against writers.
  func lock() throws(SyscallFailure) {
    let result = isWritable ? warifu_try_lock(descriptor) : warifu_try_shared_lock(descriptor)
    guard result == 0 else {
      throw errno == EACCES ? SyscallFailure(call: "fcntl", number: EAGAIN) : .last("fcntl")
    }
  }

  /// The file's size in octets; `nil` unless it is a regular file.
  func regularFileSize() throws(SyscallFailure) -> UInt64? {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .last("fstat") }
    return status.st_mode & S_IFMT == S_IFREG ? UInt64(clamping: status.st_size) : nil
  }

  /// Gives the file a size; what is added takes no space.
  func resize(_ octets: UInt64) throws(SyscallFailure) {
    guard ftruncate(descriptor, off_t(clamping: octets)) == 0 else { throw .last("ftruncate") }
  }

  /// Fills `buffer` from `offset` on.
  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(SyscallFailure) {
    var done = 0
    while done < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      let count = pread(descriptor, rest.baseAddress, rest.count, off_t(clamping: offset) + off_t(done))
      if count > 0 {
        done += count
      } else if count == 0 {
        throw SyscallFailure(call: "pread", number: 0, done: done)
      } else if errno != EINTR {
        throw .last("pread", done: done)
      }
    }
  }

  /// Reads `count` octets from `offset` on.
  func read(at offset: UInt64, count: Int) throws(SyscallFailure) -> [UInt8] {
    var failure: SyscallFailure?
    let octets = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      buffer.initialize(repeating: 0)
      initialized = count
      do throws(SyscallFailure) {
        try read(at: offset, into: UnsafeMutableRawBufferPointer(buffer))
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return octets
  }

  /// Writes all of `buffer` from `offset` on: one call, unless the kernel takes less.
  func write(at offset: UInt64, _ buffer: UnsafeRawBufferPointer) throws(SyscallFailure) {
    var done = 0
    while done < buffer.count {
      let rest = UnsafeRawBufferPointer(rebasing: buffer[done...])
      let count = pwrite(descriptor, rest.baseAddress, rest.count, off_t(clamping: offset) + off_t(done))
      if count > 0 {
        done += count
      } else if count == 0 {
        throw SyscallFailure(call: "pwrite", number: EIO, done: done)
      } else if errno != EINTR {
        throw .last("pwrite", done: done)
      }
    }
    startWriteback(done)
  }

  /// Has the system write out now and then what a long transfer leaves in memory, so that ``synchronize()`` in the end
  /// waits for the last of it only. A hint: whether it works is for ``synchronize()`` to tell.
  private func startWriteback(_ written: Int) {
    guard writesOutEarly.load(ordering: .relaxed) else { return }
    guard waiting.add(written, ordering: .relaxed).newValue >= ImageFile.writebackLength else { return }
    waiting.store(0, ordering: .relaxed)
    _ = warifu_start_writeback(descriptor, 0, 0)
  }

  /// Makes `length` octets from `offset` on zero, and gives their space back where the file system can.
  func clear(at offset: UInt64, _ length: UInt64) throws(SyscallFailure) {
    guard length > 0 else { return }
    if warifu_punch_hole(descriptor, Int64(clamping: offset), Int64(clamping: length)) == 0 { return }
    guard [EOPNOTSUPP, ENOSYS, EINTR].contains(errno) else { throw .last("fallocate") }
    var done: UInt64 = 0
    while done < length {
      let count = min(length - done, 65_536)
      try write(at: offset + done, [UInt8](repeating: 0, count: Int(count)))
      done += count
    }
  }

  /// Writes all of `octets` from `offset` on.
  func write(at offset: UInt64, _ octets: [UInt8]) throws(SyscallFailure) {
    let failure = octets.withUnsafeBytes { bytes -> SyscallFailure? in
      do throws(SyscallFailure) {
        try write(at: offset, bytes)
        return nil
      } catch {
        return error
      }
    }
    if let failure { throw failure }
  }

  /// Makes everything written so far lasting.
  func synchronize() throws(SyscallFailure) {
    while fdatasync(descriptor) != 0 {
      guard errno == EINTR else { throw .last("fdatasync") }
    }
  }

  /// Makes the names in the folder of `path` lasting.
  static func synchronizeFolder(of path: String) throws(SyscallFailure) {
    let folder = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { $0 == path.startIndex ? "/" : String(path[..<$0]) }
    let descriptor = warifu_open(folder ?? ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
    guard descriptor >= 0 else { throw .last("open") }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw .last("fsync") }
  }
}

/// A part of a file; nothing outside it can be reached through it.
///
/// An open disc holds windows on its headers, its sector states and its blocks, and none on the factory record (M3).
struct FileWindow: Sendable {
  private let file: ImageFile
  private let start: UInt64
  private let length: UInt64

  /// A window of `length` octets from `start` on.
  init(_ file: ImageFile, start: UInt64, length: UInt64) {
    self.file = file
    self.start = start
    self.length = length
  }

  /// Fills `buffer` from `offset` in the window on.
  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(SyscallFailure) {
    try require(offset, buffer.count, "pread")
    try file.read(at: start + offset, into: buffer)
  }

  /// Writes all of `buffer` from `offset` in the window on.
  func write(at offset: UInt64, _ buffer: UnsafeRawBufferPointer) throws(SyscallFailure) {
    try require(offset, buffer.count, "pwrite")
    try file.write(at: start + offset, buffer)
  }

  /// Writes all of `octets` from `offset` in the window on.
  func write(at offset: UInt64, _ octets: [UInt8]) throws(SyscallFailure) {
    try require(offset, octets.count, "pwrite")
    try file.write(at: start + offset, octets)
  }

  /// Reads `count` octets from `offset` in the window on.
  func read(at offset: UInt64, count: Int) throws(SyscallFailure) -> [UInt8] {
    try require(offset, count, "pread")
    return try file.read(at: start + offset, count: count)
  }

  /// Makes `count` octets from `offset` in the window on zero.
  func clear(at offset: UInt64, _ count: UInt64) throws(SyscallFailure) {
    guard offset <= length, count <= length - offset else { throw SyscallFailure(call: "fallocate", number: EFAULT) }
    try file.clear(at: start + offset, count)
  }

  private func require(_ offset: UInt64, _ count: Int, _ call: String) throws(SyscallFailure) {
    guard offset <= length, UInt64(count) <= length - offset else { throw SyscallFailure(call: call, number: EFAULT) }
  }
}
