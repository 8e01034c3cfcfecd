import Glibc
import NIOCore
import Octets

/// Whom limits are counted for: one IPv4 address, or the 64 bits of an IPv6 address that name a customer's network, within
/// which one machine can have as many addresses as it likes. Nothing for a client without an address.
struct ClientAddress: Hashable, Sendable {
  let octets: [UInt8]

  init(_ address: SocketAddress?) {
    switch address {
    case .v4: octets = ClientAddress.octets(address?.ipAddress, AF_INET, count: 4)
    case .v6:
      let all = ClientAddress.octets(address?.ipAddress, AF_INET6, count: 16)
      // An IPv4 address in IPv6 clothes (RFC 4291 §2.5.5.2) is that IPv4 address.
      let mapped: [UInt8] = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]
      octets = all.starts(with: mapped) ? Array(all.suffix(4)) : Array(all.prefix(8))
    case .unixDomainSocket, nil: octets = []
    }
  }

  /// Hexadecimal digits: what a limit is counted under.
  var description: String { Hex.encode(octets) }

  private static func octets(_ text: String?, _ family: Int32, count: Int) -> [UInt8] {
    var octets = [UInt8](repeating: 0, count: count)
    // A link-local address has its interface behind a percent sign.
    guard let text = text?.prefix(while: { $0 != "%" }), inet_pton(family, String(text), &octets) == 1 else {
      return []
    }
    return octets
  }
}
