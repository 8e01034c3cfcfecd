import AsyncHTTPClient
import Cryptography
import Foundation
import Glibc
import NIOCore
import NIOHTTP1
import NIOSSL

/// A licence centre on the network, as a program asks it.
///
/// What the centre answers is never trusted: answers have sizes, and say what they should or are an error. Requests are
/// sent again, under the same key, until the centre answers or the time is over.
public final class CenterClient: Sendable {
  /// Where the centre is: scheme, host and port.
  public let address: CenterAddress
  let http: HTTPClient
  let patience: Patience
  let random: any RandomSource
  /// Is told when an answer has not come for a while and is tried for still.
  let onWait: @Sendable () -> Void

  /// A client of the centre at `address`.
  ///
  /// - Parameters:
  ///   - authorities: a PEM file with the certificates that the server's must come from; `nil` for the system's own.
  ///   - random: makes keys and nonces.
  /// - Throws: ``CenterClientError/Code/file`` when the file has no certificates.
  private init(
    _ address: CenterAddress, authorities: String?, patience: Patience, random: any RandomSource,
    onWait: @escaping @Sendable () -> Void
  ) throws(CenterClientError) {
    self.address = address
    self.patience = patience
    self.random = random
    self.onWait = onWait
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .disallow,
      timeout: .init(connect: TimeAmount(patience.connectTime), read: TimeAmount(patience.requestTime)))
    configuration.httpVersion = .http1Only
    if let authorities {
      var tls = TLSConfiguration.makeClientConfiguration()
      do {
        tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authorities))
      } catch {
        throw CenterClientError(
          .file, "Reading the authorities' certificates", remedy: "Give a PEM file with at least one certificate.")
      }
      configuration.tlsConfiguration = tls
    }
    http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  /// Lends a client of the centre at `address`, and closes its connections whatever happens.
  ///
  /// - Parameter onWait: is told, once for each request, when it has been sent in vain for a while and is sent again.
  public static func use<R>(
    _ address: CenterAddress, authorities: String? = nil, patience: Patience = Patience(),
    random: any RandomSource = SystemRandom(), onWait: @escaping @Sendable () -> Void = {},
    _ body: (CenterClient) async throws -> R
  ) async throws -> R {
    let client = try CenterClient(
      address, authorities: authorities, patience: patience, random: random, onWait: onWait)
    let result: R
    do {
      result = try await body(client)
    } catch {
      try? await client.http.shutdown()
      throw error
    }
    try? await client.http.shutdown()
    return result
  }
}

/// Where a centre is on the network.
public struct CenterAddress: Hashable, Sendable, CustomStringConvertible {
  /// Scheme, host and port, without a stroke at the end.
  public let text: String

  /// The centre at this URL.
  ///
  /// - Throws: ``CenterClientError/Code/invalid`` unless it is `https://` with a host, or `http://` on this machine: tokens
  ///   do not go over a network in clear.
  public init(_ text: String) throws(CenterClientError) {
    let trimmed = text.hasSuffix("/") ? String(text.dropLast()) : text
    guard let parts = URLComponents(string: trimmed), let host = parts.host, !host.isEmpty, parts.user == nil,
      parts.password == nil, parts.path.isEmpty, parts.query == nil, parts.fragment == nil,
      let scheme = parts.scheme?.lowercased(), ["http", "https"].contains(scheme)
    else {
      throw CenterClientError(
        .invalid, "Looking for the centre",
        remedy: "Give its address as https://HOST or https://HOST:PORT, with nothing behind it.")
    }
    if let whole = parts.string, let port = parts.rangeOfPort, UInt16(whole[port]) ?? 0 == 0 {
      throw CenterClientError(
        .invalid, "Looking for the centre", remedy: "Ports go from 1 to 65535; \(whole[port]) is none.")
    }
    guard scheme == "https" || CenterAddress.isHere(host) else {
      throw CenterClientError(
        .invalid, "Looking for the centre",
        remedy: "Give an address that begins with https://; plain HTTP goes to this machine alone.")
    }
    self.text = scheme + trimmed.dropFirst(scheme.count)
  }

  /// Whether a host is this machine by its very name. A name that only begins like an address of it is anybody's.
  private static func isHere(_ host: String) -> Bool {
    var address = in_addr()
    if inet_pton(AF_INET, host, &address) == 1 { return UInt32(bigEndian: address.s_addr) >> 24 == 127 }
    return ["localhost", "[::1]", "::1"].contains(host.lowercased())
  }

  /// Whether `text` is meant to be an address rather than a folder.
  public static func isAddress(_ text: String) -> Bool {
    let start = text.prefix(8).lowercased()
    return start.hasPrefix("https://") || start.hasPrefix("http://")
  }

  /// The address.
  public var description: String { text }
}
