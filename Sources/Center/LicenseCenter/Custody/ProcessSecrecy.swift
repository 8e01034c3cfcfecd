import CLinux
import Glibc

/// What the system does with the memory of a process that holds the centre's keys.
public enum ProcessSecrecy {
  /// Has no core file made of this process or of those that it starts, whether a file or piped to a handler, and lets
  /// no other process of the same user look into its memory. Nor does Swift's own backtrace, which shows what registers
  /// point at. It stays so until the process ends.
  ///
  /// - Throws: ``CenterError/Code/storage`` where the system refuses.
  public static func begin() throws(CenterError) {
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    guard setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none) == 0, warifu_set_dumpable(0) == 0 else {
      throw CenterError(
        .storage, "Turning core files off", remedy: "The system says: \(String(cString: strerror(errno))).")
    }
    for crash in [SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGQUIT, SIGSEGV, SIGTRAP] { signal(crash, SIG_DFL) }
  }

  /// Whether it has begun.
  public static var isOn: Bool {
    var limit = rlimit()
    return getrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit) == 0 && limit.rlim_max == 0
      && warifu_is_dumpable() == 0
  }
}
