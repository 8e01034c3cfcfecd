import ISO7816

/// What the card remembers between the parts of one exchange.
///
/// There is one exchange at a time for all logical channels: a command on another channel comes between the parts of a
/// chain or of an answer like any other command (ISO/IEC 7816-4, 5.4: no interleaving across channels).
struct Transmission {
  /// The command being chained, if any, as its latest part named it.
  var chain: CommandHeader?
  /// The ENVELOPE whose content is being gathered without chaining, if any.
  var envelope: CommandHeader?
  /// The command whose answer waits for the Le that 6Cxx told.
  var announced: CommandHeader?
  /// The logical channel that the waiting answer is for.
  var channel: UInt8 = 0
  /// How much of the answer was sent already.
  var sent = 0
  /// The status word that ends the answer.
  var status = StatusWord.ok
}

/// How much of an answer a command asks for.
enum Expectation {
  /// Up to so many octets (T=1).
  case upTo(Int)
  /// Exactly so many, in one TPDU (T=0, case 2); 256 stands for as many as there are, if there are more.
  case exactly(Int)
  /// Nothing yet: GET RESPONSE brings it.
  case none
}

extension CommandHeader {
  /// P1 P2 as one number.
  var p1p2: UInt16 { UInt16(p1) << 8 | UInt16(p2) }

  /// Whether `next` may be the next part of the same chain: only the chaining bit and Le may differ.
  func isContinued(by next: CommandHeader) -> Bool {
    cla & 0xEF == next.cla & 0xEF && ins == next.ins && p1 == next.p1 && p2 == next.p2
  }

  /// Whether `next` is the same command but for Le.
  func isRepeated(by next: CommandHeader) -> Bool { cla == next.cla && isContinued(by: next) }
}
