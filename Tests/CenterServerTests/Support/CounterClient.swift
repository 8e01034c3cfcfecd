import CenterServer
import Foundation
import Identifiers
import Testing

@testable import LicenseCenter

extension TestServer {
  /// Sends a request that changes something.
  func send(
    _ method: String, _ target: String, _ body: JSON? = nil, as name: String = "counter",
    key: String = TestServer.key()
  ) async throws -> RawAnswer {
    try await ask(
      ClientRequest(
        method: method, target: target, token: TestServer.tokens[name], key: key,
        body: body.map { String(decoding: $0.encoded, as: UTF8.self) }))
  }

  /// Sends one that has to go well, and answers what came of it.
  @discardableResult
  func done(
    _ method: String, _ target: String, _ body: JSON? = nil, as name: String = "counter",
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws -> JSON {
    let answer = try await send(method, target, body, as: name)
    #expect((200...299).contains(answer.status), "\(target): \(answer.text)", sourceLocation: sourceLocation)
    return answer.json ?? .null
  }

  /// What a list or a thing says that must be there.
  func read(
    _ target: String, as name: String = "counter", sourceLocation: SourceLocation = #_sourceLocation
  ) async throws -> JSON {
    let answer = try await get(target, as: name)
    #expect(answer.status == 200, "\(target): \(answer.text)", sourceLocation: sourceLocation)
    return answer.json ?? .null
  }

  /// Sells codes on a sheet.
  func sheet(_ quantity: Int64, of title: TitleRecord, to card: CardSerial) async throws -> JSON {
    try await done("POST", "/v1/codes/sheets", TestServer.sheetOrder(quantity, of: title, to: card))
  }

  static func sheetOrder(_ quantity: Int64, of title: TitleRecord, to card: CardSerial) -> JSON {
    [
      "card": .text(card.description), "softwareID": .text(title.softwareID.description),
      "quantity": .integer(quantity), "url": "https://center.example/redeem",
    ]
  }

  /// How many records the audit log has.
  func auditCount() async throws -> Int64 { try await center.audit.head().sequence }
}

extension JSON {
  static func yen(_ amount: Int64) -> JSON { ["minorUnits": .integer(amount), "currency": "JPY"] }

  /// The elements of a member.
  func list(_ name: String) -> [JSON] {
    if case .array(let elements) = self[name] { elements } else { [] }
  }

  var integerValue: Int64? { if case .integer(let value) = self { value } else { nil } }
  var textValue: String? { if case .text(let value) = self { value } else { nil } }
}
