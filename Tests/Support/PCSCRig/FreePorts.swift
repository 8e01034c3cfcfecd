import Glibc

/// TCP ports on which nobody listens.
enum FreePorts {
  /// So many pairs of neighbours (vpcd takes a port and the next one), one after the other.
  ///
  /// They lie below the range from which the system takes ports for outgoing connections, so that no client happens to
  /// hold one of them.
  static func pairs(_ count: Int) throws -> [UInt16] {
    var found: [UInt16] = []
    for first in stride(from: UInt16(10_000), to: 32_000, by: 2).shuffled() where found.count < 2 * count {
      if isFree(first), isFree(first + 1) { found += [first, first + 1] }
    }
    guard found.count == 2 * count else { throw PrivateDaemonError("There are no \(2 * count) free TCP ports.") }
    return found
  }

  private static func isFree(_ port: UInt16) -> Bool {
    let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard socket >= 0 else { return false }
    defer { close(socket) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    return withUnsafePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }
}
