import ArgumentParser
import Formats
import LicenseCenter

/// The noun `center webhooks`.
struct CenterWebhooks: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "webhooks", abstract: "Who is told of every change, by signed messages over HTTP.",
    subcommands: [
      CenterWebhooksAdd.self, CenterWebhooksList.self, CenterWebhooksResume.self, CenterWebhooksEnd.self,
    ])
}

/// `center webhooks add`.
struct CenterWebhooksAdd: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add", abstract: "Have a receiver told of every change from now on.",
    discussion: """
      Prints the secret with which the receiver checks signatures (Standard Webhooks). Messages go out while 'warifu \
      center serve' runs.

      Example:
        warifu center webhooks add https://books.example/warifu \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "Where messages go: https, or http to this machine.")
  var url: String

  @OptionGroup var operation: OperationOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let report = try await center.use { center in
      try await operation.run { id in
        let (number, secret) = try await center.webhooks.register(url: url, operationID: id)
        return NewWebhookReport(webhook: number, url: url, secret: secret, operation: id.description)
      }
    }
    try output.write(report)
  }
}

/// `center webhooks list`.
struct CenterWebhooksList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the receivers, and how far each was told.",
    discussion: """
      Example:
        warifu center webhooks list --center center --passphrase file:passphrase
      """)

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let report = try await center.use { center in
      WebhookListReport(
        webhooks: try await center.webhooks.webhooks().map(WebhookListReport.Row.init),
        newestRecord: try await center.audit.head().sequence)
    }
    try output.write(report)
  }
}

/// `center webhooks resume`.
struct CenterWebhooksResume: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume", abstract: "Tell a suspended receiver what it missed, and go on.",
    discussion: """
      A receiver is suspended when it took no message for about three days.

      Example:
        warifu center webhooks resume 2 --center center --passphrase file:passphrase
      """)

  @Argument(help: "The webhook's number.")
  var number: Int64

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await center.use { try await $0.webhooks.resume(number) }
    try output.write(WebhookReport(webhook: number, state: "active"))
  }
}

/// `center webhooks end`.
struct CenterWebhooksEnd: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "end", abstract: "Tell a receiver nothing more; its secret is over.",
    discussion: """
      Example:
        warifu center webhooks end 2 --yes \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "The webhook's number.")
  var number: Int64

  @OptionGroup var agreement: AgreementOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await center.use { center in
      guard let webhook = try await center.webhooks.webhooks().first(where: { $0.number == number }) else {
        throw Failure(.badInput, "there is no webhook \(number)", remedy: "see 'warifu center webhooks list'")
      }
      try agreement.confirm("\(webhook.url) is told nothing more, not even what it has missed")
      try await center.webhooks.end(number)
    }
    try output.write(WebhookReport(webhook: number, state: "ended"))
  }
}

private struct NewWebhookReport: Report {
  let webhook: Int64
  let url: String
  let secret: String
  let operation: String

  var text: String {
    Columns.fields([("Webhook", "\(webhook)"), ("URL", url), ("Secret", secret), ("Operation", operation)])
  }
}

private struct WebhookListReport: Report {
  struct Row: Encodable {
    let webhook: Int64
    let url: String
    let state: String
    let told: Int64
    let failures: Int

    init(_ record: Webhook) {
      webhook = record.number
      url = record.url
      state = record.state.rawValue
      told = record.told
      failures = record.failures
    }
  }

  let webhooks: [Row]
  let newestRecord: Int64

  var text: String {
    guard !webhooks.isEmpty else { return "No webhooks.\n" }
    return Columns.table(
      ["WEBHOOK", "STATE", "WAITING", "FAILURES", "URL"],
      webhooks.map { row in
        let waiting = row.state == "ended" ? "-" : "\(newestRecord - row.told)"
        return ["\(row.webhook)", row.state, waiting, "\(row.failures)", row.url]
      })
  }
}

private struct WebhookReport: Report {
  let webhook: Int64
  let state: String

  var text: String { "Webhook \(webhook) is \(state).\n" }
}
