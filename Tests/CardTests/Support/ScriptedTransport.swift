import CardDriver
import ISO7816

/// A card that answers as a test says, and remembers what it was sent.
final class ScriptedTransport: APDUTransport {
  /// What an ATR tells of the card behind it.
  enum Kind: Sendable {
    /// Extended lengths and command chaining.
    case full
    /// The same, and EF.ATR/INFO tells the limits.
    case informative
    /// Extended lengths, no command chaining.
    case extendedOnly
    /// Command chaining, short lengths.
    case chaining
    /// Short lengths, nothing else.
    case short
    /// Historical bytes that say nothing.
    case silent
  }

  var limits: CardTransportLimits
  private(set) var commands: [CommandAPDU] = []
  private(set) var frames: [[UInt8]] = []
  private let answerToReset: [UInt8]
  private let answer: (CommandAPDU) throws(CardTransportError) -> [UInt8]

  /// A card whose every answer is `answer`'s.
  init(
    _ kind: Kind = .full, limits: CardTransportLimits = .wide,
    _ answer: @escaping (CommandAPDU) throws(CardTransportError) -> [UInt8]
  ) throws {
    self.limits = limits
    self.answer = answer
    let capabilities = CardCapabilities(
      selectionMethods: 0x90, dataCoding: 0x01, commandChaining: ![.short, .extendedOnly].contains(kind),
      extendedLength: [.full, .informative, .extendedOnly].contains(kind),
      extendedLengthInformation: kind == .informative, channelsAssignedByCard: false, channelsAssignedByHost: false,
      logicalChannels: 1
    )
    let historical = HistoricalBytes(
      serviceData: 0x80, capabilities: kind == .silent ? nil : capabilities, issuerData: Array("TEST".utf8))
    answerToReset = try AnswerToReset(.t1, historicalBytes: historical).encoded()
  }

  /// A card with any answer to reset.
  init(answerToReset: [UInt8]) {
    limits = .wide
    self.answerToReset = answerToReset
    answer = { _ in [0x90, 0x00] }
  }

  /// A card that gives these answers in turn, then the last one for ever.
  convenience init(_ kind: Kind = .full, answers: [[UInt8]]) throws {
    var next = 0
    try self.init(kind) { _ in
      defer { next = min(next + 1, answers.count - 1) }
      return answers[next]
    }
  }

  func reset() throws(CardTransportError) -> [UInt8] { answerToReset }

  func transmit(_ command: [UInt8]) throws(CardTransportError) -> [UInt8] {
    frames.append(command)
    if let parsed = try? CommandAPDU(parsing: command.span.bytes) {
      commands.append(parsed)
      return try answer(parsed)
    }
    return [0x67, 0x00]
  }

  /// What a card says that takes so much data in one command.
  static func control(longest: UInt16) -> [UInt8] {
    [0x6F, 0x07, 0xA5, 0x05, 0x9F, 0x65, 0x02, UInt8(longest >> 8), UInt8(longest & 0xFF), 0x90, 0x00]
  }
}
