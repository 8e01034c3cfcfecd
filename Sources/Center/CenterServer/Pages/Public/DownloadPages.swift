import Cryptography
import Formats
import Foundation
import Identifiers
import LicenseCenter
import Octets

/// The pages of one download: the file, how far it is, its key, and copies for others (P10).
struct DownloadPages: Sendable {
  let center: Center

  /// How long a browser keeps a ticket: 30 days.
  static let ticketSeconds: UInt64 = 30 * 86_400
  private static let pattern = "/redeem/downloads/{download}"

  /// The page of a download. It names the ticket by a digest: whoever has only the address has nothing.
  static func path(of ticket: DownloadTicket) -> String { "/redeem/downloads/\(name(of: ticket))" }

  private static func name(of ticket: DownloadTicket) -> String {
    Hex.encode(Array(Digest.sha256(Array("download page".utf8) + ticket.octets).prefix(8)))
  }

  var all: [Page] {
    let (pattern, back) = (DownloadPages.pattern, RedeemPages.path)
    return [
      .look(pattern, "showDownload", back: back, serve: show),
      .look(pattern + "/file", "downloadFile", back: pattern, serve: file),
      .look(pattern + "/key", "downloadKey", back: pattern, serve: key),
      .form(pattern + "/done", "finishDownload", back: pattern, serve: finish),
      .form(pattern + "/copies", "setCopies", fields: [.text("copies", limit: 4)], back: pattern, serve: setCopies),
      .form(pattern + "/return", "returnCode", back: pattern, serve: giveUp),
    ]
  }

  private func ticket(_ call: PageCall) throws(Problem) -> DownloadTicket {
    guard let text = call.cookies[Cookie.ticket], let ticket = DownloadTicket(text: text),
      DownloadPages.name(of: ticket) == call.path["download"]
    else {
      throw Problem(
        .refused,
        "This download belongs to another browser, or is over. Only the browser that redeemed the code has it.")
    }
    return ticket
  }

  private func show(_ call: PageCall) async throws -> PageReply {
    let ticket = try ticket(call)
    let grant = try await center.redemption.grant(of: ticket)
    let progress = try await center.redemption.progress(ticket)
    let path = DownloadPages.path(of: ticket)
    var view: View = [
      "path": path, "title": "\(grant.name) \(grant.version)", "type": grant.type.rawValue,
      "size": Shown.size(grant.octets), "octets": grant.octets, "digest": Hex.encode(grant.digest),
      "softwareID": grant.softwareID.description, "fileName": DownloadPages.fileName(grant),
      "sent": Shown.size(progress.delivered), "acknowledged": progress.acknowledged,
      "left": Shown.size(grant.octets - min(progress.acknowledged, grant.octets)),
      "isBegun": progress.delivered > 0, "isSent": progress.delivered == progress.octets, "isDone": progress.isDone,
      "doneKey": call.key(for: path + "/done"), "returnKey": call.key(for: path + "/return"),
    ]
    if let expiry = grant.expiry { view["expiry"] = Shown.time(expiry) }
    if progress.isDone { view["copying"] = try await copies(ticket, call, path) }
    return .html("download", view)
  }

  private func copies(_ ticket: DownloadTicket, _ call: PageCall, _ path: String) async throws -> View {
    let offer = try await center.copyRights.offer(of: ticket)
    var view: View = ["permitted": offer.permitted, "isUsedUp": offer.isUsedUp]
    if let right = offer.right {
      view["right"] =
        [
          "copyCode": right.code.text, "copies": right.copies, "taken": right.taken,
          "copiesLeft": Shown.count(right.copies - right.taken, "copy").replacingOccurrences(
            of: "copys", with: "copies"),
        ] as View
    } else if offer.permitted > 0, !offer.isUsedUp {
      view["form"] = ["copiesKey": call.key(for: path + "/copies"), "most": offer.permitted] as View
    }
    return view
  }

  /// The sealed file, from wherever the browser left off (RFC 9110 §14).
  private func file(_ call: PageCall) async throws -> PageReply {
    let ticket = try ticket(call)
    let grant = try await center.redemption.grant(of: ticket)
    var parameters: [String: JSON] = [:]
    if let range = call.range { parameters["Range"] = .text(range) }
    if let condition = call.ifRange { parameters["If-Range"] = .text(condition) }
    let request = Call(
      identity: nil, parameters: parameters, body: .null, operationID: nil, credential: Array(ticket.text.utf8),
      requestID: "", isHead: call.isHead, origin: call.address)
    let reply = try await RedemptionEndpoints.reply(to: request, with: ticket, at: center)
    return PageReply(content: .download(reply, name: DownloadPages.fileName(grant)))
  }

  /// With the last octet the code is used, and the file's key is given.
  private func finish(_ call: PageCall) async throws -> PageReply {
    let ticket = try ticket(call)
    let octets = try await center.redemption.grant(of: ticket).octets
    _ = try await center.redemption.acknowledge(ticket, upTo: octets)
    return .seeOther(DownloadPages.path(of: ticket))
  }

  /// What opens the sealed file: the members have the names that the API gives them.
  private func key(_ call: PageCall) async throws -> PageReply {
    let ticket = try ticket(call)
    let grant = try await center.redemption.grant(of: ticket)
    guard let wrapped = try await center.redemption.progress(ticket).wrappedContentKey else {
      throw Problem(.conflict, "Download the file first, and say that you have all of it.")
    }
    let document: JSON = [
      "softwareID": .text(grant.softwareID.description), "ticket": .text(ticket.text),
      "type": .text(grant.type.rawValue),
      "wrappedContentKey": .base64(wrapped), "octets": .integer(Int64(clamping: grant.octets)),
      "digest": .base64(grant.digest),
    ]
    return PageReply(
      content: .file(document.encoded, type: "application/json", name: DownloadPages.fileName(grant) + ".key"))
  }

  private func setCopies(_ call: PageCall) async throws -> PageReply {
    let ticket = try ticket(call)
    guard let copies = call.fields["copies"].flatMap({ Int($0) }), copies > 0 else {
      throw Problem(.invalid, "Say how many copies, as a number from 1 on.")
    }
    _ = try await center.copyRights.set(ticket, copies: copies)
    return .seeOther(DownloadPages.path(of: ticket))
  }

  /// Gives the code back while it is not used. The ticket is good for nothing then, so that a form that is sent again is
  /// known by its key alone: what it did is kept with it.
  private func giveUp(_ call: PageCall) async throws -> PageReply {
    let (ticket, seats) = (try ticket(call), center.seatRecovery)
    let request = KeyedRequest(
      scope: "page of ticket " + Hex.encode(Digest.sha256(ticket.octets)), key: try call.operation, method: "POST",
      target: DownloadPages.path(of: ticket) + "/return", body: [])
    _ = try await center.idempotency.run(
      scope: request.scope, key: try request.idempotencyKey, digest: request.digest
    ) { transaction in
      try seats.giveUp(ticket, in: transaction)
      return (303, [])
    }
    return .seeOther(
      RedeemPages.path, [Cookie(name: Cookie.ticket, value: "", path: DownloadPages.path(of: ticket))])
  }

  /// A name for any file system: letters, digits, points and hyphens.
  private static func fileName(_ grant: DownloadGrant) -> String {
    let words = "\(grant.name)-\(grant.version)".unicodeScalars.map { scalar -> Character in
      let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
      return isPlain || scalar == "." ? Character(scalar) : "-"
    }
    return String(words.prefix(64)) + ".sealed"
  }
}
