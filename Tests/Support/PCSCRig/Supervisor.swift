import CLinux
import Foundation
import Glibc

/// The process that holds a pcscd in a mount namespace of its own and ends it in time.
struct Supervisor {
  /// Runs in the new namespace with the daemon's folder as $1.
  ///
  /// Its standard input is a pipe whose other end the test process holds: a line on it ends pcscd, its closing ends pcscd
  /// and removes the folder, since nobody is left to do it. Should pcscd end by itself, a file says so.
  private static let script = """
    set -eu
    PATH=$PATH:/usr/sbin:/sbin
    cd "$1"
    exec 3<&0

    # Most machines without a daemon have no /run/pcscd, and only root could make one.
    [ -d /run/pcscd ] || { mount -t tmpfs tmpfs /run; mkdir /run/pcscd; }
    mount --bind run /run/pcscd
    # Without their drivers, the machine's own readers are left to the machine's own daemon.
    mount -t tmpfs tmpfs /usr/lib/pcsc/drivers

    # Where it is compiled in, polkit would ask for a session that a test has not.
    polkit=
    if pcscd --help | grep -q -- --disable-polkit; then polkit=--disable-polkit; fi
    pcscd --foreground --info $polkit --config "$1/reader.conf.d" </dev/null 3<&- &
    daemon=$!
    {
      orphan=0
      read -r _ <&3 || orphan=1
      [ -e ended ] || kill -KILL $daemon
      exit $orphan
    } &
    watcher=$!
    wait $daemon || echo "pcscd ended with $?."
    >ended
    wait $watcher || rm -rf "$1"
    """

  private let process: Process
  /// The end of the pipe that the script watches.
  private let line: FileHandle

  /// Starts pcscd; `nil` when it runs but somebody else listens on one of its ports.
  static func start(_ folder: DaemonFolder, ports: [UInt16]) throws -> Supervisor? {
    try folder.clear()
    let supervisor = try Supervisor(folder, namespaces: namespaces())
    do {
      try supervisor.waitUntilReady(folder)
    } catch {
      supervisor.stop()
      throw error
    }
    let log = folder.logText
    if ports.allSatisfy({ log.contains("virtual ICC on port \($0)") }) { return supervisor }
    supervisor.stop()
    return nil
  }

  /// What `unshare` must be told here: root needs a mount namespace, anybody else a user namespace to own it.
  private static func namespaces() throws -> [String] {
    let choices = geteuid() == 0 ? [["--mount"], ["--map-root-user", "--mount"]] : [["--map-root-user", "--mount"]]
    var reasons = ""
    for choice in choices {
      let trial = Process()
      let complaints = Pipe()
      trial.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      trial.arguments = ["unshare"] + choice + ["mount", "-t", "tmpfs", "tmpfs", "/run"]
      trial.standardError = complaints
      try trial.run()
      let said = try complaints.fileHandleForReading.readToEnd() ?? Data()
      trial.waitUntilExit()
      if trial.terminationStatus == 0 { return choice }
      reasons += "unshare \(choice.joined(separator: " ")): \(String(decoding: said, as: UTF8.self))"
    }
    throw PrivateDaemonError(
      "A private pcscd needs a mount namespace: root's, or a user's where user namespaces are allowed.\n\(reasons)")
  }

  private init(_ folder: DaemonFolder, namespaces: [String]) throws {
    var ends: [Int32] = [0, 0]
    // Nobody else that this process starts may hold the line open.
    guard warifu_pipe(&ends) == 0, FileManager.default.createFile(atPath: folder.log, contents: nil),
      let log = FileHandle(forWritingAtPath: folder.log)
    else { throw PrivateDaemonError("There is no pipe or log for a daemon: \(String(cString: strerror(errno))).") }
    line = FileHandle(fileDescriptor: ends[1], closeOnDealloc: true)
    process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["unshare"] + namespaces + ["sh", "-c", Supervisor.script, "warifu-pcscd", folder.path]
    process.standardInput = FileHandle(fileDescriptor: ends[0], closeOnDealloc: true)
    process.standardOutput = log
    process.standardError = log
    try process.run()
  }

  /// Returns when pcscd takes clients; by then its drivers listen for cards.
  private func waitUntilReady(_ folder: DaemonFolder) throws {
    let deadline = ContinuousClock.now + .seconds(120)
    while !accepts(folder.socket) {
      guard process.isRunning, !folder.hasEnded else {
        throw PrivateDaemonError("pcscd did not start:\n\(folder.logText)")
      }
      guard .now < deadline else { throw PrivateDaemonError("pcscd takes no clients:\n\(folder.logText)") }
      usleep(2_000)
    }
  }

  private func accepts(_ path: String) -> Bool {
    let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard socket >= 0 else { return false }
    defer { close(socket) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
    return withUnsafePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
      }
    }
  }

  /// Ends pcscd and waits until it is gone.
  func stop() {
    try? line.write(contentsOf: Data("stop\n".utf8))
    process.waitUntilExit()
  }
}
