import Glibc

/// What the system writes of a process that crashed.
enum CoreFiles {
  /// Has none written, of this process or of those that it starts: a PIN, a key or a title that somebody runs would lie
  /// in it in clear. Handlers that the system pipes cores to, such as systemd-coredump, keep to that limit too.
  static func turnOff() {
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
  }
}
