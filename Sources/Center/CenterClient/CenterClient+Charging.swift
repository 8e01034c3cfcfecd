import CardDriver
import CardProtocol
import Formats
import Foundation
import ISO7816
import Identifiers

/// A charge as the centre's books have it.
public struct CenterCharge: Hashable, Sendable, Decodable {
  /// What became of it.
  public enum State: String, Hashable, Sendable, Decodable {
    /// Its fate on the card is not known yet; running it again settles it.
    case open
    /// The card has the codes, and they are billed.
    case booked
    /// The codes are worth nothing, and nothing was billed.
    case voided
  }

  /// An amount in minor units.
  public struct Price: Hashable, Sendable, Decodable {
    /// Yen, cents.
    public var minorUnits: Int64
    /// Three letters.
    public var currency: String
  }

  /// The operation's name, 32 hexadecimal digits.
  public var operation: String
  /// The card's serial.
  public var card: String
  /// SIDi.
  public var softwareID: String
  /// Its number on the card.
  public var number: UInt32
  /// How many codes were wanted.
  public var desired: Int
  /// How many were made.
  public var actual: Int
  /// What one costs.
  public var price: Price
  /// How it stands.
  public var state: State
}

/// Charging a card over the network (P6): this host relays what it cannot read.
extension CenterClient {
  fileprivate struct Order: Encodable {
    struct Conditions: Encodable {
      var generationKey: UInt8
      var expiry: UInt64?
      var uses: UInt16?
      var needsFreshTime: Bool
      var messageID: Data?
    }

    var card: String
    var softwareID: String
    var quantity: UInt16
    var acceptsFewer: Bool
    var conditions: Conditions
  }

  private struct Step: Encodable {
    var dialogue: String
    var step: Int
    var response: Data
  }

  private struct Turn: Decodable {
    struct Next: Decodable {
      var dialogue: String
      var step: Int
      var command: Data
    }

    var charge: CenterCharge?
    var next: Next?
  }

  /// Carries a charge order out, or on.
  ///
  /// Whatever breaks on the way, the same order again settles it, and the price is taken once. Where the centre was
  /// started anew, or another instance of it answers, this begins another conversation by itself.
  ///
  /// - Parameter connection: the way to the card. It is used from this task alone, and blocks it.
  /// - Throws: ``CenterClientError``; with `mayHaveChanged` the charge may be open: run the order again.
  public func charge(
    _ order: ChargeOrder, over connection: CardConnection, as token: CenterToken
  ) async throws(CenterClientError) -> CenterCharge {
    let operation = "Charging card \(order.cardSerial)"
    let begin = try CenterRequest.post("/v1/charges", operation, token, key: order.operationID, Order(order))
    var commands = 0
    var tries = 0
    while true {
      tries += 1
      do throws(CenterClientError) {
        var turn = try await ask(begin, as: Turn.self)
        while let next = turn.next {
          // A centre that is none could go on for ever.
          commands += 1
          guard commands <= CenterClient.mostCommands else { throw CenterClient.invalid(begin) }
          let response = try relay(next.command, to: connection, operation)
          let body = Step(dialogue: next.dialogue, step: next.step, response: Data(response))
          turn = try await ask(
            .post("/v1/charges/\(order.operationID)/steps", operation, token, body), as: Turn.self)
        }
        guard let charge = turn.charge, charge.state == .booked, charge.card == order.cardSerial.description,
          charge.operation == order.operationID.description
        else { throw CenterClient.invalid(begin) }
        return charge
      } catch {
        guard case .problem("dialogue-over") = error.code, tries < CenterClient.mostDialogues else {
          var error = error
          if commands > 0, !error.mayHaveChanged { error.mayHaveChanged = await leavesOpen(error, order, token) }
          throw error
        }
        // The card speaks with whoever selects its application next.
        do { try await Task.sleep(for: patience.pause(after: tries, chance: chance())) } catch {
          throw CenterClient.cancelled(begin)
        }
      }
    }
  }

  /// The most commands that one charge can take, begun anew a few times.
  private static let mostCommands = 4096
  /// How often a conversation is begun for one charge.
  private static let mostDialogues = 20

  /// Carries a charge order out over a transport, which is reset first.
  public func charge(
    _ order: ChargeOrder, over transport: any APDUTransport, as token: CenterToken
  ) async throws(CenterClientError) -> CenterCharge {
    let connection: CardConnection
    do {
      connection = try CardConnection(transport)
    } catch {
      throw CenterClientError(error, "Charging card \(order.cardSerial)", mayHaveChanged: false)
    }
    return try await charge(order, over: connection, as: token)
  }

  /// How a charge stands.
  public func charge(_ operationID: OperationID, as token: CenterToken) async throws(CenterClientError) -> CenterCharge
  {
    try await ask(.get("/v1/charges/\(operationID)", "Looking up a charge", token), as: CenterCharge.self)
  }

  /// Passes one command on to the card, if it is one that a charge is made of.
  private func relay(
    _ octets: Data, to connection: CardConnection, _ operation: String
  ) throws(CenterClientError) -> [UInt8] {
    let command: CommandAPDU
    do { command = try CommandAPDU(parsing: [UInt8](octets).span.bytes) } catch {
      throw CenterClient.foreign(operation)
    }
    guard CenterClient.isPartOfCharging(command) else { throw CenterClient.foreign(operation) }
    do {
      return try connection.exchange(command, operation: "pass a command on").encoded
    } catch {
      throw CenterClientError(error, operation, mayHaveChanged: true)
    }
  }

  /// Whether a command is one that a charge is made of. What goes to the card in clear could try PINs; so only what opens
  /// the channel does, and what is inside it only somebody who has the card's own keys can make.
  static func isPartOfCharging(_ command: CommandAPDU) -> Bool {
    let cla = ClassByte(rawValue: command.cla)
    switch Instruction(rawValue: command.ins) {
    case .select where cla.secureMessaging == .none:
      return command.p1 == 0x04 && command.data == CardProtocol.applicationID
    case .getData where cla.secureMessaging == .none, .initializeUpdate where cla.secureMessaging == .none: return true
    default: return cla.secureMessaging == .proprietary
    }
  }

  private static func foreign(_ operation: String) -> CenterClientError {
    CenterClientError(
      .foreignCommand, operation,
      remedy: "The centre wanted something of the card that is no part of charging; tell its operator.",
      mayHaveChanged: true)
  }

  /// Whether the centre may still be in the middle of it. What it refused in so many words is settled; of the rest it is
  /// asked, where it answers.
  private func leavesOpen(_ error: CenterClientError, _ order: ChargeOrder, _ token: CenterToken) async -> Bool {
    switch error.code {
    case .problem("limit-reached"), .problem("not-found"), .problem("payment"), .problem("unprocessable"): return false
    case .problem("card"), .problem("conflict"):
      do {
        return try await charge(order.operationID, as: token).state != .voided
      } catch {
        return error.code != .problem("not-found")
      }
    default: return true
    }
  }
}

extension CenterClient.Order {
  fileprivate init(_ order: ChargeOrder) {
    card = order.cardSerial.description
    softwareID = order.softwareID.description
    quantity = order.quantity
    acceptsFewer = order.acceptsFewer
    let terms = order.conditions
    conditions = Conditions(
      generationKey: terms.generationKey, expiry: terms.expiry, uses: terms.uses, needsFreshTime: terms.needsFreshTime,
      messageID: terms.messageID.isEmpty ? nil : Data(terms.messageID))
  }
}
