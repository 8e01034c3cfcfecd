import CLinux
import Glibc

/// An anonymous file in memory, written once and then sealed against every change (memfd_create(2), F_ADD_SEALS).
///
/// It has no name in any file system, and is gone with the last process that has it open. Its pages may be swapped out:
/// where that matters, encrypt the swap.
public struct SealedMemory: ~Copyable {
  /// The descriptor; closed with this value.
  public let descriptor: Int32
  /// Octets in it.
  public let octets: UInt64
  /// What it is called, for people.
  public let name: String

  private let operation: String

  /// Empty memory of a fixed size.
  init(name: String, octets: UInt64, _ operation: String) throws(LicensingError) {
    let descriptor = warifu_memfd_create(name)
    guard descriptor >= 0 else { throw SealedMemory.failure("make memory for \(name)") }
    guard octets <= UInt64(Int64.max), ftruncate(descriptor, off_t(octets)) == 0 else {
      close(descriptor)
      throw SealedMemory.failure("make memory for \(name)")
    }
    self.descriptor = descriptor
    self.octets = octets
    self.name = name
    self.operation = operation
  }

  deinit { close(descriptor) }

  mutating func write(_ plaintext: UnsafeRawBufferPointer, at offset: Int) throws(LicensingError) {
    var done = 0
    while done < plaintext.count {
      let count = pwrite(
        descriptor, plaintext.baseAddress.map { $0 + done }, plaintext.count - done, off_t(offset + done))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw SealedMemory.failure("fill memory for \(name)") }
      done += count
    }
  }

  mutating func seal() throws(LicensingError) {
    guard warifu_seal(descriptor) == 0 else { throw SealedMemory.failure("seal memory for \(name)") }
  }

  /// Becomes the program in this memory: on success this process is it, with its exit code, its standard streams and
  /// everything else of a process passed on by the system itself.
  ///
  /// - Parameters:
  ///   - arguments: what follows the program's name.
  ///   - environment: all of it.
  public func execute(arguments: [String], environment: [String: String]) throws(LicensingError) -> Never {
    // The kernel hands a script's interpreter /dev/fd/N, so N has to stay open.
    if isScript() { stayOpen() }
    let reason = SealedMemory.become([name] + arguments, environment) { argv, envp in
      _ = warifu_execveat(descriptor, argv, envp)
    }
    throw LicensingError(
      .notExecutable, "run \(name)",
      remedy: "It is no program for this machine (\(reason)); ask whoever sold it for one that is.")
  }

  /// Becomes a program of this machine that shows what is in this memory: it finds the content at ``path``, its last
  /// argument, reads it from any place as often as it likes, and cannot change it.
  ///
  /// - Parameters:
  ///   - program: a path, or a name that is looked for in `PATH`.
  ///   - arguments: what comes between the program's name and the path.
  ///   - environment: all of it.
  public func show(
    with program: String, arguments: [String], environment: [String: String]
  ) throws(LicensingError) -> Never {
    stayOpen()
    let reason = SealedMemory.become([program] + arguments + [path], environment) { argv, envp in
      _ = warifu_execvpe(program, argv, envp)
    }
    throw LicensingError(
      .notExecutable, "show \(name)", remedy: "\(program) cannot be run (\(reason)); name a program that is there.")
  }

  /// Where this process, and those it becomes or starts, finds the content. No other process can make use of it unless it
  /// is the same user's, who may open it as any file of his.
  public var path: String { "/proc/self/fd/\(descriptor)" }

  private func stayOpen() { _ = fcntl(descriptor, F_SETFD, 0) }

  /// Runs `body`, which does not return if it succeeds.
  ///
  /// - Returns: why it did.
  private static func become(
    _ arguments: [String], _ environment: [String: String],
    _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>, UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Void
  ) -> String {
    let argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    let envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    // The mask outlives execveat(2), and this may be a thread of Dispatch's, which block nearly all signals: a program
    // that began so would hear no Ctrl-C and no kill(1).
    var (none, before) = (sigset_t(), sigset_t())
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, &before)
    body(argv, envp)
    let reason = String(cString: strerror(errno))
    pthread_sigmask(SIG_SETMASK, &before, nil)
    for string in argv + envp { free(string) }
    return reason
  }

  /// Whether it begins with `#!`.
  private func isScript() -> Bool {
    var head: [UInt8] = [0, 0]
    return pread(descriptor, &head, 2, 0) == 2 && head == [0x23, 0x21]
  }

  private static func failure(_ operation: String) -> LicensingError {
    LicensingError(
      .file, operation, remedy: "\(String(cString: strerror(errno))); free some memory and try again.")
  }
}
