import Foundation
import Glibc
import Synchronization

/// Stands between a client and a server, request by request; loses one, or its answer, and keeps everything that it saw.
final class FaultyProxy: Sendable {
  enum Fault: CaseIterable {
    /// The request never reaches the server.
    case requestLost
    /// The server does what it was asked, and its answer never comes back.
    case answerLost
    /// The request reaches the server twice; the client gets the second answer.
    case requestRepeated
  }

  private let listener: Int32
  let port: Int
  private let server: Int
  /// The server that takes over, and after how many requests.
  private let successor: (port: Int, after: Int)?
  private let fault: (kind: Fault, index: Int)?
  private let state = Mutex<(requests: Int, seen: [UInt8])>((0, []))

  var requests: Int { state.withLock { $0.requests } }
  /// Every octet that went either way.
  var seen: [UInt8] { state.withLock { $0.seen } }

  /// - Parameters:
  ///   - server: the port that requests go to.
  ///   - successor: the one that they go to after the first so many.
  init(to server: Int, _ kind: Fault? = nil, at index: Int = 0, then successor: Int? = nil, after count: Int = 0) throws {
    self.server = server
    self.successor = successor.map { ($0, count) }
    fault = kind.map { ($0, index) }
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let (descriptor, size) = (listener, length)
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
    }
    guard bound == 0, listen(listener, 64) == 0 else { throw RawConnection.Failure(description: "no listener") }
    _ = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    port = Int(UInt16(bigEndian: address.sin_port))
    Thread.detachNewThread { [self] in
      while true {
        let client = accept(listener, nil, nil)
        guard client >= 0 else { return }
        Thread.detachNewThread { self.carry(client) }
      }
    }
  }

  func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

  deinit { close(listener) }

  private func carry(_ client: Int32) {
    defer { close(client) }
    while let request = read(client) {
      let index = state.withLock { state in
        defer { state.requests += 1 }
        state.seen += request
        return state.requests
      }
      let target = successor.flatMap { index >= $0.after ? $0.port : nil } ?? self.server
      guard let server = try? RawConnection(port: target) else { return }
      let kind = fault.flatMap { $0.index == index ? $0.kind : nil }
      if kind == .requestLost { return }
      if kind == .requestRepeated {
        server.send(request)
        _ = try? server.answerOctets()
      }
      guard server.send(request), let answer = try? server.answerOctets() else { return }
      state.withLock { $0.seen += answer }
      if kind == .answerLost || !send(client, answer) { return }
    }
  }

  private func send(_ client: Int32, _ octets: [UInt8]) -> Bool {
    var start = 0
    while start < octets.count {
      let count = octets.withUnsafeBytes {
        Glibc.send(client, $0.baseAddress?.advanced(by: start), $0.count - start, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      start += count
    }
    return true
  }

  /// The next whole request; `nil` at the end.
  private func read(_ client: Int32) -> [UInt8]? {
    var octets: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let end: [UInt8] = [13, 10, 13, 10]
      if let length = octets.indices.first(where: { octets[$0...].starts(with: end) }) {
        let head = String(decoding: octets[..<length], as: UTF8.self).lowercased()
        let field = head.split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
        let size = field.flatMap { Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) } ?? 0
        if octets.count >= length + 4 + size { return octets }
      }
      let count = recv(client, &buffer, buffer.count, 0)
      guard count > 0 else { return nil }
      octets += buffer.prefix(count)
    }
  }
}

extension RawConnection {
  /// The next answer as it came.
  func answerOctets() throws -> [UInt8] {
    let answer = try answer(patience: 60)
    let head = "HTTP/1.1 \(answer.status) X\r\n" + answer.headers.map { "\($0.key): \($0.value)\r\n" }.joined() + "\r\n"
    return Array(head.utf8) + answer.body
  }
}
