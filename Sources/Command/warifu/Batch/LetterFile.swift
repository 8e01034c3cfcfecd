import CLinux
import Glibc
import LicenseCenter

/// A PIN letter in a file of its own, which is there whole or not at all and for nobody else to read.
enum LetterFile {
  /// Writes the letter. One that is there already in the same words is left alone; anything else in its place is a
  /// failure.
  static func write(_ letter: PINLetter, to path: String) throws {
    let text = Array(letter.text.utf8)
    let scratch = path + ".part"
    // What a run that was killed left behind.
    unlink(scratch)
    let descriptor = warifu_open(scratch, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw failure(path) }
    defer {
      close(descriptor)
      unlink(scratch)
    }
    let written = text.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    guard written == text.count, fsync(descriptor) == 0 else { throw failure(path) }
    if warifu_rename_new(scratch, path) != 0 {
      guard errno == EEXIST else { throw failure(path) }
      guard try SmallFile.read(path, limit: 1 << 16, what: "PIN letter") == text else {
        throw Failure(.failed, "there is another file at \(path)", remedy: "take it away, or change pinLetters")
      }
    }
    try SyncedFolder.sync(containing: path)
  }

  private static func failure(_ path: String) -> Failure {
    Failure(
      .noDevice, "cannot write the PIN letter \(path): \(String(cString: strerror(errno)))",
      remedy: "check its folder, then repeat the command")
  }
}
