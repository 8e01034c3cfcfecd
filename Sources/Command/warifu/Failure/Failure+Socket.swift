import Sockets

extension SocketError: FailureConvertible {
  var failure: Failure {
    let status: ExitStatus =
      switch code {
      case .badAddress, .unknownHost, .notLoopback: .usage
      case .refused: .unavailable
      case .inUse: .busy
      case .ended, .timeout, .system: .transport
      }
    return Failure(status, "cannot use \(address)", remedy: description)
  }
}
