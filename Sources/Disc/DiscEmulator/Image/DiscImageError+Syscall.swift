import Glibc

/// A system call that failed, with how far it had come.
struct SyscallFailure: Error {
  /// The call's name.
  let call: String
  /// The kernel's reason; 0 if a file ended too early.
  let number: Int32
  /// Octets read or written before.
  var done = 0

  /// The failure of the call that just returned -1.
  static func last(_ call: String, done: Int = 0) -> SyscallFailure {
    SyscallFailure(call: call, number: errno, done: done)
  }

  /// Whether the storage failed.
  var isInputOutput: Bool { number == EIO }

  /// Whether there was no room.
  var isNoSpace: Bool { [ENOSPC, EDQUOT, EFBIG].contains(number) }

  /// The kernel's words for it.
  var words: String { number == 0 ? "the file ends too early" : String(cString: strerror(number)) }
}

extension DiscImageError {
  /// The error of a system call on the image at `path`.
  static func syscall(_ failure: SyscallFailure, _ path: String, changing: Bool = false) -> DiscImageError {
    let (code, remedy): (Code, String) =
      switch failure.number {
      case ENOENT, ENOTDIR: (.notFound, "check the path, or make a disc there first")
      case EEXIST: (.exists, "choose another name, or remove the file if it is not needed")
      case EACCES, EPERM, EROFS: (.notPermitted, "change the permissions, or use another folder")
      case EAGAIN: (.inUse, "close the program that has the disc in its drive, and try again")
      case EISDIR: (.notAnImage, "give the path of a disc image")
      case ENOSPC, EDQUOT, EFBIG: (.diskFull, "free some space and try again")
      case EMFILE, ENFILE: (.inputOutput, "close other files and try again")
      case EINVAL where failure.call == "renameat2":
        (.notPermitted, "use a folder on a local file system, which can rename without replacing")
      default: (.inputOutput, "check the storage that the image lies on, and restore the image from a copy if need be")
      }
    let reason =
      switch code {
      case .inUse: "the image is in use elsewhere"
      case .exists: "there is a file of that name already"
      case .notFound: "there is no such file or folder"
      default: "\(failure.call) failed: \(failure.words)"
      }
    return DiscImageError(code, path, reason, remedy: remedy, imageMayHaveChanged: changing)
  }
}
