import Foundation
import Glibc

/// A connection of TCP to this machine, octet by octet: what no client library would send can be sent over it.
///
/// Its calls block, so each conversation runs on a thread of its own: see ``converse(with:_:)``.
final class RawConnection {
  struct Failure: Error, CustomStringConvertible { var description: String }

  /// How many seconds an answer is waited for where nothing is said of its time: the server shares the threads of this
  /// process, and those may be busy with other tests for long.
  static let patience = 60.0

  private let descriptor: Int32
  private var unread: [UInt8] = []

  /// - Parameters:
  ///   - window: how many octets the system takes in for it; the usual number if left out.
  ///   - source: the address it comes from; all of 127.0.0.0/8 are this machine's.
  init(port: Int, window: Int32? = nil, from source: String? = nil) throws {
    // Not the property: once all are set, `deinit` closes it, even where this throws, and a number that is closed twice
    // is somebody else's the second time.
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw Failure(description: "no socket") }
    if var window { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &window, 4) }
    let isBound = source.map { RawConnection.call(bind, descriptor, $0, port: 0) } ?? true
    guard isBound, RawConnection.call(connect, descriptor, "127.0.0.1", port: port) else {
      close(descriptor)
      throw Failure(description: "not connected")
    }
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  private static func call(
    _ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, _ descriptor: Int32, _ host: String, port: Int
  ) -> Bool {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = inet_addr(host)
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        function(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }

  /// Sends octets; answers whether all of them went.
  @discardableResult
  func send(_ octets: some Sequence<UInt8>) -> Bool {
    let octets = Array(octets)
    var start = 0
    while start < octets.count {
      let count = octets.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress?.advanced(by: start), $0.count - start, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      start += count
    }
    return true
  }

  @discardableResult
  func send(_ text: String) -> Bool { send(text.utf8) }

  /// Asks for something and takes nothing of the answer; answers whether the server gives it up.
  ///
  /// - Parameter look: is called when the server has had time to, before anything is read.
  static func isGivenUp(_ request: ClientRequest, port: Int, look: () -> Void = {}) throws -> Bool {
    // One that is not given up in the first pause may have met a machine that was busy with something else.
    for pause: UInt32 in [2, 8, 30] {
      let connection = try RawConnection(port: port, window: 4096)
      connection.send(request.text)
      // Without its beginning the server may not even have heard of it.
      var poll = pollfd(fd: connection.descriptor, events: Int16(POLLIN), revents: 0)
      guard Glibc.poll(&poll, 1, Int32(patience * 1000)) > 0 else {
        throw Failure(description: "the server says nothing")
      }
      sleep(pause)
      look()
      do {
        _ = try connection.answer(patience: 5)
      } catch let failure as Failure where failure.description != "the server says nothing" {
        return true
      } catch {}
    }
    return false
  }

  /// Says that nothing more will come.
  func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Waits for octets; `false` at the end of what the server sends, or when it takes too long.
  private func receive(patience: Double) throws -> Bool {
    var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard Glibc.poll(&poll, 1, Int32(patience * 1000)) > 0 else {
      throw Failure(description: "the server says nothing")
    }
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    guard count > 0 else {
      if count < 0 { throw Failure(description: "reset by the server") }
      return false
    }
    unread += buffer.prefix(count)
    return true
  }

  /// Whether the server closes without another octet.
  func isClosed(patience: Double = 10) -> Bool {
    do { return try !receive(patience: patience) && unread.isEmpty } catch let failure as Failure {
      return failure.description == "reset by the server"
    } catch { return false }
  }

  /// The next answer.
  func answer(patience: Double = RawConnection.patience, isHead: Bool = false) throws -> RawAnswer {
    while true {
      if let (answer, count) = RawAnswer.parse(unread, isHead: isHead) {
        unread.removeFirst(count)
        return answer
      }
      guard try receive(patience: patience) else {
        throw Failure(description: "closed after \(String(decoding: unread, as: UTF8.self))")
      }
    }
  }
}

/// An answer of HTTP/1.1 as it was sent.
struct RawAnswer: Sendable {
  var status: Int
  var headers: [String: String]
  var body: [UInt8]
  var text: String { String(decoding: body, as: UTF8.self) }

  static func parse(_ octets: [UInt8], isHead: Bool) -> (RawAnswer, Int)? {
    let end: [UInt8] = [13, 10, 13, 10]
    guard let length = octets.indices.first(where: { octets[$0...].starts(with: end) }) else { return nil }
    let lines = String(decoding: octets[..<length], as: UTF8.self).split(separator: "\r\n")
    let words = lines.first?.split(separator: " ") ?? []
    guard words.count >= 2, let status = Int(words[1]) else { return nil }
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      let halves = line.split(separator: ":", maxSplits: 1)
      headers[halves[0].lowercased()] = halves[1].trimmingCharacters(in: .whitespaces)
    }
    let start = length + 4
    let size = isHead ? 0 : Int(headers["content-length"] ?? "0") ?? 0
    guard octets.count >= start + size else { return nil }
    return (RawAnswer(status: status, headers: headers, body: Array(octets[start..<start + size])), start + size)
  }
}

/// Runs a conversation with a server on a thread of its own: the threads of tasks are the server's.
func converse<R: Sendable>(
  with port: Int, from source: String? = nil, _ body: @escaping @Sendable (RawConnection) throws -> R
) async throws -> R {
  try await onThread { try body(try RawConnection(port: port, from: source)) }
}

/// Another address of this machine for each number: the centre counts what fails by address.
func address(ofStranger number: Int) -> String { "127.0.\(1 + number / 250).\(1 + number % 250)" }

/// Runs what blocks on a thread of its own.
func onThread<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
  }
}
