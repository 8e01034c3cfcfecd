import Foundation
import Glibc
import Synchronization

/// What a program said, and how it ended.
public struct ProgramOutcome: Sendable {
  /// The exit code, or 128 and the signal's number.
  public let status: Int32
  /// Standard output.
  public let octets: Data
  /// Standard error.
  public let complaint: String

  /// Standard output as text.
  public var output: String { String(decoding: octets, as: UTF8.self) }
}

/// A program that somebody else wrote, or one of ours that is run as its users run it.
///
/// It starts with no signal blocked or ignored, which Foundation's `Process` does not promise: a server must hear
/// SIGTERM. Whatever is still running when the value goes is killed, by its number.
public final class ForeignProgram: Sendable {
  /// Its process number.
  public let number: pid_t
  private let name: String
  private let files: String
  private let status = Mutex<Int32?>(nil)

  /// Starts a program, looked up in PATH.
  ///
  /// - Parameters:
  ///   - words: its name and arguments.
  ///   - folder: where it runs.
  ///   - input: what its standard input holds.
  ///   - environment: what its environment has beside, or in place of, the test's.
  public init(
    _ words: [String], in folder: PrivateFolder, input: Data = Data(), environment: [String: String] = [:]
  ) throws {
    name = words.first ?? ""
    files = folder(".\(UUID().uuidString)")
    try input.write(to: URL(fileURLWithPath: files + ".in"))
    let (path, files) = (folder.path, files)
    let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    number = try LastingThread.shared.run {
      try ForeignProgram.spawn(words, in: path, files: files, environment: variables)
    }
  }

  deinit {
    send(SIGKILL)
    reap(patience: .seconds(10))
    for suffix in [".in", ".out", ".err"] { unlink(files + suffix) }
  }

  /// Runs a program to its end; kills it, and throws, if that takes too long.
  public static func run(
    _ words: [String], in folder: PrivateFolder, input: Data = Data(), environment: [String: String] = [:],
    patience: Duration = .seconds(120)
  ) throws -> ProgramOutcome {
    try ForeignProgram(words, in: folder, input: input, environment: environment).wait(patience: patience)
  }

  /// Runs a program that must succeed.
  @discardableResult
  public static func succeed(
    _ words: [String], in folder: PrivateFolder, input: Data = Data(), environment: [String: String] = [:]
  ) throws -> ProgramOutcome {
    let outcome = try run(words, in: folder, input: input, environment: environment)
    guard outcome.status == 0 else {
      throw RigError(
        "\(words.joined(separator: " ")) ended with \(outcome.status):\n\(outcome.output)\(outcome.complaint)")
    }
    return outcome
  }

  // MARK: While it runs

  /// Sends a signal, if it has not ended.
  public func send(_ signal: Int32) { status.withLock { if $0 == nil { kill(number, signal) } } }

  /// Whether it has not ended.
  public var isRunning: Bool {
    status.withLock { status in
      if status == nil { ForeignProgram.poll(number, &status) }
      return status == nil
    }
  }

  /// What it has said so far on standard output.
  public var output: String { (try? String(contentsOfFile: files + ".out", encoding: .utf8)) ?? "" }

  /// What it has said so far on standard error.
  public var complaint: String { (try? String(contentsOfFile: files + ".err", encoding: .utf8)) ?? "" }

  /// Waits for its end.
  @discardableResult
  public func wait(patience: Duration = .seconds(120)) throws -> ProgramOutcome {
    reap(patience: patience)
    guard let ended = status.withLock({ $0 }) else {
      send(SIGKILL)
      throw RigError("\(name) did not end in \(patience):\n\(output)\(complaint)")
    }
    return ProgramOutcome(
      status: ended & 0x7F == 0 ? ended >> 8 & 0xFF : 128 + ended & 0x7F,
      octets: (try? Data(contentsOf: URL(fileURLWithPath: files + ".out"))) ?? Data(), complaint: complaint)
  }

  /// Waits until `condition` holds, which it must while the program runs.
  public func wait(until what: String, patience: Duration = .seconds(120), _ condition: () -> Bool) throws {
    let deadline = ContinuousClock.now + patience
    while !condition() {
      guard isRunning else { throw RigError("\(name) ended before \(what):\n\(output)\(complaint)") }
      guard .now < deadline else { throw RigError("\(name): not \(what) after \(patience):\n\(complaint)") }
      usleep(2_000)
    }
  }

  // MARK: Processes

  private func reap(patience: Duration) {
    let deadline = ContinuousClock.now + patience
    while isRunning, .now < deadline { usleep(1_000) }
  }

  private static func poll(_ number: pid_t, _ status: inout Int32?) {
    var ended: Int32 = 0
    if waitpid(number, &ended, WNOHANG) == number { status = ended }
  }

  private static func spawn(
    _ words: [String], in folder: String, files: String, environment: [String: String]
  ) throws -> pid_t {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var (none, all) = (sigset_t(), sigset_t())
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, files + ".in", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, files + ".out", O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, files + ".err", O_WRONLY | O_CREAT | O_APPEND, 0o600)
    // `env` goes to the folder and becomes the program.
    var arguments = (["env", "--chdir", folder] + words).map { strdup($0) } + [nil]
    var variables = environment.map { strdup("\($0)=\($1)") } + [nil]
    defer { for word in arguments + variables { free(word) } }
    var number: pid_t = 0
    let failure = posix_spawnp(&number, "env", &actions, &attributes, &arguments, &variables)
    guard failure == 0 else {
      throw RigError("\(words.first ?? "") cannot be started: \(String(cString: strerror(failure)))")
    }
    return number
  }
}
