import Formats
import HTTPTypes
import LicenseCenter

/// Who is told of every change. Addresses may hold a receiver's secrets: they are the counter's business only.
enum WebhookEndpoints {
  static func all(_ center: Center) -> [Endpoint] {
    [register(center), list(center), deliveries(center), end(center), resume(center)]
  }

  private static let inPath = Endpoint.Parameter.path("webhook", .number, "The webhook's number.")

  private static func register(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/webhooks", "registerWebhook",
      """
      Has a receiver told of every change from now on. The secret that its messages are signed with is in this answer and \
      in no other.
      """,
      access: .roles([.counter]),
      body: .named(
        "NewWebhook",
        .object([.init("url", .text(.plain(1...2048)), "Where messages go: https, or http to the server's machine.")])),
      answer: .json(
        .named(
          "WebhookSecret",
          .object([
            .init("webhook", .number, "Its number."),
            .init("secret", .text(.plain(10...100)), "whsec_ and base64, as Standard Webhooks has it. A secret."),
          ])), "It is told.", status: .created), problems: [.conflict, .unprocessable]
    ) { call in
      let (number, secret) = try await center.webhooks.register(
        url: try call.body.text("url") { $0 }, operationID: try call.operation)
      return .json(["webhook": .number(number), "secret": .text(secret)], status: .created)
    }
  }

  private static func list(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/webhooks", "listWebhooks", "Who is told, oldest first, ended ones too.", access: .roles([.counter]),
      parameters: Paging.parameters(after: .number),
      answer: .json(Paging.schema("WebhookPage", "webhooks", of: schema, next: .number), "One page.")
    ) { call in
      let after = call.afterNumber
      return try await Paging.page(call, "webhooks", next: { .number($0.number) }, document: document) {
        try await center.webhooks.webhooks(after: after, limit: $0)
      }
    }
  }

  private static func deliveries(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/webhooks/{webhook}/deliveries", "listDeliveries",
      "What a receiver has not taken yet, the next message first.", access: .roles([.counter]),
      parameters: [inPath] + Paging.parameters(after: .count),
      answer: .json(
        .named(
          "DeliveryPage",
          .object([
            .init("webhook", schema, "The receiver."),
            .init("dueAt", .time, "Before when the next attempt is not made, seconds since 1970 UTC."),
            .init("messages", .array(messageSchema, limit: Int(Paging.limit)), "What waits."),
            .init("next", .count, "What to ask for the next page after, if there is one.", isOptional: true),
          ])), "One page."), problems: [.notFound]
    ) { call in
      let count = Paging.count(call)
      let queue = try await center.webhooks.queue(
        of: try call.number("webhook"), after: call.afterNumber, limit: count + 1)
      let page = queue.messages.prefix(count)
      var members: [String: JSON] = [
        "webhook": document(queue.webhook), "dueAt": .number(queue.dueAt),
        "messages": .array(
          page.map { ["sequence": .number($0.sequence), "type": .text($0.action), "time": .number($0.time)] }),
      ]
      if queue.messages.count > page.count, let last = page.last { members["next"] = .number(last.sequence) }
      return .json(.object(members))
    }
  }

  private static func end(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/webhooks/{webhook}/end", "endWebhook",
      "Has a receiver told nothing more, for ever. It stays on record.", access: .roles([.counter]),
      parameters: [inPath],
      answer: .json(.done, "It is told nothing."), problems: [.notFound, .conflict]
    ) { call in
      try await center.webhooks.end(try call.number("webhook"), operation: try call.operation)
      return .done
    }
  }

  private static func resume(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/webhooks/{webhook}/resume", "resumeWebhook",
      "Has a receiver that took nothing for days told of what it missed.", access: .roles([.counter]),
      parameters: [inPath], answer: .json(.done, "It is told again."), problems: [.notFound, .conflict]
    ) { call in
      try await center.webhooks.resume(try call.number("webhook"), operation: try call.operation)
      return .done
    }
  }

  private static func document(_ webhook: Webhook) -> JSON {
    [
      "webhook": .number(webhook.number), "url": .text(webhook.url), "state": .text(webhook.state.rawValue),
      "told": .number(webhook.told), "failures": .number(webhook.failures),
    ]
  }

  private static let schema = Schema.named(
    "Webhook",
    .object([
      .init("webhook", .number, "Its number."), .init("url", .text(.plain(1...2048)), "Where messages go."),
      .init("state", .text(.choice(["active", "suspended", "ended"])), "Whether they do."),
      .init("told", .count, "The last audit record that was taken."),
      .init("failures", .count, "How often in a row the next one was not."),
    ]))

  private static let messageSchema = Schema.named(
    "Delivery",
    .object([
      .init("sequence", .number, "The audit record that it tells of."),
      .init("type", .text(.plain(1...100)), "What was done."), .init("time", .time, "When, seconds since 1970 UTC."),
    ]))
}
