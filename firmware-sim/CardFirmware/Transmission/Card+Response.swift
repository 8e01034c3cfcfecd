import CardProtocol
import ISO7816
import Octets

/// The way out: how much of an answer goes at once, and how the rest is fetched.
extension Card {
  /// GET RESPONSE (ISO/IEC 7816-4, 11.7.1): the next part of the answer, on the logical channel that it is for.
  func getResponse(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) -> StatusWord {
    // After 6Cxx only the command itself brings the answer.
    if transmission.announced != nil { dropAnswer() }
    guard header.p1p2 == 0 else { throw .incorrectP1P2 }
    guard data.byteCount == 0 else { throw .wrongLength }
    guard output.count > transmission.sent, transmission.channel == channels.number else {
      throw .conditionsNotSatisfied
    }
    let waiting = output.count - transmission.sent
    let wanted = header.le ?? 256
    // T=0 sends as many octets as P3 says: fewer than wait is well, more is the reader's mistake (ISO/IEC 7816-3, 12.2.5).
    if profile.transmissionProtocol == .t0, wanted > waiting { return .wrongLe(UInt8(truncatingIfNeeded: waiting)) }
    return try deliver(.upTo(wanted), of: header)
  }

  /// What a command asks for, by the protocol's rules.
  ///
  /// T=1 knows Le for every command. T=0 knows it for commands without data alone (ISO/IEC 7816-3, 12.2): beside data it
  /// is not sent, so whoever hands a whole APDU through, as vpcd does, is answered as if it had not been there. Without
  /// either the TPDU has a P3 all the same, and an answer is told the length of.
  func expectation(_ header: CommandHeader, isAlone: Bool) -> Expectation {
    guard profile.transmissionProtocol == .t0 else { return header.le.map { .upTo($0) } ?? .none }
    return isAlone && header.ins != Instruction.envelope.rawValue ? .exactly(header.le ?? 0) : .none
  }

  /// Moves what is asked for of the answer into ``response``.
  ///
  /// T=0 with another length than the answer's is 6Cxx; the command is not executed again, its answer waits for it to
  /// come once more with the right Le (ISO/IEC 7816-3, 12.2.3).
  func deliver(_ expectation: Expectation, of header: CommandHeader) throws(StatusWord) -> StatusWord {
    let waiting = output.count - transmission.sent
    var part: Int
    switch expectation {
    case .none: part = 0
    case .upTo(let le): part = min(le, waiting)
    case .exactly(let le):
      part = min(le, waiting)
      let exact = min(waiting, 256)
      guard waiting == 0 || le == exact else {
        transmission.announced = header
        return .wrongLe(UInt8(truncatingIfNeeded: exact))
      }
    }
    part = min(part, response.capacity - 2)
    try output.withBytes { (answer) throws(StatusWord) in
      try writing { () throws(OctetError) in
        try response.append(answer.extracting(transmission.sent..<(transmission.sent + part)))
      }
    }
    transmission.announced = nil
    transmission.sent += part
    let left = waiting - part
    if left > 0 { return .bytesAvailable(left > 255 ? 0 : UInt8(left)) }
    let status = transmission.status
    dropAnswer()
    return status
  }

  /// Forgets what waits of an answer.
  func dropAnswer() {
    transmission.announced = nil
    transmission.sent = 0
    output.wipe()
  }
}
