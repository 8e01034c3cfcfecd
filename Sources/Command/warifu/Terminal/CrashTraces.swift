import Glibc

/// What is left of a process that crashed.
enum CrashTraces {
  /// Signals by which a process dies of its own fault. Swift's runtime answers them with the registers, and with the
  /// octets that these point to.
  private static let crashes = [SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV]

  /// Has nothing be written of what lay in memory: a PIN, a key, or a title that somebody runs.
  ///
  /// No core file of this process or of those that it starts; handlers that the system pipes cores to are not bound by
  /// that limit, but systemd-coredump, for one, keeps to it. And no registers on standard error.
  static func turnOff() {
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
    for crash in crashes { signal(crash, SIG_DFL) }
  }
}
