import AsyncHTTPClient
import Cryptography
import Formats
import Foundation
import Identifiers
import NIOCore
import NIOHTTP1

/// What a code bought.
public struct RedeemedTitle: Hashable, Sendable {
  /// SIDi.
  public var softwareID: SoftwareID
  /// Its name.
  public var name: String
  /// Its version.
  public var version: String
  /// What it is.
  public var type: TitleType
  /// Octets of the file, as it was opened.
  public var octets: UInt64
}

/// Redeeming a code and downloading what it buys (P4, P17, P23), resumable wherever it breaks.
extension CenterClient {
  private static let operation = "Redeeming a code"

  private struct CodeBody: Encodable { var code: String }
  private struct Acknowledgement: Encodable { var octets: UInt64 }

  /// What the centre gives for a code.
  private struct DownloadGrant: Decodable {
    var ticket: String
    var softwareID: String
    var name: String
    var version: String
    var type: TitleType
    var octets: UInt64
    var digest: Data
  }

  /// How far the centre has come.
  private struct Progress: Decodable {
    var octets: UInt64
    var delivered: UInt64
    var wrappedContentKey: Data?
  }

  /// Redeems a code, downloads what it buys, and puts the opened file at `path`, where a program can be run at once (C7).
  ///
  /// The file appears when it has passed every check; before that, and when one fails, there is nothing at `path`.
  /// Until it is whole, `path` with `.part` behind it holds the sealed octets and `path` with `.redemption` the key of the
  /// request, without which nobody can go on: repeat it with the same code and path, and it goes on where it was. Both stay
  /// whatever goes wrong, unless the centre refused the code when it was asked about it for the first time.
  ///
  /// - Parameters:
  ///   - code: the code. It goes to the centre's address alone, and into no file.
  ///   - advance: is told how many octets there are of how many; answers whether to go on.
  /// - Throws: ``CenterClientError``, with `problem("refused")` for a code that is good for nothing.
  public func redeem(
    _ code: RetrievalCode, into path: String, advance: (_ done: UInt64, _ total: UInt64) -> Bool = { _, _ in true }
  ) async throws(CenterClientError) -> RedeemedTitle {
    var download = try Download(path)
    let key = try download.key(random: random)
    let request = try CenterRequest.post(
      "/v1/redemptions", CenterClient.operation, nil, key: key, CodeBody(code: code.text))
    let grant: DownloadGrant
    do {
      grant = try await ask(request, as: DownloadGrant.self)
    } catch {
      var error = error
      switch error.code {
      case .problem("refused"), .problem("unprocessable"), .problem("conflict"): download.forgetIfNew()
      case .problem("key-reused"):
        error.remedy =
          "The download to \(path) was begun with another code; type that one, or give another name for the file."
      // Of anything else nobody knows whether the code was taken before: the key is the only way back to it.
      default: break
      }
      throw error
    }
    guard let ticket = DownloadTicket(text: grant.ticket), let softwareID = SoftwareID(grant.softwareID),
      grant.octets <= Download.mostOctets
    else { throw CenterClient.invalid(request) }
    try download.open()
    var progress = try await ask(CenterClient.ticketed(.GET, "", ticket), as: Progress.self)
    guard progress.octets == grant.octets else { throw CenterClient.invalid(request) }
    if progress.wrappedContentKey == nil {
      try download.truncate(to: min(progress.delivered, progress.octets))
      try await fetch(ticket, into: &download, total: progress.octets, advance)
      try download.sync()
      try download.check([UInt8](grant.digest))
      progress = try await acknowledge(progress.octets, ticket, under: key)
    }
    guard download.octets == progress.octets, let wrapped = progress.wrappedContentKey else {
      throw CenterClientError(
        .file, CenterClient.operation,
        remedy: "The download was done before, and its octets are gone; ask who sold the code.", mayHaveChanged: true)
    }
    let opened = try download.finish(wrapped: [UInt8](wrapped), ticket, softwareID, grant.type)
    return RedeemedTitle(
      softwareID: softwareID, name: CenterClient.line(grant.name[...], limit: 256),
      version: CenterClient.line(grant.version[...], limit: 256), type: grant.type, octets: opened)
  }

