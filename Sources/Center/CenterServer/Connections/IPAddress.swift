import Glibc
import NIOCore

/// One address of the Internet protocol. An IPv4 address in IPv6 clothes (RFC 4291 §2.5.5.2) is that IPv4 address.
struct IPAddress: Hashable, Sendable {
  /// 4 octets or 16.
  let octets: [UInt8]

  /// The address that `text` spells in numbers; `nil` for anything else.
  init?(_ text: some StringProtocol) {
    // A link-local address has its interface behind a percent sign.
    let name = String(text.prefix { $0 != "%" })
    // To the system's own reader a text ends with its first zero.
    guard !name.utf8.contains(0) else { return nil }
    if let four = IPAddress.octets(name, AF_INET, count: 4) {
      octets = four
    } else if let all = IPAddress.octets(name, AF_INET6, count: 16) {
      octets = all.starts(with: IPAddress.mapped) ? Array(all.suffix(4)) : all
    } else {
      return nil
    }
  }

  /// The address at the other end of a connection; `nil` for one that has none.
  init?(_ address: SocketAddress?) {
    guard let text = address?.ipAddress else { return nil }
    self.init(text)
  }

  /// What IPv4 addresses begin with among those of IPv6.
  static let mapped: [UInt8] = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]

  private static func octets(_ text: String, _ family: Int32, count: Int) -> [UInt8]? {
    var octets = [UInt8](repeating: 0, count: count)
    return inet_pton(family, text, &octets) == 1 ? octets : nil
  }
}
