import CenterServer
import Cryptography
import Formats
import Foundation
import Identifiers
import Octets
import Testing

@testable import LicenseCenter

/// A published title, its content, and codes that were sold for it.
struct Wares: Sendable {
  var title: TitleRecord
  var content: [UInt8]
  var codes: [RetrievalCode]
}

extension TestServer {
  /// Publishes a title and sells codes for it to the holder, whose card is issued if it was not before.
  func wares(codes count: UInt16, octets: Int = 3000, conditions: CodeConditions = .standard) async throws -> Wares {
    let card = try await issueCard()
    let title = try await title()
    let content = SeededRandom(seed: 9).octets(octets)
    let path = folder.appending(path: "plain").path
    try Data(content).write(to: URL(filePath: path))
    _ = try await center.titleStore.publish(title.softwareID, from: path)
    let operation = try #require(OperationID(octets: random.octets(16)))
    let order = try SealSheetOrder(
      operationID: operation, cardSerial: card,
      softwareID: title.softwareID, quantity: count, url: "https://shop.example/redeem", conditions: conditions)
    return Wares(title: title, content: content, codes: try await center.rightsSeller.sell(order).codes)
  }

  func redeem(_ code: String, key: String? = TestServer.key()) async throws -> RawAnswer {
    try await post("/v1/redemptions", ["code": .text(code)], as: nil, key: key)
  }

  /// Redeems a good code, and answers the ticket.
  func ticket(_ code: RetrievalCode, key: String = TestServer.key()) async throws -> String {
    let answer = try await redeem(code.text, key: key)
    #expect(answer.status == 201, "\(answer.text)")
    return try #require(answer.string("ticket"))
  }

  /// A request under a ticket.
  func ask(
    _ method: String, _ target: String, ticket: String?, body: JSON? = nil, key: String? = nil,
    headers: [String: String] = [:]
  ) async throws -> RawAnswer {
    var request = ClientRequest(method: method, target: target, key: key)
    request.headers = headers
    if let ticket { request.headers["Authorization"] = "Ticket \(ticket)" }
    request.body = body.map { String(decoding: $0.encoded, as: UTF8.self) }
    return try await ask(request)
  }

  func file(_ ticket: String, _ range: String? = nil, _ headers: [String: String] = [:]) async throws -> RawAnswer {
    var headers = headers
    if let range { headers["Range"] = range }
    return try await ask("GET", "/v1/redemptions/ticket/file", ticket: ticket, headers: headers)
  }

  func acknowledge(_ ticket: String, _ octets: Int, key: String = TestServer.key()) async throws -> RawAnswer {
    try await ask(
      "POST", "/v1/redemptions/ticket/acknowledgements", ticket: ticket, body: ["octets": .integer(Int64(octets))],
      key: key)
  }

  /// Downloads, acknowledges and opens what a ticket is good for.
  func finish(_ ticket: String, _ title: TitleRecord) async throws -> [UInt8] {
    let sealed = try await file(ticket).body
    let done = try await acknowledge(ticket, sealed.count)
    return try open(sealed, with: done, ticket, title)
  }

  /// The content in a sealed file, by the key that the last acknowledgement was answered with.
  func open(_ sealed: [UInt8], with done: RawAnswer, _ ticket: String, _ title: TitleRecord) throws -> [UInt8] {
    let wrapped = try #require(done.octets("wrappedContentKey"), "\(done.text)")
    let ticket = try #require(DownloadTicket(text: ticket))
    let key = try DownloadContent.unwrap(wrapped, for: ticket, title.softwareID)
    return try DownloadContent.parameters.open(
      sealed, key: key, associatedData: DownloadContent.associatedData(title.softwareID)
    ).withBytes { $0.octets }
  }

  /// Where a code stands.
  func state(of code: RetrievalCode) async throws -> CodeSaleState? {
    try await center.rightsSeller.record(of: code)?.state
  }
}

extension RawAnswer {
  /// A member that is a text.
  func string(_ name: String) -> String? {
    guard case .text(let text) = json?[name] else { return nil }
    return text
  }

  /// A member that is a number.
  func integer(_ name: String) -> Int64? {
    guard case .integer(let number) = json?[name] else { return nil }
    return number
  }

  /// A member that is an array.
  func list(_ name: String) -> [JSON]? {
    guard case .array(let list) = json?[name] else { return nil }
    return list
  }

  /// A member that is octets in base64.
  func octets(_ name: String) -> [UInt8]? { string(name).flatMap { Data(base64Encoded: $0) }.map(Array.init) }

  /// The body without what is different in every answer.
  var anonymousBody: JSON? {
    guard case .object(var members) = json else { return nil }
    members["request"] = nil
    return .object(members)
  }
}
