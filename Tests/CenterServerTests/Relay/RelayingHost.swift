import CardDriver
import CenterServer
import Foundation
import ISO7816
import Identifiers
import Testing

@testable import LicenseCenter

/// Sends something, as somebody whose token the tests have.
func post(_ port: Int, _ target: String, _ body: JSON, as name: String, key: String?) async throws -> RawAnswer {
  let request = ClientRequest(
    method: "POST", target: target, token: TestServer.tokens[name], key: key,
    body: String(decoding: body.encoded, as: UTF8.self))
  return try await converse(with: port) { connection in
    connection.send(request.text)
    return try connection.answer()
  }
}

/// No conversation was quick enough to get there before its time was over.
private struct Unreached: Error {
  let steps: Int
}

/// A host that relays by hand.
final class RelayingHost {
  let operation = TestServer.key().uppercased()
  private let bench: RelayBench
  private let port: Int
  private let serial: CardSerial
  private let name: String
  private let connection: CardConnection
  /// A response that no step waits for.
  let ignored: [UInt8] = [0x90, 0x00]

  init(_ bench: RelayBench, _ port: Int, as name: String = "counter") throws {
    (self.bench, self.port, self.name, serial) = (bench, port, name, bench.serial)
    connection = try CardConnection(bench.card)
  }

  init(_ bench: RelayBench, _ port: Int, _ card: some APDUTransport, _ serial: CardSerial) throws {
    (self.bench, self.port, name, self.serial) = (bench, port, "counter", serial)
    connection = try CardConnection(card)
  }

  func begin(_ quantity: Int64 = 5) async throws -> RawAnswer {
    let body: JSON = [
      "card": .text(serial.description), "softwareID": .text(bench.title.softwareID.description),
      "quantity": .integer(quantity),
    ]
    return try await post(port, "/v1/charges", body, as: name, key: operation)
  }

  /// A new conversation, gone on with for so many steps or to its end.
  func reach(_ steps: Int) async throws -> RawAnswer {
    for _ in 1...20 {
      var turn = try await begin()
      for _ in 0..<steps {
        guard next(turn) != nil else { break }
        turn = try await send(turn, try ask(turn))
      }
      // On a busy machine its time may be over before it is used.
      if turn.status != 409 { return turn }
    }
    throw Unreached(steps: steps)
  }

  func next(_ turn: RawAnswer) -> (dialogue: String, step: Int, command: [UInt8])? {
    guard let next = turn.json?["next"], case .text(let dialogue)? = next["dialogue"],
      case .integer(let step)? = next["step"], case .text(let command)? = next["command"],
      let octets = Data(base64Encoded: command)
    else { return nil }
    return (dialogue, Int(step), [UInt8](octets))
  }

  /// Has the card answer.
  func ask(_ turn: RawAnswer) throws -> [UInt8] {
    let command = try #require(self.next(turn)).command
    return try connection.exchange(CommandAPDU(parsing: command.span.bytes), operation: "relay").encoded
  }

  func send(
    _ turn: RawAnswer, _ response: [UInt8], step: Int? = nil, dialogue: String? = nil, operation: String? = nil,
    as other: String? = nil
  ) async throws -> RawAnswer {
    let body = try stepBody(turn, response, step: step, dialogue: dialogue)
    return try await post(
      port, "/v1/charges/\(operation ?? self.operation)/steps", body, as: other ?? name, key: nil)
  }

  /// What brings a response to a step.
  func stepBody(_ turn: RawAnswer, _ response: [UInt8], step: Int? = nil, dialogue: String? = nil) throws -> JSON {
    let current = try #require(self.next(turn))
    return [
      "dialogue": .text(dialogue ?? current.dialogue), "step": .integer(Int64(step ?? current.step)),
      "response": .text(Data(response).base64EncodedString()),
    ]
  }

  func get(_ target: String, as name: String) async throws -> RawAnswer {
    let request = ClientRequest(target: target, token: TestServer.tokens[name])
    return try await converse(with: port) { connection in
      connection.send(request.text)
      return try connection.answer()
    }
  }

  /// Carries the charge on with the card itself, to the end; answers that, and after how many steps it came.
  @discardableResult
  func finish() async throws -> (answer: RawAnswer, steps: Int) {
    var (turn, steps) = (try await begin(), 0)
    while next(turn) != nil {
      turn = try await send(turn, try ask(turn))
      steps += 1
    }
    return (turn, steps)
  }
}
