import Octets

/// Whom limits are counted for: one IPv4 address, or the 64 bits of an IPv6 address that name a customer's network, within
/// which one machine can have as many addresses as it likes. Nothing for a client without an address.
struct ClientAddress: Hashable, Sendable {
  let octets: [UInt8]

  init(_ address: IPAddress?) {
    guard let all = address?.octets else {
      octets = []
      return
    }
    octets = all.count == 4 ? all : Array(all.prefix(8))
  }

  /// Hexadecimal digits: what a limit is counted under.
  var description: String { Hex.encode(octets) }
}
