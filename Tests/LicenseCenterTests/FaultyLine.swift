import CardDriver
import CardEmulator
import ISO7816
import Testing

@testable import LicenseCenter

/// What goes wrong with one message between the centre and a card.
enum LineFault: CaseIterable {
  /// The command never reaches the card, and the line is cut.
  case requestLost
  /// The card does what it was told, its answer is lost, and the line is cut.
  case responseLost
  /// The same two, and the card loses its power with the line.
  case requestAndPowerLost, responseAndPowerLost
  /// The card gets the command twice; the centre gets the second answer.
  case requestRepeated
  /// The card gets the command twice; the centre gets the first answer.
  case requestEchoed
  /// The card gets the command, the centre the answer to the one before.
  case responseStale
  /// The card gets an earlier command once more, before this one.
  case earlierReplayed
  /// The card gets this command only after the next one; the centre is told 6F00 meanwhile.
  case requestOvertaken
  /// The centre gets the answer with one bit changed, or without its R-MAC.
  case responseAltered, responseStripped
  /// The centre gets a success that nobody said, and the card nothing.
  case successInvented
  /// The card loses its power while it writes.
  case powerCut
}

/// The line between the centre and an emulated card, on which one message goes wrong.
final class FaultyLine: CardRelay {
  struct Cut: Error {}

  private let card: EmulatedCard
  private let connection: CardConnection
  private let fault: (kind: LineFault, index: Int, cutAfter: Int)?
  private var sent: [CommandAPDU] = []
  private var previous = ResponseAPDU(status: .ok)
  private var held: CommandAPDU?
  /// Messages so far.
  var exchanges: Int { sent.count }
  /// Whether the message was reached that goes wrong.
  private(set) var hasFailed = false

  /// A line; without a fault an honest one.
  ///
  /// - Parameter cutAfter: with ``LineFault/powerCut``, the writes that still succeed.
  init(_ card: EmulatedCard, _ kind: LineFault? = nil, at index: Int = 0, cutAfter: Int = 0) throws {
    self.card = card
    connection = try CardConnection(card)
    fault = kind.map { ($0, index, cutAfter) }
  }

  func exchange(_ command: CommandAPDU) async throws -> ResponseAPDU {
    defer { sent.append(command) }
    let answer: ResponseAPDU
    if let fault, fault.index == sent.count {
      hasFailed = true
      answer = try fail(command, fault.kind, fault.cutAfter)
    } else {
      answer = try deliver(command)
    }
    if let late = held, late != command {
      held = nil
      _ = try deliver(late)
    }
    previous = answer
    return answer
  }

  private func fail(_ command: CommandAPDU, _ kind: LineFault, _ cutAfter: Int) throws -> ResponseAPDU {
    switch kind {
    case .requestLost: throw Cut()
    case .responseLost:
      _ = try deliver(command)
      throw Cut()
    case .requestAndPowerLost:
      try connection.reset()
      throw Cut()
    case .responseAndPowerLost:
      _ = try deliver(command)
      try connection.reset()
      throw Cut()
    case .requestRepeated:
      _ = try deliver(command)
      return try deliver(command)
    case .requestEchoed:
      let first = try deliver(command)
      _ = try deliver(command)
      return first
    case .responseStale:
      _ = try deliver(command)
      return previous
    case .earlierReplayed:
      if let earlier = sent.last { _ = try deliver(earlier) }
      return try deliver(command)
    case .requestOvertaken:
      held = command
      return ResponseAPDU(status: .noPreciseDiagnosis)
    case .responseAltered:
      var answer = try deliver(command)
      if let last = answer.data.indices.last { answer.data[last] ^= 0x10 } else { answer.status = .executionError }
      return answer
    case .responseStripped: return ResponseAPDU(status: try deliver(command).status)
    case .successInvented: return ResponseAPDU(data: [UInt8](repeating: 0xA5, count: 66), status: .ok)
    case .powerCut:
      card.plan(StorageFaults(cutAfter: cutAfter, tornOctets: 5))
      // Without a write in it this command harms nobody; a later one meets the plan.
      return try deliver(command)
    }
  }

  private func deliver(_ command: CommandAPDU) throws -> ResponseAPDU {
    try connection.exchange(command, operation: "relay")
  }
}
