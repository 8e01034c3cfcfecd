import CLinux
import Glibc

/// An open file that closes itself; every call restarts after signals and moves all it was asked to move.
struct OpenFile: ~Copyable, Sendable {
  /// Where it was found.
  let path: String
  /// The descriptor, for a library that takes one.
  let descriptor: Int32

  /// Opens `path`, a file or a block device, for reading.
  init(reading path: String) throws(MasterDiscError) {
    descriptor = try OpenFile.openSeekable(path, "cannot open '\(path)'")
    self.path = path
  }

  /// Creates `path` for writing; ``MasterDiscError/Code/exists`` where there is something already.
  init(creating path: String) throws(MasterDiscError) {
    descriptor = try OpenFile.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, "cannot create '\(path)'")
    self.path = path
  }

  deinit { close(descriptor) }

  /// Octets in the file, or on the device behind it.
  func size() throws(MasterDiscError) -> UInt64 {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw MasterDiscError(errno: errno, "cannot read '\(path)'") }
    guard status.st_mode & 0o170000 != 0o040000 else { throw MasterDiscError(errno: EISDIR, "cannot read '\(path)'") }
    let end = lseek(descriptor, 0, SEEK_END)
    guard end >= 0 else { throw MasterDiscError(errno: errno, "cannot read '\(path)'") }
    return UInt64(end)
  }

  /// Fills `buffer` from `offset` on, as far as the file reaches.
  ///
  /// - Returns: octets read; fewer than asked only at the end of the file.
  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(MasterDiscError) -> Int {
    guard let start = off_t(exactly: offset), start <= off_t.max - off_t(buffer.count) else { return 0 }
    var done = 0
    while done < buffer.count {
      let count = pread(descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done, start + off_t(done))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw MasterDiscError(errno: errno, "cannot read '\(path)'") }
      if count == 0 { break }
      done += count
    }
    return done
  }

  /// Waits until everything is on the medium.
  func synchronize() throws(MasterDiscError) {
    guard fsync(descriptor) == 0 else { throw MasterDiscError(errno: errno, "cannot flush '\(path)'") }
  }

  /// Waits until the names in `folder` are on the medium.
  static func synchronize(folder: String) throws(MasterDiscError) {
    let operation = "cannot flush the folder '\(folder)'"
    let descriptor = try open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, operation)
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw MasterDiscError(errno: errno, operation) }
  }

  /// Opens what has a length and can be read at any place.
  private static func openSeekable(_ path: String, _ operation: String) throws(MasterDiscError) -> Int32 {
    // Without O_NONBLOCK a pipe would be waited for until somebody writes to it.
    let descriptor = try open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, operation)
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let number = errno
      close(descriptor)
      throw MasterDiscError(errno: number, operation)
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return descriptor
    case S_IFBLK:
      // Opened so, a drive does not look whether there is a disc in it.
      close(descriptor)
      return try open(path, O_RDONLY | O_CLOEXEC, operation)
    case S_IFDIR:
      close(descriptor)
      throw MasterDiscError(errno: EISDIR, operation)
    default:
      close(descriptor)
      throw MasterDiscError(.invalidArgument, operation, remedy: "it is no file and no disc; name one of these")
    }
  }

  private static func open(_ path: String, _ flags: Int32, _ operation: String) throws(MasterDiscError) -> Int32 {
    while true {
      let descriptor = warifu_open(path, flags, 0o666)
      if descriptor >= 0 { return descriptor }
      guard errno == EINTR else { throw MasterDiscError(errno: errno, operation) }
    }
  }
}

extension MasterDiscError {
  /// The error for a system call that failed with `number`.
  init(errno number: Int32, _ operation: String) {
    switch number {
    case EEXIST:
      self.init(.exists, operation, remedy: "choose another name, or move away what is there")
    case ENOENT, ENOTDIR:
      self.init(.notFound, operation, remedy: "check the path; its folder must exist")
    case EISDIR:
      self.init(.invalidArgument, operation, remedy: "it is a folder; name a file")
    case EACCES, EPERM, EROFS:
      self.init(.accessDenied, operation, remedy: "the system refused access; check the permissions")
    case ENOSPC, EDQUOT, EFBIG:
      self.init(.noSpace, operation, remedy: "the file system is full; free some space, or choose another folder")
    default:
      self.init(
        .inputOutput, operation, remedy: "the system reported '\(String(cString: strerror(number)))'; try again")
    }
  }
}
