import CardDriver
import CardProtocol
import Cryptography
import ISO7816
import Octets

/// The card at hand, and how a check asks it.
final class ConformanceBench {
  let transport: any APDUTransport
  let connection: CardConnection
  let transmissionProtocol: TransmissionProtocol
  /// What the card is issued as.
  let known: KnownCard

  init(_ card: CardUnderTest) throws {
    transport = card.transport
    transmissionProtocol = card.transmissionProtocol
    connection = try CardConnection(card.transport)
    known = try KnownCard(seed: 7)
  }

  var isT0: Bool { transmissionProtocol == .t0 }

  /// The card's application, selected.
  func card() throws -> WarifuCard { try WarifuCard(connection) }

  /// The card's application, selected, the PIN verified.
  func holdersCard() throws -> WarifuCard {
    let card = try card()
    try card.verify(pin: Secret(copying: Array(known.pin.utf8)))
    return card
  }

  /// Sends octets as they are.
  func raw(_ hex: String) throws -> ResponseAPDU {
    guard let octets = Hex.decode(hex.filter { $0 != " " }) else { throw Unmet("not hexadecimal: \(hex)", #line) }
    return try raw(octets)
  }

  /// Sends octets as they are.
  func raw(_ octets: [UInt8]) throws -> ResponseAPDU {
    let answer = try transport.transmit(octets)
    return try ResponseAPDU(parsing: answer.span.bytes)
  }

  /// Sends a command in whatever form the way takes it.
  func send(_ command: CommandAPDU) throws -> ResponseAPDU { try connection.exchange(command, operation: "check") }

  /// The status word of a command.
  func status(_ command: CommandAPDU) throws -> StatusWord { try send(command).status }

  /// What a data object holds that lies in others, from the outside in.
  func value(of tags: [UInt32], in octets: [UInt8]) throws -> [UInt8] {
    var value = octets
    for tag in tags {
      let whole = value
      guard let found = try BERTLV.firstValue(of: tag, in: whole.span.bytes) else {
        throw Unmet("there is no data object \(String(tag, radix: 16)) in \(Hex.encode(whole))", #line)
      }
      value = found.octets
    }
    return value
  }

  /// The card's answer to a reset.
  func answerToReset() throws -> ATR {
    let octets = try transport.reset()
    return try ATR(parsing: octets.span.bytes)
  }

  /// Demands that something is so.
  func demand(_ condition: Bool, _ otherwise: @autoclosure () -> String, line: Int = #line) throws {
    guard condition else { throw Unmet(otherwise(), line) }
  }

  /// Demands that two things are the same.
  func demand<Value: Equatable>(_ value: Value, is wanted: Value, _ what: String = "", line: Int = #line) throws {
    guard value == wanted else { throw Unmet("\(what) is \(value), not \(wanted)", line) }
  }

  /// Demands that an answer to octets sent as they are is these octets.
  func demand(_ hex: String, answers wanted: String, line: Int = #line) throws {
    let answer = Hex.encode(try raw(hex).encoded)
    try demand(answer, is: wanted.filter { $0 != " " }, hex, line: line)
  }

  /// Demands that the card refuses something with this word.
  func demandRefusal(_ word: StatusWord, line: Int = #line, _ body: () throws -> Void) throws {
    do { try body() } catch let error as CardError {
      guard error.status == word else { throw Unmet("it is refused with \(error), not \(word)", line) }
      return
    }
    throw Unmet("it is not refused with \(word)", line)
  }
}

/// What was not so, and where that was found out.
struct Unmet: Error, CustomStringConvertible {
  let description: String

  init(_ what: String, _ line: Int) { description = "\(what) (line \(line))" }
}
