import CardConformance
import CardDriver
import CardProtocol
import Cryptography
import Foundation
import Glibc
import ISO7816
import Octets
import TestSupport

/// One of several processes that use the card in one reader at the same time, each in transactions that end with a reset.
///
/// Whatever it opens on the card (the PIN, a secure channel) must be there until its transaction ends, and whatever the
/// others open it must never see. The card is a ``KnownCard`` made from seed 7.
struct Sharing {
  /// What it did, and what it saw that it must not.
  struct Tally {
    var transactions = 0, resets = 0, intrusions = 0
    /// How often somebody's reset came into a transaction of its own.
    var losses = 0
  }

  private let reader: ReaderTransport
  private let known: KnownCard
  private var random: Randomness
  private var tally = Tally()

  init(reader name: String, seed: UInt64) throws {
    reader = try ReaderContext().connect(to: name, timeout: .seconds(30))
    known = try KnownCard(seed: 7)
    random = Randomness(seed: seed)
  }

  /// Works for so long, and on a slow machine longer: until every one of a company has had so many transactions.
  mutating func work(for duration: Duration, in company: Company) throws -> Tally {
    let end = ContinuousClock.now + duration
    while try .now < end || !company.isContent(after: tally.transactions) {
      // Others want their turn.
      usleep(UInt32.random(in: 0...10_000, using: &random.generator))
      switch Int.random(in: 0..<8, using: &random.generator) {
      case 0: try resetTheCard()
      case 1: try askWithoutATransaction()
      case 2...4: try holdersTransaction()
      default: try administratorsTransaction()
      }
    }
    return tally
  }

  /// In the middle of what the others think.
  private mutating func resetTheCard() throws {
    _ = try reader.reset()
    tally.resets += 1
  }

  private mutating func askWithoutATransaction() throws {
    do {
      tally.intrusions += try Sharing.intrusions(reader.transmit)
    } catch let error as CardTransportError where error.code == .cardWasReset {
      // That is what there is to know; the next transaction, or a reset, begins anew.
      try resetTheCard()
    } catch is StateIsLost {
      try resetTheCard()
    }
  }

  private mutating func holdersTransaction() throws {
    try transaction { (connection, known) in
      let card = try WarifuCard(connection)
      try card.verify(pin: Secret(copying: Array(known.pin.utf8)))
      for index in known.codes.indices {
        guard try card.handOver(index: UInt16(index)).code.withBytes({ $0.octets }) == known.codes[index] else {
          throw OctetError.invalid
        }
      }
    }
  }

  private mutating func administratorsTransaction() throws {
    try transaction { (connection, known) in
      var session = try known.administration(connection)
      for _ in 1...3 { try session.data(.getData(.applicationStatus), operation: "read the status") }
    }
  }

  private mutating func transaction(_ body: (CardConnection, KnownCard) throws -> Void) throws {
    let known = known
    var hasBegun = false
    do {
      let (intrusions, wasLost) = try reader.withTransaction { transaction in
        hasBegun = true
        let transport = transaction.transport
        var intrusions = 0
        do {
          intrusions = try Sharing.intrusions(transport.transmit)
          try body(CardConnection(transport), known)
          return (intrusions, false)
        } catch {
          // pcscd asks whether a reset is allowed, tells of it, and only then waits for the reader and resets the card: a
          // transaction may have begun, and who reconnected in between is never told.
          guard try Sharing.wasReset(transport) || Sharing.hasNoState(transport) else { throw error }
          return (intrusions, true)
        }
      }
      tally.intrusions += intrusions
      if wasLost { tally.losses += 1 } else { tally.transactions += 1 }
    } catch let error as CardTransportError where error.code == .cardWasReset && !hasBegun {
      // What an earlier command without a transaction left on the card is gone: that is said, once.
      try resetTheCard()
    }
  }

  /// Whether somebody reset the card since our last command.
  private static func wasReset(_ transport: any APDUTransport) -> Bool {
    do {
      _ = try transport.transmit([0x00, 0xA4, 0x04, 0x00])
      return false
    } catch {
      return error.code == .cardWasReset
    }
  }

  /// Whether nothing is open on the card, ours or anybody's.
  private static func hasNoState(_ transport: any APDUTransport) throws -> Bool {
    do {
      return try intrusions(transport.transmit) == 0
    } catch let error as CardTransportError where error.code == .cardWasReset {
      return true
    } catch is StateIsLost {
      return true
    }
  }

  /// The card forgot what was selected a moment ago.
  private struct StateIsLost: Error {}

  /// How much there is of other people's doings: an open secure channel, a verified PIN.
  private static func intrusions(_ transmit: ([UInt8]) throws(CardTransportError) -> [UInt8]) throws -> Int {
    func status(_ command: CommandAPDU) throws -> StatusWord {
      let answer = try transmit(command.encoded())
      return try ResponseAPDU(parsing: answer.span.bytes).status
    }
    let secured = CommandAPDU(cla: 0x84, ins: 0xCA, p1: 0xDF, p2: 0x20, data: [UInt8](repeating: 0, count: 8))
    let isChannelOpen = try status(secured) != .conditionsNotSatisfied
    let selected = try status(.select(applicationID: CardProtocol.applicationID))
    guard selected == .ok || selected.bytesAvailable != nil else { throw StateIsLost() }
    let handOver = try status(CommandAPDU(cla: 0x80, ins: Instruction.handOverCode.rawValue))
    // Another reset after the selection: the card does not even know the command.
    guard ![.conditionsNotSatisfied, .instructionNotSupported, .classNotSupported].contains(handOver) else {
      throw StateIsLost()
    }
    let isPINVerified = handOver != .securityStatusNotSatisfied
    return (isChannelOpen ? 1 : 0) + (isPINVerified ? 1 : 0)
  }
}

/// Processes that share a card and stay until each of them has had its part: whoever gets no turn keeps them all.
struct Company {
  /// Where each leaves a file when it has had its part.
  var folder: String
  var size: Int
  /// How many transactions are one's part.
  var part: Int

  /// Whether everybody has had its part, this process, after so many transactions of its own, among them.
  func isContent(after transactions: Int) throws -> Bool {
    guard transactions >= part else { return false }
    let files = FileManager.default
    guard files.createFile(atPath: "\(folder)/\(getpid())", contents: nil) else { throw CocoaError(.fileWriteUnknown) }
    return try files.contentsOfDirectory(atPath: folder).count >= size
  }
}

/// Verifies the PIN of a ``KnownCard`` made from seed 7, says so, and stays until it is killed.
func hold(reader name: String, inTransaction: Bool) throws -> Never {
  let reader = try ReaderContext().connect(to: name, timeout: .seconds(30))
  if inTransaction { try reader.beginTransaction() }
  let card = try WarifuCard(CardConnection(reader))
  let known = try KnownCard(seed: 7)
  try card.verify(pin: Secret(copying: Array(known.pin.utf8)))
  _ = try card.handOver(index: 0)
  puts("held")
  fflush(nil)
  while true { pause() }
}
