import CLinux
import Foundation
import Glibc

/// Where an NBD server listens.
enum NBDAddress: Hashable {
  /// A Unix socket, its owner's alone.
  case socket(path: String)
  /// A TCP port of an address of this machine.
  case tcp(host: String, port: UInt16)

  /// NBD's own port, by IANA.
  static let port: UInt16 = 10809
  /// The most octets of a socket's path, unix(7).
  static let socketPathLimit = 107

  /// The NBD URI of an export here.
  func uri(export: String = "") -> String {
    switch self {
    case .socket(let path):
      let absolute = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
      let escaped = absolute.addingPercentEncoding(withAllowedCharacters: NBDAddress.allowedInURI) ?? absolute
      return "nbd+unix:///\(export)?socket=\(escaped)"
    case .tcp(let host, let port): return "nbd://\(ListeningHost.inURI(host)):\(port)/\(export)"
    }
  }

  /// Whether other machines reach it.
  var isOpenToNetwork: Bool {
    guard case .tcp(let host, _) = self else { return false }
    return !ListeningHost.isLoopback(host)
  }

  private static let allowedInURI = CharacterSet(
    charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")
}

/// nbdkit as a child of this process, with the plugin that knows discs.
final class NBDServer: DiscServer {
  private let disc: DiscToServe
  private let address: NBDAddress
  private let program: String
  private let arguments: [String]
  private var nbdkit: ChildProcess?
  /// Whether the socket is there because of this server, which then takes it away.
  private var ownsSocket = false

  /// Makes ready to serve the disc at `path`. Opens it once, so that what is wrong with it is told as ever.
  init(of path: String, at address: NBDAddress, readOnly: Bool) throws {
    disc = try DiscToServe(path, readOnly: readOnly)
    self.address = address
    program = try NBDKit.program()
    arguments = try NBDServer.arguments(path, address, readOnly: readOnly)
  }

  private static func arguments(_ path: String, _ address: NBDAddress, readOnly: Bool) throws -> [String] {
    // Should this process be killed, nbdkit ends too.
    var arguments = ["--foreground", "--exit-with-parent"]
    switch address {
    case .socket(let path):
      guard path.utf8.count <= NBDAddress.socketPathLimit else {
        throw Failure(
          .usage, "the socket's path has more than \(NBDAddress.socketPathLimit) octets",
          remedy: "give a shorter one, such as one relative to the current folder")
      }
      guard access(path, F_OK) != 0 else {
        throw Failure(
          .failed, "there is something at \(path) already",
          remedy: "choose another name, or remove it if nobody listens there any more")
      }
      arguments += ["--unix", path]
    case .tcp(let host, let port): arguments += ["--ipaddr", host, "--port", "\(port)"]
    }
    arguments += [try NBDKit.plugin(), "disc=\(path)"]
    return readOnly ? arguments + ["read-only=true"] : arguments
  }

  // MARK: Life

  func start(_ wake: @escaping @Sendable () -> Void) throws -> ServingReport {
    let readiness = try NBDReadiness()
    let nbdkit = try ChildProcess(program, ["--pidfile", readiness.path] + arguments, onEnd: wake)
    self.nbdkit = nbdkit
    readiness.wait { nbdkit.isRunning }
    try requireRunning()
    if case .socket = address { ownsSocket = true }
    return listening("listening")
  }

  func report() throws -> [ServingReport] {
    try requireRunning()
    return []
  }

  var status: ServingReport { listening("status") }

  var orders: [String] { [] }

  func carryOut(_ order: String) throws -> ServingReport { status }

  func stop() {
    // SIGTERM lets nbdkit finish what it has begun; then it would wait for every client to leave.
    nbdkit?.stop(patience: .seconds(2))
    if ownsSocket, case .socket(let path) = address { unlink(path) }
    ownsSocket = false
  }

  private func requireRunning() throws {
    guard let end = nbdkit?.end else { return }
    throw Failure(.failed, "nbdkit ended \(end)", remedy: "see what it said above")
  }

  // MARK: Words

  private func listening(_ event: String) -> ServingReport {
    let uri = address.uri()
    var detail = disc.words + ". Its medium id is the export 'id'."
    if address.isOpenToNetwork {
      detail += " Other machines reach it; nobody is asked for a secret and nothing is encrypted."
    }
    return ServingReport(
      event: event, image: disc.path, uri: uri, isOpenToNetwork: address.isOpenToNetwork, detail: detail,
      examples: ["nbdinfo '\(uri)'", "nbdcopy '\(uri)' copy.raw"])
  }
}

/// A pipe with a name, into which nbdkit writes its process id (`--pidfile`) when clients may come.
private final class NBDReadiness {
  private let folder: String
  private let descriptor: Int32

  /// The name.
  var path: String { folder + "/ready" }

  init() throws {
    var template = Array((FileManager.default.temporaryDirectory.path + "/warifu-nbd-XXXXXX").utf8CString)
    guard mkdtemp(&template) != nil else { throw NBDReadiness.failure() }
    folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    guard mkfifo(folder + "/ready", 0o600) == 0 else { throw NBDReadiness.failure() }
    descriptor = warifu_open(folder + "/ready", O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0)
    guard descriptor >= 0 else { throw NBDReadiness.failure() }
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
    unlink(path)
    rmdir(folder)
  }

  /// Returns when clients may come, or `isRunning` is false.
  func wait(_ isRunning: () -> Bool) {
    while isRunning() {
      var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      if poll(&entry, 1, 100) > 0, entry.revents & Int16(POLLIN) != 0 { return }
    }
  }

  private static func failure() -> Failure {
    Failure(
      .failed, "cannot make a pipe in the folder for temporary files: \(String(cString: strerror(errno)))",
      remedy: "set TMPDIR to a folder with room")
  }
}

/// Where nbdkit and our plugin are.
private enum NBDKit {
  private static let pluginName = "libwarifu-nbd.so"

  /// The program, from PATH.
  static func program() throws -> String {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
    for folder in path.split(separator: ":") where access("\(folder)/nbdkit", X_OK) == 0 {
      return "\(folder)/nbdkit"
    }
    throw Failure(
      .unavailable, "nbdkit is not installed", remedy: "install the package nbdkit ('sudo apt-get install nbdkit')")
  }

  /// The plugin: what WARIFU_NBD_PLUGIN names, else beside this program or in the library folder next to its own.
  static func plugin() throws -> String {
    if let path = ProcessInfo.processInfo.environment["WARIFU_NBD_PLUGIN"], !path.isEmpty {
      guard access(path, R_OK) == 0 else {
        throw Failure(
          .unavailable, "there is no plugin at \(path)", remedy: "check the variable WARIFU_NBD_PLUGIN, or unset it")
      }
      // nbdkit takes a name without a slash for a plugin of its own.
      return path.contains("/") ? path : "./" + path
    }
    let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    let folder = program.deletingLastPathComponent()
    let places = [folder, folder.deletingLastPathComponent().appending(path: "lib/warifu")]
    for place in places.map({ $0.appending(path: pluginName).path }) where access(place, R_OK) == 0 { return place }
    throw Failure(
      .unavailable, "there is no \(pluginName) beside \(program.path)",
      remedy: "build it with 'swift build --product warifu-nbd', or name it in the variable WARIFU_NBD_PLUGIN")
  }
}
