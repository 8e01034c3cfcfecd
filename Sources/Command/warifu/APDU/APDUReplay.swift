import ArgumentParser
import CardDriver
import ISO7816
import Octets

/// `apdu replay`.
struct APDUReplay: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay", abstract: "Send a recorded session to a card again, and compare what it answers.",
    discussion: """
      --record of any verb that talks to a card makes a recording. The card must be in the state that it was in then. \
      Answers must be the same octets; signatures, which never are, are verified with the card's public key. A session \
      through a secure channel repeats only with an emulated card that was recorded with --seed. --show tells what is in \
      the recording, without secrets, and needs no card. Ends with 1 at the first answer that differs.

      Example:
        warifu apdu replay session.rec --card-file alice.card
        warifu apdu replay session.rec --show
      """)

  @Argument(help: "The recording.")
  var recording: String

  @Flag(help: "Show the recording instead, without secrets.")
  var show = false

  @Flag(help: "With --show: show answers that hold a secret.")
  var reveal = false

  @OptionGroup var card: CardOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let recording = try CardRecording(contentsOf: recording, key: try EmulatorKey.read(card.cardKey))
    guard !show else { return try output.write(RecordingReport(recording, reveal: reveal)) }
    let replay = try RecordingReplay.run(recording, on: try card.transport(seed: recording.seed))
    try output.write(ReplayReport(replay, of: recording))
    if let difference = replay.difference {
      throw Failure(
        .failed, "event \(difference.event + 1) of \(recording.events.count) differs, \(difference.kind.words)",
        remedy: "put the card into the state it was recorded in; a secure channel repeats only under a seed")
    }
  }
}

extension RecordingReplay.Difference.Kind {
  fileprivate var words: String {
    switch self {
    case .answerToReset: "the card's answer to reset"
    case .response: "the card's response"
    case .signature: "the signature is not the card's"
    case .line: "the line broke off then, and does not now"
    }
  }
}

private struct ReplayReport: Report {
  let events: Int
  let compared: Int
  let verifiedSignatures: Int
  let isSame: Bool
  let firstDifference: Int?

  init(_ replay: RecordingReplay, of recording: CardRecording) {
    events = recording.events.count
    compared = replay.exchanges
    verifiedSignatures = replay.verifiedSignatures
    isSame = replay.difference == nil
    firstDifference = replay.difference.map { $0.event + 1 }
  }

  var text: String {
    let signatures = verifiedSignatures == 0 ? "" : ", \(Words.count(verifiedSignatures, "signature")) verified"
    return "\(Words.count(compared, "answer")) compared\(signatures): "
      + (isSame ? "the same session.\n" : "event \(firstDifference ?? 0) differs.\n")
  }
}

private struct RecordingReport: Report {
  struct Event: Encodable {
    let reset: String?
    let exchange: APDUReport.Exchange?
    let broken: String?

    init(_ event: CardRecording.Event, reveal: Bool) {
      switch event {
      case .reset(let answer): (reset, exchange, broken) = (Hex.encode(answer), nil, nil)
      case .exchange(let command, let response):
        (reset, broken) = (nil, nil)
        exchange = APDUReport.Exchange(command: command, response: response, reveal: reveal)
      case .broken(let command):
        let name = (try? CommandAPDU(parsing: command.span.bytes))?.schema.name
        (reset, exchange, broken) = (nil, nil, name ?? "no APDU")
      }
    }

    var text: String {
      if let reset { return "= reset\n" + APDUReport.wrapped(reset) }
      return exchange?.text ?? "> \(broken ?? "")\n< no answer\n"
    }
  }

  let seed: UInt64?
  let events: [Event]

  init(_ recording: CardRecording, reveal: Bool) {
    seed = recording.seed
    events = recording.events.map { Event($0, reveal: reveal) }
  }

  var text: String { (seed.map { "Seed \($0)\n" } ?? "") + events.map(\.text).joined() }
}
