/// The addresses that begin with the same bits (RFC 4632, RFC 4291 §2.3): `10.0.0.0/8`, `2001:db8::/32`, or one address.
public struct IPNetwork: Hashable, Sendable {
  private let octets: [UInt8]
  private let bits: Int

  /// The network that `text` names; `nil` for what names none: a name, a prefix of no bits, which is everybody, or an
  /// address that says more than its prefix.
  public init?(_ text: String) {
    let halves = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = halves.first, !first.contains("%"), let address = IPAddress(first) else { return nil }
    let width = 8 * address.octets.count
    var bits = width
    if halves.count == 2 {
      guard halves[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(halves[1]) else { return nil }
      // An IPv4 network in IPv6 clothes has the 96 bits of those in front.
      bits = first.contains(":") && width == 32 ? number - 8 * IPAddress.mapped.count : number
    }
    guard (1...width).contains(bits) else { return nil }
    self.bits = bits
    octets = IPNetwork.prefix(of: address.octets, bits)
    guard octets == address.octets else { return nil }
  }

  func contains(_ address: IPAddress) -> Bool {
    address.octets.count == octets.count && IPNetwork.prefix(of: address.octets, bits) == octets
  }

  /// The same octets with nothing behind the first bits.
  private static func prefix(of octets: [UInt8], _ bits: Int) -> [UInt8] {
    octets.enumerated().map { index, octet in
      let kept = min(8, max(0, bits - 8 * index))
      return octet & UInt8(truncatingIfNeeded: 0xFF00 >> kept)
    }
  }
}
