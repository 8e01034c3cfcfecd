import HTTPTypes

/// The proxies that are believed when they say whom they pass a request on for.
///
/// A proxy appends to what it was sent, and what it was sent anybody can make up. So the chain is read from its end: each
/// address counts as far as the one behind it, which said it, is a trusted proxy's. The first that is not is the client's.
struct TrustedProxies: Hashable, Sendable {
  private let networks: [IPNetwork]

  init(_ networks: [IPNetwork]) { self.networks = networks }

  /// Whether an address is a trusted proxy's.
  func contains(_ address: IPAddress) -> Bool { networks.contains { $0.contains(address) } }

  /// Who sent a request that came from `peer`.
  ///
  /// Whatever cannot be read ends the chain: then the proxy that passed it on is counted. So is a proxy that passes on one
  /// of the two header fields as the client made it up beside its own, which shows where the two do not agree.
  func client(of peer: IPAddress?, _ headers: HTTPFields) -> IPAddress? {
    guard let peer, contains(peer) else { return peer }
    let chains = [
      headers[values: .forwarded].map(ForwardedField.forwarded),
      headers[values: .xForwardedFor].map(ForwardedField.plain),
    ]
    let found = Set(chains.filter { !$0.isEmpty }.map { client(of: peer, $0.flatMap { $0 }) })
    return found.count == 1 ? found.first : peer
  }

  private func client(of peer: IPAddress, _ chain: [IPAddress?]) -> IPAddress {
    var last = peer
    for address in chain.reversed() {
      guard let address else { return last }
      last = address
      guard contains(address) else { return last }
    }
    return last
  }
}

extension HTTPField.Name {
  static let forwarded = name("Forwarded")
  static let xForwardedFor = name("X-Forwarded-For")

  private static func name(_ text: String) -> HTTPField.Name {
    guard let name = HTTPField.Name(text) else { preconditionFailure("\(text) is a token") }
    return name
  }
}
