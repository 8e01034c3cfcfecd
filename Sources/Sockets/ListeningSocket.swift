import CLinux
import Glibc

/// A socket at which others may call.
public final class ListeningSocket: Sendable {
  /// Where it listens; the port is the one that the system chose where 0 was asked for.
  public let address: SocketAddress
  private let descriptor: Int32
  /// The socket's file, to be removed at the end.
  private let file: FileIdentity?

  /// Listens. A Unix socket is its owner's alone, and takes the place of one that nobody listens at any more.
  ///
  /// - Throws: ``SocketError``.
  public init(at address: SocketAddress, reach: SocketReach = .loopback) throws(SocketError) {
    guard let candidate = try SystemAddress.resolve(address, isPassive: true).first else {
      throw SocketError(.unknownHost, address)
    }
    guard reach == .anyHost || candidate.isLoopback else { throw SocketError(.notLoopback, address) }
    if case .unix(let path) = address { try ListeningSocket.removeAbandoned(path) }
    descriptor = warifu_stream_socket(candidate.family)
    guard descriptor >= 0 else { throw .last(address) }
    do throws(SocketError) {
      (self.address, file) = try ListeningSocket.bind(descriptor, candidate, address)
    } catch {
      close(descriptor)
      throw error
    }
  }

  deinit {
    close(descriptor)
    if let file { file.remove() }
  }

  private static func bind(
    _ descriptor: Int32, _ candidate: SystemAddress, _ address: SocketAddress
  ) throws(SocketError) -> (SocketAddress, FileIdentity?) {
    var yes: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    guard candidate.withPointer({ Glibc.bind(descriptor, $0, $1) }) == 0 else { throw .last(address) }
    switch address {
    case .unix(let path):
      // Nobody can connect before `listen`, so nobody can before this either.
      guard chmod(path, 0o600) == 0, listen(descriptor, SOMAXCONN) == 0 else { throw .last(address) }
      return (address, FileIdentity(path))
    case .tcp(let host, let port):
      guard listen(descriptor, SOMAXCONN) == 0 else { throw .last(address) }
      return (.tcp(host: host, port: port == 0 ? chosenPort(descriptor) : port), nil)
    }
  }

  /// Removes a socket that was left behind; anything else that has the name stays.
  private static func removeAbandoned(_ path: String) throws(SocketError) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    let address = SocketAddress.unix(path: path)
    guard status.st_mode & S_IFMT == S_IFSOCK else { throw SocketError(.inUse, address) }
    do throws(SocketError) {
      _ = try StreamSocket.connect(to: address, timeout: .zero)
    } catch {
      switch error.code {
      case .refused:
        unlink(path)
        return
      // So many wait there that nobody more can: somebody listens, if not very well.
      case .timeout: break
      default: throw error
      }
    }
    throw SocketError(.inUse, address)
  }

  private static func chosenPort(_ descriptor: Int32) -> UInt16 {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    _ = withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    // IPv4 and IPv6 both have the port right behind the family.
    return withUnsafeBytes(of: storage) { UInt16(bigEndian: $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self)) }
  }

  /// Waits for a caller.
  ///
  /// - Parameter alarm: ends the wait when it rings.
  /// - Returns: the connection; `nil` when the alarm rang.
  public func accept(unless alarm: Alarm) throws(SocketError) -> StreamSocket? {
    while try alarm.wait(orInputAt: descriptor) {
      let connection = warifu_accept(descriptor)
      if connection >= 0 { return StreamSocket(connection, address) }
      // The caller may have gone again meanwhile.
      guard errno == EINTR || errno == ECONNABORTED || errno == EAGAIN else { throw .last(address) }
    }
    return nil
  }
}

/// Which file a path led to.
private struct FileIdentity: Sendable {
  private let path: String
  private let device: dev_t
  private let number: ino_t

  init?(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    self.path = path
    device = status.st_dev
    number = status.st_ino
  }

  /// Removes the file, unless another one has taken its place.
  func remove() {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_dev == device, status.st_ino == number else { return }
    unlink(path)
  }
}
