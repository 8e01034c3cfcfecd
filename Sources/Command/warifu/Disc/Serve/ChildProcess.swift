import Foundation
import Glibc
import Synchronization

/// A program that this process starts, in a process group of its own: Ctrl-C is for this process, which passes it on.
///
/// Foundation's `Process` would hand down the signal mask of the starting thread, which may block what is to end the
/// child.
final class ChildProcess: Sendable {
  private let number: pid_t
  private let status = Mutex<Int32?>(nil)
  private let watcherIsDone = DispatchSemaphore(value: 0)

  /// Starts the program at `path` with standard input closed up. `onEnd` runs on another thread when it has ended.
  init(_ path: String, _ arguments: [String], onEnd: @escaping @Sendable () -> Void) throws {
    let failure: Int32
    (number, failure) = ChildProcess.spawn(path, arguments)
    guard failure == 0 else {
      throw Failure(
        .unavailable, "cannot start \(path): \(String(cString: strerror(failure)))", remedy: "check its permissions")
    }
    Thread.detachNewThread { [self] in
      // Its number stays its own until it is waited for under the lock, so that no signal goes to anybody else.
      var information = siginfo_t()
      while waitid(P_PID, id_t(number), &information, WEXITED | WNOWAIT) < 0, errno == EINTR {}
      status.withLock { status in
        var ended: Int32 = 0
        while waitpid(number, &ended, 0) < 0, errno == EINTR {}
        status = ended
      }
      watcherIsDone.signal()
      onEnd()
    }
  }

  private static func spawn(_ path: String, _ arguments: [String]) -> (pid_t, Int32) {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var (none, all) = (sigset_t(), sigset_t())
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setpgroup(&attributes, 0)
    let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP
    posix_spawnattr_setflags(&attributes, Int16(flags))
    var files = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&files)
    defer { posix_spawn_file_actions_destroy(&files) }
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    var words = ([path] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var number: pid_t = 0
    let failure = posix_spawn(&number, path, &files, &attributes, &words, environ)
    return (number, failure)
  }

  /// Whether it has not ended yet.
  var isRunning: Bool { status.withLock { $0 == nil } }

  /// How it ended, as the end of a sentence; `nil` while it runs.
  var end: String? {
    status.withLock { status in
      status.map { $0 & 0x7F == 0 ? "with \($0 >> 8 & 0xFF)" : "by signal \($0 & 0x7F)" }
    }
  }

  /// Asks it to end, and waits until it has; kills it if it takes longer than `patience`.
  func stop(patience: DispatchTimeInterval = .seconds(10)) {
    signal(SIGTERM)
    if watcherIsDone.wait(timeout: .now() + patience) == .timedOut {
      signal(SIGKILL)
      watcherIsDone.wait()
    }
    watcherIsDone.signal()
  }

  private func signal(_ signal: Int32) {
    status.withLock { if $0 == nil { _ = kill(number, signal) } }
  }
}
