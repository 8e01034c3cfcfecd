import Formats
import HTTPTypes
import LicenseCenter
import Octets

/// What happened: every change, and what the offices told one another (P11).
enum AuditEndpoints {
  static func all(_ center: Center) -> [Endpoint] {
    [entries(center), head(center), messages(center), verification(Verifier(center))]
  }

  private static func entries(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/audit", "listAudit", "Every change, oldest first; each record's hash covers the one before.",
      access: .roles([.auditor, .counter]), parameters: Paging.parameters(after: .count),
      answer: .json(Paging.schema("AuditPage", "records", of: entrySchema, next: .count), "One page.")
    ) { call in
      let after = call.afterNumber
      return try await Paging.page(
        call, "records", next: { .number($0.sequence) },
        document: { record in
          [
            "sequence": .number(record.sequence), "time": .number(record.time), "action": .text(record.action),
            "subject": .text(record.subject), "detail": .text(record.detail), "hash": .text(Hex.encode(record.hash)),
          ]
        }
      ) { try await center.audit.entries(after: after, limit: $0) }
    }
  }

  private static func head(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/audit/head", "getAuditHead",
      "The newest record. Whoever keeps it elsewhere notices any change behind it.",
      access: .roles([.auditor, .counter, .machine]), answer: .json(headSchema, "The newest record.")
    ) { _ in .json(.object(document(try await center.audit.head()))) }
  }

  private static func messages(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/audit/messages", "listOfficeMessages",
      "What the offices told one another (P11), oldest first: requests for rights and titles, inquiries, provision.",
      access: .roles([.auditor, .counter]), parameters: Paging.parameters(after: .count),
      answer: .json(
        .named(
          "MessagePage",
          .object([
            .init("messages", .array(messageSchema, limit: 2 * Int(Paging.limit)), "What was found."),
            .init("next", .count, "What to ask for the next page after, if there is one.", isOptional: true),
          ])), "One page: the messages of so many records.")
    ) { call in
      // A record may stand for two messages: pages are counted in records, so that none is cut in two.
      let count = Paging.count(call)
      let found = try await center.codeBooks.messages(after: call.afterNumber, limit: count + 1)
      let sequences = Set(found.map(\.sequence)).sorted()
      let last = sequences.prefix(count).last ?? 0
      var members: [String: JSON] = ["messages": .array(found.filter { $0.sequence <= last }.map(document))]
      if sequences.count > count { members["next"] = .number(last) }
      return .json(.object(members))
    }
  }

  private static func verification(_ verifier: Verifier) -> Endpoint {
    Endpoint(
      .get, "/v1/audit/verification", "verifyBooks",
      "Checks ledger and audit log from their first record on. Whoever asks meanwhile gets the same answer.",
      access: .roles([.auditor, .counter]),
      answer: .json(
        .named(
          "Verification",
          .object([
            .init("isIntact", .boolean, "Whether everything adds up."),
            .init("sequence", .count, "The newest record's number, if it does.", isOptional: true),
            .init("hash", hash, "The newest record's hash, if it does.", isOptional: true),
            .init("finding", .text(.plain(1...1000)), "What does not, if something does not.", isOptional: true),
          ])), "What was found.")
    ) { _ in
      do {
        var members = document(try await verifier.head())
        members["isIntact"] = true
        return .json(.object(members))
      } catch let error as CenterError where error.code == .damaged {
        return .json(["isIntact": false, "finding": .text(error.description)])
      }
    }
  }

  private static func document(_ head: AuditHead) -> [String: JSON] {
    ["sequence": .number(head.sequence), "hash": .text(Hex.encode(head.hash))]
  }

  private static func document(_ message: OfficeMessage) -> JSON {
    [
      "sequence": .number(message.sequence), "time": .number(message.time), "kind": .text(message.kind.rawValue),
      "from": .text(message.from.rawValue), "to": .text(message.to.rawValue), "subject": .text(message.subject),
    ]
  }

  private static let hash = Schema.text(.hexadecimal(octets: 32...32))

  private static let headSchema = Schema.named(
    "AuditHead",
    .object([.init("sequence", .count, "Its number; 0 while there is none."), .init("hash", hash, "Its hash.")]))

  private static let entrySchema = Schema.named(
    "AuditRecord",
    .object([
      .init("sequence", .number, "Its number."), .init("time", .time, "When, seconds since 1970 UTC."),
      .init("action", .text(.plain(1...100)), "What was done."),
      .init("subject", .text(.plain(0...200)), "To what: a serial, an id or a number."),
      .init("detail", .text(.plain(0...1000)), "Numbers and amounts; never a code, a key or a person."),
      .init("hash", hash, "SHA-256 over the hash before, the numbers and the texts."),
    ]))

  private static let office = Schema.text(.choice(Office.allCases.map(\.rawValue)))
  private static let messageSchema = Schema.named(
    "OfficeMessage",
    .object([
      .init("sequence", .number, "The audit record that it comes from."),
      .init("time", .time, "When, seconds since 1970 UTC."),
      .init("kind", .text(.choice(OfficeMessage.Kind.allCases.map(\.rawValue))), "What it says."),
      .init("from", office, "Who says it."), .init("to", office, "To whom."),
      .init("subject", .text(.plain(0...200)), "About which card or title."),
    ]))
}

/// Checks the books once at a time: it reads all of them.
private actor Verifier {
  private let center: Center
  private var running: Task<AuditHead, any Error>?

  init(_ center: Center) { self.center = center }

  func head() async throws -> AuditHead {
    let task = running ?? Task { [center] in try await center.verify() }
    running = task
    defer { running = nil }
    return try await task.value
  }
}
