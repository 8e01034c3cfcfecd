import Glibc

/// Where a stream socket listens or connects to.
public enum SocketAddress: Hashable, Sendable, CustomStringConvertible {
  /// A Unix socket at a path.
  case unix(path: String)
  /// A TCP port of a host, by name or by number.
  case tcp(host: String, port: UInt16)

  /// Reads `HOST:PORT` (`[ADDRESS]:PORT` for IPv6) or a path. What has a slash in it is a path.
  public init?(_ text: String) {
    guard !text.isEmpty, !text.utf8.contains(0) else { return nil }
    guard !text.contains("/"), let colon = text.lastIndex(of: ":") else {
      self = .unix(path: text)
      return
    }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    guard !host.isEmpty, let port = UInt16(text[text.index(after: colon)...]) else { return nil }
    self = .tcp(host: String(host), port: port)
  }

  /// Refuses what is no address, and one that `reach` does not allow.
  public func check(_ reach: SocketReach) throws(SocketError) {
    let candidates = try SystemAddress.resolve(self, isPassive: false)
    guard reach == .anyHost || candidates.contains(where: \.isLoopback) else { throw SocketError(.notLoopback, self) }
  }

  /// The text that ``init(_:)`` reads.
  public var description: String {
    switch self {
    case .unix(let path): path
    case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
  }
}

/// Whose connections are wanted.
public enum SocketReach: Hashable, Sendable {
  /// This machine's alone.
  case loopback
  /// Any host's. Nothing on the way is encrypted or authenticated.
  case anyHost
}

/// An address as the system wants it.
struct SystemAddress {
  let family: Int32
  private var storage: sockaddr_storage
  private let length: socklen_t

  /// All addresses of `address`, the system's favourite first.
  static func resolve(_ address: SocketAddress, isPassive: Bool) throws(SocketError) -> [SystemAddress] {
    switch address {
    case .unix(let path): [try SystemAddress(path: path)]
    case .tcp(let host, let port): try resolve(host, port, isPassive: isPassive, address)
    }
  }

  private init(path: String) throws(SocketError) {
    var unix = sockaddr_un()
    let octets = Array(path.utf8)
    // With the zero at its end the path fills the field at most.
    guard !octets.isEmpty, !octets.contains(0), octets.count < MemoryLayout.size(ofValue: unix.sun_path) else {
      throw SocketError(.badAddress, .unix(path: path))
    }
    unix.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &unix.sun_path) { $0.copyBytes(from: octets) }
    family = AF_UNIX
    storage = sockaddr_storage()
    length = socklen_t(MemoryLayout<sockaddr_un>.size)
    withUnsafeMutableBytes(of: &storage) { storage in
      withUnsafeBytes(of: unix) { storage.copyMemory(from: $0) }
    }
  }

  private init(_ info: addrinfo) {
    family = info.ai_family
    storage = sockaddr_storage()
    length = info.ai_addrlen
    withUnsafeMutableBytes(of: &storage) { storage in
      let count = min(Int(info.ai_addrlen), storage.count)
      storage.copyMemory(from: UnsafeRawBufferPointer(start: info.ai_addr, count: count))
    }
  }

  private static func resolve(
    _ host: String, _ port: UInt16, isPassive: Bool, _ address: SocketAddress
  ) throws(SocketError) -> [SystemAddress] {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = isPassive ? AI_PASSIVE : 0
    var first: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, String(port), &hints, &first) == 0 else { throw SocketError(.unknownHost, address) }
    defer { freeaddrinfo(first) }
    var found: [SystemAddress] = []
    var next = first
    while let info = next {
      found.append(SystemAddress(info.pointee))
      next = info.pointee.ai_next
    }
    guard !found.isEmpty else { throw SocketError(.unknownHost, address) }
    return found
  }

  /// Whether only this machine can be at the other end.
  var isLoopback: Bool {
    withUnsafeBytes(of: storage) { octets in
      switch family {
      case AF_UNIX: true
      // Port (2) and address (4) follow the family.
      case AF_INET: octets[4] == 127
      // Port (2), flow (4) and address (16) follow the family: ::1, or ::ffff:127.0.0.0/104.
      case AF_INET6:
        octets[8..<23].allSatisfy { $0 == 0 } && octets[23] == 1
          || octets[8..<18].allSatisfy { $0 == 0 } && octets[18] == 0xFF && octets[19] == 0xFF && octets[20] == 127
      default: false
      }
    }
  }

  /// Lends the address in the form that `bind` and `connect` take.
  func withPointer<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
    withUnsafePointer(to: storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
    }
  }
}
