import ArgumentParser
import CardDriver
import ISO7816
import Octets

/// `apdu script`.
struct APDUScript: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "script", abstract: "Send the commands of a file to a card, and compare what it answers.",
    discussion: """
      One command on each line in hexadecimal, what it must be answered behind =, with X for any digit and * for any \
      octets; docs/apdu-scripts.md tells the rest. Commands go over the line as they stand. Stops at the first answer \
      that is not wanted, and ends with 1 then. Secrets are not shown.

      Example:
        warifu apdu script session.apdu --card-file alice.card
      """)

  @Argument(help: "The script, or - for standard input.")
  var script: String

  @Flag(help: "Show answers that hold a secret.")
  var reveal = false

  @OptionGroup var seed: SeedOptions
  @OptionGroup var card: CardOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let steps = try APDUScriptText(readingFrom: script).steps
    guard !steps.isEmpty else {
      throw Failure(.badInput, "there is no command in the script", remedy: "give one on each line")
    }
    let transport = try card.transport(seed: seed.seed)
    var report = ScriptReport(steps: steps.count)
    if case .command = steps[0].action { _ = try transport.reset() }
    for step in steps {
      guard try play(step, on: transport, &report) else { break }
    }
    try output.write(report)
    if let difference = report.difference {
      throw Failure(.failed, difference, remedy: "correct the script, or put the card into the state it expects")
    }
  }

  /// One step; answers whether to go on.
  private func play(
    _ step: ScriptStep, on transport: any APDUTransport, _ report: inout ScriptReport
  ) throws -> Bool {
    let answer: [UInt8]
    let told: String
    switch step.action {
    case .reset:
      answer = try transport.reset()
      told = Hex.encode(answer)
      report.events.append(.init(reset: answer))
    case .command(let command):
      answer = try transport.transmit(command)
      let exchange = APDUReport.Exchange(command: command, response: answer, reveal: reveal)
      told = (exchange.data.map { $0.isEmpty ? "" : $0 + " " } ?? "(hidden) ") + exchange.status
      report.events.append(.init(exchange))
    }
    guard step.expected?.matches(answer) != false else {
      report.difference = "\(step.place): the card answered \(told), which is not wanted"
      return false
    }
    if step.expected != nil { report.matched += 1 }
    return true
  }
}

/// Where an emulated card's chance comes from.
struct SeedOptions: ParsableArguments {
  @Option(help: "For tests: take an emulated card's chance from this seed, so that it answers the same again.")
  var seed: UInt64?
}

private struct ScriptReport: Report {
  struct Event: Encodable {
    let reset: String?
    let exchange: APDUReport.Exchange?

    init(reset answer: [UInt8]) { (reset, exchange) = (Hex.encode(answer), nil) }

    init(_ exchange: APDUReport.Exchange) { (reset, self.exchange) = (nil, exchange) }
  }

  let steps: Int
  var events: [Event] = []
  var matched = 0
  var difference: String?

  init(steps: Int) { self.steps = steps }

  var text: String {
    let lines = events.map { event in
      event.reset.map { "= reset\n" + APDUReport.wrapped($0) } ?? event.exchange?.text ?? ""
    }
    return lines.joined() + "\(events.count) of \(Words.count(steps, "step")) sent, \(matched) answered as wanted.\n"
  }
}
