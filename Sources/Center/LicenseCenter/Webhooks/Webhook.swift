import Cryptography
import Foundation
import Octets
import SecureChannel

/// Somebody who is told of every change, as the counter sees it.
public struct Webhook: Hashable, Sendable {
  /// Whether messages go out.
  public enum State: String, Hashable, Sendable {
    /// They do.
    case active
    /// They do not, since too many in a row were not taken; the counter can have them go on.
    case suspended
    /// They never will again.
    case ended
  }

  /// Its number at this centre.
  public var number: Int64
  /// Where messages go.
  public var url: String
  /// Whether they do.
  public var state: State
  /// The last record of the audit log that was taken.
  public var told: Int64
  /// How often in a row the next one was not.
  public var failures: Int
}

/// What one receiver is to be told now, in order. Whoever has it has it alone until ``leaseEnd``.
public struct WebhookBatch: Sendable {
  /// Whose it is.
  public var webhook: Int64
  /// Where it goes.
  public var url: String
  /// The messages.
  public var messages: [WebhookMessage]
  /// When somebody else may take it, seconds since 1970 UTC.
  public var leaseEnd: UInt64
  /// What messages are signed with.
  let secret: [UInt8]

  /// The header fields of a message that goes out at `time`, as Standard Webhooks has them: the signature is HMAC-SHA-256
  /// over id, time and body, so that nobody else can make one, and a receiver can refuse an old one.
  public func headers(of message: WebhookMessage, at time: UInt64) throws -> [(name: String, value: String)] {
    let signed = Array("\(message.identifier).\(time).".utf8) + message.body
    let tag = try HMAC256.tag(key: Secret(copying: secret), signed)
    return [
      ("webhook-id", message.identifier), ("webhook-timestamp", String(time)),
      ("webhook-signature", "v1,\(Data(tag).base64EncodedString())"),
    ]
  }
}

/// One record of the audit log as a receiver is told of it.
public struct WebhookMessage: Hashable, Sendable {
  /// The record's number.
  public var sequence: Int64
  /// The same for every attempt: whoever gets it twice can tell.
  public var identifier: String
  /// JSON.
  public var body: [UInt8]
}

extension WebhookMessage {
  /// The message about a record. It has what the record has: serials, numbers and amounts, never a code or a person.
  init(_ record: AuditRecord, centerID: String) throws {
    struct Body: Encodable {
      var center: String
      var data: [String: String]
      var sequence: Int64
      var timestamp: UInt64
      var type: String
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    sequence = record.sequence
    identifier = "\(centerID)-\(record.sequence)"
    body = Array(
      try encoder.encode(
        Body(
          center: centerID, data: ["detail": record.detail, "subject": record.subject], sequence: record.sequence,
          timestamp: record.time, type: record.action)))
  }
}