  /// Whether a download to `path` was begun and not finished: only the same path goes on with it.
  public static func hasBegun(_ path: String) -> Bool { Download.isBegun(path) }

  /// Downloads what is missing; a line that breaks is taken up again where it broke.
  private func fetch(
    _ ticket: DownloadTicket, into download: inout Download, total: UInt64, _ advance: (UInt64, UInt64) -> Bool
  ) async throws(CenterClientError) {
    let clock = ContinuousClock()
    var (end, tries) = (clock.now + patience.retryTime, 0)
    while download.octets < total {
      let before = download.octets
      var failure: CenterClientError?
      do {
        try await fetchPart(ticket, into: &download, total: total, advance)
      } catch let error as CenterClientError {
        guard case .problem(let kind) = error.code, ["too-many", "unavailable", "too-slow"].contains(kind) else {
          throw error
        }
        failure = error
      } catch {
        failure = nil
      }
      if download.octets > before { (end, tries) = (clock.now + patience.retryTime, 0) }
      guard download.octets < total else { return }
      tries += 1
      let pause = patience.pause(after: tries, chance: chance())
      guard clock.now + pause < end else {
        throw failure ?? unreachable(CenterClient.ticketed(.GET, "/file", ticket))
      }
      do { try await clock.sleep(for: pause) } catch {
        throw CenterClientError(.cancelled, CenterClient.operation, remedy: "Run it again to carry on.")
      }
    }
  }

  private func fetchPart(
    _ ticket: DownloadTicket, into download: inout Download, total: UInt64, _ advance: (UInt64, UInt64) -> Bool
  ) async throws {
    var request = CenterClient.ticketed(.GET, "/file", ticket)
    request.time = .hours(24)
    let start = download.octets
    let response = try await send(request, [("range", "bytes=\(start)-\(total - 1)")])
    guard response.status.code == 206 || (response.status.code == 200 && start == 0) else {
      throw problem(Array(buffer: try await response.body.collect(upTo: 65_536)), response, request)
    }
    if response.status.code == 206,
      response.headers.first(name: "content-range") != "bytes \(start)-\(total - 1)/\(total)"
    {
      throw CenterClient.invalid(request)
    }
    for try await buffer in response.body {
      guard download.octets + UInt64(buffer.readableBytes) <= total else { throw CenterClient.invalid(request) }
      try download.append(Array(buffer: buffer))
      guard advance(download.octets, total) else {
        throw CenterClientError(
          .cancelled, CenterClient.operation, remedy: "Run it again to carry on.", mayHaveChanged: true)
      }
    }
  }

  /// Says that all octets are safe here; the key is made from the redemption's, so that a repeated request is the same.
  private func acknowledge(
    _ octets: UInt64, _ ticket: DownloadTicket, under key: OperationID
  ) async throws(CenterClientError) -> Progress {
    let seed = Digest.sha256(Array("warifu acknowledgement \(octets)".utf8) + key.octets)
    var request = try CenterRequest.post(
      "/v1/redemptions/ticket/acknowledgements", CenterClient.operation, nil,
      key: OperationID(octets: Array(seed.prefix(OperationID.octetCount))), Acknowledgement(octets: octets))
    request.authorization = "Ticket \(ticket.text)"
    return try await ask(request, as: Progress.self)
  }

  private static func ticketed(_ method: HTTPMethod, _ target: String, _ ticket: DownloadTicket) -> CenterRequest {
    var request = CenterRequest(method: method, target: "/v1/redemptions/ticket\(target)", operation: operation)
    request.authorization = "Ticket \(ticket.text)"
    return request
  }
}
