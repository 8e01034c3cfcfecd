import CLinux
import Glibc
import LicenseCenter

/// Sees to it that a centre whose database is a file is served by one process.
///
/// The database itself would bear two: every redemption is decided in it. But a card that is being charged over the network
/// talks to the one process that holds its secure channel, limits of rate are counted in each process for itself, and two
/// writers of one SQLite file only wait for each other. Several instances are what PostgreSQL is for.
struct ServeLock {
  private let descriptor: Int32

  /// Takes the lock; the system gives it back when the process ends, however it ends.
  init(of folder: CenterFolder) throws {
    let path = folder.path + "/serve.lock"
    descriptor = warifu_open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else {
      throw Failure(
        .unavailable, "cannot write in the centre's folder: \(String(cString: strerror(errno)))",
        remedy: "check its permissions")
    }
    guard warifu_try_lock(descriptor) == 0 else {
      var octets = [UInt8](repeating: 0, count: 16)
      let count = max(0, pread(descriptor, &octets, octets.count, 0))
      close(descriptor)
      let holder = Int32(String(decoding: octets[..<count], as: UTF8.self)).map { ", by process \($0)" } ?? ""
      throw Failure(
        .busy, "the centre is being served already\(holder)",
        remedy: "end that first; several at once need a database on PostgreSQL")
    }
    let number = Array("\(getpid())".utf8)
    ftruncate(descriptor, 0)
    _ = pwrite(descriptor, number, number.count, 0)
  }

  /// Gives it back.
  func release() { close(descriptor) }
}
