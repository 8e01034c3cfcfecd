import Glibc

/// Why a socket did not do what was asked.
public struct SocketError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What went wrong.
  public enum Code: Hashable, Sendable {
    /// The address is none: a path too long or empty.
    case badAddress
    /// No host has this name.
    case unknownHost
    /// Another machine could be at the other end, and that was not allowed.
    case notLoopback
    /// Nobody listens there.
    case refused
    /// Somebody listens there already, or a file that is no socket has the name.
    case inUse
    /// The other end has gone in the middle of a frame.
    case ended
    /// The time is up.
    case timeout
    /// The system refused, for this reason.
    case system(Int32)
  }

  /// What went wrong.
  public var code: Code
  /// Where.
  public var address: SocketAddress

  /// An error at an address.
  public init(_ code: Code, _ address: SocketAddress) {
    self.code = code
    self.address = address
  }

  /// The reason in `errno`.
  static func last(_ address: SocketAddress) -> SocketError {
    switch errno {
    case ECONNREFUSED, ENOENT: SocketError(.refused, address)
    case EADDRINUSE: SocketError(.inUse, address)
    case ECONNRESET, EPIPE: SocketError(.ended, address)
    case EAGAIN, ETIMEDOUT: SocketError(.timeout, address)
    case let number: SocketError(.system(number), address)
    }
  }

  /// What happened and what to do about it, a sentence for people.
  public var description: String {
    switch code {
    case .badAddress: "\(address) cannot be the address of a socket; give a path of at most 107 octets."
    case .unknownHost: "There is no host for \(address); check its name."
    case .notLoopback:
      "\(address) is not on this machine, and nothing on the way would be encrypted; use 127.0.0.1, or allow other hosts."
    case .refused: "Nobody listens at \(address); start what should."
    case .inUse: "\(address) is in use already; choose another one, or end what uses it."
    case .ended: "The other end of \(address) has gone; start it again."
    case .timeout: "Nothing came from \(address) in time; see whether it hangs, or allow more time."
    case .system(let number): "\(address) cannot be used (\(String(cString: strerror(number)))); check it."
    }
  }
}
