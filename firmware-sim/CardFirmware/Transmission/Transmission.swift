import ISO7816

/// What the card remembers between the parts of one exchange.
struct Transmission {
  /// The command being chained, if any, as its latest part named it.
  var chain: CommandHeader?
  /// How much of the answer was sent already.
  var sent = 0
  /// The status word that ends the answer.
  var status = StatusWord.ok
}

extension CommandHeader {
  /// P1 P2 as one number.
  var p1p2: UInt16 { UInt16(p1) << 8 | UInt16(p2) }

  /// Whether `next` may be the next part of the same chain: only the chaining bit and Le may differ.
  func isContinued(by next: CommandHeader) -> Bool {
    cla & 0xEF == next.cla & 0xEF && ins == next.ins && p1 == next.p1 && p2 == next.p2
  }
}
