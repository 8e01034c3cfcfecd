import Foundation

/// A folder for one test, removed with it. Its path is short, so that sockets fit into it.
public final class PrivateFolder: Sendable {
  /// The path.
  public let path: String

  /// Makes an empty one.
  public init() throws {
    var template = Array("/tmp/warifu-rig-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw RigError("There is no room for a folder in /tmp.") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of `name` in it.
  public func callAsFunction(_ name: String) -> String { path + "/" + name }

  /// The octets of a file in it.
  public func octets(of name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: self(name)), options: .alwaysMapped)
  }

  /// Makes a file in it.
  public func write(_ octets: some DataProtocol, to name: String) throws {
    try Data(octets).write(to: URL(fileURLWithPath: self(name)))
  }
}
