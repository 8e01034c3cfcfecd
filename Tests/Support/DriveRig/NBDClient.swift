import CLinux
import Foundation
import Glibc

/// A client that asks for anything, also for what no proper client would: the NBD protocol, newstyle, simple replies.
///
/// `https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md`
public final class NBDClient {
  /// A request.
  public struct Request: Sendable {
    /// The command types that there are; others may be made up.
    public static let read: UInt16 = 0
    /// NBD_CMD_WRITE.
    public static let write: UInt16 = 1
    /// NBD_CMD_FLUSH.
    public static let flush: UInt16 = 3
    /// NBD_CMD_TRIM.
    public static let trim: UInt16 = 4
    /// NBD_CMD_CACHE.
    public static let cache: UInt16 = 5
    /// NBD_CMD_WRITE_ZEROES.
    public static let zero: UInt16 = 6
    /// NBD_CMD_FLAG_FUA.
    public static let forceUnitAccess: UInt16 = 1

    /// The command.
    public var type: UInt16
    /// Its flags.
    public var flags: UInt16
    /// Where, in octets.
    public var offset: UInt64
    /// How many octets.
    public var length: UInt32
    /// What a write brings along: `length` octets.
    public var data: [UInt8]

    /// A request.
    public init(_ type: UInt16, offset: UInt64 = 0, length: UInt32 = 0, flags: UInt16 = 0, data: [UInt8] = []) {
      (self.type, self.offset, self.flags, self.data) = (type, offset, flags, data)
      self.length = data.isEmpty ? length : UInt32(data.count)
    }
  }

  /// What came back.
  public struct Reply: Sendable {
    /// 0, or an error number of errno(3).
    public let error: UInt32
    /// What a read brought.
    public let data: [UInt8]
  }

  /// Octets of the export.
  public let size: UInt64
  /// NBD_FLAG_…: bit 1 is read-only.
  public let transmissionFlags: UInt16

  private var connection: Int32
  private var cookie: UInt64 = 0

  /// Connects to the export of this name at a Unix socket.
  public init(_ socket: String, export: String = "") throws {
    let connection = try NBDClient.connect(to: socket)
    do {
      (size, transmissionFlags) = try NBDClient.negotiate(connection, export)
    } catch {
      close(connection)
      throw error
    }
    self.connection = connection
  }

  deinit { disconnect() }

  /// Says good-bye. nbdkit ends only when every client has.
  public func disconnect() {
    guard connection >= 0 else { return }
    try? NBDClient.send(connection, NBDClient.octets(of: Request(2), cookie: cookie))
    close(connection)
    connection = -1
  }

  /// Sends one request and waits for its reply.
  public func ask(_ request: Request) throws -> Reply { try ask([request])[0] }

  /// Sends several requests before the first reply, which may come in any order. Answers in the order of the requests.
  public func ask(_ requests: [Request]) throws -> [Reply] {
    let first = cookie
    for request in requests {
      try NBDClient.send(connection, NBDClient.octets(of: request, cookie: cookie))
      cookie += 1
    }
    var replies = [Reply?](repeating: nil, count: requests.count)
    for _ in requests {
      let header = try NBDClient.receive(connection, 16)
      guard NBDClient.number(header[..<4]) == 0x6744_6698 else { throw RigError("The server's reply is none.") }
      let error = UInt32(NBDClient.number(header[4..<8]))
      let index = Int(NBDClient.number(header[8...]) &- first)
      guard requests.indices.contains(index), replies[index] == nil else { throw RigError("Nobody asked for that.") }
      let isRead = requests[index].type == Request.read && error == 0
      replies[index] = Reply(
        error: error, data: isRead ? try NBDClient.receive(connection, Int(requests[index].length)) : [])
    }
    return replies.compactMap(\.self)
  }

  // MARK: Handshake

  private static func negotiate(_ connection: Int32, _ export: String) throws -> (UInt64, UInt16) {
    let greeting = try receive(connection, 18)
    guard greeting.starts(with: Array("NBDMAGICIHAVEOPT".utf8)) else { throw RigError("This is no NBD server.") }
    let name = Array(export.utf8)
    // NBD_FLAG_C_FIXED_NEWSTYLE and NO_ZEROES; NBD_OPT_GO, no information asked for.
    var octets = bigEndian(UInt32(3)) + Array("IHAVEOPT".utf8) + bigEndian(UInt32(7))
    octets += bigEndian(UInt32(4 + name.count + 2)) + bigEndian(UInt32(name.count)) + name + bigEndian(UInt16(0))
    try send(connection, octets)
    var found: (UInt64, UInt16)?
    while true {
      let header = try receive(connection, 20)
      let (type, length) = (number(header[12..<16]), Int(number(header[16...])))
      let body = try receive(connection, length)
      switch type {
      case 1:
        guard let found else { throw RigError("The server says nothing about its export.") }
        return found
      case 3 where body.count == 12 && number(body[..<2]) == 0:
        found = (number(body[2..<10]), UInt16(number(body[10...])))
      case 3: break
      default: throw RigError("The server refuses the export: \(String(decoding: body, as: UTF8.self))")
      }
    }
  }

  // MARK: The line

  private static func octets(of request: Request, cookie: UInt64) -> [UInt8] {
    var octets = bigEndian(UInt32(0x2560_9513))
    octets += bigEndian(request.flags)
    octets += bigEndian(request.type)
    octets += bigEndian(cookie)
    octets += bigEndian(request.offset)
    octets += bigEndian(request.length)
    return octets + request.data
  }

  private static func connect(to path: String) throws -> Int32 {
    let line = warifu_stream_socket(AF_UNIX)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
    let result = withUnsafePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(line, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard line >= 0, result == 0 else { throw RigError("Nobody listens at \(path).") }
    return line
  }

  private static func send(_ line: Int32, _ octets: [UInt8]) throws {
    var done = 0
    while done < octets.count {
      let count = octets.withUnsafeBytes {
        Glibc.send(line, $0.baseAddress.map { $0 + done }, $0.count - done, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw RigError("The server hung up.") }
      done += count
    }
  }

  private static func receive(_ line: Int32, _ count: Int) throws -> [UInt8] {
    var octets = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let part = octets.withUnsafeMutableBytes { recv(line, $0.baseAddress.map { $0 + done }, count - done, 0) }
      guard part > 0 else { throw RigError("The server hung up.") }
      done += part
    }
    return octets
  }

  private static func number(_ octets: ArraySlice<UInt8>) -> UInt64 { octets.reduce(0) { $0 << 8 | UInt64($1) } }

  private static func bigEndian(_ number: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: number.bigEndian) { Array($0) }
  }
}
