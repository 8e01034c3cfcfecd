import CLinux
import Glibc

/// The service manager that started this process, if it wants to hear how it is: systemd's protocol of `sd_notify(3)`, one
/// datagram for each change to the socket that the environment names.
public struct ServiceManager: Sendable {
  private let address: [UInt8]
  /// How long the manager waits for a sign of life before it takes the process for hung; `nil` if it does not wait.
  public let watchdogTime: Duration?

  /// The manager that `environment` names; `nil` if it names none.
  ///
  /// - Parameter processID: this process's own: a watchdog that is meant for another one is none.
  public init?(environment: [String: String], processID: Int32) {
    guard let path = environment["NOTIFY_SOCKET"], path.hasPrefix("/") || path.hasPrefix("@"),
      (2..<ServiceManager.pathLimit).contains(path.utf8.count)
    else { return nil }
    // An abstract address begins with a zero octet where people write @ (unix(7)).
    address = (path.hasPrefix("@") ? [0] : [0x2F]) + path.utf8.dropFirst()
    let isMeant = environment["WATCHDOG_PID"].map { $0 == "\(processID)" } ?? true
    let microseconds = environment["WATCHDOG_USEC"].flatMap { Int64($0) } ?? 0
    watchdogTime = isMeant && microseconds > 0 ? .microseconds(microseconds) : nil
  }

  /// What there is to say.
  public enum State: Hashable, Sendable {
    /// It serves; with a word on where.
    case ready(String)
    /// It reads its configuration again; ``ready(_:)`` follows.
    case reloading
    /// It takes no more requests.
    case stopping
    /// It lives.
    case alive

    func text(at monotonicMicroseconds: UInt64) -> String {
      switch self {
      case .ready(let status): "READY=1\nSTATUS=\(status)"
      case .reloading: "RELOADING=1\nMONOTONIC_USEC=\(monotonicMicroseconds)\nSTATUS=Reading the certificate again"
      case .stopping: "STOPPING=1\nSTATUS=Answering the last requests"
      case .alive: "WATCHDOG=1"
      }
    }
  }

  /// Says so. A manager that does not listen is no failure: nothing that is served depends on it.
  public func tell(_ state: State) {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    let now = UInt64(clamping: time.tv_sec) &* 1_000_000 &+ UInt64(clamping: time.tv_nsec / 1000)
    let message = Array(state.text(at: now).utf8)
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    var target = sockaddr_un()
    target.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &target.sun_path) { $0.copyBytes(from: address) }
    let length = socklen_t(ServiceManager.familyOctets + address.count)
    _ = withUnsafePointer(to: target) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(descriptor, message, message.count, Int32(MSG_NOSIGNAL), $0, length)
      }
    }
  }

  /// Octets of `sun_path`, with the zero that ends a path.
  private static let pathLimit = 108
  private static let familyOctets = MemoryLayout<sa_family_t>.size
}
